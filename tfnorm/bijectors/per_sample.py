# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes each sample by statistics of itself."""

import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

_CHOICES = {
    "center": ("mean", "min", "none"),
    "scale": ("std", "range", "norm", "sum"),
    "over": ("all", "rest", "axis"),
    "epsilon_mode": ("add", "max", "count"),
}


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class PerSample(base.Bijector):
    """`y = (x - center(x)) / scale(x)`, each of the sample's own numbers.

    Nothing is left of a sample's centre and scale, so there is no inverse. A scale
    of 0 divides by 1: a constant image and a vector of zeros become zeros, and
    their gradients are finite. NaN makes all numbers NaN that share its statistics.

    Args:
        center: "mean", "min" or "none".
        scale: "std" (population), "range", "norm" (of `order`) or "sum".
        over: What the statistics are taken over: "all" numbers of a sample, the
            "rest" of them beside `axis`, or `axis` alone.
        order: Of the norm: 1 or more, inf for the greatest magnitude.
        epsilon: What keeps the scale from 0.
        epsilon_mode: "add" to the scale; "max" of it and the scale; or "count", as
            "max", but of `1 / sqrt(n)` of n numbers.
        limit: Greatest magnitude of a result; what is beyond is clipped.
        axis: The axes meant by `over`, in data whose rows are axis 0.

    Example:

    >>> PerSample(scale="norm", center="none").forward([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """

    center: str = "mean"
    scale: str = "std"
    _: dataclasses.KW_ONLY
    over: str = "all"
    order: float = 2.0
    epsilon: float = 0.0
    epsilon_mode: str = "add"
    limit: float = math.inf
    axis: tuple[int, ...] = (-1,)

    invertible: typing.ClassVar[bool] = False

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise errors.RecipeError(
                    f"`{name}={getattr(self, name)!r}` is none of {choices}."
                )
        if not self.order >= 1:
            raise errors.RecipeError(f"`order={self.order!r}` must be 1 or more.")
        if not 0 <= self.epsilon < math.inf:
            raise errors.RecipeError(f"`epsilon={self.epsilon!r}` must be 0 or more.")
        if not self.limit > 0:
            raise errors.RecipeError(f"`limit={self.limit!r}` must be above 0.")

    def constants(self):
        return {}

    def forward_with(self, x, constants, mask=None):
        """Maps a tensor.

        Args:
            x: Tensor of shape (rows, ...).
            constants: None are needed.
            mask: Boolean tensor of the first axes of `x`; what is false there enters
                no statistic and becomes 0.
        """
        x = arrays.cast(x, arrays.compute_dtype(x))
        part = _Part(x, self._axes(arrays.rank(x)), mask)
        if self.center == "mean":
            x = x - part.mean(x)
            # What rounding left of the mean, which is large beside a small spread.
            x = x - part.mean(x)
        elif self.center == "min":
            x = x - part.extreme(x, "min")
        scale = self._floored(self._scale(part, x), part)
        # A selection before the division, so that the gradient is finite as well.
        xp = arrays.namespace(x)
        y = x / xp.where(scale == 0, arrays.full(1.0, like=x), scale)
        if self.limit < math.inf:
            high, low = (arrays.full(end, like=x) for end in (self.limit, -self.limit))
            y = xp.where(y > high, high, xp.where(y < low, low, y))
        return part.selected(y, 0.0)

    def inverse_with(self, y, constants):
        raise errors.NotInvertible(
            "Each sample was normalized by its own statistics, which are gone."
        )

    def along(self, axis, rank):
        return dataclasses.replace(self, axis=arrays.kept_axes(axis, rank))

    def _axes(self, rank: int) -> tuple[int, ...]:
        """The axes that the statistics are taken over."""
        named = arrays.kept_axes(self.axis, rank)
        every = tuple(range(1, rank))
        if self.over == "all":
            return every
        if self.over == "axis":
            return named
        return tuple(axis for axis in every if axis not in named)

    def _scale(self, part: "_Part", x):
        if self.scale == "std":
            return _root(part.mean(x * x), 2.0)
        if self.scale == "range":
            return part.extreme(x, "max") - part.extreme(x, "min")
        if self.scale == "sum":
            return part.sum(x)
        xp = arrays.namespace(x)
        size = xp.abs(x)
        largest = part.extreme(size, "max")
        if self.order == math.inf:
            return largest
        # Beside the largest, so that no power over- or underflows.
        size = size / xp.where(largest == 0, arrays.full(1.0, like=x), largest)
        power = size if self.order == 1 else size**self.order
        return largest * _root(part.sum(power), self.order)

    def _floored(self, scale, part: "_Part"):
        if self.epsilon_mode == "add":
            return scale + self.epsilon
        xp = arrays.namespace(scale)
        least = arrays.full(self.epsilon, like=scale)
        if self.epsilon_mode == "count":
            least = _root(1.0 / part.count(), 2.0)
        return xp.where(scale < least, least, scale)


class _Part:
    """The numbers that share statistics, without those that are masked."""

    def __init__(self, x, axes: tuple[int, ...], mask):
        self._x = x
        self._axes = axes
        self._mask = None
        if mask is not None:
            shape = (*mask.shape, *(1,) * (arrays.rank(x) - arrays.rank(mask)))
            shape = tuple(-1 if size is None else size for size in shape)
            mask = arrays.namespace(mask).reshape(mask, shape)
            self._mask = arrays.cast(mask, "bool")

    def selected(self, x, otherwise: float):
        """`x` where it counts, else a number."""
        if self._mask is None:
            return x
        xp = arrays.namespace(x)
        return xp.where(self._mask, x, arrays.full(otherwise, like=x))

    def count(self):
        """How many numbers there are, at least 1."""
        xp = arrays.namespace(self._x)
        found = self.sum(xp.ones_like(self._x))
        return xp.where(found < 1, arrays.full(1.0, like=found), found)

    def sum(self, x):
        return arrays.reduce("sum", self.selected(x, 0.0), self._axes)

    def mean(self, x):
        if self._mask is None:
            return arrays.reduce("mean", x, self._axes)
        return self.sum(x) / self.count()

    def extreme(self, x, kind: str):
        """The "min" or "max"; 0 where all is masked."""
        xp = arrays.namespace(x)
        beyond = math.inf if kind == "min" else -math.inf
        found = arrays.reduce(kind, self.selected(x, beyond), self._axes)
        if self._mask is not None:
            found = xp.where(found == beyond, arrays.full(0.0, like=x), found)
        # Not every framework's extremes see NaN.
        bad = self.selected(arrays.cast(xp.isnan(x), arrays.dtype_name(x)), 0.0)
        bad = arrays.reduce("max", bad, self._axes)
        return xp.where(bad > 0, arrays.full(math.nan, like=x), found)


def _root(x, order: float):
    """The root of a number of 0 or more, whose gradient at 0 is 0."""
    if order == 1:
        return x
    xp = arrays.namespace(x)
    safe = xp.where(x == 0, arrays.full(1.0, like=x), x)
    root = xp.sqrt(safe) if order == 2 else safe ** (1.0 / order)
    return xp.where(x == 0, arrays.full(0.0, like=x), root)
