# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Data in memory give the same columns, whatever holds them."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import tensorflow as tf

from tfnorm import arrays
from tfnorm import errors
from tfnorm import sources
from tfnorm.sources import memory


def read(data, features=None, **options):
    """Returns dtype and values of each column, missing values as `None`."""
    found = {}
    for batch in memory.batches(data, features, **options):
        for name, column in batch.columns.items():
            values = column.values.tolist()
            if column.missing is not None:
                for i in np.flatnonzero(column.missing):
                    values[i] = None
            found.setdefault(name, (column.values.dtype, []))[1].extend(values)
    return found


class Batches(keras.utils.PyDataset):
    """Three batches of (x, y)."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.array([2.0 * index, 2.0 * index + 1]), np.zeros(2)


F8 = np.dtype("f8")
SIX = {"": (F8, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])}


@pytest.mark.parametrize(
    "data",
    [
        np.arange(6.0),
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        [np.arange(3.0), np.arange(3.0, 6.0)],
        (np.arange(6.0), np.zeros(6)),
        [(np.arange(3.0), 0), (np.arange(3.0, 6.0), 0, 1)],
        tf.range(6, dtype=tf.float64),
        tf.data.Dataset.from_tensor_slices(np.arange(6.0)).batch(4),
        tf.data.Dataset.from_tensor_slices((np.arange(6.0), np.zeros(6))).batch(4),
        Batches(),
        pd.Series(np.arange(6.0)),
        pl.Series(np.arange(6.0)),
        pa.array(np.arange(6.0)),
        pa.chunked_array([np.arange(4.0), np.arange(4.0, 6.0)]),
    ],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("slice_rows", [1, 4, 65536])
def test_one_feature_is_named_by_nothing(data, slice_rows):
    assert read(data, slice_rows=slice_rows) == SIX


def test_a_generator_of_batches_is_read_to_its_end():
    assert read(np.arange(i, i + 2.0) for i in (0, 2, 4)) == SIX


TABLE = {
    "a": (np.dtype("i8"), [1, None, 3]),
    "b": (np.dtype("f4"), [0.5, 1.5, 2.5]),
}


@pytest.mark.parametrize(
    "data",
    [
        {
            "a": np.ma.array([1, 2, 3], mask=[False, True, False]),
            "b": np.array([0.5, 1.5, 2.5], np.float32),
        },
        {"a": [1, None, 3], "b": np.array([0.5, 1.5, 2.5], np.float32)},
        pd.DataFrame(
            {
                "a": pd.array([1, None, 3], "Int64"),
                "b": np.array([0.5, 1.5, 2.5], np.float32),
            }
        ),
        pd.DataFrame(
            {
                "a": pd.Series([1, None, 3], dtype=object),
                "b": pd.array([0.5, 1.5, 2.5], "Float32"),
            }
        ),
        pd.DataFrame(
            {
                "a": pd.array([1, None, 3], "int64[pyarrow]"),
                "b": pd.array([0.5, 1.5, 2.5], "float[pyarrow]"),
            }
        ),
        pl.DataFrame(
            {"a": [1, None, 3], "b": pl.Series([0.5, 1.5, 2.5]).cast(pl.Float32)}
        ),
        pa.table({"a": [1, None, 3], "b": pa.array([0.5, 1.5, 2.5], pa.float32())}),
        pa.record_batch(
            {"a": [1, None, 3], "b": pa.array([0.5, 1.5, 2.5], pa.float32())}
        ),
    ],
    ids=["masked", "lists", "nullable", "object", "arrow", "polars", "table", "batch"],
)
def test_tables_give_their_columns(data):
    assert read(data) == TABLE
    assert read(data, ["b"]) == {"b": TABLE["b"]}


def test_a_data_set_of_dicts_gives_their_features():
    data = tf.data.Dataset.from_tensor_slices({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]})
    found = read(data.batch(2), ["b", "a"])
    assert found["a"] == (np.dtype("i4"), [1, 2, 3])


def test_what_is_in_a_dict_within_is_named_by_both():
    nested = {"a": {"b": [1.0, 2.0], "c": {"d": [3, 4]}}}
    data = tf.data.Dataset.from_tensor_slices(nested).batch(2)
    assert read(data) == {
        "a/b": (np.dtype("f4"), [1.0, 2.0]),
        "a/c/d": (np.dtype("i4"), [3, 4]),
    }


def test_a_tuple_within_a_dict_is_an_error():
    data = tf.data.Dataset.from_tensor_slices({"a": ([1.0, 2.0], [3, 4])}).batch(2)
    with pytest.raises(errors.FeatureError, match="have no names"):
        read(data)


def test_sparse_values_are_missing_where_there_are_none():
    sparse = tf.SparseTensor([[0, 0], [2, 0]], [1.5, 2.5], [3, 1])
    data = tf.data.Dataset.from_tensors({"a": sparse})
    assert read(data) == {"a": (np.dtype("f4"), [1.5, None, 2.5])}


def test_ragged_values_are_missing_where_there_are_none():
    ragged = tf.RaggedTensor.from_row_lengths([1.5, 2.5], [1, 0, 1])
    assert read({"a": ragged}) == {"a": (np.dtype("f4"), [1.5, None, 2.5])}


@pytest.mark.parametrize(
    "data",
    [
        np.array([np.nan, 1.0]),
        pl.DataFrame({"": [np.nan, 1.0]}),
        pd.Series(pd.arrays.FloatingArray(np.array([np.nan, 1]), np.zeros(2, bool))),
    ],
    ids=["array", "polars", "nullable"],
)
def test_nan_is_a_value(data):
    (batch,) = memory.batches(data)
    assert batch.columns[""].missing is None
    assert np.isnan(batch.columns[""].values[0])


@pytest.mark.parametrize(
    ("values", "dtype", "found"),
    [
        (np.array([True, False]), "u1", [1, 0]),
        (np.array([1, 2], "datetime64[us]"), "i8", [1, 2]),
        (np.array([1, "NaT"], "datetime64[us]"), "i8", [1, None]),
        (pd.Series([1, None], dtype="datetime64[us]"), "i8", [1, None]),
        (pd.Series([True, None], dtype="boolean"), "u1", [1, None]),
        (pd.Series([1.5, None], dtype="category"), "f8", [1.5, None]),
        (pd.Series(["a", None], dtype="string"), "O", ["a", None]),
        ([None, None], "f4", [None, None]),
        (np.array([[1, 2], [3, 4]]), "i8", [[1, 2], [3, 4]]),
        ([[1, 2], [3, 4]], "i8", [[1, 2], [3, 4]]),
    ],
)
def test_types_become_numbers(values, dtype, found):
    read_dtype, read_values = read({"x": values})["x"]
    assert read_dtype == np.dtype(dtype)
    np.testing.assert_equal(read_values, found)


def test_structured_arrays_give_their_fields():
    data = np.array([(1, 2.5)], [("a", "i8"), ("b", "f8")])
    assert read(data) == {"a": (np.dtype("i8"), [1]), "b": (F8, [2.5])}


def test_batches_may_be_yielded_in_one_array_that_is_filled_again():
    def fill():
        array = np.zeros(3)
        for start in range(4):
            array[:] = start
            yield {"x": array}

    found = list(sources.batches(fill()))
    assert [batch.columns["x"].values[0] for batch in found] == [0, 1, 2, 3]


def test_large_arrays_are_sliced_without_a_copy():
    data = np.zeros((200_000, 2))
    batches = list(sources.batches(data))
    assert [batch.rows for batch in batches] == [131072, 68928]
    assert all(np.shares_memory(batch.columns[""].values, data) for batch in batches)
    assert [batch.first_record for batch in batches] == [0, 131072]


def test_columns_and_batches_pass_through():
    column = arrays.Column(np.arange(3), np.array([True, False, False]))
    assert read({"x": column}) == {"x": (np.dtype("i8"), [None, 1, 2])}
    batch = arrays.Batch({"x": column}, 3)
    assert read([batch]) == read({"x": column})


@pytest.mark.parametrize("data", [{}, [], np.zeros(0), {"x": []}, iter(())])
def test_empty_data_yield_nothing(data):
    assert list(memory.batches(data)) == []


def test_an_unknown_feature_is_an_error():
    with pytest.raises(errors.FeatureError, match="'a', 'b'") as error:
        read({"a": [1], "b": [2]}, ["c"])
    assert error.value.feature == "c"


def test_columns_of_different_rows_are_an_error():
    with pytest.raises(errors.FeatureError, match="2 rows; 'a' has 1") as error:
        read({"a": [1], "b": [1, 2]})
    assert error.value.feature == "b"


def test_a_row_that_is_missing_in_part_is_an_error():
    data = np.ma.array([[1, 2], [3, 4]], mask=[[0, 0], [0, 1]])
    with pytest.raises(errors.FeatureError, match="missing as a whole") as error:
        read({"x": data})
    assert (error.value.feature, error.value.record) == ("x", 1)


def test_unbatched_data_are_an_error():
    with pytest.raises(errors.FeatureError, match="Batch the data"):
        read(tf.data.Dataset.range(3))


def test_unknown_types_are_an_error():
    with pytest.raises(errors.DataError, match="object"):
        read(object())


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("a.csv", True),
        (["a.csv", "b.csv"], True),
        ([], False),
        ([1.0], False),
        (np.zeros(3), False),
    ],
)
def test_paths_are_told_from_data(data, answer):
    assert sources.is_path_like(data) is answer
