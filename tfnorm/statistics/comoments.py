# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Means and covariances of columns, correctly rounded from exact sums."""

import dataclasses

import numpy as np

from tfnorm import errors
from tfnorm.statistics import moments
from tfnorm.statistics import pair_sums
from tfnorm.statistics import products

# Of 4,096 columns there are 8 million pairs, which take half a GiB.
_MOST_COLUMNS = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class CoMoments:
    """Exact count, sums and sums of products of all pairs of columns.

    A commutative monoid: sums are unbounded integers in units of a power of two, so
    no order, split or merge leaves a trace, and nothing cancels at any offset. A
    row that holds a NaN or an infinity counts in none of them: the matrices are
    those of the complete rows, and so positive semidefinite.

    Args:
        columns: Number of columns.
        count: Number of complete rows.
        sums: Their sums; `None` for no rows.

    Example:

    >>> x = np.array([[1.0, 1e9], [2.0, 1e9 + 1], [np.nan, 0.0]])
    >>> CoMoments.of(x).covariance
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """

    columns: int
    count: int = 0
    # Made where none came.
    sums: pair_sums.PairSums = None

    def __post_init__(self):
        if self.columns > _MOST_COLUMNS:
            raise errors.FeatureError(
                f"co-moments of {self.columns} elements are too many pairs: keep "
                f"fewer by `axis`, {_MOST_COLUMNS} at most."
            )
        if self.sums is None:
            object.__setattr__(self, "sums", pair_sums.none(self.columns))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CoMoments) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple:
        sums = self.sums.canonical()
        fields = (sums.exponents, sums.totals, sums.products)
        return self.columns, self.count, *(tuple(field.tolist()) for field in fields)

    @classmethod
    def of(cls, values: np.ndarray) -> "CoMoments":
        """The co-moments of the rows of an array of shape (rows, columns)."""
        return cls(values.shape[1]).add(values)

    def add(self, values: np.ndarray) -> "CoMoments":
        """Takes in rows of numbers of any float or integer type."""
        sums, count = products.exact_sums(values)
        return self.merge(CoMoments(self.columns, count, sums))

    def merge(self, other: "CoMoments") -> "CoMoments":
        """The co-moments over the rows of both."""
        if not (self.count and other.count):
            return self if self.count else other
        sums = self.sums.plus(other.sums)
        return CoMoments(self.columns, self.count + other.count, sums)

    def subtract(self, other: "CoMoments") -> "CoMoments":
        """The co-moments without the rows of `other`, which must be among them."""
        count = self.count - other.count
        sums = self.sums.plus(other.sums, sign=-1)
        squares = sums.products[self._diagonal()]
        if count < 0 or (squares < 0).any() or (not count and squares.any()):
            raise errors.never_merged()
        return CoMoments(self.columns, count, sums)

    @property
    def mean(self) -> np.ndarray:
        """The mean of each column, correctly rounded; NaN of no rows."""
        exponents = self.sums.exponents
        return _rounded(self.sums.totals, exponents, self.count)

    @property
    def covariance(self) -> np.ndarray:
        """The population covariances (`ddof=0`), correctly rounded: (c, c)."""
        return self.covariance_with(ddof=0)

    @property
    def correlation(self) -> np.ndarray:
        """The correlations, right within `2**-50`: (c, c).

        NaN beside a column that never varies.
        """
        tops = self._deviations()
        diagonal = tops[self._diagonal()]
        # Roots of about the same size for all columns, whatever their units.
        halves = np.array([top.bit_length() // 2 for top in diagonal], np.int64)
        roots = np.sqrt(_rounded(diagonal, -2 * halves, 1))
        first, second = np.triu_indices(self.columns)
        found = _rounded(tops, -halves[first] - halves[second], 1)
        with np.errstate(invalid="ignore"):
            found = found / (roots[first] * roots[second])
        found[self._diagonal()] = np.where(roots == 0, np.nan, 1.0)
        return self._matrix(np.clip(found, -1, 1))

    def covariance_with(self, ddof: int) -> np.ndarray:
        """The covariances with divisor `count - ddof`, correctly rounded."""
        first, second = np.triu_indices(self.columns)
        exponents = self.sums.exponents[first] + self.sums.exponents[second]
        bottom = self.count * max(self.count - ddof, 0)
        return self._matrix(_rounded(self._deviations(), exponents, bottom))

    @property
    def nbytes(self) -> int:
        """About so many bytes does it take, for integers of 128 bits."""
        return 64 * len(self.sums.products)

    def _deviations(self) -> np.ndarray:
        """`count**2` times the covariances, in units of their columns."""
        first, second = np.triu_indices(self.columns)
        totals = self.sums.totals
        return self.count * self.sums.products - totals[first] * totals[second]

    def _diagonal(self) -> np.ndarray:
        """Where the squares stand among the products."""
        index = np.arange(self.columns)
        return index * self.columns - index * (index - 1) // 2

    def _matrix(self, upper: np.ndarray) -> np.ndarray:
        matrix = np.empty((self.columns, self.columns))
        indices = np.triu_indices(self.columns)
        matrix[indices] = upper
        matrix.T[indices] = upper
        return matrix


def _rounded(tops: np.ndarray, exponents: np.ndarray, bottom: int) -> np.ndarray:
    """`tops * 2**exponents / bottom`, correctly rounded."""
    pairs = zip(tops.tolist(), exponents.tolist(), strict=True)
    return np.array(
        [
            moments.divide(top << max(shift, 0), bottom << max(-shift, 0))
            for top, shift in pairs
        ]
    )
