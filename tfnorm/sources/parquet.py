# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads Parquet files: only the columns asked for, a part of a row group at a time."""

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm import files
from tfnorm.sources import shards
from tfnorm.sources import tables

# Row groups of a file that make a shard: as many as hold about so many bytes of the
# columns that are read.
SHARD_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class ParquetShard(shards.Shard):
    """Some consecutive row groups of a Parquet file.

    A null is missing and NaN is a value. See `arrow.column` for the types.

    Args:
        path: Path of the file.
        features: Names of the columns to read; `None` for all.
        max_bad_records: Without effect: Parquet checks pages, not records.
        batch_rows: Rows to read at once; changes no value.
        first: Index of the first row group.
        stop: One past the last row group; `None` for all there are.
        first_record: Index in the file of the first row.
        filters: Row groups whose statistics say that no row counts are not read.
    """

    batch_rows: int = 65536
    first: int = 0
    stop: int | None = None
    first_record: int = 0
    filters: arrays.Filters | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of up to `batch_rows` rows.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent, holds no numbers, or is ragged.
        """
        with self.opened() as file:
            names = tables.names_of(file.schema_arrow, self.features, self.path)
            columns = tables.Columns(self.path, names, self.first_record)
            for groups, skipped in self._parts(file):
                columns.record += skipped
                batches = file.iter_batches(
                    self.batch_rows, groups, list(names), use_threads=False
                )
                while True:
                    with tables.typed(self.path, "Parquet", columns.record):
                        batch = next(batches, None)
                    if batch is None:
                        break
                    found = columns.convert(batch)
                    if found.rows:
                        yield found

    def _parts(self, file) -> Iterator[tuple[list[int], int]]:
        """Yields row groups to read, and how many rows before them are left out."""
        groups = self._groups(file)
        if self.filters is None:
            yield groups, 0
            return
        skipped = 0
        for index in groups:
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

    def parts(self) -> Iterator["ParquetShard"]:
        """Yields shards of some row groups each, which together are this file.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
        """
        with self.opened() as file:
            metadata = file.metadata
            wanted = set(tables.names_of(file.schema_arrow, self.features, self.path))
            groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            sizes = [_bytes(group, wanted) for group in groups]
        start = record = size = 0
        for i in range(len(groups)):
            if i > start and size + sizes[i] > SHARD_BYTES:
                yield dataclasses.replace(
                    self, first=start, stop=i, first_record=record
                )
                record += sum(g.num_rows for g in groups[start:i])
                start, size = i, 0
            size += sizes[i]
        last = dataclasses.replace(self, first=start, first_record=record)
        yield last if start else self

    def _groups(self, file) -> list[int]:
        stop = file.num_row_groups if self.stop is None else self.stop
        return list(range(self.first, stop))

    def row_groups(self, file) -> Iterator:
        """Yields each row group of the opened file as a Table.

        Of a file that has none, it yields one Table without rows.

        Raises:
            FormatError: The file is damaged.
        """
        record = self.first_record
        for i in self._groups(file):
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

        with contextlib.ExitStack() as stack:
            with tables.typed(self.path, "Parquet"):
                if files.is_remote(self.path):
                    source = stack.enter_context(files.open(self.path, ranges=True))
                    # The footer and the columns asked for, each in few requests.
                    file = pq.ParquetFile(source, pre_buffer=True)
                else:
                    file = pq.ParquetFile(self.path, memory_map=False)
            yield stack.enter_context(file)


def _bytes(group, wanted: set[str]) -> int:
    """The bytes that the wanted columns take in a row group, uncompressed."""
    columns = (group.column(i) for i in range(group.num_columns))
    return sum(
        column.total_uncompressed_size
        for column in columns
        if column.path_in_schema.split(".")[0] in wanted
    )


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
            bound.decode(errors="surrogateescape")
            if isinstance(bound, bytes)
            else bound
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
    """Yields shards of row groups, after comparing each schema with the first's.

    Raises:
        FeatureError: A column is absent, or of another class of type.
    """
    features = tables.same_kinds(
        paths, features, lambda path, names: ParquetShard(path, names).kinds()
    )

    def parts(path: str) -> list[ParquetShard]:
        return list(ParquetShard(path, features, max_bad_records).parts())

    for found in files.each(parts, paths):
        yield from found
