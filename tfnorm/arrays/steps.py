# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What is done to the steps of a series, which lie along axis 1."""

import sys
import typing

from tfnorm.arrays import axes
from tfnorm.arrays import indexing
from tfnorm.arrays import tensors


def axis_of_steps(axis: int | typing.Sequence[int], rank: int) -> int:
    """Returns the first axis behind the rows that is not kept.

    Data of rank 2 have no axis beside the rows but that of the steps.

    Example:

    >>> axis_of_steps(-1, 3), axis_of_steps(1, 3), axis_of_steps(-1, 2)
    (1, 2, 1)
    """
    if rank < 2:
        raise ValueError(
            f"Data of shape (rows, steps, ...) were expected, not {rank}-D."
        )
    kept = axes.kept_axes(axis, rank)
    others = [index for index in range(1, rank) if index not in kept]
    return others[0] if others else 1


def reshaped(x: typing.Any, shape: typing.Sequence[typing.Any]) -> typing.Any:
    """Returns `x` in another shape, whose sizes may be int32 tensors in a graph."""
    if tensors.framework(x) == "tensorflow":
        return sys.modules["tensorflow"].reshape(x, list(shape))
    return tensors.namespace(x).reshape(x, tuple(shape))


def blocks(x: typing.Any, axis: int, length: int) -> typing.Any:
    """Cuts an axis into an axis of blocks and one of `length`; fills up with zeros.

    Example:

    >>> import numpy as np
    >>> blocks(np.arange(1, 6), 0, 3)
    array([[1, 2, 3],
           [4, 5, 0]])
    """
    rank = tensors.rank(x)
    axis = axis % rank
    there = indexing.size(x, axis)
    missing = -there % length
    if not isinstance(missing, int) or missing:
        x = indexing.padded(x, axis, 0, missing, 0)
    sizes = [indexing.size(x, index) for index in range(rank)]
    count = (there + missing) // length
    return reshaped(x, [*sizes[:axis], count, length, *sizes[axis + 1 :]])


def unblocked(x: typing.Any, axis: int, length: typing.Any) -> typing.Any:
    """Undoes `blocks`: joins an axis with the next, and keeps `length` of them."""
    rank = tensors.rank(x)
    sizes = [indexing.size(x, index) for index in range(rank)]
    there = sizes[axis] * sizes[axis + 1]
    x = reshaped(x, [*sizes[:axis], there, *sizes[axis + 2 :]])
    if isinstance(there, int) and isinstance(length, int) and there == length:
        return x
    return indexing.part(x, axis, None, length)


def take_steps(x: typing.Any, steps: typing.Any) -> typing.Any:
    """Returns `x[row, steps[row]]` of each row.

    Args:
        x: Array or tensor of shape (rows, steps, ...).
        steps: int32 of shape (rows, n), or (1, n) for all rows alike.
    """
    name = tensors.framework(x)
    alike = steps.shape[0] == 1
    if name == "tensorflow":
        gather = sys.modules[name].gather
        if alike:
            return gather(x, steps[0], axis=1)
        return gather(x, steps, axis=1, batch_dims=1)
    if name == "torch":
        steps = steps.to(sys.modules[name].int64)
    if alike and name == "torch":
        return x[:, steps[0]]
    if alike:
        # For NumPy, three times as fast as an index.
        return tensors.namespace(x).take(x, steps[0], axis=1)
    rows = tensors.namespace(x).arange(x.shape[0])
    rows = rows.to(x.device) if name == "torch" else rows
    return x[rows[:, None], steps]


class Packed:
    """The steps of each row that count, moved to its front in their order.

    What comes before the first that counts, or between two, is as if it had never
    been there; so is what comes after the last.

    Args:
        x: Array or tensor of shape (rows, steps, ...).
        mask: Boolean, of shape (rows, steps); or `None`, if all steps count.

    Attributes:
        steps: `x` in that order, with zeros behind.
        length: How many steps count: int32 of shape (rows, 1), or one number.
    """

    def __init__(self, x: typing.Any, mask: typing.Any):
        self.steps = x
        self.length = indexing.size(x, 1)
        self._places = None
        if mask is None:
            return
        if tensors.rank(mask) != 2:
            raise ValueError(
                f"A mask of shape {tuple(mask.shape)} came; it must be that of the "
                "rows and steps alone."
            )
        mask = tensors.cast(tensors.constants(mask, like=x), "bool")
        xp = tensors.namespace(mask)
        place, count = indexing.positions(mask, 1), self.length
        # Those that count sort before the others, each in their order.
        order = indexing.sort(xp.where(mask, place, place + count), 1)
        order = xp.where(order < count, order, order - count)
        found = tensors.cast(xp.cumsum(tensors.cast(mask, "int32"), 1), "int32")
        self._places = xp.where(found < 1, found * 0, found - 1)
        self._mask = mask[(..., *(None,) * (tensors.rank(x) - 2))]
        self.length = indexing.part(found, 1, -1, None)
        self.steps = take_steps(self._counted(x), order)

    def back(self, y: typing.Any) -> typing.Any:
        """Returns steps to their places; those that do not count are 0."""
        if self._places is None:
            return y
        return self._counted(take_steps(y, self._places))

    def _counted(self, x):
        xp = tensors.namespace(x)
        return xp.where(self._mask, x, tensors.full(0.0, like=x))
