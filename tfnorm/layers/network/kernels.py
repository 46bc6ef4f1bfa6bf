# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The fastest legal way to normalize by a batch, by rows and by groups.

Each function computes what `moments.standardized` says, of statistics that are taken
of what is left without a first mean. A backend's own kernel is used where it does that
too; what has no such kernel is computed by `keras.ops`.
"""

import math
import typing

import keras

from tfnorm.layers.network import in_tensorflow
from tfnorm.layers.network import in_torch
from tfnorm.layers.network import moments


def takes_half(x: typing.Any) -> bool:
    """Whether `by_batch` and `by_constants` compute float16 and bfloat16 in float32."""
    own = _OWN.get(keras.backend.backend())
    half = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
    return half and own is not None and own.HALF and own.takes(x, 1.0)


def by_batch(
    x: typing.Any, axis: int, epsilon: float, gamma: typing.Any, beta: typing.Any
) -> tuple:
    """Normalizes by the statistics of the batch itself, and returns them.

    They are for moving statistics: gradients reach `x` through the result alone.

    Args:
        x: Tensor of float32 or float64, or of half precision if `takes_half`.
        axis: The axis kept.
        epsilon: Added to the variance.
        gamma: Scale of shape (channels,); `None` for 1.
        beta: Offset of shape (channels,); `None` for 0.

    Returns:
        The result, and mean and population variance of shape (channels,).
    """
    own = _OWN.get(keras.backend.backend())
    if own is not None and own.takes(x, epsilon):
        last = keras.ops.moveaxis(x, axis, -1)
        y, mean, variance = own.by_batch(last, epsilon, *_filled(gamma, beta, last))
        return keras.ops.moveaxis(y, -1, axis), mean, variance
    rank = len(x.shape)
    rest = [one for one in range(rank) if one != axis % rank]
    shift, apart, left, variance = moments.around(x, rest)
    constants = _placed((gamma, beta), axis, rank)
    y = moments.standardized(apart, left, variance, epsilon, *constants)
    return y, moments.flat(shift + left), moments.flat(variance)


def by_constants(
    x: typing.Any,
    axis: int,
    epsilon: float,
    gamma: typing.Any,
    beta: typing.Any,
    mean: typing.Any,
    variance: typing.Any,
):
    """Normalizes by given statistics, in one pass over the input.

    Args:
        x: Tensor of float32 or float64, or of half precision if `takes_half`.
        axis: The axis kept.
        epsilon: Added to the variance.
        gamma: Scale of shape (channels,); `None` for 1.
        beta: Offset of shape (channels,); `None` for 0.
        mean: Of shape (channels,).
        variance: Of shape (channels,).
    """
    own = _OWN.get(keras.backend.backend())
    if own is not None and own.takes(x, epsilon) and axis in (-1, len(x.shape) - 1):
        constants = _filled(gamma, beta, x)
        return own.by_constants(x, epsilon, *constants, mean, variance)
    rank = len(x.shape)
    gamma, beta, mean, variance = _placed((gamma, beta, mean, variance), axis, rank)
    return moments.standardized(x, mean, variance, epsilon, gamma, beta)


def by_rows(
    x: typing.Any,
    epsilon: float,
    gamma: typing.Any,
    beta: typing.Any,
    *,
    center: bool = True,
):
    """Normalizes each row along the last axis by its own statistics.

    Args:
        x: Tensor of float32 or float64, of shape (..., channels).
        epsilon: Added to the variance.
        gamma: Scale of shape (channels,); `None` for 1.
        beta: Offset of shape (channels,); `None` for 0.
        center: Whether to subtract the mean; if not, the variance is beside 0.
    """
    own = _OWN.get(keras.backend.backend())
    if own is not None and own.takes(x, epsilon):
        return own.by_rows(x, epsilon, _filled(gamma, beta, x)[0], beta, center)
    if center:
        _, apart, left, variance = moments.around(x, (-1,))
    else:
        apart, left = x, None
        variance = keras.ops.mean(x * x, -1, keepdims=True)
    y = moments.standardized(apart, left, variance, epsilon)
    # Apart from the inverse deviation, whose gradient would else be as large as `x`.
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def by_groups(
    x: typing.Any,
    groups: int,
    epsilon: float,
    gamma: typing.Any,
    beta: typing.Any,
    counted: typing.Any = None,
):
    """Normalizes each group of channels of each sample by its own statistics.

    Args:
        x: Tensor of float32 or float64, of shape (rows, ..., channels).
        groups: How many groups of channels there are.
        epsilon: Added to the variance.
        gamma: Scale of shape (channels,); `None` for 1.
        beta: Offset of shape (channels,); `None` for 0.
        counted: 1 where `x` counts and 0 where it does not (and is 0), of shape
            (rows, ..., 1); `None` where all counts.
    """
    own = _OWN.get(keras.backend.backend())
    ops = keras.ops
    shape, channels = ops.shape(x), x.shape[-1]
    steps = math.prod(shape[1:-1]) if all(map(_known, shape[1:-1])) else -1
    flat = ops.reshape(x, (shape[0], steps, channels))
    if own is not None and own.takes(x, epsilon) and counted is None:
        y = own.by_groups(flat, groups, epsilon, *_filled(gamma, beta, x))
        return ops.reshape(y, shape)
    if counted is not None:
        counted = ops.broadcast_to(counted, (*shape[:-1], 1))
        counted = ops.reshape(counted, (shape[0], steps, 1))
    # Channel by channel: rows are long, and are read as they lie.
    _, means, variances = moments.moments(flat, (1,), counted)

    def of_group(t):
        t = ops.reshape(t, (shape[0], groups, channels // groups))
        t = ops.repeat(ops.mean(t, -1), channels // groups, -1)
        return ops.expand_dims(t, 1)

    mean = of_group(means)
    apart = means - mean
    variance = of_group(variances + apart * apart)
    y = moments.standardized(flat, mean, variance, epsilon, gamma, beta)
    return ops.reshape(y, shape)


def _known(size) -> bool:
    return isinstance(size, int)


_OWN = {"tensorflow": in_tensorflow, "torch": in_torch}


def _filled(gamma, beta, x) -> tuple:
    channels, ops = x.shape[-1:], keras.ops
    wide = keras.backend.standardize_dtype(x.dtype) == "float64"
    dtype = "float64" if wide else "float32"
    gamma = ops.ones(channels, dtype) if gamma is None else gamma
    return gamma, ops.zeros(channels, dtype) if beta is None else beta


def _placed(constants, axis: int, rank: int) -> list:
    return [
        one if one is None else moments.along(one, (axis,), rank) for one in constants
    ]
