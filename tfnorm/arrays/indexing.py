# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Where frameworks do the same to the elements of tensors under other names."""

import sys
import typing

from tfnorm.arrays import tensors


def take(values: typing.Any, indices: typing.Any) -> typing.Any:
    """Returns `values[indices]` along axis 0, in the shape of `indices` and the rest.

    Args:
        values: Array or tensor of shape (n, ...).
        indices: int32 of any shape, each from 0 to n - 1.
    """
    name = tensors.framework(indices)
    if name == "tensorflow":
        return sys.modules[name].gather(values, indices)
    if name == "torch":
        # Seven times as fast as `values[indices]`.
        flat = sys.modules[name].index_select(values, 0, indices.reshape(-1))
        return flat.reshape((*indices.shape, *values.shape[1:]))
    # The other modes check every index, which takes JAX twice as long as the rest.
    return tensors.namespace(indices).take(values, indices, axis=0, mode="clip")


def take_along(values: typing.Any, indices: typing.Any, axis: int) -> typing.Any:
    """Returns the elements at `indices` along one axis, which has their size then.

    Args:
        values: Array or tensor.
        indices: int32, of the shape of `values` but along `axis`.
        axis: The axis.
    """
    name = tensors.framework(values)
    if name == "torch":
        torch = sys.modules[name]
        return torch.take_along_dim(values, indices.to(torch.int64), dim=axis)
    if name == "tensorflow":
        tensorflow = sys.modules[name]
        last = tensors.rank(values) - 1
        axis = axis % (last + 1)
        moved = [
            tensorflow.experimental.numpy.moveaxis(t, axis, last)
            for t in (values, indices)
        ]
        found = tensorflow.gather(*moved, axis=last, batch_dims=last)
        return tensorflow.experimental.numpy.moveaxis(found, last, axis)
    return tensors.namespace(values).take_along_axis(values, indices, axis=axis)


def shifted(x: typing.Any, steps: int, axis: int, fill: float) -> typing.Any:
    """Moves elements `steps` places up (down if negative) along an axis.

    Those that leave are lost, and `fill` takes their places; so do all where there
    are fewer than `steps`.

    Example:

    >>> import numpy as np
    >>> shifted(np.array([1, 2, 3]), 1, 0, 0), shifted(np.array([1, 2, 3]), -5, 0, 0)
    (array([0, 1, 2]), array([0, 0, 0]))
    """
    rank = tensors.rank(x)
    axis = axis % rank
    before, after = max(steps, 0), max(-steps, 0)
    x = padded(x, axis, before, after, fill)
    return part(x, axis, after, -before or None)


def padded(
    x: typing.Any, axis: int, before: int, after: int, fill: float
) -> typing.Any:
    """Adds elements of one value in front of and behind an axis."""
    name, rank = tensors.framework(x), tensors.rank(x)
    axis = axis % rank
    widths = [(before, after) if index == axis else (0, 0) for index in range(rank)]
    if name == "torch":
        flat = [width for pair in reversed(widths) for width in pair]
        return sys.modules[name].nn.functional.pad(x, flat, value=fill)
    if name == "tensorflow":
        return sys.modules[name].pad(x, widths, constant_values=fill)
    return tensors.namespace(x).pad(x, widths, constant_values=fill)


def part(x: typing.Any, axis: int, start: int | None, stop: int | None) -> typing.Any:
    """Returns `x[start:stop]` along one axis."""
    index = [slice(None)] * tensors.rank(x)
    index[axis] = slice(start, stop)
    return x[tuple(index)]


def joined(parts: typing.Sequence[typing.Any], axis: int) -> typing.Any:
    """Returns tensors one behind the other along an axis that they have."""
    return tensors.namespace(parts[0]).concatenate(parts, axis)


def size(x: typing.Any, axis: int) -> typing.Any:
    """Returns the size of an axis: a number, or in a graph an int32 tensor."""
    known = x.shape[axis]
    if known is not None:
        return known
    return sys.modules["tensorflow"].shape(x)[axis]


def positions(x: typing.Any, axis: int) -> typing.Any:
    """Returns 0, 1, 2, ... along one axis, as int32 that broadcasts against `x`."""
    rank, name = tensors.rank(x), tensors.framework(x)
    found = size(x, axis)
    if name == "tensorflow":
        numbers = sys.modules[name].range(found)
    elif name == "torch":
        torch = sys.modules[name]
        numbers = torch.arange(found, dtype=torch.int32, device=x.device)
    else:
        numbers = tensors.namespace(x).arange(found, dtype="int32")
    shape = [1] * rank
    shape[axis] = -1
    return tensors.namespace(x).reshape(numbers, tuple(shape))


def equal(x: typing.Any, y: typing.Any) -> typing.Any:
    """Returns where two tensors, or a tensor and a number, are equal.

    In a `tf.Graph` outside of functions, as tf.Transform builds them, `==` of tensors
    tells whether they are one object.
    """
    if tensors.framework(x) == "tensorflow":
        return sys.modules["tensorflow"].equal(x, y)
    return x == y


def divisor(x: typing.Any) -> typing.Any:
    """Returns `x`, or 1 where it is 0, to divide by with a finite gradient."""
    one = tensors.full(1.0, like=x)
    return tensors.namespace(x).where(equal(x, 0), one, x)


def detached(x: typing.Any) -> typing.Any:
    """Returns `x` as a constant, which passes no gradient."""
    name = tensors.framework(x)
    if name == "tensorflow":
        return sys.modules[name].stop_gradient(x)
    if name == "jax":
        return sys.modules[name].lax.stop_gradient(x)
    return x.detach() if name == "torch" else x


def sort(x: typing.Any, axis: int) -> typing.Any:
    """Returns the elements of each line along an axis in rising order."""
    name = tensors.framework(x)
    if name == "torch":
        return sys.modules[name].sort(x, dim=axis).values
    if name == "tensorflow":
        return sys.modules[name].sort(x, axis=axis)
    return tensors.namespace(x).sort(x, axis=axis)


def matmul(x: typing.Any, y: typing.Any) -> typing.Any:
    """Returns the matrix product, in the full precision of the elements.

    TensorFlow alone has no say in it: its GPUs round float32 to TF32 first, unless
    `tf.config.experimental.enable_tensor_float_32_execution(False)` is called.
    """
    name = tensors.framework(x)
    if name == "jax":
        # By default, TPUs would round float32 to bfloat16 first.
        return sys.modules[name].numpy.matmul(x, y, precision="highest")
    if name == "tensorflow":
        tensorflow = sys.modules[name]
        if tensors.rank(y) > 2 or tensors.rank(x) <= 2:
            return tensorflow.matmul(x, y)
        # Its product of more axes with one matrix crashes, or gives wrong numbers,
        # where one of them is of size 1: github.com/tensorflow/tensorflow/pull/120199.
        sizes = [size(x, axis) for axis in range(tensors.rank(x) - 1)]
        product = tensorflow.matmul(tensorflow.reshape(x, [-1, y.shape[0]]), y)
        return tensorflow.reshape(product, [*sizes, y.shape[1]])
    return tensors.namespace(x).matmul(x, y)
