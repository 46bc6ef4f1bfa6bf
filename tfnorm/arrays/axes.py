# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The axes of data that constants are kept for."""

import collections.abc
import typing

import numpy as np

from tfnorm.arrays import tensors


def kept_axes(axis: int | collections.abc.Sequence[int], rank: int) -> tuple[int, ...]:
    """Returns the kept axes as sorted numbers from 1 to `rank - 1`.

    Raises:
        ValueError: If an axis is not there, is named twice, or is axis 0.

    Example:

    >>> kept_axes(-1, 4), kept_axes((-1, 1), 4), kept_axes(-1, 1)
    ((3,), (1, 3), ())
    """
    if rank <= 1:
        return ()
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    absolute = tuple(sorted(int(a) + rank if a < 0 else int(a) for a in axes))
    if len(set(absolute)) < len(absolute):
        raise ValueError(f"`axis={axis}` names an axis of rank-{rank} data twice.")
    if absolute and not (0 < absolute[0] and absolute[-1] < rank):
        raise ValueError(
            f"`axis={axis}` is not among the axes 1 to {rank - 1} of rank-{rank} "
            "data. Axis 0 counts the rows and cannot be kept."
        )
    return absolute


def broadcast(
    value: typing.Any,
    axis: int | collections.abc.Sequence[int],
    rank: int,
    extra: int = 0,
) -> typing.Any:
    """Reshapes constants of the kept shape so that they meet rank-`rank` data.

    Args:
        value: Array or tensor of the kept shape (the sizes of `axis`, in the
            order of the data's axes), then `extra` axes.
        axis: Axis or axes of the batched data that are kept.
        rank: Number of axes of the batched data.
        extra: Number of axes of `value` that the data do not have. They stay.

    Example:

    >>> broadcast(np.zeros(3), 1, 4).shape
    (3, 1, 1)
    """
    whole = tuple(value.shape)
    shape = whole[: len(whole) - extra]
    axes = kept_axes(axis, rank)
    if not shape or axes == tuple(range(rank - len(shape), rank)):
        return value
    if len(shape) != len(axes):
        raise ValueError(
            f"Constants of shape {shape} do not fit `axis={axis}` of rank-{rank} "
            f"data: {len(axes)} axes are kept."
        )
    sizes = dict(zip(axes, shape, strict=True))
    # Leading axes of size 1 are left out: broadcasting adds them.
    target = tuple(sizes.get(index, 1) for index in range(axes[0], rank))
    target += whole[len(shape) :]
    return tensors.namespace(value).reshape(tensors.asarray(value), target)
