# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Recognises records that differ from a known one in their values only."""

import numpy as np

from tfnorm.sources import buffers
from tfnorm.sources import example
from tfnorm.sources import walk

# Records compared at once: their bytes should stay in the second-level cache.
_CACHED_BYTES = 1 << 18


class Template:
    """A record whose bytes outside values others must share.

    Floats and strings may be anything; of a varint the bits that say where it
    ends must agree. So a match is as sure as a walk.

    Args:
        record: The bytes of the record.
        spans: Its spans, shape (keys,), positions counted from its first byte.
    """

    def __init__(self, record: bytes, spans: np.ndarray):
        self.length = len(record)
        self.spans = spans
        mask = np.full(self.length, 0xFF, np.uint8)
        for packed in spans[spans != 0].tolist():
            first = packed & walk.POSITION_MASK
            last = first + (packed >> walk.LENGTH_SHIFT & walk.LENGTH_MASK)
            kind = packed >> walk.KIND_SHIFT
            mask[first:last] = 0x80 if kind == example.INT64 else 0
        padded = -(-self.length // 8) * 8
        self._bytes = padded
        self._mask = np.zeros(padded, np.uint8)
        self._mask[: self.length] = mask
        self._mask = self._mask.view(np.uint64)
        self._want = np.frombuffer(record.ljust(padded, b"\0"), np.uint64) & self._mask

    def match(self, buffer: buffers.Buffer, starts: np.ndarray) -> np.ndarray:
        """Says which records match, all of them being of `length` bytes."""
        hits = np.empty(len(starts), bool)
        step = max(64, _CACHED_BYTES // self._bytes)
        for i in range(0, len(starts), step):
            words = buffer.gather(starts[i : i + step], self._bytes).view(np.uint64)
            words &= self._mask
            words ^= self._want
            hits[i : i + step] = np.bitwise_or.reduce(words, axis=1) == 0
        return hits

    def place(self, starts: np.ndarray) -> np.ndarray:
        """Returns the spans of matching records, shape (keys, records)."""
        return np.where(
            (self.spans != 0)[:, None], self.spans[:, None] + starts[None, :], 0
        )
