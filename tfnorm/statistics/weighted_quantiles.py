# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantiles of weighted values, with exact weights and certain bounds."""

import dataclasses
import functools
import operator
from collections.abc import Iterator

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import quantiles as quantiles_lib

# Whole numbers below 2**35, of which float64 sums 2**17 exactly.
_PART = 35
_FINEST = -1074
# Powers of 2 of this size scale a weight without rounding it.
_SAFE = 900
# Counts that float64 ranks exactly have 53 bits at most.
_MOST = 52
# Gaps that are not worth a place each in a table, and the largest such table.
_GAP, _TABLE = 1 << 10, 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class WeightedQuantiles:
    """A histogram of weights over the leading bits of the values' sort keys.

    Its buckets are those of `Quantiles` of the same values; each holds its exact
    weight, so it is a commutative monoid. Where all weights are whole, a weight of k
    is k rows, to the bit. Otherwise a quantile is that of rows that are repeated
    `weight / unit` times, with the greatest power of 2 for the unit that leaves all of
    these whole: so scaling all weights by a power of 2 below 1 changes nothing.

    Args:
        floating: Whether the values are floats (else integers).
        dropped: Number of low bits that buckets leave out.
        keys: int64 of shape (buckets,), ascending.
        weights: Python integers above 0, an object array of shape (buckets,).
        exponent: The weights are in units of `2**exponent`.
        capacity: Most buckets to keep.

    Example:

    >>> values, weights = np.array([1.0, 2.0, 5.0]), np.array([1.0, 3.0, 1.0])
    >>> found = WeightedQuantiles(True).add(values, weights)
    >>> found.histogram.quantile(0.5).value
    np.float64(2.0)
    """

    floating: bool
    dropped: int = 0
    keys: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    weights: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, object))
    exponent: int = 0
    capacity: int = quantiles_lib.CAPACITY

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeightedQuantiles) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple:
        weights, exponent = self.canonical
        keys = self.keys.tobytes()
        return self.floating, self.dropped, self.capacity, keys, (*weights,), exponent

    def add(self, values: np.ndarray, weights: np.ndarray) -> "WeightedQuantiles":
        """Takes in values and their weights.

        Args:
            values: Finite float64 or int64, `block.MAX_VALUES` at most.
            weights: Finite float64 above 0, one for each value.
        """
        if not values.size:
            return self
        # Where the buckets end does not depend on the weights.
        none = np.zeros(0, np.int64)
        plain = self._plain(none, none).add(block_lib.Block(values))
        keys = block_lib.order_keys(values) >> plain.dropped
        codes = _places(keys, plain.keys)
        parts = list(_parts(weights))
        finest = parts[-1][1]
        sums = np.zeros(plain.keys.size, object)
        for whole, exponent in parts:
            held = np.bincount(codes, whole, minlength=sums.size)
            sums += held.astype(np.int64).astype(object) << (exponent - finest)
        return self.merge(
            dataclasses.replace(
                self,
                dropped=plain.dropped,
                keys=plain.keys,
                weights=sums,
                exponent=finest,
            )
        )

    def merge(self, other: "WeightedQuantiles") -> "WeightedQuantiles":
        """The histogram over the values of both."""
        if not self.keys.size or not other.keys.size:
            one = other if other.keys.size else self
            if self.capacity == other.capacity and self.dropped <= one.dropped:
                return one
        ones = [self._plain(h.keys, np.ones_like(h.keys), h) for h in (self, other)]
        plain = ones[0].merge(ones[1])
        exponent = min(self.exponent, other.exponent)
        sums = np.zeros(plain.keys.size, object)
        for part in (self, other):
            keys, weights = part._at(plain.dropped, exponent)
            sums[np.searchsorted(plain.keys, keys)] += weights
        return WeightedQuantiles(
            self.floating, plain.dropped, plain.keys, sums, exponent, plain.capacity
        )

    def subtract(self, other: "WeightedQuantiles") -> "WeightedQuantiles":
        """Removes values that were merged in, if not coarser than this histogram."""
        exponent = min(self.exponent, other.exponent)
        rest = self._at(self.dropped, exponent)[1].copy()
        if other.keys.size:
            coarser = other.dropped > self.dropped
            keys, weights = other._at(max(self.dropped, other.dropped), exponent)
            if coarser or not np.isin(keys, self.keys).all():
                raise errors.never_merged()
            rest[np.searchsorted(self.keys, keys)] -= weights
        if rest.size and rest.min() < 0:
            raise errors.never_merged()
        kept = rest.astype(bool)
        return dataclasses.replace(
            self, keys=self.keys[kept], weights=rest[kept], exponent=exponent
        )

    @functools.cached_property
    def canonical(self) -> tuple[np.ndarray, int]:
        """The weights in the coarsest unit in which they are whole, and its power."""
        if not self.weights.size:
            return self.weights, 0
        together = functools.reduce(operator.or_, self.weights)
        spare = (together & -together).bit_length() - 1
        return self.weights >> spare, self.exponent + spare

    @functools.cached_property
    def histogram(self) -> quantiles_lib.Quantiles:
        """The histogram of the rows that the weights stand for.

        Where these are 2**53 or more, ends of buckets are rounded by 2**-53 of them.
        """
        weights, exponent = self.canonical
        weights = weights << max(exponent, 0)
        ends = np.cumsum(weights)
        if ends.size and ends[-1].bit_length() > _MOST:
            ends = (ends << _MOST) // ends[-1]
        counts = np.diff(ends, prepend=0).astype(np.int64)
        return self._plain(self.keys, counts, self)

    def _plain(self, keys, counts, of=None) -> quantiles_lib.Quantiles:
        dropped = (self if of is None else of).dropped
        return quantiles_lib.Quantiles(
            self.floating, dropped, keys, counts, self.capacity
        )

    def _at(self, dropped: int, exponent: int) -> tuple[np.ndarray, np.ndarray]:
        """Keys that are as coarse, and weights that are as fine."""
        weights = self.weights << (self.exponent - exponent)
        return block_lib.runs(self.keys >> (dropped - self.dropped), weights)


def _places(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Where each key is in ascending ones that hold it: a quick `searchsorted`."""
    # Keys come in a few runs without wide gaps, such as those on each side of 0.
    # Modulo 2**64, since keys of both signs may lie farther apart than int64 says.
    gaps = np.diff(among).view(np.uint64)
    first = np.append(0, np.flatnonzero(gaps > _GAP) + 1)
    starts, ends = among[first], among[np.append(first[1:], among.size) - 1]
    lengths = ends - starts + 1
    if lengths.sum() > _TABLE:
        return np.searchsorted(among, keys)
    shifts = starts - np.cumsum(lengths) + lengths
    table = np.zeros(lengths.sum(), np.int64)
    runs = np.searchsorted(first, np.arange(among.size), side="right") - 1
    table[among - shifts[runs]] = np.arange(among.size)
    if len(starts) == 1:
        return table[keys - shifts[0]]
    return table[keys - shifts[np.searchsorted(starts, keys, side="right") - 1]]


def _parts(weights: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yields whole numbers as float64 and the powers of 2 of their units."""
    greatest = weights.max()
    exponent = 0
    while greatest:
        exponent = max(int(np.frexp(greatest)[1]) - _PART, _FINEST)
        if abs(exponent) < _SAFE:  # As exact, and faster.
            whole = np.floor(weights * 2.0**-exponent)
            rest = weights - whole * 2.0**exponent
        else:
            whole = np.floor(np.ldexp(weights, -exponent))
            rest = weights - np.ldexp(whole, exponent)
        yield whole, exponent
        weights = rest
        greatest = weights.max()
