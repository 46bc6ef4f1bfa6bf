# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes columns as sharded TFRecord or Parquet files, each whole or not at all."""

import gzip
import os
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import columns as columns_
from tfnorm.sources import example
from tfnorm.sources import framing

# Rows encoded at once.
_ROWS = 16384


def write_tfrecords(
    columns: Mapping[str, Any],
    prefix: str | os.PathLike,
    *,
    shards: int = 1,
    compress: bool = False,
) -> list[str]:
    """Writes `prefix-00000-of-00004.tfrecord` and so on, of `tf.Example`.

    A missing value is an absent feature. Floats are stored as float32, integers as
    int64, text as bytes; float64 that float32 cannot hold is rounded.

    Args:
        columns: Feature name to array or `Column` of shape (rows,) or (rows, k).
        prefix: Path of the files up to the shard number.
        shards: Number of files; rows are cut into consecutive parts.
        compress: Whether to write gzip (`.tfrecord.gz`).

    Returns:
        The paths of the files.

    Raises:
        ArtifactError: A file cannot be written.
    """
    found = _columns(columns)
    suffix = ".tfrecord.gz" if compress else ".tfrecord"
    paths = []
    for path, rows in _parts(prefix, suffix, found, shards):
        with files.whole_file(path) as temporary:
            # No time and no name in the header: equal data give equal bytes.
            with (
                open(temporary, "wb") as raw,
                gzip.GzipFile("", "wb", 6, raw, mtime=0) if compress else raw as file,
            ):
                for start in range(rows.start, rows.stop, _ROWS):
                    part = slice(start, min(rows.stop, start + _ROWS))
                    file.write(b"".join(map(framing.frame, examples(found, part))))
        paths.append(path)
    return paths


def write_parquet(
    columns: Mapping[str, Any], prefix: str | os.PathLike, *, shards: int = 1
) -> list[str]:
    """Writes `prefix-00000-of-00004.parquet` and so on; missing values are nulls.

    Args:
        columns: Feature name to array or `Column` of shape (rows,) or (rows, k).
        prefix: Path of the files up to the shard number.
        shards: Number of files; rows are cut into consecutive parts.

    Returns:
        The paths of the files.

    Raises:
        ArtifactError: A file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = _columns(columns)
    table = pa.table({name: to_arrow(column) for name, column in found.items()})
    paths = []
    for path, rows in _parts(prefix, ".parquet", found, shards):
        with files.whole_file(path) as temporary:
            pq.write_table(table[rows.start : rows.stop], temporary)
        paths.append(path)
    return paths


def _columns(columns: Mapping[str, Any]) -> dict[str, arrays.Column]:
    found = {
        name: value
        if isinstance(value, arrays.Column)
        else columns_.of(value, feature=name)
        for name, value in columns.items()
    }
    rows = {len(column.values) for column in found.values()}
    if len(rows) > 1:
        raise errors.DataError(f"The columns differ in rows: {sorted(rows)}.")
    return found


def _parts(prefix, suffix, found, shards) -> Iterator[tuple[str, slice]]:
    if shards < 1:
        raise ValueError(f"`shards` must be 1 or more, not {shards}.")
    rows = next((len(column.values) for column in found.values()), 0)
    for i in range(shards):
        path = f"{os.fspath(prefix)}-{i:05d}-of-{shards:05d}{suffix}"
        yield path, slice(rows * i // shards, rows * (i + 1) // shards)


def examples(found: dict[str, arrays.Column], rows: slice) -> Iterator[bytes]:
    """Yields serialized Examples, with the features in the order of `found`.

    What is missing has no entry; rows with none at all are Examples, too.
    """
    encoded = [_entries(name, column, rows) for name, column in found.items()]
    for entries in zip(*encoded, strict=True):
        yield example.field(1, b"".join(entries))


def _entries(name: str, column: arrays.Column, rows: slice) -> list[bytes]:
    """Returns one map entry per row, empty where it is missing."""
    values = column.values[rows]
    count = len(values)
    values = values.reshape(count, -1)
    width = values.shape[1]
    key = example.field(1, name.encode())
    # Whole numbers and strings repeat; their entries are made once.
    made: dict[Any, bytes] = {}
    if values.dtype.kind == "f" or values.dtype.name == "bfloat16":
        raw = values.astype("<f4").tobytes()
        payloads = [raw[i : i + 4 * width] for i in range(0, len(raw), 4 * width)]
        head = _entry(key, example.FLOAT, example.field(1, bytes(4 * width)))[
            : -4 * width
        ]
        entries = [head + payload for payload in payloads]
    elif values.dtype.kind in "iub":
        entries = []
        for row in map(tuple, values.astype(np.int64).tolist()):
            entry = made.get(row)
            if entry is None:
                packed = b"".join(example.varint(number & 2**64 - 1) for number in row)
                entry = made[row] = _entry(key, example.INT64, example.field(1, packed))
            entries.append(entry)
    else:
        entries = []
        for row in map(tuple, values.tolist()):
            entry = made.get(row)
            if entry is None:
                listed = b"".join(example.field(1, _as_bytes(text)) for text in row)
                entry = made[row] = _entry(key, example.BYTES, listed)
            entries.append(entry)
    if column.missing is not None:
        for i in np.flatnonzero(column.missing[rows]).tolist():
            entries[i] = b""
    return entries


def _entry(key: bytes, kind: int, items: bytes) -> bytes:
    return example.field(1, key + example.field(2, example.field(kind, items)))


def _as_bytes(text: Any) -> bytes:
    if text is None:
        return b""
    return text if isinstance(text, bytes) else str(text).encode()


def to_arrow(column: arrays.Column):
    """Returns a column of shape (rows,) or (rows, k) as Arrow; missing is null."""
    import pyarrow as pa

    values = column.values
    if values.dtype.kind == "O":
        return pa.array(values, mask=column.missing)
    if values.ndim == 1:
        return pa.array(values, mask=column.missing)
    # Lists of one fixed size would do, but Arrow cannot read those with nulls back.
    held = np.ones(len(values), bool) if column.missing is None else ~column.missing
    offsets = np.concatenate(([0], np.cumsum(held * values.shape[1]))).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values[held].reshape(-1)), mask=pa.array(~held)
    )
