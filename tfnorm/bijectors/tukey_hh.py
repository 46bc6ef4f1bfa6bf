# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The map that takes the weight of heavy tails away."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

# Beyond, the square might overflow in float32: such values are mapped as this one.
_FARTHEST = 2.0**50
# Below, w is x, but for less than its square.
_SMALLEST = 2.0**-40
# Each squares the error of a first guess that is right to 0.02.
_STEPS = 3


@config.register("bijectors.TukeyHH")
@dataclasses.dataclass(frozen=True, eq=False)
class TukeyHH(base.Bijector):
    """`u` of which `x = u * exp(h * u**2 / 2)`, elementwise.

    `h` is `left` below 0 and `right` above: the heavier a tail, the greater. If u is
    normally distributed, x has Tukey's HH distribution; this map takes it back.

    Computed as `u = x * exp(-w / 2)`, where `w * exp(w) = h * x**2` (Lambert's
    function). NaN stays NaN, and numbers beyond 2**50 are mapped as 2**50 is.

    Args:
        left: From 0 to 1: array of the kept shape.
        right: Likewise.

    Raises:
        RecipeError: If `left` or `right` is not from 0 to 1.

    Example:

    >>> tails = TukeyHH(0.0, 0.5)
    >>> tails.forward([-3.0, 0.0, 3.0, 300.0]).round(4)
    array([-3.    ,  0.    ,  1.592 ,  4.1392])

    Reference:
        G. M. Goerg, The Lambert Way to Gaussianize Heavy-Tailed Data with the Inverse
        of Tukey's h Transformation as a Special Case, The Scientific World Journal
        (2015) 909231. R. Iacono and J. P. Boyd, New approximations to the principal
        real-valued branch of the Lambert W-function, Advances in Computational
        Mathematics 43 (2017) 1403.
    """

    # Float64 arrays once made; numbers and sequences will do.
    left: typing.Any
    right: typing.Any

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        sides = np.broadcast_arrays(
            np.asarray(self.left, np.float64), np.asarray(self.right, np.float64)
        )
        for name, side in zip(("left", "right"), sides, strict=True):
            if not np.all((side >= 0) & (side <= 1)):
                raise errors.RecipeError(f"`{name}={side}` must lie from 0 to 1.")
            object.__setattr__(self, name, base.frozen_array(side))

    def constants(self):
        return {
            "left": np.asarray(self.left, np.float32),
            "right": np.asarray(self.right, np.float32),
        }

    def forward_with(self, x, constants):
        xp = arrays.namespace(x)
        x, heaviness = self._sided(x, constants)
        far = arrays.full(_FARTHEST, like=x)
        x = xp.where(x > far, far, xp.where(x < -far, -far, x))
        return x * xp.exp(_lambert(xp, heaviness * (x * x)) * -0.5)

    def inverse_with(self, y, constants):
        y, heaviness = self._sided(y, constants)
        return y * arrays.namespace(y).exp(heaviness * (y * y) * 0.5)

    def along(self, axis, rank):
        return base.reshaped(self, axis, rank)

    def _sided(self, x, constants):
        """The data, and the heaviness of the side that each is on."""
        dtype = arrays.compute_dtype(x)
        x = arrays.cast(x, dtype)
        left, right = (arrays.cast(constants[key], dtype) for key in ("left", "right"))
        return x, arrays.namespace(x).where(x < 0, left, right)


def _lambert(xp, x):
    """`w` of which `w * exp(w) = x`, for x from 0 on."""
    small = x < _SMALLEST
    safe = xp.where(small, arrays.full(1.0, like=x), x)
    first = xp.log1p(safe)
    w = first * (1.0 - xp.log1p(first) / (2.0 + first))
    for _ in range(_STEPS):
        w = w / (1.0 + w) * (1.0 + xp.log(safe / w))
    return xp.where(small, x, w)
