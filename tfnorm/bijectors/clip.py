# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Bounds values, or marks those out of bounds."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

OUTSIDE = ("clip", "nan")

# A value at an edge may land 4 roundings of 2**-24 beyond it in float32; twice
# that still counts as inside, so that "nan" keeps the data's own extremes.
_SLACK = 2.0**-21


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Clip(base.Bijector):
    """`y = min(max(x, low), high)`, or NaN outside, elementwise.

    Invertible inside `[low, high]` only: what was cut off cannot come back, so
    the inverse is the same map. With `outside="nan"`, a value within `2**-21 *
    max(abs(low), abs(high))` of an edge counts as that edge: it is the rounding
    of the map before. NaN stays NaN.

    Args:
        low: Least value: array of the kept shape, -inf for none.
        high: Greatest value, inf for none.
        outside: What becomes of other values: "clip" or "nan".

    Example:

    >>> Clip(0, 1).forward([-1.0, 0.5, 2.0])
    array([0. , 0.5, 1. ])
    >>> Clip(0, 1, outside="nan").forward([-1.0, 0.5, 2.0])
    array([nan, 0.5, nan])
    """

    # Float64 arrays once made; numbers and sequences will do.
    low: typing.Any
    high: typing.Any
    _: dataclasses.KW_ONLY
    outside: str = "clip"

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        if self.outside not in OUTSIDE:
            raise errors.RecipeError(
                f"`outside={self.outside!r}` is not one of {', '.join(OUTSIDE)}."
            )
        low, high = np.broadcast_arrays(
            np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        )
        if not np.all(low <= high):
            raise errors.RecipeError(f"`low={low}` must not exceed `high={high}`.")
        object.__setattr__(self, "low", base.frozen_array(low))
        object.__setattr__(self, "high", base.frozen_array(high))

    def constants(self):
        return {
            "low": np.asarray(self.low, np.float32),
            "high": np.asarray(self.high, np.float32),
        }

    def forward_with(self, x, constants):
        xp = arrays.namespace(x)
        dtype = arrays.compute_dtype(x)
        x = arrays.cast(x, dtype)
        low = arrays.cast(constants["low"], dtype)
        high = arrays.cast(constants["high"], dtype)
        y = xp.where(x < low, low, xp.where(x > high, high, x))
        if self.outside == "clip":
            return y
        slack = xp.maximum(xp.abs(low), xp.abs(high)) * _SLACK
        beyond = (x < low - slack) | (x > high + slack)
        return xp.where(beyond, arrays.full(np.nan, like=x), y)

    def inverse_with(self, y, constants):
        return self.forward_with(y, constants)

    def along(self, axis, rank):
        return base.reshaped(self, axis, rank)
