# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Decodes packed int64 lists at many places at once."""

import numpy as np

from tfnorm.sources import buffers

# By the bytes of one varint (0 to 8): its value bits, its continuation bits, and
# what the latter must be: set in all bytes but the last.
_VALUE = np.array([0x7F7F7F7F7F7F7F7F & (1 << 8 * n) - 1 for n in range(9)], np.uint64)
_MORE = np.array([0x8080808080808080 & (1 << 8 * n) - 1 for n in range(9)], np.uint64)
_FORM = np.array([0, *(0x80808080808080 & (1 << 8 * n - 8) - 1 for n in range(1, 9))])
_FORM = _FORM.astype(np.uint64)
# A 64-bit number takes at most ten groups of seven bits.
_LONGEST = 10


def single(buffer: buffers.Buffer, positions, lengths) -> np.ndarray | None:
    """Returns one number per place, if each is one varint of up to 8 bytes."""
    if not len(positions):
        return np.zeros(0, np.int64)
    longest = int(lengths.max())
    if longest > 8:
        return None
    words = buffer.u64[positions]
    if not (words & _MORE.take(lengths) == _FORM.take(lengths)).all():
        return None
    words &= _VALUE.take(lengths)
    # Closes the gaps between groups of 7, then 14, then 28 bits.
    for size, low, high in (
        (1, 0x007F007F007F007F, 0x7F007F007F007F00),
        (2, 0x00003FFF00003FFF, 0x3FFF00003FFF0000),
        (4, 0x000000000FFFFFFF, 0x0FFFFFFF00000000),
    ):
        if longest > size:
            upper = words & np.uint64(high)
            upper >>= np.uint64(size)
            words &= np.uint64(low)
            words |= upper
    return words.view(np.int64)


def lists(buffer: buffers.Buffer, positions, lengths):
    """Returns all numbers in a row, and how many each place holds.

    The count is -1 where the bytes are no list of varints. `lengths` are above 0.
    """
    ends = np.cumsum(lengths)
    begins = ends - lengths
    where = np.repeat(positions - begins, lengths) + np.arange(ends[-1])
    groups = buffer.u8[where]
    last = groups < 0x80
    counts = np.add.reduceat(last, begins, dtype=np.int64)
    # What an unterminated list leaves over belongs to no number of the next one.
    stops = last.copy()
    stops[ends - 1] = True
    stop = np.flatnonzero(stops)
    start = np.concatenate(([0], stop[:-1] + 1))
    sizes = stop - start + 1
    bits = (groups & 0x7F).astype(np.uint64)
    shift = np.minimum(np.arange(len(groups)) - np.repeat(start, sizes), _LONGEST)
    bits <<= (7 * shift).astype(np.uint64)
    numbers = np.add.reduceat(bits, start)
    wrong = ~last[ends - 1]
    long = np.flatnonzero(sizes > _LONGEST)
    if len(long):
        wrong[np.searchsorted(ends, stop[long], side="right")] = True
    held = np.add.reduceat(stops, begins, dtype=np.int64)
    if wrong.any():
        numbers = numbers[np.repeat(~wrong, held)]
        counts[wrong] = -1
    return numbers.view(np.int64), counts
