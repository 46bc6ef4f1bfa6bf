# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The data sets that every contender reads: made from a seed, then kept."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator

import numpy as np

SEED = 20_260
# A block of rows depends on the seed, the number of columns and its own number
# only. So a data set of fewer rows is the beginning of one of more, however many
# shards either has, and their statistics can be compared.
BLOCK_ROWS = 10_000
QUANTILES = (0.25, 0.5, 0.75)


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Rows of float32 columns, as TFRecord, Parquet and .npy files.

    Of ten columns two miss 1% of their values and one has mean 1e6 and deviation 1;
    the others are normal, skewed, heavy-tailed and whole numbers. Parquet is
    compressed with snappy, and a missing value is a null in it. The .npy files hold
    the values that are missing elsewhere, since not every peer knows missing.

    Args:
        cache: Folder that holds all data sets.
        rows: Number of rows.
        columns: Number of columns.
        shards: Number of files of each format.
        writer: "stock": `tf.train.Example.SerializeToString`, whose entries come in
            the hash order of the writing process, a missing value being no entry.
            "shuffled": the C++ encoder of tfx_bsl, whose entries come in an order
            of their own in every record, a missing value being an empty entry.
    """

    cache: str
    rows: int
    columns: int = 20
    shards: int = 8
    writer: str = "stock"

    @property
    def folder(self) -> pathlib.Path:
        """Where its files lie."""
        name = f"{self.rows}x{self.columns}-{self.shards}-{self.writer}-{SEED}"
        return pathlib.Path(self.cache, name)

    @property
    def made(self) -> bool:
        """Whether its files are there, all of them."""
        return self.folder.is_dir()

    def files(self, suffix: str) -> list[str]:
        """Returns the paths of its files of one format, in the order of the rows."""
        return [
            os.fspath(self.folder / f"rows-{shard:02d}-of-{self.shards:02d}.{suffix}")
            for shard in range(self.shards)
        ]

    def truth(self) -> dict[str, dict]:
        """Returns mean, variance, min, max and quantiles of each complete column.

        They come from NumPy in float64, the variance in two passes.
        """
        return json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))

    def array(self) -> np.ndarray:
        """Returns all rows, none of them missing, of shape (rows, columns)."""
        values = np.empty((self.rows, self.columns), np.float32)
        start = 0
        for path in self.files("npy"):
            shard = np.load(path)
            values[start : start + len(shard)] = shard
            start += len(shard)
        return values

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(f"f{column:03d}" for column in range(self.columns))

    @property
    def complete(self) -> tuple[str, ...]:
        """The names of the columns that miss no value."""
        return tuple(name for c, name in enumerate(self.names) if not _misses(c))

    def between(self, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the values and which of them are missing, both (rows, columns)."""
        for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = block * BLOCK_ROWS
            part = slice(max(start - first, 0), min(stop - first, BLOCK_ROWS))
            values, missing = _block(self.columns, block)
            yield values[part], missing[part]


def _misses(column: int) -> bool:
    return column % 5 == 2


def _block(columns: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([SEED, columns, block])
    values = random.standard_normal((BLOCK_ROWS, columns))
    missing = random.random((BLOCK_ROWS, columns)) < 0.01
    for column, z in enumerate(values.T):
        missing[:, column] &= _misses(column)
        match column % 5:
            case 1 if column % 10 == 6:
                z += 1e6
            case 1:
                np.exp(z, out=z)
            case 2:
                z *= 15
                z += 40
            case 3:
                np.floor(np.abs(10 * z), out=z)
            case 4:
                np.power(z, 3, out=z)
    return values.astype(np.float32), missing
