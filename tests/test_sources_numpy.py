# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NumPy and Arrow files: the same statistics as of the same rows in other formats."""

import io
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from click import testing

import tfnorm
from tests import columns_by_format
from tfnorm import cli
from tfnorm import errors
from tfnorm import sources
from tfnorm.sources import ipc
from tfnorm.sources import npy

RNG = np.random.default_rng(0)
ROWS = 1000
COLUMNS = {
    "x": RNG.normal(1e6, 1, ROWS).astype(np.float32),
    "n": RNG.integers(-(2**50), 2**50, ROWS),
    "v": RNG.normal(0, 1, (ROWS, 3)).astype(np.float32),
}
FORMATS = list(columns_by_format.WRITERS)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("files", [1, 3])
def test_format_and_shards_leave_no_trace(tmp_path, kind, files):
    pattern = columns_by_format.WRITERS[kind](COLUMNS, tmp_path, files)
    assert tfnorm.analyze(pattern).digest == tfnorm.analyze(COLUMNS).digest


@pytest.mark.parametrize("kind", ["npz", "npz compressed", "arrow", "feather"])
def test_order_leaves_no_trace(tmp_path, kind):
    order = RNG.permutation(ROWS)
    shuffled = {name: values[order] for name, values in COLUMNS.items()}
    pattern = columns_by_format.WRITERS[kind](shuffled, tmp_path, 2)
    assert tfnorm.analyze(pattern).digest == tfnorm.analyze(COLUMNS).digest


@pytest.mark.parametrize("kind", ["npz", "arrow"])
def test_parts_of_a_file_leave_no_trace(tmp_path, kind, monkeypatch):
    pattern = columns_by_format.WRITERS[kind](COLUMNS, tmp_path, 1)
    for room in (npy, ipc):
        monkeypatch.setattr(room, "SHARD_BYTES", 2000)
    monkeypatch.setattr(npy, "BATCH_BYTES", 300)
    shards = sources.open(pattern)
    assert len(shards) > 5
    batches = [b for s in pickle.loads(pickle.dumps(shards)) for b in s.read()]
    starts = np.cumsum([0, *(batch.rows for batch in batches)])
    assert [batch.first_record for batch in batches] == starts[:-1].tolist()
    assert tfnorm.analyze(pattern).digest == tfnorm.analyze(COLUMNS).digest


@pytest.mark.parametrize("kind", ["npz", "feather"])
def test_the_command_line_and_beam_read_them(tmp_path, kind):
    pattern = columns_by_format.WRITERS[kind](COLUMNS, tmp_path, 2)
    out = tmp_path / "out"
    done = testing.CliRunner().invoke(cli.main, ["stats", pattern, "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = tfnorm.load_statistics(out)
    assert found.digest == tfnorm.analyze(COLUMNS).digest


def test_nulls_of_arrow_are_those_of_parquet(tmp_path):
    table = pa.table({"x": [1.5, None, float("nan")], "k": ["a", None, "b"]})
    feather.write_feather(table, tmp_path / "a.feather")
    found = tfnorm.analyze(tmp_path / "a.feather")
    assert found.digest == tfnorm.analyze(table).digest
    assert found["x"].missing == 1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "?", "<M8[us]", "<f2"])
def test_an_npy_is_the_array_it_was(tmp_path, dtype, order):
    array = np.array(RNG.integers(0, 2, (50, 4)).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    found = tfnorm.analyze(tmp_path / "a.npy")
    assert found.digest == tfnorm.analyze(array).digest


def test_a_structured_npy_has_its_fields_as_features(tmp_path):
    array = np.zeros(5, [("x", "<f4"), ("name", "U3"), ("é", "<i8", (2,))])
    array["x"], array["name"], array["é"] = np.arange(5), "ü", 7
    np.save(tmp_path / "a.npy", array)
    (batch,) = sources.batches(tmp_path / "a.npy")
    assert batch.columns["x"].values.tolist() == [0, 1, 2, 3, 4]
    assert batch.columns["name"].values.tolist() == ["ü".encode()] * 5
    assert batch.columns["é"].values.shape == (5, 2)


def test_only_the_arrays_asked_for_are_read(tmp_path):
    objects = np.array([{}], object)
    np.savez(tmp_path / "a.npz", x=np.arange(3), other=objects)
    (batch,) = sources.batches(tmp_path / "a.npz", ["x"])
    assert list(batch.columns) == ["x"]


def test_no_rows_are_no_rows(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 3)))
    assert list(sources.batches(tmp_path / "a.npz")) == []


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz_bytes(**changed):
    file = io.BytesIO()
    np.savez(file, x=np.arange(100.0))
    data = bytearray(file.getvalue())
    data[400] ^= changed.get("flip", 0)
    return bytes(data)[: changed.get("size")]


WHOLE = npy_bytes(np.arange(100.0))
FAULTS = {
    "cut off": ("a.npy", WHOLE[:-1], "greater than file size"),
    "no header": ("a.npy", WHOLE[:9], "EOF"),
    "no magic": ("a.npy", b"x" * 90, "magic"),
    "empty": ("a.npy", b"", "magic|EOF"),
    "objects": ("a.npy", npy_bytes(np.array([{}], object)), "objects"),
    "changed": ("a.npz", npz_bytes(flip=1), "CRC"),
    "cut zip": ("a.npz", npz_bytes(size=500), "zip"),
    "no arrow": ("a.arrow", b"ARROW1" + b"x" * 90, "no readable Arrow"),
    "a stream": ("a.arrow", b"\xff\xff\xff\xff", "stream format"),
    "old feather": ("a.feather", b"FEA1" * 9, "first version"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damage_is_a_typed_error(tmp_path, fault):
    name, data, message = FAULTS[fault]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(errors.FormatError, match=message) as error:
        tfnorm.analyze(path)
    assert error.value.file == str(path)


def test_a_truncated_arrow_file_is_a_typed_error(tmp_path):
    path = tmp_path / "a.arrow"
    feather.write_feather(pa.table({"x": range(1000)}), str(path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(errors.FormatError, match="no readable Arrow") as error:
        sources.open(path)
    assert error.value.file == str(path)


def test_ragged_lists_in_arrow_name_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(ipc, "SHARD_BYTES", 1)
    table = pa.table({"x": [[1, 2]] * 9 + [[3]], "y": range(10)})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=5)
    with pytest.raises(errors.FeatureError, match="1 values.*have 2") as error:
        tfnorm.analyze(tmp_path / "a.arrow")
    assert (error.value.feature, error.value.record) == ("x", 9)


def test_a_feature_that_is_absent_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", y=np.arange(3))
    feather.write_feather(pa.table({"y": [1]}), tmp_path / "a.arrow")
    for name in ("a.npz", "a.arrow"):
        with pytest.raises(errors.FeatureError, match="'y'") as error:
            sources.open(tmp_path / name, ["x"])
        assert error.value.feature == "x"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.zeros(3), np.zeros(3, int)),
        (np.zeros((3, 2)), np.zeros((3, 4))),
        (np.zeros(3, "M8[s]"), np.zeros(3, "M8[us]")),
    ],
)
def test_files_of_other_types_are_an_error(tmp_path, first, second):
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", second)
    with pytest.raises(errors.FeatureError, match="not that of") as error:
        sources.open(tmp_path / "*.npy")
    assert error.value.file == str(tmp_path / "b.npy")


def test_arrays_of_other_lengths_are_an_error(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.arange(4))
    with pytest.raises(errors.FeatureError, match="4 rows; 'x' has 3") as error:
        sources.open(tmp_path / "a.npz")
    assert error.value.feature == "y"


def test_what_no_zip_has_is_a_typed_error(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(errors.FormatError, match="magic"):
        sources.open(path)
