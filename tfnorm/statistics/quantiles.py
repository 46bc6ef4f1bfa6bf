# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantiles with certain bounds, from an order-free histogram."""

import dataclasses
import typing

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import extrema as extrema_lib
from tfnorm.statistics import ranks

CAPACITY = 8192
_PROBE = 1 << 14


@dataclasses.dataclass(frozen=True, eq=False)
class Quantiles:
    """A histogram over the leading bits of the values' sort keys.

    Starts with a bucket for each distinct value. Whenever more than `capacity`
    buckets are occupied, every bucket drops its last bit, until they fit. How many
    bits are dropped in the end depends on the set of values alone, so the histogram
    is a commutative monoid, exactly; and counts are exact, so that the bucket which
    holds a given rank is certain.

    Args:
        floating: Whether the values are floats (else integers).
        dropped: Number of low bits that buckets leave out.
        keys: int64 of shape (buckets,), ascending: `order_keys >> dropped`.
        counts: int64 of shape (buckets,): values in each bucket.
        capacity: Most buckets to keep. At least 4096, so that a bucket never spans
            two exponents.

    Reference:
        Epicoco et al., UDDSketch, 2020 (uniform collapse of buckets).
    """

    floating: bool
    dropped: int = 0
    keys: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    counts: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.int64)
    )
    capacity: int = CAPACITY

    def __post_init__(self):
        if self.capacity < 4096:
            raise ValueError(f"`capacity` must be at least 4096, got {self.capacity}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantiles) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple:
        arrays = self.keys.tobytes(), self.counts.tobytes()
        return self.floating, self.dropped, self.capacity, *arrays

    @classmethod
    def of(cls, values: np.ndarray, capacity: int = CAPACITY) -> "Quantiles":
        """The histogram of all finite values of an array."""
        values = np.ravel(values)
        histogram = cls(block_lib.is_floating(values.dtype), capacity=capacity)
        for block in block_lib.blocks(values):
            histogram = histogram.add(block)
        return histogram

    def add(self, block: block_lib.Block) -> "Quantiles":
        if not block.values.size:
            return self
        dropped = self.dropped
        if not self.keys.size and block.values.size > 2 * _PROBE:
            # A part of the values tells how many bits all will drop at least, and
            # spares sorting them at full resolution.
            probe, _ = block_lib.Block(block.values[:_PROBE]).runs(0)
            dropped = max(dropped, bits_to_drop(probe, self.capacity))
        keys, counts = block.runs(dropped)
        return self.merge(
            Quantiles(self.floating, dropped, keys, counts, self.capacity)
        )

    def merge(self, other: "Quantiles") -> "Quantiles":
        dropped = max(self.dropped, other.dropped)
        capacity = min(self.capacity, other.capacity)
        keys, counts = _union(self._at(dropped), other._at(dropped))
        if keys.size > capacity:
            more = bits_to_drop(keys, capacity)
            keys, counts = block_lib.runs(keys >> more, counts)
            dropped += more
        return Quantiles(self.floating, dropped, keys, counts, capacity)

    def subtract(self, other: "Quantiles") -> "Quantiles":
        """Removes values that were merged in, if not coarser than this histogram."""
        if other.dropped > self.dropped:
            raise errors.StatisticsError(
                "What is subtracted has a coarser histogram, so it was never merged in."
            )
        keys, counts = other._at(self.dropped)
        index = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        rest = self.counts.copy()
        if keys.size:
            if not self.keys.size or (self.keys[index] != keys).any():
                raise errors.never_merged()
            rest[index] -= counts
        if rest.size and rest.min() < 0:
            raise errors.never_merged()
        kept = rest > 0
        return dataclasses.replace(self, keys=self.keys[kept], counts=rest[kept])

    def quantile(
        self, q: typing.Any, extrema: extrema_lib.Extrema | None = None
    ) -> ranks.Interval:
        """The `q` quantile, interpolated linearly between order statistics.

        Args:
            q: Between 0 and 1: a number, or an array of them.
            extrema: The extrema of the same values, which tighten the bounds, if known.

        Returns:
            Bounds of NumPy's default ("linear") quantile of all values: numbers, or
            arrays of the shape of `q`.
        """
        found = ranks.of_channel(self, extrema).quantile(np.asarray(q, np.float64))
        return ranks.Interval(found.lower[0], found.value[0], found.upper[0])

    def middles(
        self, extrema: extrema_lib.Extrema | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The middle of each bucket, ascending, and how many values it holds.

        While there are few distinct values, these are the values themselves.
        """
        return ranks.of_channel(self, extrema).middles(), self.counts

    def _at(self, dropped: int) -> tuple[np.ndarray, np.ndarray]:
        if dropped == self.dropped:
            return self.keys, self.counts
        return block_lib.runs(self.keys >> (dropped - self.dropped), self.counts)


def _union(left, right) -> tuple[np.ndarray, np.ndarray]:
    if not left[0].size:
        return right
    keys = np.concatenate((left[0], right[0]))
    order = np.argsort(keys, kind="stable")  # Merges two ascending runs.
    return block_lib.runs(keys[order], np.concatenate((left[1], right[1]))[order])


def bits_to_drop(keys: np.ndarray, capacity: int) -> int:
    """Fewest low bits to drop so that at most `capacity` distinct keys remain."""
    survivors = np.cumsum(np.bincount(apart(keys), minlength=65)[::-1])[::-1]
    # survivors[d + 1] neighbours still differ when d bits are dropped.
    return int(np.flatnonzero(1 + survivors[1:] <= capacity)[0])


def apart(keys: np.ndarray) -> np.ndarray:
    """How many low bits must be dropped for each key to become that before it."""
    # Neighbours stay apart until the highest bit in which they differ is dropped.
    differing = (keys[1:] ^ keys[:-1]).view(np.uint64)
    # With the bit below cleared, rounding to float64 cannot reach the next power.
    return np.frexp((differing & ~(differing >> np.uint64(1))).astype(np.float64))[1]
