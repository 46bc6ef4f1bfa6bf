# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantiles with certain bounds, from an order-free histogram."""

import dataclasses
import functools
import typing

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import extrema as extrema_lib

CAPACITY = 8192
_PROBE = 1 << 14


@dataclasses.dataclass(frozen=True)
class Interval:
    """Quantiles: a certain interval around each true one, and a best guess.

    Args:
        lower: Greatest known lower bound, a number or an array.
        value: Estimate, by linear interpolation of ranks; exact if the bounds meet.
        upper: Least known upper bound.
    """

    lower: typing.Any
    value: typing.Any
    upper: typing.Any


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
            dropped = max(dropped, _bits_to_drop(probe, self.capacity))
        keys, counts = block.runs(dropped)
        return self.merge(
            Quantiles(self.floating, dropped, keys, counts, self.capacity)
        )

    def merge(self, other: "Quantiles") -> "Quantiles":
        dropped = max(self.dropped, other.dropped)
        capacity = min(self.capacity, other.capacity)
        keys, counts = _union(self._at(dropped), other._at(dropped))
        if keys.size > capacity:
            more = _bits_to_drop(keys, capacity)
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
                raise errors.StatisticsError("What is subtracted was never merged in.")
            rest[index] -= counts
        if rest.size and rest.min() < 0:
            raise errors.StatisticsError("What is subtracted was never merged in.")
        kept = rest > 0
        return dataclasses.replace(self, keys=self.keys[kept], counts=rest[kept])

    def quantile(
        self, q: typing.Any, extrema: extrema_lib.Extrema | None = None
    ) -> Interval:
        """The `q` quantile, interpolated linearly between order statistics.

        Args:
            q: Between 0 and 1: a number, or an array of them.
            extrema: The extrema of the same values, which tighten the bounds, if known.

        Returns:
            Bounds of NumPy's default ("linear") quantile of all values: numbers, or
            arrays of the shape of `q`.
        """
        q = np.asarray(q, np.float64)
        if not np.all((q >= 0) & (q <= 1)):
            raise ValueError(f"`q` must lie between 0 and 1, got {q}.")
        if not self.counts.size:
            nan = np.full(q.shape, np.nan)[()]
            return Interval(nan, nan, nan)
        last = int(self._ends[-1]) - 1
        position = q * last
        ranks = np.minimum(position.astype(np.int64), last)
        share = position - ranks
        first = self._order_statistics(ranks, extrema)
        second = self._order_statistics(np.minimum(ranks + 1, last), extrema)
        pairs = zip(first, second, strict=True)
        return Interval(*(_interpolate(a, b, share)[()] for a, b in pairs))

    def middles(
        self, extrema: extrema_lib.Extrema | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The middle of each bucket, ascending, and how many values it holds.

        While there are few distinct values, these are the values themselves.
        """
        lower, upper = self._bounds(np.arange(self.keys.size), extrema)
        return lower + (upper - lower) * 0.5, self.counts

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.counts)

    def _order_statistics(self, ranks: np.ndarray, extrema) -> tuple[np.ndarray, ...]:
        buckets = np.searchsorted(self._ends, ranks, side="right")
        inside = self.counts[buckets]
        place = ranks - (self._ends[buckets] - inside)
        lower, upper = self._bounds(buckets, extrema)
        value = lower + (upper - lower) * ((place + 0.5) / inside)
        return lower, np.minimum(np.maximum(value, lower), upper), upper

    def _bounds(self, buckets: np.ndarray, extrema) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest value that each bucket may hold."""
        lowest = self.keys[buckets] << self.dropped
        highest = lowest | np.int64((1 << self.dropped) - 1)
        lower, upper = (
            block_lib.key_values(keys, self.floating).astype(np.float64)
            for keys in (lowest, highest)
        )
        if extrema is not None and extrema.low is not None:
            lower = np.maximum(lower, extrema.low)
            upper = np.minimum(upper, extrema.high)
        return lower, upper

    def _at(self, dropped: int) -> tuple[np.ndarray, np.ndarray]:
        if dropped == self.dropped:
            return self.keys, self.counts
        return block_lib.runs(self.keys >> (dropped - self.dropped), self.counts)


def _interpolate(a, b, share) -> np.ndarray:
    # From the nearer end, as NumPy does, so that equal ends give themselves.
    step = b - a
    return np.where(share < 0.5, a + step * share, b - step * (1 - share))


def _union(left, right) -> tuple[np.ndarray, np.ndarray]:
    if not left[0].size:
        return right
    keys = np.concatenate((left[0], right[0]))
    order = np.argsort(keys, kind="stable")  # Merges two ascending runs.
    return block_lib.runs(keys[order], np.concatenate((left[1], right[1]))[order])


def _bits_to_drop(keys: np.ndarray, capacity: int) -> int:
    """Fewest low bits to drop so that at most `capacity` distinct keys remain."""
    # Neighbours stay apart until the highest bit in which they differ is dropped.
    differing = (keys[1:] ^ keys[:-1]).view(np.uint64)
    # With the bit below cleared, rounding to float64 cannot reach the next power.
    lengths = np.frexp((differing & ~(differing >> np.uint64(1))).astype(np.float64))[1]
    survivors = np.cumsum(np.bincount(lengths, minlength=65)[::-1])[::-1]
    # survivors[d + 1] neighbours still differ when d bits are dropped.
    return int(np.flatnonzero(1 + survivors[1:] <= capacity)[0])
