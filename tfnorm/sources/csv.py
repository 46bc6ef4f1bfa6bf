# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads CSV files with a header, plain or gzip, block by block."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import arrow
from tfnorm.sources import csv_types
from tfnorm.sources import shards


@dataclasses.dataclass(frozen=True)
class CsvShard(shards.Shard):
    """A CSV file with a header.

    An empty cell is missing; `nan` and `inf` are values. A column of whole numbers
    is int64, of other numbers float64, of dates the integers that Arrow stores them
    as, of anything else bytes. The type is that of the whole file: where its first
    block does not settle it, the file is read once more before its values are.

    Args:
        path: Path of the file.
        features: Names of the columns to read; `None` for all.
        max_bad_records: How many rows may be skipped and counted that have too few
            or too many cells, or text where the column has numbers.
        types: Pairs of column name and Arrow type, where they are known already.
        block_bytes: Bytes to read at once; changes no value.
    """

    types: tuple[tuple[str, Any], ...] | None = None
    block_bytes: int = 8 << 20

    def read(self) -> Iterator[arrays.Batch]:
        """Yields a batch for each block.

        Raises:
            FormatError: A row has too few or too many cells.
            FeatureError: A column is absent, or text stands where it has numbers.
        """
        import pyarrow as pa

        types = self.types
        if types is None:
            # A column without any cell has no type of its own.
            types = tuple(
                (name, pa.float64() if pa.types.is_null(t) else t)
                for name, t in self.infer()
            )
        tally = shards.Tally(self.max_bad_records)
        reader = csv_types.Reader(self.path, self.block_bytes, tally)
        # A cell that Arrow cannot convert loses the block; as text it loses a row.
        asked = {name: pa.string() if self.max_bad_records else t for name, t in types}
        row = 0
        for batch in reader.batches(asked):
            columns = {}
            wrong: dict[int, errors.FeatureError] = {}
            for (name, wanted), cells in zip(types, batch.columns, strict=True):
                cells, faults = csv_types.convert(cells, wanted)
                for i, cell in faults:
                    record = reader.record(row + i)
                    wrong.setdefault(
                        i,
                        csv_types.not_a_number(self.path, record, name, wanted, cell),
                    )
                columns[name] = arrow.column(cells, feature=name, file=self.path)
            for i in sorted(wrong):
                tally.add(wrong[i])
            if wrong:
                keep = np.ones(batch.num_rows, bool)
                keep[list(wrong)] = False
                columns = {name: _select(columns[name], keep) for name in columns}
            kept = batch.num_rows - len(wrong)
            if kept:
                record = reader.record(row)
                yield arrays.Batch(columns, kept, self.path, record, tally.report())
            row += batch.num_rows
        if tally.pending:
            none = {name: arrays.Column(np.zeros(0, np.float32)) for name, _ in types}
            yield arrays.Batch(none, 0, self.path, row, tally.report())

    def infer(self) -> tuple[tuple[str, Any], ...]:
        """Returns name and Arrow type of each column, as of the whole file.

        Raises:
            FeatureError: A column is absent.
        """
        reader = csv_types.Reader(self.path, self.block_bytes, None)
        return csv_types.infer(reader, self.features)


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[CsvShard]:
    """Yields a shard for each file, all with the same types.

    A column of whole numbers in one file and of others in another is float64.

    Raises:
        FeatureError: A column is absent, or of another class of type.
    """
    import pyarrow as pa

    found = []
    for path in paths:
        found.append(dict(CsvShard(path, features).infer()))
        if features is None:
            features = tuple(found[0])
    types = found[0]
    for path, others in zip(paths, found, strict=True):
        for name, t in others.items():
            first = types[name]
            if t == first or pa.types.is_null(t):
                continue
            if pa.types.is_null(first):
                types[name] = t
            elif {t, first} == {pa.int64(), pa.float64()}:
                types[name] = pa.float64()
            else:
                raise errors.FeatureError(
                    f"The column's type is {t}, but in earlier files it is {first}. "
                    "Write the files with one type.",
                    feature=name,
                    file=path,
                )
    for name, t in types.items():
        if pa.types.is_null(t):
            types[name] = pa.float64()
    known = tuple(types.items())
    for path in paths:
        yield CsvShard(path, features, max_bad_records, known)


def _select(column: arrays.Column, keep: np.ndarray) -> arrays.Column:
    missing = None if column.missing is None else column.missing[keep]
    return arrays.Column(column.values[keep], missing)
