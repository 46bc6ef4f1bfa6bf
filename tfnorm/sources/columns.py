# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Arrays of every framework to columns of NumPy, without copies where possible."""

from typing import Any

import numpy as np

from tfnorm import arrays
from tfnorm import errors


def of(value: Any, *, feature: str | None = None) -> arrays.Column:
    """Converts one array-like of shape (rows, ...).

    NaN is a value; `None`, NaT and what an `np.ma` masks are missing. Booleans become
    uint8, dates and times the integers that they are stored as.

    Raises:
        FeatureError: There are no rows, or some values of a row are missing and
            others are not.
    """
    missing = None
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        missing = _whole_rows(mask, feature)
        value = value.data
    else:
        value = _to_numpy(value)
    if value.ndim == 0:
        raise errors.FeatureError(
            f"A single value of type {type(value.item()).__name__} came where an array "
            "with rows was expected. Batch the data.",
            feature=feature,
        )
    if value.dtype.kind == "b":
        value = value.view(np.uint8)
    elif value.dtype.kind in "mM":
        missing = _or(missing, _whole_rows(np.isnat(value), feature))
        value = value.view(np.int64)
    elif value.dtype.kind == "O":
        value, absent = _objects(value, feature)
        missing = _or(missing, absent)
    if missing is not None and not missing.any():
        missing = None
    return arrays.Column(value, missing)


def of_sparse(value: Any, feature: str | None) -> arrays.Column:
    """Converts a `tf.SparseTensor` of shape (rows, n) with 0 or n values in a row."""
    rows = int(value.dense_shape[0])
    where = np.asarray(value.indices)[:, 0]
    values = _to_numpy(value.values)
    return _ragged(values, np.bincount(where, minlength=rows), feature)


def of_ragged(value: Any, feature: str | None) -> arrays.Column:
    """Converts a `tf.RaggedTensor` with 0 or n values in a row."""
    lengths = np.asarray(value.row_lengths())
    return _ragged(_to_numpy(value.values), lengths, feature)


def of_series(series: Any, *, feature: str | None = None) -> arrays.Column:
    """Converts a pandas Series; what pandas calls missing is missing.

    So is NaN in its plain float columns, as in the Parquet and CSV files that pandas
    makes of them; in columns of nullable type NaN is a value.
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        column = of(series.to_numpy(), feature=feature)
        if dtype.kind != "f" or not (missing := np.isnan(column.values)).any():
            return column
        return arrays.Column(column.values, missing)
    if hasattr(dtype, "pyarrow_dtype"):
        from tfnorm.sources import arrow

        return arrow.column(series.array.__arrow_array__(), feature=feature)
    if hasattr(dtype, "categories"):
        return of_series(series.astype(dtype.categories.dtype), feature=feature)
    missing = series.isna().to_numpy()
    plain = getattr(dtype, "numpy_dtype", np.dtype(object))
    if plain.kind == "f":
        # A nullable float may hold NaN, which is a value, besides what is missing.
        values = series.to_numpy(dtype=plain, na_value=np.nan)
        missing = np.asarray(series.array._mask)
    elif plain.kind in "iub":
        values = series.to_numpy(dtype=plain, na_value=0)
    elif str(dtype).startswith("datetime64"):
        values = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    else:
        values = series.to_numpy(dtype=object, na_value=None)
    column = of(values, feature=feature)
    missing = _or(column.missing, missing)
    return arrays.Column(column.values, missing if missing.any() else None)


def _to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def _objects(value: np.ndarray, feature) -> tuple[np.ndarray, np.ndarray]:
    """Gives an array of Python objects the type of what is in it."""
    absent = np.frompyfunc(_absent, 1, 1)(value).astype(bool)
    missing = _whole_rows(absent, feature)
    held = value[~missing]
    if not len(held):
        return np.zeros(value.shape, np.float32), missing
    typed = np.array(held.tolist())
    if typed.dtype.kind in "biufmM":
        if typed.dtype.kind in "mM":
            typed = typed.view(np.int64)
        elif typed.dtype.kind == "b":
            typed = typed.view(np.uint8)
        full = np.zeros((len(value), *typed.shape[1:]), typed.dtype)
        full[~missing] = typed
        return full, missing
    return value, missing


def _absent(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def _whole_rows(mask: np.ndarray, feature) -> np.ndarray:
    """Reduces a mask of values to one of rows."""
    if mask.ndim <= 1:
        return mask.reshape(-1)
    flat = mask.reshape(len(mask), -1)
    missing = flat.any(axis=1)
    partly = missing & ~flat.all(axis=1)
    if partly.any():
        raise errors.FeatureError(
            "Some values of the row are missing and others are not: a row is missing "
            "as a whole or not at all. Use NaN for a single value.",
            feature=feature,
            record=int(partly.argmax()),
        )
    return missing


def _ragged(values: np.ndarray, lengths: np.ndarray, feature) -> arrays.Column:
    held = lengths > 0
    if not held.any():
        return arrays.Column(
            np.zeros(len(lengths), np.float32), np.ones(len(lengths), bool)
        )
    width = int(lengths[held.argmax()])
    wrong = held & (lengths != width)
    if wrong.any():
        row = int(wrong.argmax())
        raise errors.FeatureError(
            f"The row has {lengths[row]} values, where earlier rows have {width}: "
            "ragged lengths cannot be stacked. Pad or cut the lists.",
            feature=feature,
            record=row,
        )
    if width > 1:
        values = values.reshape(-1, width, *values.shape[1:])
    full = np.zeros((len(lengths), *values.shape[1:]), values.dtype)
    full[held] = values
    column = of(full, feature=feature)
    return arrays.Column(column.values, None if held.all() else ~held)


def _or(first: np.ndarray | None, second: np.ndarray) -> np.ndarray:
    return second if first is None else first | second
