# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes each pixel by the window around it."""

import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import per_sample

KINDS = ("standard", "subtractive", "divisive", "contrast")


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Local(base.OfSamples):
    """`y = (x - mean) / scale`, of the window around each pixel.

    A window has its own mean, and the population deviation about that mean. At the
    borders it holds only pixels that are there. Counts, means and sums of squares
    of neighbouring windows are merged by Chan's formula, which subtracts before it
    squares, in steps that double: a window of 2**n - 1 costs 2 n merges an axis.

    The mean of what surrounds a pixel is lost, so there is no inverse. Where the
    scale is 0 it divides by 1: a constant image becomes zeros ("divisive" leaves it
    as it is), and its gradient is finite. NaN and infinities spoil the windows that
    hold them, and with "contrast" their sample.

    Args:
        size: Of the window: an odd number, or one for each axis that is not kept.
        kind: "standard"; "subtractive", with a scale of 1; "divisive", without the
            mean; or "contrast", with a scale of at least its mean over the image.
        per_channel: Whether each channel has windows of its own.
        floor: Least scale, in the unit of the pixels.
        axis: The axis of the channels, in data whose rows are axis 0.

    Example:

    >>> Local(3).forward([[[0.0], [2.0], [7.0]]])[0, :, 0].round(3)
    array([-1.  , -0.34,  1.  ])
    """

    size: int | tuple[int, ...]
    kind: str = "standard"
    _: dataclasses.KW_ONLY
    per_channel: bool = True
    floor: float = 0.0
    axis: tuple[int, ...] = (-1,)

    gone: typing.ClassVar[str] = "the pixels around each"

    def __post_init__(self):
        sizes = self.size if isinstance(self.size, list | tuple) else (self.size,)
        if not all(type(size) is int and size > 0 and size % 2 for size in sizes):
            raise errors.RecipeError(
                f"`size={self.size!r}` must be an odd number of pixels, or one for "
                "each axis: a window has a pixel in its middle."
            )
        if isinstance(self.size, list):
            object.__setattr__(self, "size", tuple(self.size))
        if self.kind not in KINDS:
            raise errors.RecipeError(f"`kind={self.kind!r}` is none of {KINDS}.")
        if not 0 <= self.floor < math.inf:
            raise errors.RecipeError(f"`floor={self.floor!r}` must be 0 or more.")

    def forward_with(self, x, constants, mask=None):
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        kept = arrays.kept_axes(self.axis, arrays.rank(x))
        axes = tuple(a for a in range(1, arrays.rank(x)) if a not in kept)
        counted = per_sample.Part(x, axes, mask)
        # So that windows far from 0 lose no digits; a NaN shall stay in its own.
        finite = xp.isfinite(x) if mask is None else xp.isfinite(x) & counted.mask
        shared = axes if self.per_channel else (*axes, *kept)
        center = per_sample.Part(x, shared, finite).mean(x)
        centered = counted.selected(x - center, 0.0)
        windows = self._pixels(centered, counted, axes, kept)
        for axis, size in zip(axes, self._sizes(len(axes)), strict=True):
            windows = _windows(windows, axis, size)
        count, mean, squares = windows
        y = counted.selected(x, 0.0) if self.kind == "divisive" else centered - mean
        if self.kind != "subtractive":
            variance = squares / arrays.divisor(count)
            y = y / self._scale(per_sample.root(variance, 2.0), axes, mask)
        return counted.selected(y, 0.0)

    def _sizes(self, axes: int) -> tuple[int, ...]:
        if isinstance(self.size, int):
            return (self.size,) * axes
        if len(self.size) != axes:
            raise errors.RecipeError(
                f"`size={self.size}` is that of {len(self.size)} axes, but the data "
                f"have {axes} beside the rows and the channels."
            )
        return self.size

    def _pixels(self, x, counted: per_sample.Part, axes, kept):
        """The count, mean and sum of squares of single pixels."""
        count = counted.selected(arrays.full(1.0, like=x), 0.0)
        for axis in axes:
            # Of one row where there is no mask: windows hold as many in each.
            zeros = arrays.cast(arrays.positions(x, axis) * 0, arrays.dtype_name(x))
            count = count + zeros
        if self.per_channel or not kept:
            return count, x, arrays.namespace(x).zeros_like(x)
        channels = count + arrays.namespace(x).zeros_like(x)
        count = arrays.reduce("sum", channels, kept)
        mean = arrays.reduce("sum", x, kept) / arrays.divisor(count)
        squares = channels * (x - mean) * (x - mean)
        return count, mean, arrays.reduce("sum", squares, kept)

    def _scale(self, deviation, axes: tuple[int, ...], mask):
        xp = arrays.namespace(deviation)
        least = arrays.full(self.floor, like=deviation)
        if self.kind == "contrast":
            typical = per_sample.Part(deviation, axes, mask).mean(deviation)
            least = xp.where(typical < least, least, typical)
        scale = xp.where(deviation < least, least, deviation)
        return arrays.divisor(scale)


def _windows(pixels: tuple, axis: int, size: int) -> tuple:
    """The count, mean and sum of squares of windows, from those of their pixels."""
    half = size // 2
    doubled = tuple(arrays.padded(t, axis, half, half, 0.0) for t in pixels)
    # A window is a sum of powers of two, as its size is: the lowest is 1.
    found, reach, width = doubled, 1, 1
    while 2 * width <= size:
        doubled = _side(doubled, width, doubled, width, axis)
        width *= 2
        if size & width:
            found = _side(found, reach, doubled, width, axis)
            reach += width
    return found


def _side(left: tuple, reach: int, right: tuple, width: int, axis: int) -> tuple:
    """Windows of `reach` and those of `width` behind them, as windows of both."""
    left = tuple(arrays.part(t, axis, None, -width) for t in left)
    right = tuple(arrays.part(t, axis, reach, None) for t in right)
    (count, mean, squares), (count_right, mean_right, squares_right) = left, right
    total = count + count_right
    share = count_right / arrays.divisor(total)
    step = mean_right - mean
    squares = squares + squares_right + step * step * (count * share)
    return total, mean + step * share, squares
