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
        with self._open() as file:
            names = self._names(file.schema_arrow)
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
                columns = {}
                for name in names:
                    column = arrow.column(
                        batch.column(batch.schema.get_field_index(name)),
                        feature=name,
                        file=self.path,
                        first_record=record,
                        width=widths.get(name),
                    )
                    if column.missing is None or not column.missing.all():
                        shape = column.values.shape
                        widths[name] = 1 if len(shape) == 1 else shape[1]
                    columns[name] = column
                if batch.num_rows:
                    yield arrays.Batch(columns, batch.num_rows, self.path, record)
                record += batch.num_rows

    def kinds(self) -> dict[str, str]:
        """Returns the class of each column's type, from the footer.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: A column is absent.
        """
        with self._open() as file:
            schema = file.schema_arrow
            return {
                name: arrow.kind(schema.field(name).type)
                for name in self._names(schema)
            }

    @contextlib.contextmanager
    def _open(self):
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

    def _names(self, schema) -> tuple[str, ...]:
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
