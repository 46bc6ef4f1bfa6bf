# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Sums of columns and of their products, as unbounded integers."""

import dataclasses

import numpy as np

# Beyond all exponents.
_NEVER = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True)
class PairSums:
    """Exact sums over rows, as unbounded integers of a unit for each column.

    Args:
        exponents: Column i is counted in units of `2**exponents[i]`; int64 (c,).
        totals: The sum of each column: Python integers, (c,).
        products: The sum of the products of columns i and j >= i, in the order of
            `numpy.triu_indices`: Python integers, (c * (c + 1) / 2,).
    """

    exponents: np.ndarray
    totals: np.ndarray
    products: np.ndarray

    def at(self, exponents: np.ndarray) -> "PairSums":
        """The same sums in other units, of which they must be multiples."""
        shifts = self.exponents - exponents
        if not shifts.any():
            return self
        first, second = np.triu_indices(len(shifts))
        totals = _shifted(self.totals, shifts)
        products = _shifted(self.products, shifts[first] + shifts[second])
        return PairSums(exponents, totals, products)

    def plus(self, other: "PairSums", sign: int = 1) -> "PairSums":
        """The sums over the rows of both, or without those of `other`."""
        exponents = np.minimum(self.exponents, other.exponents)
        one, two = self.at(exponents), other.at(exponents)
        return PairSums(
            exponents,
            one.totals + sign * two.totals,
            one.products + sign * two.products,
        )

    def canonical(self) -> "PairSums":
        """The same sums in units that follow from the sums alone."""
        first, second = np.triu_indices(len(self.exponents))
        units = self.exponents[first] + self.exponents[second]
        zeros = _trailing_zeros(self.products)
        # Both columns get half of what their products are multiples of.
        halves = np.where(zeros < 0, _NEVER, (units + zeros) >> 1)
        exponents = np.full(len(self.exponents), _NEVER)
        np.minimum.at(exponents, first, halves)
        np.minimum.at(exponents, second, halves)
        zeros = _trailing_zeros(self.totals)
        own = np.where(zeros < 0, exponents, self.exponents + zeros)
        exponents = np.minimum(exponents, own)
        # Where a column is all zeros, any unit will do.
        exponents[exponents == _NEVER] = 0
        return self.at(exponents)


def none(columns: int) -> PairSums:
    """The sums over no rows."""
    zero = np.zeros(columns * (columns + 1) // 2, object)
    return PairSums(np.zeros(columns, np.int64), np.zeros(columns, object), zero)


def _shifted(numbers: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    if not shifts.any():
        return numbers
    if shifts.min() >= 0:
        return numbers << shifts.astype(object)
    left, right = np.maximum(shifts, 0), np.maximum(-shifts, 0)
    return (numbers << left.astype(object)) >> right.astype(object)


def _trailing_zeros(numbers: np.ndarray) -> np.ndarray:
    """How many times 2 divides each number; -1 for 0."""
    return np.array([(n & -n).bit_length() - 1 for n in numbers.tolist()], np.int64)
