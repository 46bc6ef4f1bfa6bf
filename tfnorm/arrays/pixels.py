# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Images of 8 bits as rows of a column, and how often each of their values occurs."""

import dataclasses
import functools
import math
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np

from tfnorm.arrays import columns

# So many bytes that tables of 65,536 pairs pay.
_LARGE = 1 << 17


@dataclasses.dataclass(frozen=True)
class ImageColumn(columns.Column):
    """Images of 8 bits and of one number of channels, each of its own size.

    Most statistics need no more of an image than how often each value occurs, so its
    pixels are not kept: who needs them decodes it once more.

    Args:
        values: Object array of shape (rows,) of encoded images; what a missing row
            holds is ignored.
        missing: As of `Column`.
        counts: Of each image and channel how often each value occurs, int64 of shape
            (rows, channels, 256); 0 in missing rows.
        decode: From an encoded image to a uint8 array (height, width, channels).
    """

    counts: np.ndarray = dataclasses.field(kw_only=True)
    decode: Callable[[bytes], np.ndarray] = dataclasses.field(kw_only=True)

    @property
    def ndim(self) -> int:
        return 4

    @functools.cached_property
    def size(self) -> int:
        return int(self.counts.sum())

    @functools.cached_property
    def nbytes(self) -> int:
        encoded = sum(len(data) for data in self.values if data is not None)
        return encoded + self.counts.nbytes

    def take(self, rows: np.ndarray | slice) -> "ImageColumn":
        return dataclasses.replace(super().take(rows), counts=self.counts[rows])

    def joined(self, others: list[columns.Column]) -> "ImageColumn":
        counts = np.concatenate([part.counts for part in (self, *others)])
        return dataclasses.replace(super().joined(others), counts=counts)

    def stacks(self) -> Iterator[tuple[slice, columns.Column]]:
        """Yields consecutive rows of one size, or missing, as plain columns."""
        start, waiting = 0, []
        for row, data in enumerate(self.values):
            gone = self.missing is not None and self.missing[row]
            pixels = None if gone else self.decode(data)
            if waiting and np.shape(pixels) != np.shape(waiting[0]):
                yield slice(start, row), _stacked(waiting)
                start, waiting = row, []
            waiting.append(pixels)
        if waiting:
            yield slice(start, len(self.values)), _stacked(waiting)


def _stacked(pixels: list[np.ndarray | None]) -> columns.Column:
    if pixels[0] is not None:
        return columns.Column(np.stack(pixels))
    rows = len(pixels)
    return columns.Column(np.zeros(rows, np.uint8), np.ones(rows, bool))


def byte_counts(values: np.ndarray) -> np.ndarray:
    """Returns how often each value occurs in each channel: (channels, 256).

    Args:
        values: uint8 array of shape (..., channels).

    Example:

    >>> byte_counts(np.array([[1, 2], [1, 0]], np.uint8))[:, :3]
    array([[0, 2, 0],
           [1, 0, 1]])
    """
    channels = values.shape[-1]
    flat = np.ascontiguousarray(values).reshape(-1)
    found = np.zeros((channels, 256), np.int64)
    done = 0
    if flat.size >= _LARGE:
        # Two bytes at once, since it is the steps that cost: those that lie side by
        # side are of a pair of channels, and the pairs repeat.
        period = math.lcm(2, channels)
        done = flat.size // period * period
        pairs = flat[:done].view("<u2")
        for i in range(period // 2):
            table = np.bincount(pairs[i :: period // 2], minlength=1 << 16)
            table = table.reshape(256, 256)  # By the second byte, then the first.
            found[2 * i % channels] += table.sum(0)
            found[(2 * i + 1) % channels] += table.sum(1)
    rest = flat[done:].reshape(-1, channels)
    for channel in range(channels):
        found[channel] += np.bincount(rest[:, channel], minlength=256)
    return found
