# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The power maps of Box and Cox and of Yeo and Johnson."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

# Powers below become 0, for which there is a formula of its own; of others, products
# with logarithms are normal float32 numbers.
_SMALLEST = 2.0**-60
# Greatest logarithm of a power, and greatest factor of what lies beyond the edge: so
# results are finite, also after they were scaled to deviation 1.
_LARGEST = 40.0
_STEEPEST = 2.0**30


@config.register("bijectors.Power")
@dataclasses.dataclass(frozen=True, eq=False)
class Power(base.Bijector):
    """`y = ((1 + x)**lmbda - 1) / lmbda`, elementwise; `log1p(x)` if `lmbda == 0`.

    That is down to `x == edge`. Below, with `u = (edge - x) / (1 + edge)`,
    `y = y(edge) - (1 + edge)**lmbda * ((1 + u)**(2 - lmbda) - 1) / (2 - lmbda)`; or
    NaN if `edge` is -1, where the power itself ends.

    So at `edge=0` this is Yeo and Johnson's map. At `edge=-1` it is Box and Cox's, of
    `1 + x`. In between it is Yeo and Johnson's of `x / (1 + edge) + offset`, with
    `offset = -edge / (1 + edge)`, but moved and scaled so that y(0) is 0 and its slope
    1: what is centered on data far from 0 keeps their digits.

    Computed as `expm1(lmbda * log1p(x)) / lmbda`, of at most `exp(40)`, so that results
    are finite far from the data, too. NaN stays NaN, and what the map does not reach
    comes back as NaN.

    Args:
        lmbda: The power: array of the kept shape.
        edge: From -1 to 0, likewise.

    Raises:
        RecipeError: If a number is not finite, or `edge` not from -1 to 0.

    Example:

    >>> Power(0.5, 0.0).forward([-3.0, 0.0, 3.0]).round(4)
    array([-4.6667,  0.    ,  2.    ])
    >>> Power(0.0, -1.0).inverse([0.0, 1.0]).round(4)
    array([0.    , 1.7183])

    Reference:
        I.-K. Yeo and R. A. Johnson, A new family of power transformations, Biometrika
        87 (2000) 954.
    """

    # Float64 arrays once made; numbers and sequences will do.
    lmbda: typing.Any
    edge: typing.Any

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        lmbda, edge = np.broadcast_arrays(
            np.asarray(self.lmbda, np.float64), np.asarray(self.edge, np.float64)
        )
        if not np.isfinite(lmbda).all():
            raise errors.RecipeError(f"`lmbda={lmbda}` must be finite.")
        if not np.all((edge >= -1) & (edge <= 0)):
            raise errors.RecipeError(f"`edge={edge}` must lie from -1 to 0.")
        object.__setattr__(self, "lmbda", base.frozen_array(lmbda))
        object.__setattr__(self, "edge", base.frozen_array(edge))

    def constants(self):
        # As float32 has the powers and edges, so that all is of the same map.
        narrow = (np.asarray(v, np.float32) for v in (self.lmbda, self.edge))
        lmbda, edge = (value.astype(np.float64) for value in narrow)
        found = exact_constants(lmbda, np.where(self.edge > -1, _inside(edge), -1.0))
        return {key: np.asarray(found[key], np.float32) for key in found}

    def forward_with(self, x, constants):
        xp = arrays.namespace(x)
        dtype = arrays.compute_dtype(x)
        x = arrays.cast(x, dtype)
        lmbda, edge, _, reach, level, gain = _cast(constants, dtype)
        below = x < edge
        # Selected before the powers, so that no gradient is that of the other side.
        lmbda = xp.where(below, 2.0 - lmbda, lmbda)
        y = raised(xp, xp.log1p(xp.where(below, (edge - x) * reach, x)), lmbda)
        return xp.where(below, level - gain * y, y)

    def inverse_with(self, y, constants):
        xp = arrays.namespace(y)
        dtype = arrays.compute_dtype(y)
        y = arrays.cast(y, dtype)
        lmbda, edge, room, _, level, gain = _cast(constants, dtype)
        below = y < level
        lmbda = xp.where(below, 2.0 - lmbda, lmbda)
        y = xp.where(below, (level - y) / gain, y)
        x = xp.expm1(_logarithm(xp, y, lmbda))
        return xp.where(below, edge - x * room, x)

    def along(self, axis, rank):
        return base.reshaped(self, axis, rank)


def _inside(edge: np.ndarray) -> np.ndarray:
    # As near to -1 as float32 comes: there, too, the other side is finite.
    return np.maximum(edge, -1.0 + 2.0**-24)


def exact_constants(lmbda: typing.Any, edge: typing.Any) -> dict[str, typing.Any]:
    """Returns the constants of `Power` in float64."""
    lmbda = np.where(np.abs(lmbda) < _SMALLEST, 0.0, lmbda)
    ends = np.asarray(edge) == -1.0
    logarithm = np.log1p(np.where(ends, 0.0, edge))
    with np.errstate(over="ignore"):
        gain = np.clip(np.exp(lmbda * logarithm), 1.0 / _STEEPEST, _STEEPEST)
    room = np.where(ends, 1.0, np.add(edge, 1.0))
    return {
        "lmbda": lmbda,
        "edge": np.asarray(edge, np.float64),
        "room": np.where(ends, 0.0, room),
        "reach": np.where(ends, 0.0, 1.0 / room),
        "level": np.where(ends, np.nan, raised(np, logarithm, lmbda)),
        "gain": gain,
    }


def _cast(constants, dtype: str) -> tuple:
    names = ("lmbda", "edge", "room", "reach", "level", "gain")
    return tuple(arrays.cast(constants[name], dtype) for name in names)


def raised(xp, logarithm, lmbda):
    """`(exp(logarithm)**lmbda - 1) / lmbda`, and the logarithm itself at 0."""
    exponent = lmbda * logarithm
    largest = arrays.full(_LARGEST, like=exponent)
    exponent = xp.where(exponent > _LARGEST, largest, exponent)
    is_log = lmbda == 0
    divisor = xp.where(is_log, xp.ones_like(lmbda), lmbda)
    return xp.where(is_log, logarithm, xp.expm1(exponent) / divisor)


def _logarithm(xp, power, lmbda):
    """Undoes `raised`."""
    is_log = lmbda == 0
    divisor = xp.where(is_log, xp.ones_like(lmbda), lmbda)
    return xp.where(is_log, power, xp.log1p(lmbda * power) / divisor)


def stretch(x: np.ndarray, edge: float) -> np.ndarray:
    """The logarithm of `Power`'s slope at x, by which it grows with `lmbda`.

    At `lmbda=1` the slope is 1 everywhere down to the edge, and there but for a
    constant factor beyond it.
    """
    if edge == -1.0:
        return np.log1p(x)
    below = x < edge
    inside = np.log1p(np.where(below, 0.0, x))
    outside = np.log1p(edge) - np.log1p(np.where(below, (edge - x) / (1.0 + edge), 0.0))
    return np.where(below, outside, inside)
