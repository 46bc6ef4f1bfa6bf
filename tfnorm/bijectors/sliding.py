# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes each frame of a series by the window around it."""

import dataclasses
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import trailing


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Sliding(base.OfSamples):
    """`y = x - mean` of a window of frames, and `y / deviation` if asked.

    With `center`, frame t has the window `[t - window // 2, t - window // 2 +
    window)`; without, it has `[t - window, t + 1)`, and at the beginning at least
    the first `min_window` frames. A centered window that sticks out is moved, not
    cut. Windows longer than the sample are the sample.

    No window is added up frame by frame: it is the end of one block of frames, some
    whole blocks, and the beginning of one, whose means and squares are merged by Chan's
    formula. So nothing outside a window touches its statistics, and NaN spoils only
    the windows that hold it. With `variance`, a constant window gives exactly 0 and a
    finite gradient; without, 0 up to a rounding.

    Args:
        window: Frames in a window; one more without `center`.
        min_window: Least frames at the beginning, at most `window`; not with
            `center`.
        center: Whether a window lies around its frame, not before it.
        variance: Whether to divide by the population deviation. Where it is 0, the
            result is 0.
        axis: The axes of the features; frames lie along the first of the others.

    Example:

    >>> Sliding(2, min_window=1).forward([[[1.0], [2.0], [6.0]]])[0, :, 0]
    array([0. , 0.5, 3. ])
    """

    window: int = 600
    _: dataclasses.KW_ONLY
    min_window: int = 100
    center: bool = False
    variance: bool = False
    axis: tuple[int, ...] = (-1,)

    gone: typing.ClassVar[str] = "the frames around each"

    def __post_init__(self):
        if type(self.window) is not int or self.window < 1:
            raise errors.RecipeError(
                f"`window={self.window!r}` must be 1 frame or more."
            )
        if type(self.min_window) is not int or self.min_window < 1:
            raise errors.RecipeError(
                f"`min_window={self.min_window!r}` must be 1 frame or more."
            )
        if not self.center and self.min_window > self.window:
            raise errors.RecipeError(
                f"`min_window={self.min_window}` must not be more than "
                f"`window={self.window}`."
            )

    def forward_with(self, x, constants, mask=None):
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        along = arrays.axis_of_steps(self.axis, arrays.rank(x))
        packed = arrays.Packed(xp.moveaxis(x, along, 1), mask)
        frames = packed.steps
        # So that data far from 0 lose no digits: nothing depends on this choice.
        first = arrays.part(frames, 1, 0, 1)
        frames = frames - xp.where(xp.isfinite(first), first, first * 0)
        y = self._normalized(frames, packed.length)
        return xp.moveaxis(packed.back(y), 1, along)

    def _normalized(self, frames, length):
        xp = arrays.namespace(frames)
        window, there = self.window + (not self.center), arrays.size(frames, 1)
        if isinstance(there, int):
            window = min(window, there)
        if window < 2:
            return xp.zeros_like(frames)
        if self.variance:
            kind, of = trailing.Moments, _mean_and_divisor
        else:
            kind, of = trailing.Totals, _mean
        parts = trailing.found(kind, frames, window, of)
        if self.center or self.min_window > 1:
            last = self._last(frames, length)
            parts = tuple(arrays.take_steps(part, last) for part in parts)
        y = frames - parts[0]
        return y / parts[1] if self.variance else y

    def _last(self, frames, length):
        """Where the window of each frame ends: int32 of shape (rows or 1, frames)."""
        xp = arrays.namespace(frames)
        at = xp.reshape(arrays.positions(frames, 1), (1, -1))
        least = self.min_window - 1
        if self.center:
            least, at = self.window - 1, at + (self.window - 1 - self.window // 2)
        latest = at * 0 + length - 1
        last = xp.where(at < least, at * 0 + least, at)
        last = xp.where(last > latest, latest, last)
        # A sample without frames has no last one.
        return xp.where(last < 0, at * 0, last)


def _mean(found: trailing.Totals) -> tuple:
    return (found.mean,)


def _mean_and_divisor(found: trailing.Moments) -> tuple:
    """The mean, and the deviation, or 1 where nothing varies."""
    xp = arrays.namespace(found.mean)
    one = arrays.full(1.0, like=found.mean)
    # A selection before the root, so that the gradient is finite as well.
    varies = found.squares > 0
    return found.mean, xp.sqrt(xp.where(varies, found.squares / found.count, one))
