# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What cannot be applied ends in one typed error, and leaves nothing behind."""

import json
import pathlib

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tfnorm
from tfnorm import arrays
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm.beam import apply as apply_lib
from tfnorm.beam import apply_job
from tfnorm.sources import framing
from tfnorm.sources import write

DATA = {"x": np.float32([1, 2, 3, 4]), "n": np.arange(4)}
RECIPE = tfnorm.Recipe(
    {
        "x": tfnorm.Feature(schemes.ZScore(), missing="impute", indicator=True),
        "n": schemes.ZScore(),
    }
)
FITTED = RECIPE.fit(tfnorm.analyze(DATA, RECIPE))


@pytest.fixture
def data(tmp_path) -> pathlib.Path:
    folder = tmp_path / "data"
    write.write_tfrecords(DATA, folder / "d", shards=2)
    write.write_parquet(DATA, folder / "d", shards=2)
    return folder


def apply(pattern, out, fitted=FITTED, **options):
    return tfnorm.beam.apply_recipe(str(pattern), fitted, out, **options)


def fails(kind, pattern, out, fitted=FITTED, **options):
    """The error that it ends in; nothing may be left beside what was there."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(kind) as raised:
        apply(pattern, out, fitted, **options)
    assert sorted(out.parent.iterdir()) == before
    return raised.value


def flip(path: pathlib.Path) -> None:
    """Changes the last byte of a file's last record."""
    data = bytearray(path.read_bytes())
    data[-framing.FOOTER - 1] ^= 1
    path.write_bytes(data)


def test_a_broken_record_is_named_and_nothing_is_left(data, tmp_path):
    path = data / "d-00001-of-00002.tfrecord"
    flip(path)
    error = fails(errors.FormatError, data / "*.tfrecord", tmp_path / "out")
    assert (error.file, error.record) == (str(path), 1)


def test_a_folder_of_before_stays_where_the_next_job_fails(data, tmp_path):
    apply(data / "*.tfrecord", tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    flip(data / "d-00001-of-00002.tfrecord")
    fails(errors.FormatError, data / "*.tfrecord", tmp_path / "out")
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}


def test_bad_records_within_the_limit_are_left_out_and_counted(data, tmp_path):
    for shard in ("0", "1"):
        flip(data / f"d-0000{shard}-of-00002.tfrecord")
    pattern = data / "*.tfrecord"
    fails(errors.FormatError, pattern, tmp_path / "out", max_bad_records=1)
    found = apply(pattern, tmp_path / "out", max_bad_records=2)
    assert (found.rows, found.bad_records) == (2, 2)
    assert tfnorm.analyze(tmp_path / "out/*.tfrecord").rows == 2


def test_a_damaged_parquet_file_is_named(data, tmp_path):
    path = data / "d-00001-of-00002.parquet"
    damaged = bytearray(path.read_bytes())
    damaged[4:40] = bytes(36)
    path.write_bytes(damaged)
    error = fails(errors.FormatError, data / "*.parquet", tmp_path / "out")
    assert (error.file, error.record) == (str(path), 0)


def test_an_indicator_that_is_there_already_is_named(tmp_path):
    for writer in (write.write_tfrecords, write.write_parquet):
        writer(DATA | {"x_missing": np.arange(4)}, tmp_path / "data" / "d")
    for kind in ("tfrecord", "parquet"):
        out = tmp_path / "out"
        error = fails(errors.FeatureError, tmp_path / f"data/*.{kind}", out)
        assert error.feature == "x_missing"
        assert error.file.endswith(kind)


def test_an_absent_feature_is_named(data, tmp_path):
    fitted = RECIPE.fit(tfnorm.analyze(DATA, RECIPE))
    for writer in (write.write_tfrecords, write.write_parquet):
        writer({"x": DATA["x"]}, tmp_path / "less" / "d")
    for kind in ("tfrecord", "parquet"):
        pattern = tmp_path / f"less/*.{kind}"
        error = fails(errors.FeatureError, pattern, tmp_path / "out")
        assert error.feature == "n"
        apply(pattern, tmp_path / "out", fitted.select(["x"]))


def test_text_where_numbers_were_is_named(tmp_path):
    columns = {"x": np.array([b"a"], object), "n": np.arange(1)}
    for writer in (write.write_tfrecords, write.write_parquet):
        writer(columns, tmp_path / "data" / "d")
    for kind in ("tfrecord", "parquet"):
        pattern = tmp_path / f"data/*.{kind}"
        error = fails(errors.FeatureError, pattern, tmp_path / "out")
        assert (error.feature, error.record) == ("x", 0)


def test_rows_of_another_shape_are_named(tmp_path):
    data = {"v": np.float32([[1, 2], [3, 4]])}
    recipe = tfnorm.Recipe({"v": schemes.ZScore()})
    fitted = recipe.fit(tfnorm.analyze(data, recipe))
    write.write_tfrecords({"v": np.ones((2, 3), np.float32)}, tmp_path / "data" / "d")
    error = fails(errors.FeatureError, tmp_path / "data/*", tmp_path / "out", fitted)
    assert (error.feature, error.record) == ("v", 0)


def test_csv_is_read_but_not_written(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("x,n\n1.5,2\n")
    with pytest.raises(errors.FormatError, match="Parquet are: convert") as raised:
        apply(path, tmp_path / "out")
    assert raised.value.file == str(path)


def test_files_of_one_name_keep_the_folders_that_tell_them_apart(data, tmp_path):
    (data / "e").mkdir()
    names = ["d-00000-of-00002.parquet", "e/d-00000-of-00002.parquet"]
    (data / names[1]).write_bytes((data / names[0]).read_bytes())
    inputs = [str(data / name) for name in names]
    found = tfnorm.beam.apply_recipe(inputs, FITTED, tmp_path / "out")
    assert found.files == tuple(names)
    there = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert {str(path.relative_to(tmp_path / "out")) for path in there} == {
        *names,
        "applied.json",
    }
    apply(tmp_path / "out", tmp_path / "back", inverse=True)
    back, whole = (tfnorm.analyze(paths) for paths in (tmp_path / "back", inputs))
    assert (back.rows, back["n"]) == (whole.rows, whole["n"])
    fails(errors.ArtifactError, tmp_path / "out/e/*", tmp_path / "out")


@pytest.mark.parametrize("name", ["/etc/passwd", "../d.parquet", "s3://b/d.parquet"])
def test_a_folder_that_names_files_elsewhere_is_not_read(tmp_path, name):
    (tmp_path / "applied.json").write_text(json.dumps({"files": [name]}))
    with pytest.raises(errors.FormatError, match="lies elsewhere"):
        tfnorm.analyze(tmp_path)


def test_the_folder_that_is_read_is_not_replaced(data, tmp_path):
    apply(data / "*.tfrecord", tmp_path / "out")
    fails(errors.ArtifactError, tmp_path / "out/*.tfrecord", tmp_path / "out")
    fails(errors.ArtifactError, data / "*.parquet", data)


def test_what_does_not_invert_is_said_before_anything_is_read(data, tmp_path):
    vectors = {"v": np.float32([[3, 4], [0, 1]])}
    recipe = tfnorm.Recipe({"v": schemes.UnitNorm()})
    fitted = recipe.fit(tfnorm.analyze(vectors, recipe))
    error = fails(
        errors.NotInvertible, data / "*.parquet", tmp_path / "out", fitted, inverse=True
    )
    assert error.feature == "v"


def test_numbers_that_a_type_cannot_hold_are_named(tmp_path):
    path = tmp_path / "data" / "d.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"n": pa.array([0, 1, 2, 3], pa.uint8())}), path)
    fitted = FITTED.select(["n"])
    apply(path, tmp_path / "out", fitted)
    there = pq.read_table(tmp_path / "out/d.parquet")
    wide = pa.array([1e6, 0.0, 0.0, 0.0], pa.float32())
    pq.write_table(there.set_column(0, "n", wide), path)
    error = fails(errors.FeatureError, path, tmp_path / "back", fitted, inverse=True)
    assert (error.feature, error.file) == ("n", str(path))


def test_what_a_worker_left_that_died_is_no_part_of_the_folder(
    data, tmp_path, monkeypatch
):
    whole = apply_lib.rewrite_shard

    def rewrite(shard, path, applied):
        left = pathlib.Path(path).with_name(f".{pathlib.Path(path).name}.x")
        left.mkdir()
        (left / "half").write_text("")
        return whole(shard, path, applied)

    monkeypatch.setattr(apply_lib, "rewrite_shard", rewrite)
    found = apply(data / "*.parquet", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*found.files, "applied.json"}


@pytest.mark.parametrize("kind", ["_RewriteShard", "_Summarize"])
def test_what_an_attempt_writes_too_late_is_an_error(data, tmp_path, monkeypatch, kind):
    said = []
    steps = apply_lib if kind == "_RewriteShard" else apply_job
    step = getattr(steps, kind)

    def process(self, element, whole=step.process):
        said.append((self, element))
        return whole(self, element)

    monkeypatch.setattr(step, "process", process)
    apply(data / "*.parquet", tmp_path / "out")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="The job is over"):
        for self, element in said[:1]:
            list(process(self, element))
    assert sorted(tmp_path.iterdir()) == before


def test_batches_without_a_feature_name_it(data):
    batch = arrays.Batch({"x": arrays.Column(DATA["x"])}, 4)
    with (
        pytest.raises(errors.FeatureError) as raised,
        tfnorm.beam.typed_errors(),
        beam.Pipeline("FnApiRunner") as pipeline,
    ):
        _ = pipeline | beam.Create([batch]) | tfnorm.beam.ApplyRecipe(FITTED)
    assert raised.value.feature == "n"


def test_batches_with_a_column_that_is_to_be_added_name_it():
    columns = {name: arrays.Column(values) for name, values in DATA.items()}
    columns["x_missing"] = columns["x"]
    with (
        pytest.raises(errors.RecipeError) as raised,
        tfnorm.beam.typed_errors(),
        beam.Pipeline("FnApiRunner") as pipeline,
    ):
        batch = arrays.Batch(columns, 4)
        _ = pipeline | beam.Create([batch]) | tfnorm.beam.ApplyRecipe(FITTED)
    assert raised.value.feature == "x_missing"


def test_what_is_no_integer_any_more_is_named():
    columns = {"n": arrays.Column(np.float32([0.0, np.inf]))}
    with pytest.raises(errors.DataError, match="'n'.*record 1.*no integer"):
        recipe_lib.inverse_columns(FITTED.select(["n"]), columns)
