# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Arrow columns to NumPy: values without copies, nulls as missing."""

import numpy as np

from tfnorm import arrays
from tfnorm import errors

INTEGER, FLOATING, TEXT, OTHER = "integer", "floating", "text", "other"


def kind(arrow_type) -> str:
    """Returns the class of numbers that a type (or its list's items) holds."""
    import pyarrow as pa

    t = item(arrow_type)
    if pa.types.is_dictionary(t):
        t = t.value_type
    if pa.types.is_floating(t) or pa.types.is_decimal(t):
        return FLOATING
    if pa.types.is_integer(t) or pa.types.is_boolean(t):
        return INTEGER
    if pa.types.is_interval(t):
        return OTHER  # A struct of months, days and nanoseconds.
    if pa.types.is_temporal(t):
        return str(t)  # Integers, of a unit that must not be mixed with others.
    if any(check(t) for check in _text_checks()):
        return TEXT
    return OTHER


def column(
    data,
    *,
    feature: str,
    file: str | None = None,
    first_record: int = 0,
    width: int | None = None,
) -> arrays.Column:
    """Converts one column.

    A null is missing, and so is an empty list; NaN is a value. Booleans become
    uint8, times the integers they are stored as, text objects of type bytes (as in
    `tf.Example`), decimals float64; lists of k items each give shape (rows, k),
    for k = 1 shape (rows,).

    Args:
        data: An Array or ChunkedArray.
        feature: Name for errors.
        file: Path for errors.
        first_record: Index in the file of the first row, for errors.
        width: How many items the lists of earlier rows had, if known.

    Raises:
        FeatureError: The type has no numbers, or lists are ragged.
    """
    import pyarrow as pa

    if isinstance(data, pa.ChunkedArray):
        data = data.chunk(0) if data.num_chunks == 1 else _combine(data)
    if isinstance(data, pa.ExtensionArray):
        data = data.storage
    t = data.type
    if pa.types.is_null(t):
        return arrays.Column(np.zeros(len(data), np.float32), np.ones(len(data), bool))
    if is_list(t):
        where = {"feature": feature, "file": file}
        return _list(data, where, first_record, width)
    missing = _nulls(data) if data.null_count else None
    return arrays.Column(_values(data, feature, file), missing)


def _values(data, feature, file) -> np.ndarray:
    import pyarrow as pa

    t = data.type
    if pa.types.is_dictionary(t):
        data = data.dictionary_decode()
        t = data.type
    if pa.types.is_boolean(t):
        data = data.cast(pa.uint8())
    elif pa.types.is_decimal(t):
        data = data.cast(pa.float64())
    elif kind(t) == TEXT:
        return _strings(data)
    elif kind(t) == OTHER:
        raise errors.FeatureError(
            f"The column is of type {t}, which holds no numbers. Leave it out.",
            feature=feature,
            file=file,
        )
    t = data.type
    # The buffer itself: `to_numpy` would turn integers with nulls into floats.
    if pa.types.is_floating(t):
        sign = "f"
    else:
        sign = "u" if pa.types.is_unsigned_integer(t) else "i"
    dtype = np.dtype(f"{sign}{t.bit_width // 8}")
    buffer = data.buffers()[1]
    if buffer is None or not len(data):
        return np.zeros(len(data), dtype)
    return np.frombuffer(buffer, dtype, len(data), data.offset * dtype.itemsize)


def _nulls(data) -> np.ndarray:
    """Where an Array is null, from its bitmap of what is not."""
    # Arrow's own conversions to NumPy import pandas, which takes a quarter second.
    bitmap = data.is_valid().buffers()[1]
    bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
    return bits[: len(data)] == 0


def _strings(data) -> np.ndarray:
    import pyarrow as pa

    filled = data.cast(pa.large_binary()).fill_null(b"")
    return filled.to_numpy(zero_copy_only=False)


def _list(data, where, first_record, width) -> arrays.Column:
    import pyarrow.compute as pc

    lengths = pc.list_value_length(data).fill_null(0)
    lengths = np.asarray(lengths).astype(np.int64)
    held = lengths > 0
    rows = len(data)
    if not held.any():
        shape = (rows,) if width in (None, 1) else (rows, width)
        return arrays.Column(np.zeros(shape, np.float32), np.ones(rows, bool))
    if width is None:
        width = int(lengths[held.argmax()])
    ragged = np.flatnonzero(held & (lengths != width))
    if len(ragged):
        raise errors.FeatureError(
            f"The record has {lengths[ragged[0]]} values, where earlier records have "
            f"{width}: ragged lengths cannot be stacked. Pad or cut the lists, or "
            "leave the feature out.",
            record=first_record + int(ragged[0]),
            **where,
        )
    items = column(data.drop_null().flatten(), **where)
    if items.values.ndim > 1:
        raise errors.FeatureError(
            f"The column is of type {data.type}: lists of lists are not read. "
            "Flatten the inner lists.",
            **where,
        )
    if items.missing is not None:
        row = np.flatnonzero(held)[items.missing.argmax() // width]
        raise errors.FeatureError(
            "A list holds a null: a row is missing as a whole or not at all. Write "
            "NaN, or a null instead of the list.",
            record=first_record + int(row),
            **where,
        )
    values = items.values if width == 1 else items.values.reshape(-1, width)
    if held.all():
        return arrays.Column(values)
    full = np.zeros((rows, *values.shape[1:]), values.dtype)
    full[held] = values
    return arrays.Column(full, ~held)


def _combine(data):
    import pyarrow as pa

    if not data.num_chunks:
        return pa.array([], data.type)
    return pa.concat_arrays(
        chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
        for chunk in data.chunks
    )


def is_list(t) -> bool:
    """Says whether a type is one of lists, whatever their sizes and offsets."""
    import pyarrow as pa

    return (
        pa.types.is_list(t)
        or pa.types.is_large_list(t)
        or pa.types.is_fixed_size_list(t)
        or pa.types.is_list_view(t)
        or pa.types.is_large_list_view(t)
    )


def item(t):
    """Returns the type of what is in lists (of lists), or the type itself."""
    while is_list(t):
        t = t.value_type
    return t


def _text_checks():
    import pyarrow as pa

    return (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
