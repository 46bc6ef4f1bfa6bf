# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes each sample by statistics of itself."""

import dataclasses
import math

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import byte_statistics

_CHOICES = {
    "center": ("mean", "min", "none"),
    "scale": ("std", "range", "norm", "sum", "rms", "none"),
    "over": ("all", "rest", "axis"),
    "epsilon_mode": ("add", "max", "count"),
}


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class PerSample(base.OfSamples):
    """`y = gain * (x - center(x)) / scale(x)`, each of the sample's own numbers.

    Nothing is left of a sample's centre and scale, so there is no inverse. A scale
    of 0 divides by 1: a constant image and a vector of zeros become zeros, and
    their gradients are finite. NaN makes all numbers NaN that share its statistics.

    Args:
        center: "mean", "min" or "none".
        scale: "std" (population), "range", "norm" (of `order`), "sum", "rms" (root of
            the mean square) or "none".
        over: What the statistics are taken over: "all" numbers of a sample, the
            "rest" of them beside `axis`, or `axis` alone.
        order: Of the norm: 1 or more, inf for the greatest magnitude.
        epsilon: What keeps the scale from 0.
        epsilon_mode: "add" to the scale; "max" of it and the scale; or "count", as
            "max", but of `1 / sqrt(n)` of n numbers.
        limit: Greatest magnitude of a result; what is beyond is clipped.
        gain: Multiplies the result, before it is clipped.
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
    gain: float = 1.0
    axis: tuple[int, ...] = (-1,)

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
        if not 0 < self.gain < math.inf:
            raise errors.RecipeError(f"`gain={self.gain!r}` must be above 0.")

    def forward_with(self, x, constants, mask=None):
        axes = self._axes(arrays.rank(x))
        raw, x = x, arrays.cast(x, arrays.compute_dtype(x))
        part = Part(x, axes, mask)
        if mask is None and self._takes_bytes() and byte_statistics.rows_of(raw, axes):
            x, scale = self._of_bytes(raw, x, axes)
        else:
            if self.center == "mean":
                x = x - part.mean(x)
                # What rounding left of the mean, large beside a small spread.
                x = x - part.mean(x)
            elif self.center == "min":
                x = x - part.extreme(x, "min")
            scale = self._scale(part, x)
        y = x if scale is None else x / arrays.divisor(self._floored(scale, part))
        xp = arrays.namespace(x)
        y = y if self.gain == 1 else y * self.gain
        if self.limit < math.inf:
            high, low = (arrays.full(end, like=x) for end in (self.limit, -self.limit))
            y = xp.where(y > high, high, xp.where(y < low, low, y))
        return part.selected(y, 0.0)

    def _axes(self, rank: int) -> tuple[int, ...]:
        """The axes that the statistics are taken over."""
        named = arrays.kept_axes(self.axis, rank)
        every = tuple(range(1, rank))
        if self.over == "all":
            return every
        if self.over == "axis":
            return named
        return tuple(axis for axis in every if axis not in named)

    def _takes_bytes(self) -> bool:
        pair = (self.center, self.scale)
        return pair in (("mean", "std"), ("mean", "none"), ("min", "range"))

    def _of_bytes(self, raw, x, axes):
        """What is left of 8-bit numbers without their centre, and the scale."""
        if self.center == "min":
            low, high = byte_statistics.extremes(raw, axes)
            return x - low, high - low
        whole, left, variance = byte_statistics.moments(raw, axes)
        scale = root(variance, 2.0) if self.scale == "std" else None
        return x - whole - left, scale

    def _scale(self, part: "Part", x):
        if self.scale == "none":
            return None
        if self.scale == "std":
            return root(part.mean(x * x), 2.0)
        if self.scale == "range":
            return part.extreme(x, "max") - part.extreme(x, "min")
        if self.scale == "sum":
            return part.sum(x)
        xp = arrays.namespace(x)
        size = xp.abs(x)
        largest = part.extreme(size, "max")
        if self.scale == "norm" and self.order == math.inf:
            return largest
        # Beside the largest, so that no power over- or underflows.
        size = size / arrays.divisor(largest)
        if self.scale == "rms":
            return largest * root(part.long_sum(size * size) / part.count(), 2.0)
        power = size if self.order == 1 else size**self.order
        return largest * root(part.sum(power), self.order)

    def _floored(self, scale, part: "Part"):
        if self.epsilon_mode == "add":
            return scale + self.epsilon
        xp = arrays.namespace(scale)
        least = arrays.full(self.epsilon, like=scale)
        if self.epsilon_mode == "count":
            least = root(1.0 / part.count(), 2.0)
        return xp.where(scale < least, least, scale)


class Part:
    """The numbers that share statistics, without those that are masked.

    Args:
        x: Tensor of shape (rows, ...).
        axes: What the statistics are taken over.
        mask: Tensor of the first axes of `x`, true for what counts; or `None`.
    """

    def __init__(self, x, axes: tuple[int, ...], mask):
        self._x = x
        self._axes = axes
        self.mask = None
        if mask is not None:
            behind = (None,) * (arrays.rank(x) - arrays.rank(mask))
            self.mask = arrays.cast(mask[(..., *behind)], "bool")

    def selected(self, x, otherwise: float):
        """`x` where it counts, else a number."""
        if self.mask is None:
            return x
        xp = arrays.namespace(x)
        return xp.where(self.mask, x, arrays.full(otherwise, like=x))

    def count(self):
        """How many numbers there are, at least 1."""
        xp = arrays.namespace(self._x)
        sizes = [self._x.shape[axis] for axis in self._axes]
        if self.mask is None and None not in sizes:
            return arrays.full(max(math.prod(sizes), 1), like=self._x)
        found = self.sum(xp.ones_like(self._x))
        return xp.where(found < 1, arrays.full(1.0, like=found), found)

    def sum(self, x):
        return arrays.reduce("sum", self.selected(x, 0.0), self._axes)

    def long_sum(self, x):
        """The sum, right also of the millions of samples of a sound.

        NumPy and TensorFlow add one after the other along an outer axis: of 27,000
        samples, the level was off by 3e-5.
        """
        if 1 not in self._axes:
            return self.sum(x)
        parts = arrays.reduce("sum", arrays.blocks(self.selected(x, 0.0), 1, 512), (2,))
        return arrays.reduce("sum", parts[:, :, 0], self._axes)

    def mean(self, x):
        if self.mask is None:
            return arrays.reduce("mean", x, self._axes)
        return self.sum(x) / self.count()

    def extreme(self, x, kind: str):
        """The "min" or "max"; 0 where all is masked."""
        xp = arrays.namespace(x)
        beyond = math.inf if kind == "min" else -math.inf
        found = arrays.reduce(kind, self.selected(x, beyond), self._axes)
        if self.mask is not None:
            none = arrays.equal(found, beyond)
            found = xp.where(none, arrays.full(0.0, like=x), found)
        # Not every framework's extremes see NaN.
        return self.spoiled(found, x)

    def spoiled(self, found, x):
        """What was found of `x`, or NaN where that holds a NaN that counts."""
        xp = arrays.namespace(x)
        bad = self.selected(arrays.cast(xp.isnan(x), arrays.dtype_name(x)), 0.0)
        bad = arrays.reduce("max", bad, self._axes)
        return xp.where(bad > 0, arrays.full(math.nan, like=x), found)


def root(x, order: float):
    """The root of a number of 0 or more, whose gradient at 0 is 0."""
    if order == 1:
        return x
    xp = arrays.namespace(x)
    safe = arrays.divisor(x)
    found = xp.sqrt(safe) if order == 2 else safe ** (1.0 / order)
    return xp.where(arrays.equal(x, 0), arrays.full(0.0, like=x), found)
