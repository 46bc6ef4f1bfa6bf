# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean, variance and standard deviation, correctly rounded from exact sums."""

import dataclasses
import math

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import sums


@dataclasses.dataclass(frozen=True)
class Moments:
    """Exact count, sum and sum of squares of finite values.

    A commutative monoid: sums are unbounded integers, in units of 2**-1074 for
    floats (2**-2148 for squares) and of 1 for integers, so no order, split or merge
    leaves a trace, and nothing cancels at any offset.

    Args:
        floating: Whether the values are floats (else integers).
        count: Number of values.
        total: Sum of the values, in units.
        squares: Sum of the squares, in squared units.

    Example:

    >>> a, b = Moments.of(np.array([1e16, 1.0])), Moments.of(np.array([-1e16]))
    >>> a.merge(b).mean
    0.3333333333333333

    Reference:
        Demmel and Nguyen, Parallel Reproducible Summation, 2015; Neal, Fast exact
        summation using small and large superaccumulators, 2015 (other ways to the
        same exact sums).
    """

    floating: bool
    count: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> "Moments":
        """The moments of all finite values of an array."""
        values = np.ravel(values)
        moments = cls(block_lib.is_floating(values.dtype))
        for block in block_lib.blocks(values):
            moments = moments.add(block)
        return moments

    def add(self, block: block_lib.Block) -> "Moments":
        return self.merge(Moments(self.floating, block.count, *sums.exact_sums(block)))

    def merge(self, other: "Moments") -> "Moments":
        return Moments(
            self.floating,
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
        )

    def subtract(self, other: "Moments") -> "Moments":
        count = self.count - other.count
        squares = self.squares - other.squares
        if count < 0 or squares < 0 or (count == 0 and squares):
            raise errors.never_merged()
        return Moments(self.floating, count, self.total - other.total, squares)

    @property
    def mean(self) -> float:
        """The mean, correctly rounded; NaN of no values."""
        return divide(self.total, self.count << self._unit)

    @property
    def variance(self) -> float:
        """The population variance (`ddof=0`), correctly rounded."""
        return self.variance_with(ddof=0)

    @property
    def std(self) -> float:
        """The population standard deviation, correctly rounded."""
        return _square_root(*self._variance_ratio(ddof=0))

    def variance_with(self, ddof: int) -> float:
        """The variance with divisor `count - ddof`, correctly rounded."""
        return divide(*self._variance_ratio(ddof))

    def _variance_ratio(self, ddof: int) -> tuple[int, int]:
        top = self.count * self.squares - self.total * self.total
        bottom = max(self.count * (self.count - ddof), 0)
        return top, bottom << (2 * self._unit)

    @property
    def _unit(self) -> int:
        return sums.UNIT if self.floating else 0


def divide(top: int, bottom: int) -> float:
    """`top / bottom`, correctly rounded; inf beyond float64, NaN for 0 / 0."""
    if not bottom:
        return math.nan
    try:
        return top / bottom
    except OverflowError:
        return math.inf if top > 0 else -math.inf


def _square_root(top: int, bottom: int) -> float:
    """Correctly rounded square root of a ratio of integers."""
    if not bottom:
        return math.nan
    # Scale so that the integer root has at least 54 bits, then let a sticky last bit
    # tell an inexact root, so that the one rounding of the division is right.
    shift = max(0, 112 - top.bit_length() + bottom.bit_length())
    shift += shift % 2
    quotient, rest = divmod(top << shift, bottom)
    root = math.isqrt(quotient)
    inexact = bool(rest) or root * root != quotient
    return divide(root << 1 | inexact, 1 << (shift // 2 + 1))
