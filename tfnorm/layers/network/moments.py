# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean and variance of activations, and the map that they make."""

import collections.abc
import sys
import typing

import keras


def moments(
    x: typing.Any, axes: collections.abc.Sequence[int], mask: typing.Any = None
) -> tuple:
    """Returns how many values there are, their mean and their population variance.

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
        shift, _, left, variance = around(x, axes)
        count = 1.0
        for axis in axes:
            count = count * ops.cast(ops.shape(x)[axis], x.dtype)
        return count, shift + left, variance
    mask = ops.broadcast_to(mask, ops.shape(x))
    # Selected, since NaN in padding times 0 is NaN.
    x = ops.where(mask > 0, x, 0.0)
    count = ops.sum(mask, axes, keepdims=True)
    divisor = ops.where(count > 0, count, 1.0)
    some = sample(mask, axes)
    weight = ops.sum(some, axes, keepdims=True)
    shift = ops.sum(some * sample(x, axes), axes, keepdims=True)
    shift = shift / ops.where(weight > 0, weight, 1.0)
    # Where the sample is masked as a whole, the mean that adding one by one gives.
    shift = ops.where(
        weight > 0, shift, ops.sum(x * mask, axes, keepdims=True) / divisor
    )
    apart = x - ops.stop_gradient(shift)
    # How large a part of all counts, by which a mean of all is to be divided.
    part = ops.maximum(mean(mask, axes), 1e-30)
    left = mean(apart * mask, axes) / part
    square = mean(apart * apart * mask, axes) / part
    middle = ops.stop_gradient(shift) + left
    return count, middle, ops.maximum(square - left * left, 0.0)


def around(x: typing.Any, axes: collections.abc.Sequence[int]) -> tuple:
    """Returns a constant near the mean, and what there is beside it.

    Of what is left of large numbers, neither the sum nor that of the squares cancels.
    The variance is `mean((x - c)**2) - (mean(x) - c)**2` for any constant c, so its
    derivatives are right to every order.

    The constant is the mean, but in TensorFlow that of a sample: it adds numbers one by
    one, and of 200,000 at 1e4 the mean was off by 7. The mean of a sample lies within
    `1 / sqrt(part)` deviations of that of all, whatever the data are.

    Args:
        x: Tensor of float32 or float64.
        axes: The axes to reduce.

    Returns:
        The constant, without gradient; `x` less it; the mean of that; and the variance.
        All but the second keep the axes, with size 1.
    """
    ops = keras.ops
    sampled = keras.backend.backend() == "tensorflow"
    middle = mean(sample(x, axes) if sampled else x, axes)
    shift = ops.stop_gradient(middle)
    # Of nothing it is NaN.
    shift = ops.where(ops.isfinite(shift), shift, 0.0)
    apart = x - shift
    left = mean(apart, axes) if sampled else middle - shift
    variance = mean(apart * apart, axes) - left * left
    return shift, apart, left, ops.maximum(variance, 0.0)


def mean(x: typing.Any, axes: collections.abc.Sequence[int]):
    """Returns the mean, with the axes reduced to size 1."""
    if keras.backend.backend() != "tensorflow":
        return keras.ops.mean(x, tuple(axes), keepdims=True)
    # It adds numbers one by one: the fewer in a sum, the less it rounds.
    for axis in sorted((axis % len(x.shape) for axis in axes), reverse=True):
        x = keras.ops.mean(x, axis, keepdims=True)
    return x


def sample(x: typing.Any, axes: collections.abc.Sequence[int]):
    """Returns a part of the data: every so many-th element along some axes.

    Args:
        x: Tensor.
        axes: The axes. Of those that are longer, some 64 elements are left if it is
            one axis, 16 along each of two, 8 of more; of size 1 they stay as they are.
    """
    ops = keras.ops
    each = {1: 64, 2: 16}.get(len(tuple(axes)), 8)
    parts = [slice(None)] * len(x.shape)
    unknown = False
    for axis in axes:
        size = ops.shape(x)[axis]
        if isinstance(size, int):
            # Not from the edge, which is often something else.
            stride = max(size // each, 1)
        elif keras.backend.backend() == "tensorflow":
            stride = ops.maximum(size // each, 1)
            unknown = True
        else:
            continue  # A size that has no value, of which nothing can be computed.
        parts[axis] = slice(stride // 2, None, stride)
    found = x[tuple(parts)]
    if unknown:
        # By such a stride TensorFlow forgets even how many axes there are.
        sizes = [
            None if size is None else len(range(*part.indices(size)))
            for part, size in zip(parts, x.shape, strict=True)
        ]
        found = sys.modules["tensorflow"].ensure_shape(found, sizes)
    return found


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
