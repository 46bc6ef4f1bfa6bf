# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The same columns as files of every format."""

import functools

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from tfnorm.sources import write


def _parts(columns, files):
    rows = len(next(iter(columns.values())))
    for i in range(files):
        part = slice(rows * i // files, rows * (i + 1) // files)
        yield i, {name: values[part] for name, values in columns.items()}


def _table(columns):
    return pa.table(
        {
            name: pa.array(values if values.ndim == 1 else list(values))
            for name, values in columns.items()
        }
    )


def _npz(columns, folder, files, save=np.savez):
    for i, part in _parts(columns, files):
        save(folder / f"{i}.npz", **part)
    return str(folder / "*.npz")


def _arrow(columns, folder, files, compression=None):
    options = pa.ipc.IpcWriteOptions(compression=compression)
    for i, part in _parts(columns, files):
        table = _table(part)
        path = str(folder / f"{i}.arrow")
        with pa.ipc.new_file(path, table.schema, options=options) as file:
            file.write_table(table, max_chunksize=70)
    return str(folder / "*.arrow")


def _feather(columns, folder, files):
    for i, part in _parts(columns, files):
        feather.write_feather(_table(part), str(folder / f"{i}.feather"))
    return str(folder / "*.feather")


def _tfrecord(columns, folder, files, compress=False):
    write.write_tfrecords(columns, folder / "a", shards=files, compress=compress)
    return str(folder / "a-*")


def _parquet(columns, folder, files):
    write.write_parquet(columns, folder / "a", shards=files)
    return str(folder / "a-*")


WRITERS = {
    "npz": _npz,
    "npz compressed": functools.partial(_npz, save=np.savez_compressed),
    "arrow": _arrow,
    "arrow zstd": functools.partial(_arrow, compression="zstd"),
    "feather": _feather,
    "tfrecord": _tfrecord,
    "tfrecord gzip": functools.partial(_tfrecord, compress=True),
    "parquet": _parquet,
}
