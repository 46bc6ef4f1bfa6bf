# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Each row's own mean and deviation, to take statistics of."""

import dataclasses
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
    not in the last bit: sums are made by adding halves, in one order everywhere.

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

    @property
    def label(self):
        return "row_moments"

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        x = np.asarray(x, np.float64)
        kept = arrays.kept_axes(self.axis, x.ndim)
        x = np.moveaxis(x, kept, range(1, 1 + len(kept)))
        x = x.reshape(*x.shape[: 1 + len(kept)], -1)
        valid = np.isfinite(x)
        count = valid.sum(-1, keepdims=True)
        divisor = np.where(count == 0, np.nan, count)
        mean = _sum(np.where(valid, x, 0.0)) / divisor
        # What rounding left of the mean, which is large beside a small spread.
        mean = mean + _sum(np.where(valid, x - mean, 0.0)) / divisor
        squares = np.square(np.where(valid, x - mean, 0.0))
        deviation = np.sqrt(_sum(squares) / divisor)
        return np.stack([mean[..., 0], deviation[..., 0]], axis=1)

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
