# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Walks the entries of many serialized `tf.Example`s in step, in any key order.

An Example is a list of entries `0A size  0A size key  12 size <feature>`, and a
feature is `kind size  0A size payload`. All records advance by one entry at a
time. An entry of less than 128 bytes is settled by comparing three or four words;
a longer or an empty one by reading its sizes one after the other; a record with
anything else in it (unpacked lists, unknown fields, fields in another order) is
left to `example.parse`.

What is found is a *span* for each key and record: an int64 that packs kind (bits
60 and 61), payload bytes (32 to 59) and payload position (0 to 31); 0 is missing.
"""

from collections.abc import Callable

import numpy as np

from tfnorm.sources import buffers
from tfnorm.sources import keys

KIND_SHIFT = 60
LENGTH_SHIFT = 32
LENGTH_MASK = (1 << 28) - 1
POSITION_MASK = (1 << 32) - 1

# The tag of a feature's kind, shifted into its place in a span; 0 is no kind.
_KINDS = np.zeros(256, np.int64)
for _kind in (1, 2, 3):
    _KINDS[_kind << 3 | 2] = _kind << KIND_SHIFT

# Of the six bytes `12 F kind F-2 0A F-4` all but the kind follow from F.
_HEADER_MASK = np.uint64(0x0000_FFFF_FF00_FFFF)
_HEADER_STEP = 1 << 8 | 1 << 24 | 1 << 40
_HEADER_BASE = 0x12 + (0x0A << 32) - (2 << 24) - (4 << 40)
# `0A size 0A size` with both sizes below 128.
_ENTRY_MASK = np.uint64(0x80FF_80FF)
_ENTRY = np.uint64(0x000A_000A)
_BYTE = np.uint64(0xFF)


def span(kind: int, length: int, position: int) -> int:
    """Packs where a payload lies."""
    return kind << KIND_SHIFT | length << LENGTH_SHIFT | position


class Walk:
    """Finds the spans of some records of one buffer.

    Args:
        buffer: The bytes, padded.
        starts, ends: Where each record lies, int64 arrays of shape (records,).
        table: The keys that are known.
        learn: Called with the index of a record that holds an unknown key;
            returns a table that begins with the same keys, or `None`.

    After `run`, `spans` is an int64 array of shape (keys, records), `table` the
    table it belongs to, `odd` the indices of the records left to protobuf.
    """

    def __init__(
        self,
        buffer: buffers.Buffer,
        starts: np.ndarray,
        ends: np.ndarray,
        table: keys.KeyTable,
        learn: Callable[[int], keys.KeyTable | None],
    ):
        self.table = table
        self.odd = np.zeros(0, np.int64)
        self._buffer = buffer
        self._starts = starts
        self._ends = ends
        self._learn = learn
        self._count = len(starts)
        self.spans = np.zeros((len(table.keys), self._count), np.int64)
        self._odd: list[np.ndarray] = []

    def run(self) -> "Walk":
        """Walks all records to their ends."""
        place, fits = self._enter()
        rows = np.arange(self._count)
        ends = self._ends
        if not fits.all():
            self._odd.append(rows[~fits])
            place, ends, rows = place[fits], ends[fits], rows[fits]
        while True:
            live = place < ends
            if not live.all():
                self._odd.append(rows[place > ends])
                place, ends, rows = place[live], ends[live], rows[live]
            if not len(rows):
                break
            place, odd = self._step(place, rows)
            if odd is not None:
                self._odd.append(rows[odd])
                keep = ~odd
                place, ends, rows = place[keep], ends[keep], rows[keep]
        if self._odd:
            self.odd = np.concatenate(self._odd)
            self.odd.sort()
            self.spans[:, self.odd] = 0
        return self

    def _enter(self):
        """Reads the tag and size of `features`, which must fill the record."""
        size, width = self._buffer.varint(self._starts + 1)
        place = self._starts + 1 + width
        fits = self._buffer.u8[self._starts] == 0x0A
        fits &= (width > 0) & (place + size == self._ends)
        # A record without any byte is an Example without features.
        empty = self._starts == self._ends
        if empty.any():
            place = np.where(empty, self._ends, place)
            fits |= empty
        return place, fits

    def _step(self, place: np.ndarray, rows: np.ndarray):
        """Reads one short entry of each record; returns the next places."""
        words = self._words(place)
        first = words[:, 0]
        size = (first >> np.uint64(8) & _BYTE).view(np.int64)
        length = (first >> np.uint64(24) & _BYTE).view(np.int64)
        fits = first & _ENTRY_MASK == _ENTRY
        if not fits.all():
            length &= 0x7F
        index, same = self.table.find(words, length)
        fits &= same
        payload = place + length
        header = self._buffer.u64[payload + 4]
        inner = size - length
        inner -= 4
        expected = inner * _HEADER_STEP
        expected += _HEADER_BASE
        fits &= (header & _HEADER_MASK).view(np.int64) == expected
        header >>= np.uint64(16)
        header &= _BYTE
        kind = _KINDS.take(header.view(np.int64))
        fits &= kind != 0
        found = inner - 4
        found <<= LENGTH_SHIFT
        found |= kind
        payload += 10
        found |= payload
        following = place + size
        following += 2
        if fits.all():
            self._store(index, rows, found)
            return following, None
        self._store(index[fits], rows[fits], found[fits])
        rest = np.flatnonzero(~fits)
        following[rest], wrong = self._long_step(place[rest], rows[rest])
        if not wrong.any():
            return following, None
        odd = np.zeros(len(rows), bool)
        odd[rest[wrong]] = True
        return following, odd

    def _words(self, place: np.ndarray) -> np.ndarray:
        if self.table.words == 1:
            return self._buffer.u64[place][:, None]
        return self._buffer.gather(place, self.table.bytes).view(np.uint64)

    def _store(self, index: np.ndarray, rows: np.ndarray, found: np.ndarray) -> None:
        # Later entries overwrite earlier ones of the same key, as in protobuf.
        self.spans.reshape(-1)[index * self._count + rows] = found

    def _long_step(self, place: np.ndarray, rows: np.ndarray):
        """Reads one entry of each record, of any size and possibly empty."""
        u8 = self._buffer.u8
        size, width = self._buffer.varint(place + 1)
        body = place + 1 + width
        entry_end = body + size
        length = u8[body + 1].astype(np.int64)
        fits = (u8[place] == 0x0A) & (width > 0)
        fits &= (u8[body] == 0x0A) & (length <= keys.LONGEST_KEY)
        length &= 0x7F

        value = body + 2 + length
        size, width = self._buffer.varint(value + 1)
        feature = value + 1 + width
        fits &= (u8[value] == 0x12) & (width > 0) & (feature + size == entry_end)
        no_kind = size == 0

        size, width = self._buffer.varint(feature + 1)
        items = feature + 1 + width
        kind = _KINDS.take(u8[feature])
        fits &= no_kind | ((kind != 0) & (width > 0) & (items + size == entry_end))
        no_items = size == 0

        size, width = self._buffer.varint(items + 1)
        payload = items + 1 + width
        fits &= (
            no_kind
            | no_items
            | ((u8[items] == 0x0A) & (width > 0) & (payload + size == entry_end))
        )
        found = kind | size << LENGTH_SHIFT | payload
        found[no_kind | no_items] = 0

        index, same = self._find_or_learn(body - 2, length, rows, fits)
        fits &= same
        self._store(index[fits], rows[fits], found[fits])
        return entry_end, ~fits

    def _find_or_learn(self, tag, length, rows, fits):
        """Looks keys up, and asks for a larger table while one is unknown."""
        while True:
            index, same = self.table.find(self._words(tag), length)
            unknown = np.flatnonzero(fits & ~same)
            if not len(unknown):
                return index, same
            table = self._learn(int(rows[unknown[0]]))
            if table is None:
                return index, same
            self.table = table
            added = len(table.keys) - len(self.spans)
            room = np.zeros((added, self._count), np.int64)
            self.spans = np.concatenate((self.spans, room))
