# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Each row's own mean and deviation, to take statistics of."""

import dataclasses
import math
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class RowMoments(base.Bijector):
    """`y = [mean(x), std(x)]`, of all numbers of a row beside the kept axes.

    Turns (rows, ...) into (rows, 2, kept sizes), in float64. The deviation is the
    population one. NaN and infinite numbers enter neither; where a row has no
    others, both are NaN. A row's two numbers do not depend on the rows beside it,
    not in the last bit: sums of floats are made by adding halves, in one order
    everywhere, and those of integers are exact (while the squares of their distances
    from the least add up to less than 2**62), so that images of 8 bits may come as
    counts of their values.

    Statistics are taken with NumPy, and so is this; it takes no tensors.

    Args:
        axis: The kept axes, in data whose rows are axis 0.

    Example:

    >>> RowMoments().forward([[[1.0], [3.0]], [[5.0], [5.0]]])
    array([[[2.],
            [1.]],
    <BLANKLINE>
           [[5.],
            [0.]]])
    """

    axis: tuple[int, ...] = (-1,)

    invertible: typing.ClassVar[bool] = False
    takes_integers: typing.ClassVar[bool] = True

    @property
    def label(self):
        return "row_moments"

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        x = np.asarray(x)
        kept = arrays.kept_axes(self.axis, x.ndim)
        x = np.moveaxis(x, kept, range(1, 1 + len(kept)))
        x = x.reshape(*x.shape[: 1 + len(kept)], -1)
        if x.dtype.kind not in "iub" or x.dtype == np.uint64 or not x.shape[-1]:
            return _of_floats(x.astype(np.float64, copy=False))
        exact, where = _of_integers(x.astype(np.int64, copy=False))
        if where.all():
            return exact
        return np.where(where[:, None], exact, _of_floats(x.astype(np.float64)))

    @staticmethod
    def of_counts(counts: np.ndarray) -> np.ndarray:
        """Returns the same of images of 8 bits, kept by channels.

        Args:
            counts: How often each value occurs, of shape (rows, channels, 256).
        """
        numbers = np.arange(256)
        sums = (counts.sum(-1), counts @ numbers, counts @ numbers**2)
        return _exact(*sums, np.zeros(counts.shape[:2], np.int64))

    def inverse_with(self, y, constants):
        raise errors.NotInvertible("Of each row, its mean and deviation are left.")

    def along(self, axis, rank):
        return RowMoments(arrays.kept_axes(axis, rank))

    def kept(self, axis, rank):
        return tuple(range(1, 2 + len(arrays.kept_axes(axis, rank))))


def _sum(x: np.ndarray) -> np.ndarray:
    """Sums along the last axis, which keeps size 1, in an order of its own.

    NumPy's `sum` may take another where there are more rows.
    """
    while x.shape[-1] > 1:
        half = (x.shape[-1] + 1) // 2
        rest = x[..., half:]
        x = x[..., :half].copy()
        x[..., : rest.shape[-1]] += rest
    return x


def _of_floats(x: np.ndarray) -> np.ndarray:
    valid = np.isfinite(x)
    count = valid.sum(-1, keepdims=True)
    divisor = np.where(count == 0, np.nan, count)
    mean = _sum(np.where(valid, x, 0.0)) / divisor
    # What rounding left of the mean, which is large beside a small spread.
    mean = mean + _sum(np.where(valid, x - mean, 0.0)) / divisor
    squares = np.square(np.where(valid, x - mean, 0.0))
    deviation = np.sqrt(_sum(squares) / divisor)
    return np.stack([mean[..., 0], deviation[..., 0]], axis=1)


def _of_integers(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the moments, and where no sum of them overflowed."""
    least = x.min(-1)
    with np.errstate(over="ignore"):
        x = x - least[..., None]
        reach = x.max(-1).astype(np.float64)
        where = (reach >= 0) & (x.shape[-1] * reach**2 < 2.0**62) & (x.min(-1) >= 0)
        sums = (x.sum(-1), np.square(x).sum(-1))
    return _exact(np.full(where.shape, x.shape[-1]), *sums, least), where


def _exact(count, total, squares, least) -> np.ndarray:
    """Mean and deviation from sums of distances from a number, rounded from exact."""
    found = np.full((2, count.size), np.nan)
    sums = (part.ravel().tolist() for part in (count, total, squares, least))
    for i, (n, s, q, low) in enumerate(zip(*sums, strict=True)):
        if n:
            # Python divides whole numbers of any size with one rounding.
            found[:, i] = (low * n + s) / n, math.sqrt(max(n * q - s * s, 0) / (n * n))
    return np.moveaxis(found.reshape(2, *count.shape), 0, 1)
