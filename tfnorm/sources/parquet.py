# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads Parquet files: only the columns asked for, a part of a row group at a time."""

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm.sources import shards
from tfnorm.sources import tables


@dataclasses.dataclass(frozen=True)
class ParquetShard(shards.Shard):
    """A Parquet file.

    A null is missing and NaN is a value. See `arrow.column` for the types.

    Args:
        path: Path of the file.
        features: Names of the columns to read; `None` for all.
        max_bad_records: Without effect: Parquet checks pages, not records.
        batch_rows: Rows to read at once; changes no value.
        filters: Row groups whose statistics say that no row counts are not read.
    """

    batch_rows: int = 65536
    filters: arrays.Filters | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of up to `batch_rows` rows.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent, holds no numbers, or is ragged.
        """
        with self.opened() as file:
            names = tables.names_of(file.schema_arrow, self.features, self.path)
            columns = tables.Columns(self.path, names)
            for groups, skipped in self._parts(file):
                columns.record += skipped
                batches = file.iter_batches(
                    self.batch_rows,
                    row_groups=groups,
                    columns=list(names),
                    use_threads=False,
                )
                while True:
                    with tables.typed(self.path, "Parquet", columns.record):
                        batch = next(batches, None)
                    if batch is None:
                        break
                    found = columns.convert(batch)
                    if found.rows:
                        yield found

    def _parts(self, file) -> Iterator[tuple[list[int] | None, int]]:
        """Yields row groups to read, and how many rows before them are left out."""
        if self.filters is None:
            yield None, 0
            return
        skipped = 0
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            if not self.filters.may_hold(_Bounds(group)):
                skipped += group.num_rows
                continue
            yield [index], skipped
            skipped = 0

    def kinds(self) -> dict[str, str]:
        """Returns the class of each column's type, from the footer.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent.
        """
        with self.opened() as file:
            return tables.kinds_of(file.schema_arrow, self.features, self.path)

    def row_groups(self, file) -> Iterator:
        """Yields each row group of the opened file as a Table.

        Of a file that has none, it yields one Table without rows.

        Raises:
            FormatError: The file is damaged.
        """
        record = 0
        for i in range(file.num_row_groups):
            with tables.typed(self.path, "Parquet", record):
                table = file.read_row_group(i, use_threads=False)
            yield table
            record += table.num_rows
        if not file.num_row_groups:
            yield file.schema_arrow.empty_table()

    @contextlib.contextmanager
    def opened(self):
        """Opens the file.

        Raises:
            FormatError: It is no Parquet file, or damaged.
        """
        import pyarrow.parquet as pq

        with tables.typed(self.path, "Parquet"):
            file = pq.ParquetFile(self.path, memory_map=False)
        with file:
            yield file


class _Bounds:
    """The least and the greatest value of each column of a row group, if known."""

    def __init__(self, group):
        columns = (group.column(i) for i in range(group.num_columns))
        self._found = {column.path_in_schema: column for column in columns}

    def __call__(self, name: str):
        column = self._found.get(name)
        known = None if column is None else column.statistics
        if known is None or not known.has_min_max:
            return None
        bounds = tuple(
            bound.decode(errors="replace") if isinstance(bound, bytes) else bound
            for bound in (known.min, known.max)
        )
        # Of other types, such as decimals, values are not compared as they stand.
        return bounds if all(isinstance(b, int | float | str) for b in bounds) else None


def filtered(
    found: Sequence[shards.Shard], filters: arrays.Filters
) -> list[shards.Shard]:
    """Returns shards that do not read row groups without a row that counts."""
    return [
        dataclasses.replace(shard, filters=filters)
        for shard in found
        if isinstance(shard, ParquetShard)
    ]


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[ParquetShard]:
    """Yields a shard for each file, after comparing its schema with the first's.

    Raises:
        FeatureError: A column is absent, or of another class of type.
    """
    features = tables.same_kinds(
        paths, features, lambda path, names: ParquetShard(path, names).kinds()
    )
    for path in paths:
        yield ParquetShard(path, features, max_bad_records)
