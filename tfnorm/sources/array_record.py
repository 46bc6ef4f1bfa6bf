# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads ArrayRecord files of `tf.Example` and `tf.SequenceExample`, by ranges."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import errors
from tfnorm import files
from tfnorm.sources import framing
from tfnorm.sources import records

# Bytes of a file that make a shard, and those that are read at once.
SHARD_BYTES = 64 << 20
BLOCK_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True)
class ArrayRecordShard(records.RecordShard):
    """Some consecutive records of an ArrayRecord file.

    Each chunk's checksum is verified. Its library reads files of this machine only, so
    that a remote one is copied before. See `records.RecordShard` for the columns.

    Args:
        path: Path of the file.
        features: Names of the features to read; with `None` the shard is read twice.
        max_bad_records: How many records may be skipped and counted: those of a
            damaged chunk, and what TFRecord files may skip.
        first: Index of the first record.
        stop: One past the last record; `None` for all there are.
    """

    first: int = 0
    stop: int | None = None

    def blocks(self) -> Iterator[framing.Block]:
        """Yields the records, whole and verified, some 8 MiB at a time.

        Raises:
            FormatError: The file is no ArrayRecord file, or cut off.
            OptionsError: The package `array-record` is not installed.
        """
        with self._opened() as (reader, size):
            count = reader.num_records()
            stop = count if self.stop is None else self.stop
            step = max(1, BLOCK_BYTES // (size // max(1, count) + 1))
            for first in range(self.first, stop, step):
                yield self._block(reader, first, min(stop, first + step))

    def parts(self) -> Iterator["ArrayRecordShard"]:
        """Yields shards of some records each, which together are this file.

        Raises:
            FormatError: The file is no ArrayRecord file, or cut off.
            OptionsError: The package `array-record` is not installed.
        """
        if files.is_remote(self.path):
            yield self  # Each part would copy all of it.
            return
        with self._opened() as (reader, size):
            count = reader.num_records()
        step = max(1, SHARD_BYTES // (size // max(1, count) + 1))
        if count <= step:
            yield self
            return
        for first in range(0, count, step):
            stop = min(count, first + step)
            yield dataclasses.replace(self, first=first, stop=stop)

    def _block(self, reader: Any, first: int, stop: int) -> framing.Block:
        try:
            return framing.block_of(reader.read(first, stop), first)
        except RuntimeError:
            pass
        # A chunk is damaged: those of its records are told apart from the others.
        data: list[bytes] = []
        faults: dict[int, errors.DataError] = {}
        for record in range(first, stop):
            try:
                data += reader.read([record])
            except RuntimeError as error:
                faults[len(data)] = errors.FormatError(
                    f"The record's chunk is damaged ({_first_line(error)}). Write the "
                    "file again.",
                    file=self.path,
                    record=record,
                )
                data.append(b"")
        return framing.block_of(data, first, faults)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, int]]:
        """Yields a reader, and the bytes of the file."""
        try:
            from array_record.python import array_record_module
        except ImportError as error:
            raise errors.OptionsError(
                "ArrayRecord files are read with the package `array-record`, which is "
                "not installed: `pip install tfnorm[array-record]`.",
                file=self.path,
            ) from error
        options = "readahead_buffer_size:0,max_parallelism:0"
        with self._here() as path:
            try:
                reader = array_record_module.ArrayRecordReader(path, options)
                # What it cannot read it takes for a file without records.
                readable = reader.ok()
            except RuntimeError:
                readable = False
            if not readable:
                raise errors.FormatError(
                    "The file is no readable ArrayRecord file: it was cut off, or is "
                    "of another format. Write it again.",
                    file=self.path,
                )
            yield reader, os.path.getsize(path)

    @contextlib.contextmanager
    def _here(self) -> Iterator[str]:
        if not files.is_remote(self.path):
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "copy.array_record")
            with files.open(self.path) as source, open(path, "wb") as copy:
                shutil.copyfileobj(source, copy, BLOCK_BYTES)
            yield path


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(";")[0]


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[ArrayRecordShard]:
    """Yields shards of records.

    Raises:
        FormatError: A file is no ArrayRecord file, or cut off.
        OptionsError: The package `array-record` is not installed.
    """
    for path in paths:
        yield from ArrayRecordShard(path, features, max_bad_records).parts()
