# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Moments of each row's channels, which those of rows and batches follow from."""

import typing

import keras

from tfnorm.layers.network import moments


def statistics(x: typing.Any, axis: int, mask: typing.Any) -> tuple:
    """Returns count, mean and population variance, each of shape (rows, channels).

    Args:
        x: Tensor of float32 or float64.
        axis: The axis of the channels.
        mask: Boolean, with axes of size 1 where it has none; `None` for no mask.
    """
    ops = keras.ops
    rank = len(x.shape)
    rest = [one for one in range(1, rank) if one != axis % rank]
    if rest:
        mask = mask if mask is None else ops.cast(mask, x.dtype)
        count, mean, variance = moments.moments(x, rest, mask)
    else:
        # Torch takes no axes for all.
        mean = x if mask is None else ops.where(mask, x, 0.0)
        count = ops.ones_like(x[:, :1]) if mask is None else ops.cast(mask, x.dtype)
        variance = ops.zeros_like(x)
    count = ops.broadcast_to(count, ops.shape(mean))
    shape = (-1, x.shape[axis])
    return tuple(ops.reshape(one, shape) for one in (count, mean, variance))


def along(constant: typing.Any, axis: int, rank: int):
    """Returns (rows, channels), (rows, 1) or (1, channels) as broadcasts to the data.

    Args:
        constant: The constant.
        axis: The axis of the channels.
        rank: Of the data.
    """
    axis = axis % rank
    for one in range(1, rank):
        constant = constant if one == axis else keras.ops.expand_dims(constant, one)
    return constant


def one_at_least(rows: tuple) -> tuple:
    """Returns statistics with a row that counts nothing, for there may be none.

    Args:
        rows: Count, mean and variance, of shape (rows, channels).
    """
    return tuple(keras.ops.pad(one, ((0, 1), (0, 0))) for one in rows)
