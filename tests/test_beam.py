# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Beam computes what one process computes, to the bit, on every local engine."""

import glob

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

import tfnorm
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.beam import compute
from tfnorm.beam import failures
from tfnorm.beam import listing
from tfnorm.sources import tfrecord
from tfnorm.sources import write

ROWS = 5_000
RECIPE = tfnorm.Recipe(
    {
        "delay": schemes.Robust(),
        "distance": schemes.Log("log1p"),
        "pixels": schemes.MinMax(),
    }
)


def columns() -> dict[str, arrays.Column]:
    rng = np.random.default_rng(0)
    return {
        "delay": arrays.Column(
            rng.standard_cauchy(ROWS).astype(np.float32), rng.random(ROWS) < 0.02
        ),
        "distance": arrays.Column(rng.integers(1, 5_000, ROWS)),
        "pixels": arrays.Column(rng.random((ROWS, 3)).astype(np.float32)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write.write_tfrecords(columns(), path / "flights", shards=3)
    write.write_parquet(columns(), path / "flights", shards=2)
    return path


@pytest.fixture(scope="module")
def expected() -> tfnorm.Statistics:
    return tfnorm.analyze(columns(), RECIPE)


ENGINES = {
    "one process": [],
    "threads": ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
    "processes": ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["tfrecord", "parquet"])
def test_the_job_equals_one_process_in_memory(folder, expected, tmp_path, kind, engine):
    found = tfnorm.beam.compute_statistics(
        str(folder / f"flights-*.{kind}"),
        RECIPE,
        tmp_path / "statistics",
        beam_args=ENGINES[engine],
    )
    assert found.digest == expected.digest
    assert len(found.sources) == {"tfrecord": 3, "parquet": 2}[kind]


def test_reading_files_in_memory_equals_the_job(folder, expected):
    assert tfnorm.analyze(folder / "*.tfrecord", RECIPE).digest == expected.digest
    assert tfnorm.analyze(folder / "*.parquet", RECIPE).digest == expected.digest


@pytest.mark.parametrize("size", [1, 7, 1_000, ROWS])
def test_any_pipeline_of_column_batches_will_do(expected, size):
    whole = columns()

    def batch(start):
        part = slice(start, start + size)
        cut = {
            name: arrays.Column(
                column.values[part],
                None if column.missing is None else column.missing[part],
            )
            for name, column in whole.items()
        }
        return arrays.Batch(cut, min(size, ROWS - start))

    starts = list(range(0, ROWS, size))
    with beam.Pipeline("FnApiRunner") as pipeline:
        digests = (
            pipeline
            | beam.Create(starts)
            | beam.Map(batch)
            | tfnorm.beam.ComputeStatistics(RECIPE)
            | beam.Map(lambda found: found.digest)
        )
        util.assert_that(digests, util.equal_to([expected.digest]))


def run(pattern, tmp_path, recipe=RECIPE, **options):
    return tfnorm.beam.compute_statistics(
        str(pattern), recipe, tmp_path / "out", **options
    )


def flip(folder, tmp_path, position=0.5):
    """A copy of a shard with one byte of a record's data changed."""
    data = bytearray((folder / "flights-00000-of-00003.tfrecord").read_bytes())
    data[int(len(data) * position)] ^= 1
    path = tmp_path / "flipped.tfrecord"
    path.write_bytes(data)
    return path


def test_an_error_of_a_worker_keeps_its_type_file_and_record(folder, tmp_path):
    path = flip(folder, tmp_path)
    with pytest.raises(errors.FormatError) as raised:
        run(path, tmp_path)
    assert raised.value.file == str(path)
    assert raised.value.record is not None
    assert not (tmp_path / "out").exists()


def test_bad_records_within_the_limit_are_counted(folder, tmp_path):
    path = flip(folder, tmp_path)
    found = run(path, tmp_path, max_bad_records=1)
    assert found.bad_records == 1
    assert found.rows == tfnorm.analyze(path, RECIPE, max_bad_records=1).rows


def test_the_limit_of_bad_records_holds_over_all_files(folder, tmp_path):
    flip(folder, tmp_path).rename(tmp_path / "a.tfrecord")
    flip(folder, tmp_path).rename(tmp_path / "b.tfrecord")
    with pytest.raises(errors.FormatError, match="only 1 may"):
        run(tmp_path / "*.tfrecord", tmp_path, max_bad_records=1)
    assert run(tmp_path / "*.tfrecord", tmp_path, max_bad_records=2).bad_records == 2


def test_a_feature_that_no_record_has_is_named(folder, tmp_path):
    recipe = tfnorm.Recipe({"dlay": schemes.ZScore()})
    with pytest.raises(errors.FeatureError, match="'dlay'.*no value in any"):
        run(folder / "*.tfrecord", tmp_path, recipe)


def test_shards_of_another_type_name_the_feature(tmp_path):
    write.write_tfrecords({"x": np.arange(5)}, tmp_path / "a", shards=1)
    write.write_tfrecords({"x": np.arange(5.0)}, tmp_path / "b", shards=1)
    with pytest.raises(errors.TfnormError, match="feature 'x'.*(floating|integer)"):
        run(tmp_path / "*.tfrecord", tmp_path, tfnorm.Recipe({"x": schemes.ZScore()}))


def test_own_pipelines_get_errors_by_their_type():
    batch = arrays.Batch({"a": arrays.Column(np.array([1.0]))}, 1)
    with pytest.raises(errors.FeatureError) as raised:
        with tfnorm.beam.typed_errors(), beam.Pipeline("FnApiRunner") as pipeline:
            _ = pipeline | beam.Create([batch]) | tfnorm.beam.ComputeStatistics(RECIPE)
    assert raised.value.feature == "delay"


@pytest.mark.parametrize("recipe", [None, RECIPE])
def test_no_rows_are_an_error(recipe):
    with pytest.raises(errors.EmptyDataError):
        with tfnorm.beam.typed_errors(), beam.Pipeline("FnApiRunner") as pipeline:
            _ = pipeline | beam.Create([]) | tfnorm.beam.ComputeStatistics(recipe)


def test_an_error_without_a_mark_is_left_as_it_is():
    with pytest.raises(KeyError), failures.typed_errors():
        raise KeyError("else")


@pytest.mark.parametrize("text", ["{}", "{!r}"])
def test_an_error_survives_being_quoted(text):
    error = errors.FeatureError('it\'s "odd"\n', feature="ü", file="f", record=3)
    with pytest.raises(errors.FeatureError) as raised, failures.typed_errors():
        try:
            with failures.carried():
                raise error
        except RuntimeError as carried:
            raise RuntimeError(text.format(str(carried))) from carried
    assert raised.value.__dict__ == error.__dict__


def of_shards(pattern, out):
    return tfnorm.beam.compute_statistics(pattern, RECIPE, out)


def of_splits(pattern, out):
    return tfnorm.beam.compute_splits({"a": pattern}, RECIPE, out)["a"]


def of_parts(pattern, out):
    parts = [out.with_name(f"{number}") for number in range(3)]
    for path, part in zip(sorted(glob.glob(pattern)), parts, strict=True):
        tfnorm.analyze(path, RECIPE).save(part)
    return tfnorm.beam.merge_statistics(parts, out)


@pytest.mark.parametrize("job", [of_shards, of_splits, of_parts])
def test_many_parts_are_merged_in_two_steps(
    folder, expected, tmp_path, monkeypatch, job
):
    fanouts = []
    spread = beam.CombinePerKey.with_hot_key_fanout

    def heard(self, fanout):
        fanouts.append(fanout)
        return spread(self, fanout)

    monkeypatch.setattr(beam.CombinePerKey, "with_hot_key_fanout", heard)
    monkeypatch.setattr(compute, "MANY_PARTS", 2)
    found = job(f"{folder}/*.tfrecord", tmp_path / "out")
    assert found.digest == expected.digest
    assert fanouts == [2]


def test_a_hundred_thousand_shards_fit_a_description():
    # Of a job's description, Dataflow takes 10 MB.
    shards = [
        tfrecord.TFRecordShard(
            f"gs://bucket/day={i % 365}/part-{i:06d}.tfrecord", ("x",)
        )
        for i in range(100_000)
    ]
    pipeline = beam.Pipeline("FnApiRunner")
    _ = pipeline | listing.ListShards(shards) | listing.SpreadShards()
    assert len(pipeline.to_runner_api().SerializeToString()) < 2_000_000
