# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""ArrayRecord files, and folders that TensorFlow Datasets prepared."""

import json
import logging
import pathlib
import shutil

import click.testing
import numpy as np
import pytest
from array_record.python import array_record_module

import tfnorm
from tests import remote_files
from tfnorm import cli
from tfnorm import errors
from tfnorm import schemes
from tfnorm import sources
from tfnorm.sources import array_record
from tfnorm.sources import framing
from tfnorm.sources import write

RECIPE = tfnorm.Recipe({"x": schemes.ZScore(), "v": schemes.ZScore()})


def array_records(tfrecord, path, group=4):
    """Copies the records of a TFRecord file."""
    writer = array_record_module.ArrayRecordWriter(str(path), f"group_size:{group}")
    for block in framing.read_blocks(str(tfrecord)):
        for start, end in zip(block.starts, block.ends, strict=True):
            writer.write(block.data[start:end])
    writer.close()
    return str(path)


@pytest.fixture
def files(tmp_path):
    """The same records as TFRecord and as ArrayRecord."""
    rng = np.random.default_rng(0)
    rows = {
        "x": rng.normal(size=200).astype(np.float32),
        "v": rng.integers(0, 9, (200, 3)),
        "id": np.arange(200),
    }
    (path,) = write.write_tfrecords(rows, tmp_path / "a")
    return path, array_records(path, tmp_path / "a.array_record")


def read(path, **options):
    (shard,) = sources.open(path, **options)
    batches = list(shard.read())
    ids = np.concatenate([batch.columns["id"].values for batch in batches])
    return ids.tolist(), sum(batch.bad_records for batch in batches)


def test_array_records_have_the_digest_of_tfrecords(files):
    tfrecord, path = files
    assert (
        tfnorm.analyze(path, RECIPE).digest == tfnorm.analyze(tfrecord, RECIPE).digest
    )


def test_parts_of_array_records_are_the_whole(files, monkeypatch):
    monkeypatch.setattr(array_record, "SHARD_BYTES", 20_000)
    monkeypatch.setattr(array_record, "BLOCK_BYTES", 5_000)
    tfrecord, path = files
    shards = sources.open(path)
    assert len(shards) > 3
    assert [shard.first for shard in shards[1:]] == [s.stop for s in shards[:-1]]
    assert (
        tfnorm.analyze(path, RECIPE).digest == tfnorm.analyze(tfrecord, RECIPE).digest
    )


def test_a_job_reads_array_records(files, tmp_path, monkeypatch):
    monkeypatch.setattr(array_record, "SHARD_BYTES", 20_000)
    tfrecord, path = files
    found = tfnorm.beam.compute_statistics(path, RECIPE, tmp_path / "out")
    assert found.digest == tfnorm.analyze(tfrecord, RECIPE).digest


def test_remote_array_records_are_read(files, tmp_path, monkeypatch):
    monkeypatch.setattr(remote_files.ShelfFileSystem, "folder", tmp_path)
    tfrecord, _ = files
    found = tfnorm.analyze("shelf://a.array_record", RECIPE)
    assert found.digest == tfnorm.analyze(tfrecord, RECIPE).digest


def test_records_of_a_damaged_chunk_are_left_out_and_counted(files, tmp_path):
    _, path = files
    data = bytearray(pathlib.Path(path).read_bytes())
    data[2000] ^= 0xFF
    damaged = tmp_path / "b.array_record"
    damaged.write_bytes(data)
    with pytest.raises(errors.FormatError, match="chunk is damaged") as error:
        read(damaged)
    assert error.value.file == str(damaged)
    ids, bad = read(damaged, max_bad_records=10)
    assert bad == 4
    lost = sorted(set(range(200)) - set(ids))
    assert lost == list(range(error.value.record, error.value.record + 4))


@pytest.mark.parametrize("record", [b"\x0a\x7f\xff", b"\x0a\xff\xff", b"\xff"])
def test_what_is_no_example_names_its_record(tmp_path, record):
    path = tmp_path / "a.array_record"
    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    writer.write(record)
    writer.close()
    with pytest.raises(errors.FormatError) as error:
        tfnorm.analyze(str(path), {"x": schemes.ZScore()})
    assert (error.value.record, error.value.offset) == (0, None)


@pytest.mark.parametrize("kept", [0, 1000, 70_000, -1])
def test_array_records_cut_off_are_an_error(files, tmp_path, kept):
    _, path = files
    cut = tmp_path / "cut.array_record"
    cut.write_bytes(pathlib.Path(path).read_bytes()[:kept])
    with pytest.raises(errors.FormatError, match="cut off"):
        sources.open(cut)


def test_array_records_are_not_written(files, tmp_path):
    _, path = files
    with pytest.raises(errors.FormatError, match="not written"):
        sources.check_written(sources.open(path))


@pytest.fixture(scope="module")
def builders(tmp_path_factory):
    """One data set of TensorFlow Datasets in three formats, by its own writer."""
    import tensorflow_datasets as tfds

    spec = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(8, 6, 3)),
            "label": tfds.features.ClassLabel(num_classes=3),
            "x": tfds.features.Tensor(shape=(2, 3), dtype=np.float32),
            "flag": np.bool_,
            "name": tfds.features.Text(),
            "inner": {"count": np.int32},
            "steps": tfds.features.Sequence(np.int64),
            "packed": tfds.features.Tensor(
                shape=(4,), dtype=np.float32, encoding="zlib"
            ),
            "triple": tfds.features.Sequence(np.float32, length=3),
        }
    )

    def example(i):
        rng = np.random.default_rng(i)
        return {
            "image": rng.integers(0, 256, (8, 6, 3)).astype(np.uint8),
            "label": i % 3,
            "x": rng.normal(size=(2, 3)).astype(np.float32),
            "flag": bool(i % 2),
            "name": f"n{i}",
            "inner": {"count": i},
            "steps": list(range(i % 4)),
            "packed": rng.normal(size=4).astype(np.float32),
            "triple": rng.normal(size=3).astype(np.float32),
        }

    class Tiny(tfds.core.GeneratorBasedBuilder):
        """A tiny data set."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=spec)

        def _split_generators(self, dl_manager):
            return {"train": self._examples(0, 30), "test": self._examples(30, 40)}

        def _generate_examples(self):
            raise NotImplementedError

        def _examples(self, start, stop):
            yield from ((i, example(i)) for i in range(start, stop))

    made = {}
    for kind in ("tfrecord", "array_record", "parquet"):
        folder = tmp_path_factory.mktemp(kind)
        made[kind] = Tiny(data_dir=str(folder), file_format=kind)
        made[kind].download_and_prepare()
    return made


NUMBERS = tfnorm.Recipe(
    {name: schemes.ZScore() for name in ("label", "x", "flag", "packed", "triple")}
)


@pytest.mark.parametrize("kind", ["tfrecord", "array_record", "parquet"])
def test_a_folder_of_tfds_is_what_tfds_reads(builders, kind):
    builder = builders[kind]
    if kind != "tfrecord":  # TFDS reads those as Python, and not as `tf.data`.
        expected = list(builder.as_data_source(split="train"))
        expected = [
            {n: np.asarray(e[n])[None] for n in NUMBERS.features} for e in expected
        ]
    else:
        features = list(NUMBERS.features)
        expected = builder.as_dataset(split="train", batch_size=7).map(
            lambda e: {name: e[name] for name in features}
        )
    found = tfnorm.analyze(f"{builder.data_dir}@train", NUMBERS)
    assert found.digest == tfnorm.analyze(expected, NUMBERS).digest


def test_all_formats_of_tfds_have_one_digest(builders):
    places = [f"{builder.data_dir}@train" for builder in builders.values()]
    found = [tfnorm.analyze(place) for place in places]
    assert len({one.digest for one in found}) == 1
    assert sorted(found[0]) == [
        "flag",
        "image",
        "inner/count",
        "label",
        "packed",
        "triple",
        "x",
    ]


def test_images_of_tfds_are_decoded(builders):
    builder = builders["tfrecord"]
    pixels = np.stack(
        [e["image"] for e in builder.as_dataset(split="test").as_numpy_iterator()]
    )
    found = tfnorm.analyze(f"{builder.data_dir}@test")["image"]
    np.testing.assert_array_equal(found.mean, pixels.mean((0, 1, 2), dtype=np.float64))


def test_splits_of_tfds_add_up(builders):
    place = builders["tfrecord"].data_dir
    parts = [tfnorm.analyze(f"{place}@{split}") for split in ("train", "test")]
    both = parts[0].merge(parts[1])
    assert tfnorm.analyze(f"{place}@train+test").digest == both.digest
    assert tfnorm.analyze(f"{place}@all").digest == both.digest


def test_a_split_of_tfds_must_be_named(builders):
    with pytest.raises(errors.OptionsError, match="splits train, test"):
        tfnorm.analyze(builders["tfrecord"])
    with pytest.raises(errors.OptionsError, match="no split 'valid'"):
        tfnorm.analyze(f"{builders['tfrecord'].data_dir}@valid")


def test_a_builder_with_one_split_is_read(builders, tmp_path):
    folder = builders["array_record"].data_dir
    said = json.loads(pathlib.Path(folder, "dataset_info.json").read_text())
    said["splits"] = said["splits"][:1]

    class Builder:
        data_dir = _copied(folder, tmp_path / "one", said)
        info = as_dataset = None

    found = tfnorm.analyze(Builder(), NUMBERS)
    assert found.digest == tfnorm.analyze(f"{folder}@train", NUMBERS).digest


def _copied(folder, target, said):
    shutil.copytree(folder, target)
    (target / "dataset_info.json").write_text(json.dumps(said))
    return target


@pytest.mark.parametrize("kind", ["tfrecord", "array_record", "parquet"])
@pytest.mark.parametrize("bytes_", [1_000, array_record.SHARD_BYTES])
def test_records_that_tfds_counted_and_are_not_there_are_an_error(
    builders, tmp_path, monkeypatch, kind, bytes_
):
    monkeypatch.setattr(array_record, "SHARD_BYTES", bytes_)  # In parts, or whole.
    folder = builders[kind].data_dir
    said = json.loads(pathlib.Path(folder, "dataset_info.json").read_text())
    said["splits"][0]["shardLengths"] = ["31"]
    place = _copied(folder, tmp_path / "more", said)
    with pytest.raises(errors.FormatError, match="30 records, where"):
        tfnorm.analyze(f"{place}@train", NUMBERS)


def test_what_has_no_fixed_shape_is_left_out_with_a_word(builders, caplog):
    with caplog.at_level(logging.WARNING, "tfnorm"):
        sources.open(f"{builders['tfrecord'].data_dir}@train")
    assert "Leaving out name, steps" in caplog.text


def test_a_feature_that_tfds_lacks_is_an_error(builders):
    with pytest.raises(errors.FeatureError, match="no such feature"):
        tfnorm.analyze(
            f"{builders['tfrecord'].data_dir}@train", {"no": schemes.ZScore()}
        )


def test_media_that_tfds_lacks_are_an_error(builders):
    place = f"{builders['tfrecord'].data_dir}@train"
    with pytest.raises(errors.OptionsError, match="nothing is an image"):
        sources.open(place, ["x"], images=sources.Images())
    with pytest.raises(errors.OptionsError, match="Audio within"):
        sources.open(place, ["x"], audio=sources.Audio())


def test_a_job_and_the_command_read_tfds(builders, tmp_path):
    place = f"{builders['array_record'].data_dir}@train"
    out = str(tmp_path / "out")
    NUMBERS.save(tmp_path / "r.json")
    flags = ["--recipe", str(tmp_path / "r.json"), "--out", out]
    done = click.testing.CliRunner().invoke(cli.main, ["stats", place, *flags])
    assert done.exit_code == 0, done.output
    assert tfnorm.load_statistics(out).digest == tfnorm.analyze(place, NUMBERS).digest
