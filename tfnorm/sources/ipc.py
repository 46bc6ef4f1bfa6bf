# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads Arrow IPC files (Feather), some record batches at a time."""

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import shards
from tfnorm.sources import tables

MAGIC = b"ARROW1"
# Record batches of a file that make a shard: as many as take about so many bytes,
# so that a file of many small ones is not as many pieces of work.
SHARD_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class ArrowShard(shards.Shard):
    """Some consecutive record batches of an Arrow IPC file, memory-mapped if local.

    A null is missing and NaN is a value. See `arrow.column` for the types. Feather is
    the same format, but for its first version, which is not read; nor is the stream
    format, whose record batches cannot be found without reading those before.

    Args:
        path: Path of the file.
        features: Names of the columns to read; `None` for all.
        max_bad_records: Without effect: Arrow checks no records.
        first: Index of the first record batch.
        stop: One past the last record batch; `None` for all there are.
        first_record: Index in the file of the first row.
    """

    first: int = 0
    stop: int | None = None
    first_record: int = 0

    def read(self) -> Iterator[arrays.Batch]:
        """Yields a batch for each record batch that has rows.

        Raises:
            FormatError: The file is no Arrow IPC file, or damaged.
            FeatureError: A column is absent, holds no numbers, or is ragged.
        """
        import pyarrow as pa

        with self._open() as file:
            names = tables.names_of(file.schema, self.features, self.path)
        wanted = [file.schema.get_field_index(name) for name in names]
        # None asked for would mean all.
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
        columns = tables.Columns(self.path, names, self.first_record)
        with self._open(options) as file:
            stop = file.num_record_batches if self.stop is None else self.stop
            for i in range(self.first, stop):
                with tables.typed(self.path, "Arrow IPC", columns.record):
                    batch = file.get_batch(i)
                    # What the bytes claim, offsets of text too, before it is followed.
                    batch.validate(full=True)
                found = columns.convert(batch)
                if found.rows:
                    yield found

    def kinds(self) -> dict[str, str]:
        """Returns the class of each column's type, from the footer.

        Raises:
            FormatError: The file is no Arrow IPC file, or damaged.
            FeatureError: A column is absent.
        """
        with self._open() as file:
            return tables.kinds_of(file.schema, self.features, self.path)

    def parts(self) -> Iterator["ArrowShard"]:
        """Yields shards of some record batches each, which together are this file.

        Raises:
            FormatError: The file is no Arrow IPC file, or damaged.
        """
        import pyarrow as pa

        with self._open() as file:
            count = file.num_record_batches
            narrow = _narrowest(file.schema)
        size = files.size(self.path) // max(1, count) + 1
        step = max(1, SHARD_BYTES // size)
        if count <= step:
            yield self
            return
        # To number the rows, the lengths of the batches: from their least column.
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=[narrow])
        record = 0
        with self._open(options) as file:
            for first in range(0, count, step):
                stop = min(count, first + step)
                yield dataclasses.replace(
                    self, first=first, stop=stop, first_record=record
                )
                with tables.typed(self.path, "Arrow IPC", record):
                    record += sum(
                        file.get_batch(i).num_rows for i in range(first, stop)
                    )

    @contextlib.contextmanager
    def _open(self, options=None):
        import pyarrow as pa

        with files.open(self.path, ranges=True) as raw:
            if raw.read(len(MAGIC)) != MAGIC:
                raise errors.FormatError(
                    "The bytes are no Arrow IPC file. The stream format and the first "
                    "version of Feather are not read; write the file with "
                    "`pyarrow.ipc.new_file` or `pyarrow.feather.write_feather`.",
                    file=self.path,
                )
            with tables.typed(self.path, "Arrow IPC"):
                if files.is_remote(self.path):
                    source = pa.PythonFile(raw, mode="r")
                else:
                    source = pa.memory_map(self.path)
            with source:
                with tables.typed(self.path, "Arrow IPC"):
                    file = pa.ipc.open_file(source, options=options)
                yield file


def _narrowest(schema) -> int:
    """Returns the index of the column that takes the fewest bits a row."""

    def bits(i: int) -> float:
        try:
            return schema.field(i).type.bit_width
        except ValueError:  # Text, lists and the like.
            return float("inf")

    return min(range(len(schema)), key=bits, default=0)


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[ArrowShard]:
    """Yields shards of record batches, after comparing each schema with the first's.

    Raises:
        FeatureError: A column is absent, or of another class of type.
    """
    features = tables.same_kinds(
        paths, features, lambda path, names: ArrowShard(path, names).kinds()
    )
    for path in paths:
        yield from ArrowShard(path, features, max_bad_records).parts()
