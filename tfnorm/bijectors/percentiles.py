# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Stretches each sample between two quantiles of itself."""

import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import per_sample

# float32 counts no further than 2**24, and images have more pixels: places among
# them are computed in whole parts of this size.
_BLOCK = 4096


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Stretch(base.OfSamples):
    """`y = clip((x - q_low) / (q_high - q_low), 0, 1)`, of the sample's quantiles.

    Quantiles are those of `numpy.quantile`: linear between two neighbours in the
    sorted sample. What lies beyond them is cut off, so there is no inverse. Where
    both are equal, only the centre is subtracted: a constant image becomes zeros,
    and its gradient is finite. NaN makes all numbers NaN that share its quantiles.

    Args:
        low: Lower quantile, from 0 to 1: becomes 0.
        high: Upper quantile: becomes 1.
        per_channel: Whether each channel has quantiles of its own.
        axis: The axis of the channels, in data whose rows are axis 0.

    Example:

    >>> Stretch(0.25, 0.75).forward([[-90.0, 1.0, 2.0, 3.0, 90.0]])
    array([[0. , 0. , 0.5, 1. , 1. ]])
    """

    low: float = 0.01
    high: float = 0.99
    _: dataclasses.KW_ONLY
    per_channel: bool = False
    axis: tuple[int, ...] = (-1,)

    gone: typing.ClassVar[str] = "its own quantiles"

    def __post_init__(self):
        if not 0 <= self.low < self.high <= 1:
            raise errors.RecipeError(
                f"`low={self.low!r}` and `high={self.high!r}` must rise from 0 to 1."
            )

    def forward_with(self, x, constants, mask=None):
        xp, rank = arrays.namespace(x), arrays.rank(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        kept = arrays.kept_axes(self.axis, rank) if self.per_channel else ()
        axes = tuple(axis for axis in range(1, rank) if axis not in kept)
        counted = per_sample.Part(x, axes, mask)
        low, high = (
            counted.spoiled(_unlined(end, kept, rank), x)
            for end in self._ends(x, counted, kept)
        )
        span = high - low
        zero, one = (arrays.full(end, like=x) for end in (0.0, 1.0))
        y = (x - low) / arrays.divisor(span)
        y = xp.where(y < zero, zero, xp.where(y > one, one, y))
        return counted.selected(y, 0.0)

    def _ends(self, x, counted: per_sample.Part, kept: tuple[int, ...]):
        """Both quantiles of each line, of shape (rows, ..., 1)."""
        lines = arrays.sort(_lined(counted.selected(x, math.inf), kept), -1)
        xp = arrays.namespace(lines)
        whole = xp.zeros_like(arrays.cast(arrays.part(lines, -1, 0, 1), "int32"))
        count = whole + arrays.size(lines, -1)
        if counted.mask is not None:
            ones = counted.selected(xp.ones_like(arrays.cast(x, "int32")), 0)
            count = arrays.reduce("sum", _lined(ones, kept), (len(kept) + 1,))
            count = arrays.cast(count, "int32")
        last = xp.where(count < 1, whole, count - 1)
        for q in (self.low, self.high):
            index, fraction = _place(q, last, arrays.dtype_name(x))
            following = xp.where(index < last, index + 1, last)
            below, above = (
                # Nothing is left of a sample that is masked: it is inf all along.
                xp.where(count < 1, arrays.full(0.0, like=x), found)
                for found in (
                    arrays.take_along(lines, i, -1) for i in (index, following)
                )
            )
            yield below + (above - below) * fraction


def _place(q: float, last, dtype: str):
    """`q * last` as its whole part and the fraction left, `last` of type int32."""
    whole, rest = divmod(q * _BLOCK, 1.0)
    blocks = last // _BLOCK
    left = arrays.cast(last - blocks * _BLOCK, dtype) * q
    place = left + arrays.cast(blocks, dtype) * rest
    floor = arrays.namespace(place).floor(place)
    return blocks * int(whole) + arrays.cast(floor, "int32"), place - floor


def _lined(x, kept: tuple[int, ...]):
    """All numbers that share quantiles in a line, of shape (rows, kept, numbers)."""
    xp = arrays.namespace(x)
    x = xp.moveaxis(x, kept, tuple(range(1, 1 + len(kept))))
    sizes = (arrays.size(x, axis) for axis in range(1 + len(kept)))
    return xp.reshape(x, (*sizes, -1))


def _unlined(ends, kept: tuple[int, ...], rank: int):
    """What lines have one of, so that it meets data of `rank` axes."""
    ends = ends[..., 0][(..., *(None,) * (rank - 1 - len(kept)))]
    xp = arrays.namespace(ends)
    return xp.moveaxis(ends, tuple(range(1, 1 + len(kept))), kept)
