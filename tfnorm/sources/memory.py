# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Data in memory, and whatever yields batches, as column batches.

Types are told apart by what they are named and what they can do, so that no
framework is imported for data of another.
"""

import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import columns

# Rows in a slice of large data; slices are views.
SLICE_ROWS = 131072


def batches(
    data: Any, features: Sequence[str] | None = None, *, slice_rows: int = SLICE_ROWS
) -> Iterator[arrays.Batch]:
    """Yields column batches; see `tfnorm.sources.batches`.

    Args:
        data: Anything in memory, or an iterable of it.
        features: Names of the features; `None` for all there are.
        slice_rows: Rows at once of what is in memory as a whole.

    Raises:
        FeatureError: A feature is absent, or columns differ in rows.
        DataError: The data are of a type that is not known.
    """
    first = 0
    for element in elements(data):
        found = _columns(element, features)
        if features is not None:
            for name in features:
                if name not in found:
                    raise _unknown(name, _columns(element, None))
            found = {name: found[name] for name in features}
        if element is not data:
            # Whoever yields batches may fill the same arrays again.
            found = {name: _copied(column) for name, column in found.items()}
        for batch in _slices(found, slice_rows, first):
            yield batch
            first += batch.rows


def elements(data: Any) -> Iterator[Any]:
    """Yields what becomes columns as a whole: the data, or its batches.

    Args:
        data: Anything in memory, or an iterable of it.

    Raises:
        DataError: The data are of a type that is not known, or never end.
    """
    if _in_memory(data) or isinstance(data, tuple):
        yield data
        return
    kinds = {kind.__name__ for kind in type(data).__mro__}
    if isinstance(data, Sequence) and _numbers(data):
        yield columns.of(data)
        return
    if "PyDataset" in kinds:
        if data.num_batches is None:
            raise errors.DataError(
                "The PyDataset has no number of batches, so it never ends. Define "
                "`__len__`."
            )
        yield from (data[i] for i in range(data.num_batches))
    elif isinstance(data, Iterable):
        yield from data
    else:
        raise errors.DataError(
            f"Data of type {type(data).__name__} are not known. Pass arrays, a dict of "
            "arrays, a table, paths, or an iterable of batches."
        )


def _in_memory(data: Any) -> bool:
    return (
        isinstance(data, Mapping | arrays.Column | arrays.Batch)
        or _pandas(data) is not None
        or hasattr(data, "__arrow_c_stream__")
        or hasattr(data, "__arrow_c_array__")
        or hasattr(data, "__array__")
        or hasattr(data, "dense_shape")
        or hasattr(data, "row_lengths")
        or hasattr(data, "detach")
    )


def _numbers(data: Sequence[Any]) -> bool:
    """Says whether a list holds numbers, or lists of them: an array in disguise."""
    first = next((item for item in data if item is not None), None)
    if isinstance(first, list):
        return _numbers(first)
    return isinstance(first, bool | int | float | np.generic)


def _columns(element: Any, features: Sequence[str] | None) -> dict[str, arrays.Column]:
    """Converts one batch to columns."""
    if isinstance(element, tuple):
        # (x,), (x, y) or (x, y, weights), as Keras has them.
        if not 1 <= len(element) <= 3:
            raise errors.DataError(
                f"A batch is a tuple of {len(element)} parts; `x`, `(x, y)` and "
                "`(x, y, weights)` are known. Pass a dict for several features."
            )
        return _columns(element[0], features)
    if isinstance(element, arrays.Batch):
        return dict(element.columns)
    wanted = None if features is None else set(features)
    if isinstance(element, Mapping):
        return {
            name: _column(value, name)
            for name, value in _flat(element)
            if wanted is None or name in wanted
        }
    pandas = _pandas(element)
    if pandas == "DataFrame":
        if not element.columns.is_unique:
            twice = element.columns[element.columns.duplicated()][0]
            raise errors.FeatureError(
                "Two columns of the DataFrame have this name. Rename one.",
                feature=str(twice),
            )
        return {
            str(name): columns.of_series(element[name], feature=str(name))
            for name in element.columns
            if wanted is None or name in wanted
        }
    is_table = hasattr(element, "__arrow_c_stream__") or hasattr(element, "schema")
    if pandas is None and is_table:
        table = _arrow_columns(element, wanted)
        if table is not None:
            return table
    if isinstance(element, np.ndarray) and element.dtype.names:
        return {name: columns.of(element[name]) for name in element.dtype.names}
    return {"": _column(element, None)}


def _flat(element: Mapping, within: str = "") -> Iterator[tuple[str, Any]]:
    """Yields what a mapping holds; what is in one within it is "outer/inner"."""
    for name, value in element.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}/")
        elif isinstance(value, tuple) and any(hasattr(v, "__array__") for v in value):
            raise errors.FeatureError(
                "The feature is a tuple of arrays, which have no names. Pass a dict.",
                feature=f"{within}{name}",
            )
        else:
            yield f"{within}{name}", value


def _column(value: Any, feature: str | None) -> arrays.Column:
    if isinstance(value, arrays.Column):
        return value
    if _pandas(value) is not None:
        return columns.of_series(value, feature=feature)
    if hasattr(value, "dense_shape"):
        return columns.of_sparse(value, feature)
    if hasattr(value, "row_lengths"):
        return columns.of_ragged(value, feature)
    if hasattr(value, "__arrow_c_array__") or hasattr(value, "__arrow_c_stream__"):
        import pyarrow as pa

        from tfnorm.sources import arrow

        if not isinstance(value, pa.Array | pa.ChunkedArray):
            value = pa.chunked_array(value)
        return arrow.column(value, feature=feature or "")
    return columns.of(value, feature=feature)


def _arrow_columns(element: Any, wanted) -> dict[str, arrays.Column] | None:
    import pyarrow as pa

    from tfnorm.sources import arrow

    if isinstance(element, pa.Array | pa.ChunkedArray):
        return None
    if not isinstance(element, pa.Table):
        try:
            element = pa.table(element)
        except (TypeError, ValueError, pa.ArrowException):
            return None  # A single column, as a polars Series is.
    return {
        name: arrow.column(column, feature=name)
        for name, column in zip(element.column_names, element.columns, strict=True)
        if wanted is None or name in wanted
    }


def _pandas(data: Any) -> str | None:
    """Returns "DataFrame", "Series" or `None`."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    if isinstance(data, pandas.DataFrame):
        return "DataFrame"
    return "Series" if isinstance(data, pandas.Series | pandas.Index) else None


def _unknown(name: str, found: Mapping[str, Any]) -> errors.FeatureError:
    known = ", ".join(map(repr, found)) or "none"
    return errors.FeatureError(
        f"The data have no such feature; they have {known}. A plain array is one "
        "feature, named ''.",
        feature=name,
    )


def _copied(column: arrays.Column) -> arrays.Column:
    missing = None if column.missing is None else column.missing.copy()
    return arrays.Column(column.values.copy(), missing)


def _slices(
    found: dict[str, arrays.Column], slice_rows: int, first: int
) -> Iterator[arrays.Batch]:
    lengths = {name: len(column.values) for name, column in found.items()}
    rows = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != rows:
            raise errors.FeatureError(
                f"The column has {length} rows; {next(iter(lengths))!r} has {rows}.",
                feature=name,
            )
    for start in range(0, rows, slice_rows):
        stop = min(rows, start + slice_rows)
        cut = {
            name: arrays.Column(
                column.values[start:stop],
                None if column.missing is None else column.missing[start:stop],
            )
            for name, column in found.items()
        }
        yield arrays.Batch(cut, stop - start, first_record=first + start)
