# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Monotone maps by straight lines between knots."""

import dataclasses
import functools
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

# Knots below become 0, so that the difference of two is 0 or a normal float32.
_SMALLEST = 2.0**-102
# Numbers and knots beyond become this, so that no difference is infinite.
_LARGEST = 2.0**120
# A value may be centered this many units in the last place off its knot: it was
# rounded once or twice in float32, and not at all in float64.
_SLACK = 2
_STEEPEST = float(np.finfo(np.float32).max)


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class PiecewiseLinear(base.Bijector):
    """`y = np.interp(x, knots_x, knots_y)`, with jumps, elementwise.

    Knots of equal `x` are a jump: at it, or within 2 units in the last place of
    float32, the result is the middle between its ends. But at the least and at the
    greatest knot it is the first and the last `y`, and so it is beyond them; where
    all knots are equal, the first. NaN stays NaN.

    The inverse is the same with `x` and `y` swapped: what became one value comes back
    as the middle of its interval, and what lies beyond the knots as the outermost.

    Computed as `base + slope * (x - start)` of the line that `x` is on. Knots are
    rounded to float32, below `2**-102` to 0 and beyond `2**119` to that.

    Args:
        x: The knots: array of the kept shape and one more axis, not decreasing.
        y: Where they go, likewise; shape (n,) if all of the kept shape share them.

    Raises:
        RecipeError: If knots decrease, or are not finite, or the shapes do not fit.

    Example:

    >>> steps = PiecewiseLinear([0.0, 1.0, 1.0, 3.0], [0.0, 0.25, 0.75, 1.0])
    >>> steps.forward([-1.0, 0.5, 1.0, 2.0, 9.0]).round(6)
    array([0.   , 0.125, 0.5  , 0.875, 1.   ])
    >>> steps.inverse([0.125, 0.5, 0.875])
    array([0.5, 1. , 2. ])
    """

    # Float64 arrays once made; sequences will do.
    x: typing.Any
    y: typing.Any

    invertible: typing.ClassVar[bool] = True

    def __post_init__(self):
        x, y = (np.asarray(knots, np.float64) for knots in (self.x, self.y))
        if not x.ndim or not x.shape[-1] or y.shape not in (x.shape, x.shape[-1:]):
            raise errors.RecipeError(
                f"`x` and `y` must be knots of one shape, but {x.shape} and {y.shape} "
                "came."
            )
        for name, knots in (("x", x), ("y", y)):
            if not (np.isfinite(knots).all() and (np.diff(knots) >= 0).all()):
                raise errors.RecipeError(
                    f"`{name}` must be finite knots that do not decrease."
                )
            object.__setattr__(self, name, base.frozen_array(knots))

    def constants(self):
        return dict(self._tables)

    def extra_axes(self, key):
        return 1

    def forward_with(self, x, constants):
        return self._on_lines(x, constants, "")

    def inverse_with(self, y, constants):
        return self._on_lines(y, constants, "inverse_")

    def along(self, axis, rank):
        placed = base.reshaped(self, axis, rank)
        # So that they are made once, and not for each batch.
        vars(placed)["_tables"] = {
            name: arrays.broadcast(table, axis, rank, 1)
            for name, table in self._tables.items()
        }
        return placed

    def _on_lines(self, x, constants, prefix: str):
        dtype = arrays.compute_dtype(x)
        x = arrays.cast(x, dtype)
        tables = [
            arrays.cast(constants[f"{prefix}{name}"], dtype)
            for name in ("start", "base", "slope")
        ]
        xp = arrays.namespace(x)
        # Not by selections, which take TensorFlow ten times as long.
        low, high = (arrays.full(end, like=x) for end in (-_LARGEST, _LARGEST))
        x = xp.minimum(xp.maximum(x, low), high)
        place = _first_places(tables[0])
        start, intercept, slope = (xp.reshape(table, (-1,)) for table in tables)
        # Halves the part of the table that may hold the last start up to `x`. As a
        # sum, which compilers turn into vector code; a selection becomes a branch.
        step = tables[0].shape[-1] // 2
        while step:
            reached = arrays.take(start, place + step) <= x
            place = place + arrays.cast(reached, "int32") * step
            step //= 2
        gone = x - arrays.take(start, place)
        return arrays.take(intercept, place) + arrays.take(slope, place) * gone

    @functools.cached_property
    def _tables(self) -> dict[str, np.ndarray]:
        x, y = np.broadcast_arrays(_narrowed(self.x), _narrowed(self.y))
        forward, inverse = _lines(x, y), _lines(y, x)
        return {
            **forward,
            **{f"inverse_{name}": table for name, table in inverse.items()},
        }


def _first_places(table):
    """Where the part of each channel begins in the flattened table, as int32."""
    place = arrays.constants(np.int32(0), like=table)
    first = table[..., 0]
    for axis in range(arrays.rank(first)):
        place = place * arrays.size(first, axis) + arrays.positions(first, axis)
    return place * table.shape[-1]


def _narrowed(knots: np.ndarray) -> np.ndarray:
    """Knots as they are in float32, but of type float64."""
    knots = np.clip(knots, -_LARGEST / 2, _LARGEST / 2).astype(np.float32)
    return np.where(np.abs(knots) < _SMALLEST, 0.0, knots).astype(np.float64)


def _lines(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The lines between knots, ascending, as `base + slope * (x - start)`.

    Each holds from its start up to the next: first the level before all knots, then
    one line for each: the ramp that begins there, or the level of a jump, whose last
    knot has the ramp. Knots inside a jump repeat its level.

    Args:
        x: Knots of shape (..., n), numbers of float32 in float64.
        y: Where they go.

    Returns:
        "start", "base" and "slope", float32 of shape (..., m): n + 1 padded to a power
        of 2 with starts of infinity, so that halving finds one.
    """
    count = x.shape[-1]
    first, last = _ends_of_runs(x)
    jump = first < last
    inner = np.arange(count) < last  # The level of the jump; the last is the ramp.
    level = (_at(y, first) + _at(y, last)) * 0.5
    level = np.where(last == count - 1, y[..., -1:], level)
    level = np.where(first == 0, y[..., :1], level)

    # Half way to the next knot, which may be the next number of float32.
    following = np.minimum(last + 1, count - 1)
    rise, run = _at(y, following) - y, _at(x, following) - x
    middle = (x + run * 0.5).astype(np.float32).astype(np.float64)
    middle = np.where(middle > x, middle, _at(x, following))
    slack = np.maximum(np.spacing(np.abs(x).astype(np.float32)), _SMALLEST * 2.0**-23)
    slack = slack.astype(np.float64)
    beyond = x + (_SLACK + 1) * slack
    beyond = np.where(run > 0, np.minimum(beyond, middle), beyond)
    before = _at(middle, np.maximum(first - 1, 0))
    before = np.where(first == 0, x, np.maximum(x - _SLACK * slack, before))

    slope = np.minimum(rise / np.where(run == 0, 1.0, run), _STEEPEST)
    ramp = np.where(jump, beyond, x)
    tables = {
        "start": np.where(jump & inner, before, ramp),
        "base": np.where(jump & inner, level, y + slope * (ramp - x)),
        "slope": np.where(jump & inner, 0.0, slope),
    }
    outside = {
        "start": np.full_like(x, -_LARGEST),
        "base": y,
        "slope": np.zeros_like(x),
    }
    # As many as halving finds: a power of 2.
    missing = (1 << count.bit_length()) - count - 1
    padding = np.full((*x.shape[:-1], missing), np.inf)
    return {
        name: np.concatenate(
            [outside[name][..., :1], table, padding], axis=-1, dtype=np.float32
        )
        for name, table in tables.items()
    }


def _ends_of_runs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last knot equal to each."""
    index = np.broadcast_to(np.arange(x.shape[-1]), x.shape)
    differs = np.diff(x) > 0
    edge = np.ones((*x.shape[:-1], 1), bool)
    first = np.where(np.concatenate([edge, differs], -1), index, 0)
    last = np.where(np.concatenate([differs, edge], -1), index, x.shape[-1])
    return (
        np.maximum.accumulate(first, -1),
        np.minimum.accumulate(last[..., ::-1], -1)[..., ::-1],
    )


def _at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, index, -1)
