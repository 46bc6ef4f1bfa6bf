# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Parquet and CSV give columns whose nulls are missing and whose NaN is a value."""

import datetime
import decimal
import gzip
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfnorm import arrays
from tfnorm import errors
from tfnorm import sources
from tfnorm.sources import csv
from tfnorm.sources import parquet
from tfnorm.sources import write


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return str(path)


def write_csv(path, text):
    path.write_text(text)
    return str(path)


def column(batches, name):
    """Returns dtype and values of a column, missing ones as `None`."""
    found = []
    for batch in batches:
        part = batch.columns[name]
        values = part.values.tolist()
        for i in np.flatnonzero(part.missing) if part.missing is not None else ():
            values[i] = None
        found += values
    return batches[0].columns[name].values.dtype, found


def read_parquet(path, features=("x",), **options):
    return list(parquet.ParquetShard(str(path), features, **options).read())


def read_csv(path, features=("x",), bad=0, **options):
    return list(csv.CsvShard(str(path), features, bad, **options).read())


BATCHES = pytest.mark.parametrize("batch_rows", [1, 2, 65536])


@BATCHES
@pytest.mark.parametrize(
    ("array", "dtype", "values"),
    [
        (pa.array([1.5, None, 2.5], pa.float32()), "f4", [1.5, None, 2.5]),
        (pa.array([1.5, 2.5, 3.5], pa.float64()), "f8", [1.5, 2.5, 3.5]),
        (pa.array([2**60 + 1, None, -3], pa.int64()), "i8", [2**60 + 1, None, -3]),
        (pa.array([1, None, 255], pa.uint8()), "u1", [1, None, 255]),
        (pa.array([True, None, False]), "u1", [1, None, 0]),
        (pa.array(["a", None, "ü"]), "O", [b"a", None, "ü".encode()]),
        (pa.array([b"a", None, b""]), "O", [b"a", None, b""]),
        (pa.array([1, None, 3], pa.timestamp("us")), "i8", [1, None, 3]),
        (pa.array([1, None, 3], pa.date32()), "i4", [1, None, 3]),
        (pa.array([7, None, 7]).dictionary_encode(), "i8", [7, None, 7]),
        (pa.array(["b", "b", None]).dictionary_encode(), "O", [b"b", b"b", None]),
        (pa.array([decimal.Decimal("1.5"), None, None]), "f8", [1.5, None, None]),
        (pa.array([[1, 2], None, [3, 4]]), "i8", [[1, 2], None, [3, 4]]),
        (pa.array([[1.5], [], [2.5]]), "f8", [1.5, None, 2.5]),
        (
            pa.array([[1, 2], [5, 6], [3, 4]], pa.list_(pa.float32(), 2)),
            "f4",
            [[1, 2], [5, 6], [3, 4]],
        ),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_parquet_columns_become_arrays(tmp_path, array, dtype, values, batch_rows):
    path = write_parquet(tmp_path / "a.parquet", x=array)
    batches = read_parquet(path, batch_rows=batch_rows)
    assert column(batches, "x") == (np.dtype(dtype), values)


def test_nan_in_parquet_is_a_value(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet", x=pa.array([np.nan, None], pa.float32())
    )
    ((batch),) = read_parquet(path)
    assert np.isnan(batch.columns["x"].values[0])
    assert batch.columns["x"].missing.tolist() == [False, True]


def test_a_parquet_column_of_nulls_is_missing(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=pa.nulls(3))
    (batch,) = read_parquet(path)
    assert batch.columns["x"].missing.all()
    assert batch.columns["x"].values.dtype == np.float32


def test_only_the_columns_asked_for_are_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=[1], y=[2], z=[3])
    (batch,) = read_parquet(path, ("z", "x"))
    assert list(batch.columns) == ["z", "x"]


def test_without_names_all_parquet_columns_are_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=[1], y=[2])
    (batch,) = read_parquet(path, None)
    assert list(batch.columns) == ["x", "y"]


def test_batches_number_their_records(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=list(range(10)))
    batches = read_parquet(path, batch_rows=3)
    assert [batch.first_record for batch in batches] == [0, 3, 6, 9]


def test_parquet_that_is_written_is_read(tmp_path):
    missing = np.arange(10) == 4
    columns = {
        "x": np.arange(10.0),
        "v": arrays.Column(np.ones((10, 3), np.float32), missing),
    }
    write.write_parquet(columns, tmp_path / "a", shards=3)
    batches = list(sources.batches(str(tmp_path / "a-*.parquet")))
    assert len(batches) == 3
    assert column(batches, "x")[1] == list(range(10))
    assert column(batches, "v")[1] == [[1.0] * 3] * 4 + [None] + [[1.0] * 3] * 5


@BATCHES
def test_ragged_lists_in_parquet_are_an_error(tmp_path, batch_rows):
    path = write_parquet(tmp_path / "a.parquet", x=[[1, 2], [1, 2], [3]])
    with pytest.raises(errors.FeatureError, match="1 values.*have 2") as error:
        read_parquet(path, batch_rows=batch_rows)
    assert (error.value.feature, error.value.file) == ("x", path)
    assert error.value.record == 2


def test_a_null_inside_a_list_is_an_error(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=[[1, 2], [1, None]])
    with pytest.raises(errors.FeatureError, match="holds a null") as error:
        read_parquet(path)
    assert error.value.record == 1


def test_nulls_among_lists_of_fixed_size_are_a_typed_error(tmp_path):
    # Arrow itself cannot read them back.
    array = pa.array([[1, 2], None], pa.list_(pa.float32(), 2))
    path = write_parquet(tmp_path / "a.parquet", x=array)
    with pytest.raises(errors.FormatError, match="Expected all lists") as error:
        read_parquet(path)
    assert error.value.file == path


def test_a_struct_column_is_an_error(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", x=[{"a": 1}])
    with pytest.raises(errors.FeatureError, match="no numbers") as error:
        read_parquet(path)
    assert (error.value.feature, error.value.file) == ("x", path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"y": [1]}, "no column"),
        ({"x": [1]}, "is integer, but"),
        ({"x": ["a"]}, "is text, but"),
    ],
)
def test_a_parquet_file_of_another_schema_is_an_error(tmp_path, other, message):
    first = write_parquet(tmp_path / "a.parquet", x=[1.5])
    second = write_parquet(tmp_path / "b.parquet", **other)
    with pytest.raises(errors.FeatureError, match=message) as error:
        sources.open([first, second], ["x"])
    assert (error.value.feature, error.value.file) == ("x", second)


def test_time_units_must_not_be_mixed(tmp_path):
    first = write_parquet(tmp_path / "a.parquet", x=pa.array([1], pa.timestamp("us")))
    second = write_parquet(tmp_path / "b.parquet", x=pa.array([1], pa.timestamp("ms")))
    with pytest.raises(errors.FeatureError, match=r"timestamp\[ms\]"):
        sources.open([first, second], ["x"])


def test_widths_of_one_class_may_be_mixed(tmp_path):
    first = write_parquet(tmp_path / "a.parquet", x=pa.array([1], pa.int32()))
    second = write_parquet(tmp_path / "b.parquet", x=pa.array([1], pa.int64()))
    assert len(sources.open([first, second], ["x"])) == 2


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, x=list(range(1000)))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(errors.FormatError, match="no readable Parquet") as error:
        sources.open(path, ["x"])
    assert error.value.file == str(path)


BLOCKS = pytest.mark.parametrize("block_bytes", [12, 64, 8 << 20])


@BLOCKS
@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", "2", "-3"], "i8", [1, 2, -3]),
        (["1", "", "3"], "i8", [1, None, 3]),
        (["1.5", "", "-inf"], "f8", [1.5, None, -np.inf]),
        (["1", "2", "2.5"], "f8", [1.0, 2.0, 2.5]),
        (["", "", "", "", "", "7"], "i8", [None] * 5 + [7]),
        (["", "", "", "", "", "7.5"], "f8", [None] * 5 + [7.5]),
        (["a", "", "ü"], "O", [b"a", None, "ü".encode()]),
        (["", "", "", "", "", "a"], "O", [None] * 5 + [b"a"]),
        (["true", "", "false"], "u1", [1, None, 0]),
        (["1970-01-03", "", "1970-01-02"], "i4", [2, None, 1]),
        (["", "", ""], "f8", [None] * 3),
        (['"1"', '"2"', '"3"'], "i8", [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("bad", [0, 1])
def test_csv_columns_become_arrays(
    tmp_path, cells, dtype, values, block_bytes, compress, bad
):
    text = "x,y\n" + "".join(f"{cell},1.5\n" for cell in cells)
    path = tmp_path / ("a.csv.gz" if compress else "a.csv")
    path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
    batches = read_csv(path, bad=bad, block_bytes=block_bytes)
    assert column(batches, "x") == (np.dtype(dtype), values)


def test_nan_in_csv_is_a_value(tmp_path):
    path = write_csv(tmp_path / "a.csv", "x,y\nnan,1\n,1\nNaN,1\n")
    (batch,) = read_csv(path)
    assert np.isnan(batch.columns["x"].values[[0, 2]]).all()
    assert batch.columns["x"].missing.tolist() == [False, True, False]


def test_an_empty_line_of_a_csv_of_one_column_is_missing(tmp_path):
    path = write_csv(tmp_path / "a.csv", "x\n1\n\n3\n")
    assert column(read_csv(path), "x")[1] == [1, None, 3]


@BLOCKS
def test_a_quoted_cell_may_hold_commas_and_lines(tmp_path, block_bytes):
    text = "x,y\n" + '1,"a,\nb"\n' * 20
    path = write_csv(tmp_path / "a.csv", text)
    batches = read_csv(path, ("x", "y"), block_bytes=max(20, block_bytes))
    assert column(batches, "x")[1] == [1] * 20
    assert column(batches, "y")[1] == [b"a,\nb"] * 20


@BLOCKS
@pytest.mark.parametrize("number", ["1", "1.5"])
def test_text_in_a_number_column_is_an_error(tmp_path, number, block_bytes):
    path = write_csv(
        tmp_path / "a.csv", "x,y\n" + f"{number},1\n" * 7 + "bad,1\n" + f"{number},1\n"
    )
    with pytest.raises(errors.FeatureError, match="'bad'") as error:
        read_csv(path, block_bytes=block_bytes)
    assert (error.value.feature, error.value.file) == ("x", path)
    assert error.value.record == 7


@BLOCKS
def test_text_in_a_number_column_is_skipped_and_counted(tmp_path, block_bytes):
    text = "x,y\n" + "1.5,1\n" * 3 + "bad,1\n" + "1.5,1\n" * 3 + "1.5,worse\n1.5,1\n"
    path = write_csv(tmp_path / "a.csv", text)
    batches = read_csv(path, ("x", "y"), bad=2, block_bytes=block_bytes)
    assert column(batches, "x")[1] == [1.5] * 7
    assert sum(batch.bad_records for batch in batches) == 2
    with pytest.raises(errors.FeatureError, match="'worse'") as error:
        read_csv(path, ("x", "y"), bad=1, block_bytes=block_bytes)
    assert (error.value.feature, error.value.record) == ("y", 7)


@BLOCKS
@pytest.mark.parametrize("row", ["1", "1,2,3"])
def test_a_row_of_another_length_is_an_error(tmp_path, row, block_bytes):
    path = write_csv(tmp_path / "a.csv", "x,y\n" + "1,1\n" * 5 + f"{row}\n1,1\n")
    cells = len(row.split(","))
    with pytest.raises(errors.FormatError, match=f"has {cells} cells") as error:
        read_csv(path, block_bytes=block_bytes)
    assert (error.value.file, error.value.record) == (path, 5)


@BLOCKS
def test_rows_of_another_length_are_skipped_and_counted(tmp_path, block_bytes):
    text = "x,y\n1,1\n2\n3,1\n4,1\n5,5,5\n6,1\n"
    path = write_csv(tmp_path / "a.csv", text)
    batches = read_csv(path, bad=2, block_bytes=block_bytes)
    assert column(batches, "x")[1] == [1, 3, 4, 6]
    assert sum(batch.bad_records for batch in batches) == 2
    with pytest.raises(errors.FormatError) as error:
        read_csv(path, bad=1, block_bytes=block_bytes)
    assert error.value.record == 4


def test_records_after_a_skipped_row_keep_their_number(tmp_path):
    path = write_csv(tmp_path / "a.csv", "x,y\n1\n2\n1,1\n1,1\n1,1\nbad,1\n")
    with pytest.raises(errors.FeatureError) as error:
        read_csv(path, bad=2)
    assert error.value.record == 5


def test_a_csv_file_without_a_column_is_an_error(tmp_path):
    path = write_csv(tmp_path / "a.csv", "y,z\n1,2\n")
    with pytest.raises(errors.FeatureError, match="'y', 'z'") as error:
        sources.open(path, ["x"])
    assert (error.value.feature, error.value.file) == ("x", path)


def test_an_empty_csv_file_is_an_error(tmp_path):
    path = write_csv(tmp_path / "a.csv", "")
    with pytest.raises(errors.FormatError) as error:
        sources.open(path, ["x"])
    assert error.value.file == path


def test_a_csv_of_a_header_has_no_rows(tmp_path):
    path = write_csv(tmp_path / "a.csv", "x,y\n")
    assert sum(batch.rows for batch in read_csv(path)) == 0


def test_whole_numbers_in_one_csv_and_others_in_another_are_all_floats(tmp_path):
    first = write_csv(tmp_path / "a.csv", "x,y\n1,\n2,\n")
    second = write_csv(tmp_path / "b.csv", "x,y\n1.5,3\n2,\n")
    batches = list(sources.batches([first, second]))
    assert [batch.columns["x"].values.dtype for batch in batches] == [np.float64] * 2
    assert [batch.columns["y"].values.dtype for batch in batches] == [np.int64] * 2


def test_csv_files_of_other_types_are_an_error(tmp_path):
    first = write_csv(tmp_path / "a.csv", "x,y\n1,1\n")
    second = write_csv(tmp_path / "b.csv", "x,y\na,1\n")
    with pytest.raises(errors.FeatureError, match="string, but") as error:
        sources.open([first, second], ["x"])
    assert (error.value.feature, error.value.file) == ("x", second)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_column_of_nulls_alone_fits_any_type(tmp_path, order):
    every = pa.array(["a", "b"]), pa.nulls(2), pa.array(["c", None])
    paths = [write_parquet(tmp_path / f"{i}.parquet", x=every[i]) for i in order]
    batches = list(sources.batches(paths, ["x"]))
    assert sum(b.columns["x"].all_missing for b in batches) == 1


def test_shards_are_picklable(tmp_path):
    first = write_csv(tmp_path / "a.csv", f"x,y\n1,{datetime.date(2020, 1, 1)}\n")
    second = write_parquet(tmp_path / "a.parquet", x=[1])
    shards = sources.open(first) + sources.open(second)
    assert pickle.loads(pickle.dumps(shards)) == shards
