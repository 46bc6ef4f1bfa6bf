# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean and variance of activations, and the map that they make."""

import collections.abc
import typing

import keras


def moments(
    x: typing.Any, axes: collections.abc.Sequence[int], mask: typing.Any = None
) -> tuple:
    """Returns how many values there are, their mean and their population variance.

    The variance is that of what is left without the mean, so that nothing large
    cancels, and the mean is mended by what rounding left of it.

    Args:
        x: Tensor of float32 or float64.
        axes: The axes to reduce.
        mask: What counts: 0 and 1 (or weights) in the type of `x`, broadcastable to
            it. Where nothing counts, all three results are 0.

    Returns:
        Count, mean and variance. The latter two keep the axes, with size 1; the count
        is a number without a mask, else of their shape or broadcastable to it.
    """
    ops = keras.ops
    axes = tuple(axes)
    if mask is None:
        shift = ops.stop_gradient(ops.mean(x, axes, keepdims=True))
        apart = x - shift
        left = ops.mean(apart, axes, keepdims=True)
        variance = ops.mean(apart * apart, axes, keepdims=True) - left * left
        count = 1.0
        for axis in axes:
            count = count * ops.cast(ops.shape(x)[axis], x.dtype)
        return count, shift + left, ops.maximum(variance, 0.0)
    mask = ops.broadcast_to(mask, ops.shape(x))
    # Selected, since NaN in padding times 0 is NaN.
    x = ops.where(mask > 0, x, 0.0)
    count = ops.sum(mask, axes, keepdims=True)
    divisor = ops.where(count > 0, count, 1.0)
    shift = ops.stop_gradient(ops.sum(x * mask, axes, keepdims=True) / divisor)
    apart = (x - shift) * mask
    left = ops.sum(apart, axes, keepdims=True) / divisor
    spread = ops.sum(apart * (x - shift), axes, keepdims=True) / divisor
    return count, shift + left, ops.maximum(spread - left * left, 0.0)


def pooled(
    counts: typing.Any, means: typing.Any, variances: typing.Any, axis: int = 0
) -> tuple:
    """Returns count, mean and variance of several parts together.

    Args:
        counts: How many values each part has, broadcastable to the means.
        means: The parts' means, along `axis`.
        variances: Their population variances.
        axis: Which axis counts the parts; it is reduced.

    Reference:
        Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for
        Computing Sample Variances, 1979.
    """
    ops = keras.ops
    count = ops.sum(counts, axis)
    divisor = ops.where(count > 0, count, 1.0)
    shares = counts / ops.expand_dims(divisor, axis)
    # Beside the middle of the parts' means: weighing large numbers would round.
    shift = ops.stop_gradient(ops.max(means, axis, keepdims=True))
    shift = ops.where(ops.isfinite(shift), shift, 0.0)
    mean = ops.sum(shares * (means - shift), axis)
    apart = means - shift - ops.expand_dims(mean, axis)
    variance = ops.sum(shares * (variances + apart * apart), axis)
    return count, ops.squeeze(shift, axis) + mean, variance


def standardized(
    x: typing.Any,
    mean: typing.Any,
    variance: typing.Any,
    epsilon: float,
    gamma: typing.Any = None,
    beta: typing.Any = None,
):
    """Returns `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.

    Args:
        x: Tensor.
        mean: What to subtract, broadcastable to `x`; `None` for nothing.
        variance: Broadcastable to `x`.
        epsilon: Added to the variance.
        gamma: Scale, broadcastable; `None` for 1.
        beta: Offset, broadcastable; `None` for 0.
    """
    inverse = keras.ops.rsqrt(variance + epsilon)
    inverse = inverse if gamma is None else inverse * gamma
    # Centered first: beside a mean of 1e4, `x * a + b` has lost four digits.
    y = (x if mean is None else x - mean) * inverse
    return y if beta is None else y + beta


def placed(mask: typing.Any, rank: int, axis: int = -1):
    """Returns a mask with axes of size 1 where it has none.

    Args:
        mask: Boolean tensor of the first axes of the data beside `axis`, such as
            (rows, steps).
        rank: Of the data.
        axis: The axis of channels, which no mask has.
    """
    ops = keras.ops
    mask = ops.convert_to_tensor(mask)
    for _ in range(rank - 1 - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return mask if len(mask.shape) == rank else ops.expand_dims(mask, axis % rank)


def along(constants: typing.Any, axes: collections.abc.Sequence[int], rank: int):
    """Returns constants of some axes in the shape that broadcasts to the data.

    Args:
        constants: Tensor whose axes are those of `axes`, in rising order.
        axes: Axes of the data.
        rank: Of the data.
    """
    shape = [1] * rank
    axes = sorted(axis % rank for axis in axes)
    for axis, size in zip(axes, constants.shape, strict=True):
        shape[axis] = size
    return keras.ops.reshape(constants, shape)


def flat(statistic: typing.Any):
    """Returns a statistic of which one axis is left, without its axes of size 1."""
    return keras.ops.reshape(statistic, (-1,))
