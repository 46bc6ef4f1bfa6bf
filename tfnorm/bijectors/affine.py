# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The map that moves and scales: most schemes end in it."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import centering

# Beyond these, the scale or its reciprocal is no normal float32.
_SMALLEST_SCALE = 2.0**-126
_LARGEST_SCALE = 2.0**126


@config.register("bijectors.Affine")
@dataclasses.dataclass(frozen=True, eq=False)
class Affine(base.Bijector):
    """`y = (x - loc) / scale`, elementwise.

    Computed as `(x - loc) * inverse_scale`, with `loc` as the sum of three float32
    numbers and `inverse_scale` rounded to float32. So `y` is right within `2**-22 *
    abs(y) + 2**-48 * abs(loc / scale)` of the exact value for the `x` given; for
    float64 and wide integers without the second term, but wide integers add
    `2**-23` of a step of 1, and 8-bit ones `2**-24 * abs(loc)` of it.

    Undone as `y * scale + loc`. `inverse(forward(x))` is `x` within `2**-22 *
    (abs(x) + abs(x - loc))`, and within `2**-22 * abs(x - loc)` in float64.

    Args:
        loc: What becomes 0: array of the kept shape. NaN makes every result NaN.
        scale: What becomes 1 above `loc`; not 0. Its magnitude and that of its
            reciprocal must be normal float32 numbers (`2**-126` to `2**126`),
            because live constants are float32 wherever the map runs.

    Raises:
        RecipeError: If `loc` or `scale` does not fit float32, or they do not
            broadcast.

    Example:

    >>> Affine(loc=10.0, scale=4.0).forward([8.0, 10.0, 12.0])
    array([-0.5,  0. ,  0.5])
    """

    # Float64 arrays once made; numbers and sequences will do.
    loc: typing.Any
    scale: typing.Any

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        try:
            loc, scale = np.broadcast_arrays(
                np.asarray(self.loc, np.float64), np.asarray(self.scale, np.float64)
            )
        except ValueError as error:
            raise errors.RecipeError(
                f"`loc` and `scale` must be numbers of one shape: {error}"
            ) from error
        if np.any(np.abs(loc) > np.finfo(np.float32).max):
            raise errors.RecipeError(_beyond("loc", loc))
        size = np.abs(scale)
        if not np.all((size >= _SMALLEST_SCALE) & (size <= _LARGEST_SCALE)):
            raise errors.RecipeError(_beyond("scale", scale))
        object.__setattr__(self, "loc", base.frozen_array(loc))
        object.__setattr__(self, "scale", base.frozen_array(scale))

    def constants(self):
        loc_hi, loc_lo, loc_rest = centering.split(self.loc)
        return {
            "loc_hi": loc_hi,
            "loc_lo": loc_lo,
            "loc_rest": loc_rest,
            "scale": np.asarray(self.scale, np.float32),
            "inverse_scale": np.asarray(1.0 / self.scale, np.float32),
        }

    def forward_with(self, x, constants):
        parts = (constants[key] for key in ("loc_hi", "loc_lo", "loc_rest"))
        difference = centering.centered(x, *parts)
        dtype = arrays.dtype_name(difference)
        return difference * arrays.cast(constants["inverse_scale"], dtype)

    def inverse_with(self, y, constants):
        dtype = arrays.compute_dtype(y)
        scale, loc_rest, loc_lo, loc_hi = (
            arrays.cast(constants[key], dtype)
            for key in ("scale", "loc_rest", "loc_lo", "loc_hi")
        )
        y = arrays.cast(y, dtype)
        if dtype == "float64":
            return y * scale + loc_rest + loc_lo + loc_hi
        return arrays.fence(y * scale + loc_lo, y) + loc_hi

    def along(self, axis, rank):
        return base.reshaped(self, axis, rank)


def between(source: tuple, target: tuple) -> Affine:
    """Returns the affine map that takes one interval to another.

    Args:
        source: Lower and upper end, numbers or arrays of the kept shape.
        target: Where they go.

    Example:

    >>> between((0, 200), (-1, 1))
    Affine(loc=array(100.), scale=array(100.))
    """
    low, high = (np.asarray(end, np.float64) for end in source)
    scale = (high - low) / (target[1] - target[0])
    return Affine(low - target[0] * scale, scale)


def _beyond(name: str, values: np.ndarray) -> str:
    return (
        f"`{name}={values}` does not fit float32, in which models compute. Drop "
        "the feature, or bring it to another unit (multiply it by a power of 10) "
        "before the statistics are taken."
    )
