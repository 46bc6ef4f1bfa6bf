# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Each fault of a file is one typed error that names feature, file and record."""

import gzip
import os
import pathlib
import pickle
import tempfile

import numpy as np
import pytest

from tfnorm import arrays
from tfnorm import errors
from tfnorm import sources
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import tfrecord
from tfnorm.sources import write

ROWS = 100


@pytest.fixture
def records(tmp_path):
    """A file of 100 records of one length, `x` from 0."""
    (path,) = write.write_tfrecords(
        {"x": np.arange(ROWS, dtype=np.float32)}, tmp_path / "a"
    )
    return pathlib.Path(path)


def size_of_a_record(path):
    return path.stat().st_size // ROWS


def rows(path, *, bad=0, features=("x",), block_bytes=1 << 20):
    """Returns all values of x, and how many records were bad."""
    shard = tfrecord.TFRecordShard(
        str(path), tuple(features), bad, block_bytes=block_bytes
    )
    batches = list(shard.read())
    values = [batch.columns["x"].values for batch in batches if batch.rows]
    return np.concatenate(values).tolist(), sum(batch.bad_records for batch in batches)


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def serialized(**features):
    message = example.messages().Example()
    for name, values in features.items():
        kind = "int64_list" if isinstance(values[0], int) else "float_list"
        if isinstance(values[0], bytes):
            kind = "bytes_list"
        getattr(message.features.feature[name], kind).value.extend(values)
    return message.SerializeToString()


def write_records(path, *records):
    path.write_bytes(b"".join(map(framing.frame, records)))
    return path


def assert_fault(error, path, record, offset, feature=None):
    assert error.value.file == str(path)
    assert error.value.record == record
    assert error.value.offset == offset
    assert error.value.feature == feature


BLOCKS = pytest.mark.parametrize("block_bytes", [1, 50, 777, 1 << 20])


@BLOCKS
@pytest.mark.parametrize("cut", [1, 4, 20])
def test_a_truncated_record_is_an_error(records, cut, block_bytes):
    size = size_of_a_record(records)
    records.write_bytes(records.read_bytes()[:-cut])
    with pytest.raises(errors.FormatError, match="cut off") as error:
        rows(records, block_bytes=block_bytes)
    assert_fault(error, records, ROWS - 1, (ROWS - 1) * size)


@BLOCKS
def test_a_truncated_header_is_an_error(records, block_bytes):
    size = size_of_a_record(records)
    records.write_bytes(records.read_bytes()[: 7 * size + 5])
    with pytest.raises(errors.FormatError, match="5 of the 12 bytes") as error:
        rows(records, block_bytes=block_bytes)
    assert_fault(error, records, 7, 7 * size)


@BLOCKS
@pytest.mark.parametrize("place", [12, 20, -1])
def test_a_flipped_byte_of_the_data_or_its_checksum_is_an_error(
    records, place, block_bytes
):
    size = size_of_a_record(records)
    flip(records, 7 * size + place % size)
    with pytest.raises(errors.FormatError, match="checksum") as error:
        rows(records, block_bytes=block_bytes)
    assert_fault(error, records, 7, 7 * size)


@BLOCKS
@pytest.mark.parametrize("place", range(12))
def test_a_flipped_byte_of_the_length_or_its_checksum_is_an_error(
    records, place, block_bytes
):
    size = size_of_a_record(records)
    flip(records, 7 * size + place)
    with pytest.raises(errors.FormatError, match="cannot be skipped") as error:
        rows(records, bad=50, block_bytes=block_bytes)
    assert_fault(error, records, 7, 7 * size)


@pytest.mark.parametrize("place", range(40))
def test_no_flipped_byte_goes_unnoticed(records, place):
    flip(records, 3 * size_of_a_record(records) + place % size_of_a_record(records))
    with pytest.raises(errors.FormatError):
        rows(records)


@BLOCKS
def test_flipped_bytes_are_skipped_and_counted_up_to_the_limit(records, block_bytes):
    size = size_of_a_record(records)
    for i in (0, 7, ROWS - 1):
        flip(records, i * size + 15)
    values, bad = rows(records, bad=3, block_bytes=block_bytes)
    assert values == [float(i) for i in range(ROWS) if i not in (0, 7, ROWS - 1)]
    assert bad == 3
    with pytest.raises(errors.FormatError, match="`max_bad_records` is 2") as error:
        rows(records, bad=2, block_bytes=block_bytes)
    assert_fault(error, records, ROWS - 1, (ROWS - 1) * size)


@BLOCKS
def test_a_truncated_tail_counts_as_one_bad_record(records, block_bytes):
    records.write_bytes(records.read_bytes()[:-3])
    values, bad = rows(records, bad=1, block_bytes=block_bytes)
    assert (len(values), bad) == (ROWS - 1, 1)


def test_bad_records_without_any_good_one_are_reported(tmp_path):
    path = write_records(tmp_path / "a.tfrecord", b"no example")
    (batch,) = tfrecord.TFRecordShard(str(path), ("x",), 1).read()
    assert (batch.rows, batch.bad_records) == (0, 1)


def test_a_record_that_is_no_example_is_an_error(tmp_path):
    good = serialized(x=[1.0])
    path = write_records(tmp_path / "a.tfrecord", good, b"no example", good)
    with pytest.raises(errors.FormatError, match="no serialized") as error:
        rows(path)
    assert_fault(error, path, 1, len(good) + 16)
    assert rows(path, bad=1) == ([1.0, 1.0], 1)


@BLOCKS
@pytest.mark.parametrize("odd", [{"x": [3]}, {"x": [b"3"]}, {"x": [b"3", b"4"]}])
def test_a_value_of_another_type_is_an_error(tmp_path, odd, block_bytes):
    good = serialized(x=[1.0])
    path = write_records(tmp_path / "a.tfrecord", good, serialized(**odd), good)
    with pytest.raises(errors.FeatureError, match="have float_list") as error:
        rows(path, block_bytes=block_bytes)
    assert_fault(error, path, 1, len(good) + 16, "x")
    assert rows(path, bad=1, block_bytes=block_bytes) == ([1.0, 1.0], 1)


@BLOCKS
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1.0], [1.0, 2.0]),
        ([1.0, 2.0], [1.0]),
        ([1], [1, 2]),
        ([1, 200], [-3]),
        ([b"a"], [b"a", b"b"]),
        ([b"a", b"b"], [b"a"]),
    ],
)
def test_ragged_lengths_are_an_error_with_both_lengths(
    tmp_path, first, second, block_bytes
):
    good = serialized(x=first)
    path = write_records(tmp_path / "a.tfrecord", good, serialized(x=second), good)
    message = f"has {len(second)} values, where earlier records have {len(first)}"
    with pytest.raises(errors.FeatureError, match=message) as error:
        rows(path, block_bytes=block_bytes)
    assert_fault(error, path, 1, len(good) + 16, "x")
    assert rows(path, bad=1, block_bytes=block_bytes)[1] == 1


def test_the_first_fault_of_the_file_is_the_one_reported(tmp_path):
    good = serialized(x=[1.0])
    path = write_records(tmp_path / "a.tfrecord", good, serialized(x=[2]), good, good)
    flip(path, path.stat().st_size - 8)
    with pytest.raises(errors.FeatureError) as error:
        rows(path)
    assert error.value.record == 1


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\x80\x80", b"\xff" * 10, b"\xff" * 10 + b"\x01"],
    ids=["open", "open overlong", "ten open", "eleven"],
)
def test_a_malformed_number_is_an_error(tmp_path, payload):
    def entry(data):
        def field(number, data):
            return bytes([number << 3 | 2, len(data)]) + data

        feature = field(3, field(1, data))
        return field(1, field(1, field(1, b"x") + field(2, feature)))

    good = entry(b"\x07")
    path = write_records(tmp_path / "a.tfrecord", good, entry(payload), good)
    with pytest.raises(errors.FormatError) as error:
        rows(path)
    assert error.value.record == 1
    assert rows(path, bad=1) == ([7, 7], 1)


def test_a_float_list_of_three_bytes_is_an_error(tmp_path):
    good = serialized(x=[1.0])
    # One byte of the value goes; every size that counts it shrinks.
    bad = bytearray(good[:-1])
    for i in (1, 3, 8, 10, 12):
        bad[i] -= 1
    path = write_records(tmp_path / "a.tfrecord", good, bytes(bad), good)
    with pytest.raises(errors.FormatError) as error:
        rows(path)
    assert error.value.record == 1


def test_uncompressed_bytes_under_a_gzip_name_are_an_error(records):
    path = records.rename(records.with_name("a.tfrecord.gz"))
    with pytest.raises(errors.FormatError, match="mixed up") as error:
        rows(path)
    assert_fault(error, path, 0, 0)


def test_gzip_bytes_under_a_plain_name_are_an_error(records):
    records.write_bytes(gzip.compress(records.read_bytes()))
    with pytest.raises(errors.FormatError, match="mixed up") as error:
        rows(records)
    assert_fault(error, records, 0, 0)


@BLOCKS
def test_a_truncated_gzip_stream_is_an_error(records, block_bytes):
    path = records.with_name("a.tfrecord.gz")
    path.write_bytes(gzip.compress(records.read_bytes())[:-30])
    with pytest.raises(errors.FormatError, match="damaged here .cut off.") as error:
        rows(path, block_bytes=block_bytes)
    record = error.value.record
    assert_fault(error, path, record, record * size_of_a_record(records))
    values, bad = rows(path, bad=1, block_bytes=block_bytes)
    assert (values, bad) == ([float(i) for i in range(record)], 1)


@BLOCKS
def test_a_damaged_gzip_stream_is_always_an_error(records, block_bytes):
    path = records.with_name("a.tfrecord.gz")
    path.write_bytes(gzip.compress(records.read_bytes()))
    flip(path, path.stat().st_size - 6)
    with pytest.raises(errors.FormatError, match="damaged") as error:
        rows(path, bad=50, block_bytes=block_bytes)
    assert error.value.file == str(path)


def test_an_empty_gzip_file_is_an_error(tmp_path):
    path = tmp_path / "a.tfrecord.gz"
    path.write_bytes(b"")
    with pytest.raises(errors.FormatError, match="empty"):
        rows(path)


def test_a_file_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"year,month\n2013,1\n" * 10)
    with pytest.raises(errors.FormatError, match="no TFRecord") as error:
        rows(path)
    assert_fault(error, path, 0, 0)


@pytest.mark.parametrize("suffix", ["tfrecord", "parquet", "csv"])
def test_a_pattern_that_matches_nothing_is_an_error(tmp_path, suffix):
    pattern = str(tmp_path / f"*.{suffix}")
    with pytest.raises(errors.EmptyDataError, match="No file matches") as error:
        sources.open(pattern, ["x"])
    assert error.value.file == pattern


def test_a_list_without_files_is_an_error():
    with pytest.raises(errors.EmptyDataError, match="no file is named"):
        sources.open([])


@pytest.mark.parametrize("suffix", ["tfrecord", "parquet", "csv"])
def test_a_file_that_does_not_exist_is_an_error(tmp_path, suffix):
    path = tmp_path / f"none.{suffix}"
    with pytest.raises(errors.EmptyDataError, match="no such file") as error:
        sources.open([path], ["x"])
    assert error.value.file == str(path)


@pytest.fixture
def forbidden(records):
    """A file in a folder that everyone may list, but that nobody may read."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / records.name
        path.write_bytes(records.read_bytes())
        os.chmod(folder, 0o755)
        os.chmod(path, 0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # Root may read everything; "nobody" may not.
        try:
            yield path
        finally:
            os.seteuid(user)


def test_no_permission_is_an_error(forbidden):
    with pytest.raises(errors.DataError, match="Permission denied") as error:
        sources.open(forbidden, ["x"])
    assert error.value.file == str(forbidden)


def test_a_directory_is_an_error(tmp_path):
    with pytest.raises(errors.DataError, match="directory") as error:
        sources.open(tmp_path, ["x"])
    assert error.value.file == str(tmp_path)


def test_an_unknown_suffix_is_an_error(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(errors.FormatError, match="no known suffix") as error:
        sources.open(path, ["x"])
    assert error.value.file == str(path)


def test_mixed_formats_are_an_error(records, tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("x\n1\n")
    with pytest.raises(errors.FormatError, match="is TFRecord") as error:
        sources.open([records, path], ["x"])
    assert error.value.file == str(path)


def test_a_file_named_twice_is_an_error(records):
    with pytest.raises(errors.DataError, match="named twice") as error:
        sources.open([records, records], ["x"])
    assert error.value.file == str(records)


def test_paths_of_no_known_file_system_are_an_error():
    with pytest.raises(errors.OptionsError, match="needs a package"):
        sources.open("nowhere://bucket/a.tfrecord")


def test_errors_keep_their_place_when_pickled(records):
    flip(records, 15)
    with pytest.raises(errors.FormatError) as error:
        rows(records)
    copy = pickle.loads(pickle.dumps(error.value))
    assert str(copy) == str(error.value)


@pytest.mark.parametrize("writer", [write.write_tfrecords, write.write_parquet])
def test_a_failed_write_leaves_nothing_behind(tmp_path, writer, monkeypatch):
    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(errors.ArtifactError, match="No space left"):
        writer({"x": np.arange(3)}, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_columns_of_different_rows_are_not_written(tmp_path):
    with pytest.raises(errors.DataError, match="differ in rows"):
        write.write_tfrecords({"x": np.arange(3), "y": np.arange(2)}, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_missing_columns_are_written_as_absent(tmp_path):
    column = arrays.Column(np.arange(3.0), np.array([False, True, False]))
    (path,) = write.write_tfrecords({"x": column}, tmp_path / "a")
    (batch,) = tfrecord.TFRecordShard(path, ("x",)).read()
    assert batch.columns["x"].missing.tolist() == [False, True, False]
