# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads TFRecord files of `tf.Example` and `tf.SequenceExample`."""

import dataclasses
from collections.abc import Iterator

from tfnorm.sources import framing
from tfnorm.sources import records


@dataclasses.dataclass(frozen=True)
class TFRecordShard(records.RecordShard):
    """A TFRecord file of `tf.Example` or `tf.SequenceExample`; plain, gzip or zstd.

    Every checksum is verified. See `records.RecordShard` for how values become columns.

    Args:
        path: Path of the file.
        features: Names of the features to read. With `None` the file is read
            twice: first for the names in it.
        max_bad_records: How many records may be skipped and counted: of a wrong
            checksum, undecodable, of another type or length than the first, or
            cut off at the end of the file.
        block_bytes: Bytes to read at once; changes no value.
    """

    block_bytes: int = 8 << 20

    def blocks(self) -> Iterator[framing.Block]:
        """Yields the records, whole and verified, some MiB at a time."""
        return framing.read_blocks(self.path, block_bytes=self.block_bytes)
