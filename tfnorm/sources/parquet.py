# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads Parquet files: only the columns asked for, a part of a row group at a time."""

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import arrow
from tfnorm.sources import shards


@dataclasses.dataclass(frozen=True)
class ParquetShard(shards.Shard):
    """A Parquet file.

    A null is missing and NaN is a value. See `arrow.column` for the types.

    Args:
        path: Path of the file.
        features: Names of the columns to read; `None` for all.
        max_bad_records: Without effect: Parquet checks pages, not records.
        batch_rows: Rows to read at once; changes no value.
    """

    batch_rows: int = 65536

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of up to `batch_rows` rows.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent, holds no numbers, or is ragged.
        """
        with self.opened() as file:
            names = self.names(file.schema_arrow)
            widths: dict[str, int] = {}
            record = 0
            batches = file.iter_batches(
                self.batch_rows, columns=list(names), use_threads=False
            )
            while True:
                with self._typed(record):
                    batch = next(batches, None)
                if batch is None:
                    return
                found = self.batch(batch, names, record, widths)
                if found.rows:
                    yield found
                record += batch.num_rows

    def kinds(self) -> dict[str, str]:
        """Returns the class of each column's type, from the footer.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent.
        """
        with self.opened() as file:
            schema = file.schema_arrow
            return {
                name: arrow.kind(schema.field(name).type) for name in self.names(schema)
            }

    def row_groups(self, file) -> Iterator:
        """Yields each row group of the opened file as a Table.

        Of a file that has none, it yields one Table without rows.

        Raises:
            FormatError: The file is damaged.
        """
        record = 0
        for i in range(file.num_row_groups):
            with self._typed(record):
                table = file.read_row_group(i, use_threads=False)
            yield table
            record += table.num_rows
        if not file.num_row_groups:
            yield file.schema_arrow.empty_table()

    def batch(
        self, data, names: Sequence[str], record: int, widths: dict[str, int]
    ) -> arrays.Batch:
        """Converts some columns of a RecordBatch or Table.

        Args:
            data: Rows of this file.
            names: The columns.
            record: Index in the file of the first row.
            widths: How many items the lists of each column have, as far as known.

        Raises:
            FeatureError: A column holds no numbers, or is ragged.
        """
        columns = {}
        for name in names:
            column = arrow.column(
                data.column(data.schema.get_field_index(name)),
                feature=name,
                file=self.path,
                first_record=record,
                width=widths.get(name),
            )
            if column.missing is None or not column.missing.all():
                shape = column.values.shape
                widths[name] = 1 if len(shape) == 1 else shape[1]
            columns[name] = column
        return arrays.Batch(columns, data.num_rows, self.path, record)

    @contextlib.contextmanager
    def opened(self):
        """Opens the file.

        Raises:
            FormatError: It is no Parquet file, or damaged.
        """
        import pyarrow.parquet as pq

        with self._typed(None):
            file = pq.ParquetFile(self.path, memory_map=False)
        with file:
            yield file

    @contextlib.contextmanager
    def _typed(self, record):
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, PermissionError | FileNotFoundError):
                raise
            raise errors.FormatError(
                f"The file is no readable Parquet file ({error}). Write it again.",
                file=self.path,
                record=record,
            ) from error

    def names(self, schema) -> tuple[str, ...]:
        """Returns the columns to read of a file with this schema.

        Raises:
            FeatureError: A column is absent, or there are two of its name.
        """
        if self.features is None:
            return tuple(schema.names)
        for name in self.features:
            found = schema.get_all_field_indices(name)
            if len(found) != 1:
                problem = "no column" if not found else f"{len(found)} columns"
                raise errors.FeatureError(
                    f"The file has {problem} of this name; it has "
                    f"{', '.join(map(repr, schema.names))}.",
                    feature=name,
                    file=self.path,
                )
        return self.features


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[ParquetShard]:
    """Yields a shard for each file, after comparing its schema with the first's.

    Raises:
        FeatureError: A column is absent, or of another class of type.
    """
    expected: dict[str, str] = {}
    for path in paths:
        kinds = ParquetShard(path, features).kinds()
        if features is None:
            features = tuple(kinds)
        for name, kind in kinds.items():
            first = expected.setdefault(name, kind)
            if kind != first:
                raise errors.FeatureError(
                    f"The column's type is {kind}, but in {paths[0]!r} it is {first}. "
                    "Write the files with one schema.",
                    feature=name,
                    file=path,
                )
        yield ParquetShard(path, features, max_bad_records)
