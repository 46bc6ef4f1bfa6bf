# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics that are added to, or kept by file, are those computed from scratch."""

import collections
import dataclasses
import os
import wave

import numpy as np
import pytest
from PIL import Image

import tfnorm
from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm.sources import encoded
from tfnorm.sources import parquet
from tfnorm.sources import tfrecord
from tfnorm.sources import write

RECIPE = tfnorm.Recipe(
    {
        "x": schemes.Robust(),
        "v": schemes.Whitening(),
        "y": schemes.PerKey(schemes.ZScore(), key="k"),
    }
)
CHAIN = tfnorm.Recipe({"x": schemes.Chain((schemes.Robust(), schemes.MinMax()))})


def day(number: int) -> dict:
    rng = np.random.default_rng(number)
    rows = 500 + number
    keys = np.array([b"a", b"b", b"c%d" % number], object)
    return {
        "x": arrays.Column(
            rng.standard_cauchy(rows).astype(np.float32), rng.random(rows) < 0.1
        ),
        "v": arrays.Column(rng.normal(size=(rows, 3)).astype(np.float32)),
        "y": arrays.Column(rng.integers(0, 99, rows)),
        "k": arrays.Column(keys[rng.integers(0, 3, rows)]),
    }


@pytest.fixture
def days(tmp_path):
    for number in range(3):
        write.write_tfrecords(day(number), tmp_path / f"data/day{number}", shards=2)
        write.write_parquet(day(number), tmp_path / f"data/day{number}", shards=2)
    return tmp_path / "data"


def compute(pattern, out, recipe=RECIPE, **options):
    return tfnorm.beam.compute_statistics(str(pattern), recipe, out, **options)


@pytest.fixture
def reads(monkeypatch) -> collections.Counter:
    """How often each file is read."""
    count: collections.Counter = collections.Counter()
    for kind in (tfrecord.TFRecordShard, parquet.ParquetShard):

        def read(self, whole=kind.read):
            count[os.path.basename(self.path)] += 1
            return whole(self)

        monkeypatch.setattr(kind, "read", read)
    return count


@pytest.mark.parametrize("kind", ["tfrecord", "parquet"])
def test_day_after_day_equals_all_days(days, tmp_path, kind):
    kept = tmp_path / "kept"
    for number in range(3):
        found = compute(days / f"day{number}-*.{kind}", kept, update=kept)
    expected = tfnorm.analyze(days / f"*.{kind}", RECIPE)
    assert found.digest == expected.digest
    assert found.sources == expected.sources
    assert found.recipe == expected.recipe
    assert tfnorm.load_statistics(kept).digest == expected.digest


def test_an_update_may_be_written_elsewhere_and_subtracted_again(days, tmp_path):
    first = compute(days / "day0-*.parquet", tmp_path / "0")
    both = compute(days / "day1-*.parquet", tmp_path / "01", update=tmp_path / "0")
    assert tfnorm.load_statistics(tmp_path / "0").digest == first.digest
    second = tfnorm.analyze(days / "day1-*.parquet", RECIPE)
    rest = both.subtract(first)
    assert (rest.rows, rest["x"].mean) == (second.rows, second["x"].mean)


def test_a_file_counted_before_is_refused(days, tmp_path):
    compute(days / "day0-*.parquet", tmp_path / "kept")
    with pytest.raises(errors.DataError, match="counted in .* already"):
        compute(days / "*.parquet", tmp_path / "kept", update=tmp_path / "kept")


def test_statistics_of_another_recipe_are_refused(days, tmp_path):
    compute(days / "day0-*.parquet", tmp_path / "kept", None)
    with pytest.raises(errors.RecipeError, match="another recipe"):
        compute(days / "day1-*.parquet", tmp_path / "kept", update=tmp_path / "kept")


def test_thresholds_may_change_from_day_to_day(days, tmp_path):
    strict = tfnorm.Thresholds(mean_shift=0.1)
    features = {
        name: dataclasses.replace(one, thresholds=strict)
        for name, one in RECIPE.features.items()
    }
    changed = tfnorm.Recipe(features, thresholds=tfnorm.Thresholds(missing_rate=0.0))
    compute(days / "day0-*.parquet", tmp_path / "kept")
    found = compute(
        days / "day1-*.parquet", tmp_path / "kept", changed, update=tmp_path / "kept"
    )
    whole = tfnorm.analyze(str(days / "day[01]-*.parquet"), changed)
    assert (found.digest, found.recipe) == (whole.digest, config.encode(changed))


def test_steps_fitted_to_all_data_cannot_be_added_to(days, tmp_path):
    with pytest.raises(errors.RecipeError, match="`cache`"):
        compute(days / "day0-*.parquet", tmp_path / "k", CHAIN, update=tmp_path / "k")


def test_the_limit_of_bad_records_is_of_the_new_files(days, tmp_path):
    for number in range(2):
        path = days / f"day{number}-00000-of-00002.tfrecord"
        data = bytearray(path.read_bytes())
        data[-5] ^= 1
        path.write_bytes(data)
        found = compute(path, tmp_path / "k", update=tmp_path / "k", max_bad_records=1)
    assert found.bad_records == 2


@pytest.mark.parametrize("kind", ["tfrecord", "parquet"])
def test_only_new_and_changed_files_are_read(days, tmp_path, reads, kind):
    def run():
        reads.clear()
        found = compute(days / f"*.{kind}", tmp_path / "out", cache=tmp_path / "cache")
        again = dict(reads)
        assert found.digest == tfnorm.analyze(days / f"*.{kind}", RECIPE).digest
        return again

    assert len(run()) == 6
    assert run() == {}
    writer = {"tfrecord": write.write_tfrecords, "parquet": write.write_parquet}[kind]
    writer(day(7), days / "day1", shards=2)
    writer(day(8), days / "new")
    names = [f"day1-0000{i}-of-00002.{kind}" for i in range(2)]
    assert run() == dict.fromkeys([*names, f"new-00000-of-00001.{kind}"], 1)
    (days / names[0]).unlink()
    assert run() == {}
    # What was kept of files that changed is gone; of one that went, it stays.
    assert len(list((tmp_path / "cache").iterdir())) == 7


def test_each_recipe_and_pass_is_kept_by_itself(days, tmp_path, reads):
    cache = tmp_path / "cache"
    for recipe in (RECIPE, CHAIN, None):
        pattern = days / "*.parquet"
        expected = tfnorm.analyze(pattern, recipe)
        first = compute(pattern, tmp_path / "out", recipe, cache=cache)
        reads.clear()
        again = compute(pattern, tmp_path / "out", recipe, cache=cache)
        assert first.digest == again.digest == expected.digest
        assert not reads


def test_damaged_statistics_are_computed_again(days, tmp_path, reads):
    cache = tmp_path / "cache"
    first = compute(days / "*.parquet", tmp_path / "out", cache=cache)
    broken = sorted(cache.iterdir())[0] / "accumulators.npz"
    broken.write_bytes(broken.read_bytes()[:-9])
    reads.clear()
    again = compute(days / "*.parquet", tmp_path / "out", cache=cache)
    assert again.digest == first.digest
    assert sum(reads.values()) == 1


@pytest.mark.parametrize(
    "spelled", ["./e/a.npz", "e/../e/a.npz", "link.npz", "f/a.npz"]
)
def test_a_file_is_one_however_its_path_is_spelled(tmp_path, monkeypatch, spelled):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e").mkdir()
    np.savez("e/a.npz", x=np.arange(3.0))
    os.symlink("e/a.npz", "link.npz")
    os.symlink("e", "f")
    with pytest.raises(errors.DataError, match="named twice"):
        tfnorm.analyze(["e/a.npz", spelled])
    assert compute("e/a.npz", "kept", None).sources == (str(tmp_path / "e/a.npz"),)
    with pytest.raises(errors.DataError, match="counted in .* already"):
        compute(spelled, "kept", None, update="kept")


def test_files_of_two_working_folders_may_share_a_relative_name(tmp_path, monkeypatch):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        np.savez("a.npz", x=np.arange(3.0))
        found = compute("a.npz", tmp_path / "kept", None, update=tmp_path / "kept")
    assert found.rows == 6


def _image(path):
    Image.fromarray(np.full((2, 2, 3), 7, np.uint8)).save(path)


def _sound(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.arange(100, dtype="<i2").tobytes())


MEDIA = {
    "png": (_image, {}),
    "wav": (_sound, {"audio": tfnorm.sources.Audio(features="waveform")}),
}


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("new", ["e", "e/../e", "link"])
def test_a_folder_of_media_counted_before_is_refused(tmp_path, kind, new):
    write_one, options = MEDIA[kind]
    for folder in ("e", "f"):
        (tmp_path / folder).mkdir()
        write_one(tmp_path / folder / f"a.{kind}")
    (tmp_path / "link").symlink_to("e")
    kept = tmp_path / "kept"
    compute(tmp_path / f"e/*.{kind}", kept, None, **options)
    again = compute(tmp_path / f"f/*.{kind}", kept, None, update=kept, **options)
    assert again.rows == 2
    write_one(tmp_path / f"e/b.{kind}")
    for name in ("a", "b"):
        with pytest.raises(errors.DataError, match="of this one are counted in"):
            path = f"{tmp_path}/{new}/{name}.{kind}"
            compute(path, kept, None, update=kept, **options)


def test_what_another_decoder_decoded_is_read_again(tmp_path, monkeypatch):
    _image(tmp_path / "a.png")
    asked = (tmp_path / "*.png", tmp_path / "out", None)
    compute(*asked, cache=tmp_path / "cache")
    monkeypatch.setattr(tfnorm.sources.Images().load(), "version", "Pillow 0")
    found = compute(*asked, cache=tmp_path / "cache")
    assert '"version": "Pillow 0"' in found.provenance[0]


def test_of_many_images_few_are_read_again_for_one_more(tmp_path, monkeypatch):
    files: list[str] = []

    def read(self, whole=encoded.FilesShard.read):
        files.extend(self.files)
        return whole(self)

    monkeypatch.setattr(encoded.FilesShard, "read", read)
    _image(tmp_path / "000.png")
    for i in range(1, 1000):
        os.link(tmp_path / "000.png", tmp_path / f"{i:03}.png")
    asked = (tmp_path / "*.png", tmp_path / "out", None)
    compute(*asked, cache=tmp_path / "cache")
    assert len(files) == 1000
    files.clear()
    _image(tmp_path / "000a.png")
    assert compute(*asked, cache=tmp_path / "cache").rows == 1001
    # A run of files has at most four times 64.
    assert len(files) <= 256
