# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of a data set with stock writers, a shard in each process.

It is a program of its own, so that the one which measures stays small.
"""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import parquet
from tfx_bsl.coders import example_coder

from benchmarks import data as data_lib


def make(data: data_lib.DataSet) -> None:
    """Writes all files of a data set, or nothing."""
    pathlib.Path(data.cache).mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: what is there can be relied on.
    with tempfile.TemporaryDirectory(dir=data.cache, prefix="making-") as folder:
        unfinished = dataclasses.replace(data, cache=folder)
        unfinished.folder.mkdir()
        _write(unfinished)
        os.rename(unfinished.folder, data.folder)


def _write(data: data_lib.DataSet) -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(mp_context=context) as pool:
        list(pool.map(_write_shard, [data] * data.shards, range(data.shards)))
        found = pool.map(_truth, [data] * data.columns, range(data.columns))
        truth = dict(zip(data.names, found, strict=True))
    text = json.dumps({name: truth[name] for name in data.complete}, indent=1)
    (data.folder / "truth.json").write_text(text, encoding="utf-8")


def _write_shard(data: data_lib.DataSet, shard: int) -> None:
    start, stop = (data.rows * s // data.shards for s in (shard, shard + 1))
    serialize = {"stock": _stock, "shuffled": _shuffled}[data.writer]
    tables, arrays = [], []
    with tf.io.TFRecordWriter(data.files("tfrecord")[shard]) as writer:
        for values, missing in data.between(start, stop):
            for record in serialize(data.names, values, missing):
                writer.write(record)
            columns = [
                pa.array(column, mask=mask)
                for column, mask in zip(values.T, missing.T, strict=True)
            ]
            tables.append(pa.table(columns, names=data.names))
            arrays.append(values)
    table = pa.concat_tables(tables)
    parquet.write_table(table, data.files("parquet")[shard], compression="snappy")
    np.save(data.files("npy")[shard], np.concatenate(arrays))


def _stock(names, values: np.ndarray, missing: np.ndarray) -> Iterator[bytes]:
    for row, absent in zip(values.tolist(), missing.tolist(), strict=True):
        example = tf.train.Example()
        feature = example.features.feature
        for name, value, lacks in zip(names, row, absent, strict=True):
            if not lacks:
                feature[name].float_list.value.append(value)
        yield example.SerializeToString()


def _shuffled(names, values: np.ndarray, missing: np.ndarray) -> Iterator[bytes]:
    offsets = np.arange(len(values) + 1)
    columns = [
        pa.LargeListArray.from_arrays(offsets, column, mask=pa.array(mask))
        for column, mask in zip(values.T.copy(), missing.T.copy(), strict=True)
    ]
    batch = pa.RecordBatch.from_arrays(columns, names)
    return iter(example_coder.RecordBatchToExamplesEncoder().encode(batch))


def _truth(data: data_lib.DataSet, column: int) -> dict:
    shards = [np.load(path, mmap_mode="r") for path in data.files("npy")]
    values = np.concatenate([shard[:, column] for shard in shards]).astype(np.float64)
    mean = values.mean()
    return {
        "mean": mean,
        "variance": np.square(values - mean).mean(),
        "min": values.min(),
        "max": values.max(),
        "quantiles": np.quantile(values, data_lib.QUANTILES).tolist(),
    }


if __name__ == "__main__":
    make(data_lib.DataSet(**json.loads(sys.argv[1])))
