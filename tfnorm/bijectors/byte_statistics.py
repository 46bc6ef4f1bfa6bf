# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of 8-bit images in integers: exact, and each image is read once."""

import math
import typing

from tfnorm import arrays

# Of 8-bit numbers, so many squares of distances add up to less than 2**31.
_LONGEST = 33_025


def rows_of(x: typing.Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of which int32 holds the sums; none where only floats do.

    Args:
        x: Tensor of shape (rows, ...).
        axes: What the statistics are taken over.
    """
    bits = arrays.integer_bits(x)
    inner = axes[1:] or axes
    sizes = [x.shape[axis] for axis in inner]
    if not 0 < bits <= 8 or not sizes or None in sizes or math.prod(sizes) > _LONGEST:
        return ()
    return inner


def moments(x: typing.Any, axes: tuple[int, ...]):
    """The mean and the variance of 8-bit integers, for which `rows_of` finds axes.

    Sums of a row of pixels are exact, in arithmetic modulo 2**32 at least, and are
    moved to the mean before they become float32: nothing cancels.

    Returns:
        The mean as an integer and what is left of it, at most 1 or so, and the
        variance: float32, with the axes at size 1.
    """
    inner = rows_of(x, axes)
    outer = tuple(axis for axis in axes if axis not in inner)
    count = math.prod(x.shape[axis] for axis in inner)
    wide = arrays.cast(x, "int32")
    total = arrays.reduce("sum", wide, inner)
    squares = arrays.reduce("sum", wide * wide, inner)
    mean = arrays.reduce("mean", arrays.cast(total, "float32"), outer) / count
    whole = arrays.cast(arrays.rounded(mean), arrays.dtype_name(total))
    apart = total - whole * count
    spread = squares - whole * total * 2 + whole * whole * count
    left, variance = (
        arrays.reduce("mean", arrays.cast(part, "float32"), outer) / count
        for part in (apart, spread)
    )
    return arrays.cast(whole, "float32"), left, variance - left * left


def extremes(x: typing.Any, axes: tuple[int, ...]):
    """The least and the greatest of integers, as float32."""
    return (
        arrays.cast(arrays.reduce(kind, x, axes), "float32") for kind in ("min", "max")
    )
