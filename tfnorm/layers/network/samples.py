# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What layers that normalize by the statistics of each sample have in common."""

import typing

import keras

from tfnorm.layers.network import kernels
from tfnorm.layers.network import moments
from tfnorm.layers.network import scaled


class SampleLayer(scaled.Scaled):
    """Normalizes each sample by its own statistics over the steps or pixels.

    A mask of the first axes beside the channels, such as (rows, steps), leaves steps
    out of the statistics and makes them 0. A sample without steps becomes 0.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        **kwargs: As in `scaled.Scaled`.
    """

    # Rows and channels, and at least one axis of steps to take statistics over.
    _least_rank = 3

    def __init__(self, axis: int = -1, **kwargs):
        super().__init__(**kwargs)
        self.axis = int(axis)

    def build(self, input_shape):
        check_axis(self, input_shape, self._least_rank)
        channels = input_shape[self.axis]
        self.add_gamma_and_beta((channels,))
        self.input_spec = keras.layers.InputSpec(
            ndim=len(input_shape), axes={self.axis: channels}
        )

    def call(self, inputs, training=None, mask=None):
        x = self.wide(inputs)
        rank = len(x.shape)
        counted = None
        if mask is not None:
            counted = moments.placed(mask, rank, self.axis)
            # Before all else, since NaN in padding times 0 is NaN, in gradients too.
            x = keras.ops.where(counted, x, 0.0)
            counted = keras.ops.cast(counted, x.dtype)
        gamma, beta = self._placed(self.gamma, x), self._placed(self.beta, x)
        y = self._normalized(x, counted, gamma, beta, training)
        if counted is not None:
            y = keras.ops.where(counted > 0, y, 0.0)
        return self.narrow(y)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}

    def _normalized(self, x, counted, gamma, beta, training):
        """Returns the result; what is masked in it will be made 0.

        Args:
            x: Tensor, 0 where it is masked.
            counted: 1 where it is not, broadcastable to `x`; `None` without a mask.
            gamma: Scale, broadcastable; `None` for 1.
            beta: Offset, broadcastable; `None` for 0.
            training: Whether the layer is trained.
        """
        raise NotImplementedError

    def _by_groups(self, x, counted, groups: int):
        """Returns what groups of channels of each sample give by their own moments."""
        last = keras.ops.moveaxis(x, self.axis, -1)
        if counted is not None:
            counted = keras.ops.moveaxis(counted, self.axis, -1)
        gamma, beta = self.constant(self.gamma, x), self.constant(self.beta, x)
        y = kernels.by_groups(last, groups, self.epsilon, gamma, beta, counted)
        return keras.ops.moveaxis(y, -1, self.axis)

    def _placed(self, weight, x):
        """Returns a weight of the channels in the type and shape to go with `x`."""
        weight = self.constant(weight, x)
        if weight is None:
            return None
        return moments.along(weight, (self.axis,), len(x.shape))

    def _steps(self, x) -> tuple[int, ...]:
        """Returns the axes between the rows and the channels."""
        rank = len(x.shape)
        return tuple(one for one in range(1, rank) if one != self.axis % rank)


def check_axis(layer: keras.layers.Layer, shape, least_rank: int = 2) -> None:
    """Raises `ValueError` unless a layer's `axis` is one of the data's, not the rows'.

    Args:
        layer: Its `axis` is that of the channels.
        shape: Of the data.
        least_rank: How many axes the data must have.
    """
    rank = len(shape)
    if rank < least_rank:
        raise ValueError(
            f"Layer {layer.name!r} needs inputs of at least {least_rank} axes (rows, "
            f"steps, channels, in the order that `axis` says), but the input shape is "
            f"{tuple(shape)}."
            if least_rank > 2
            else f"Layer {layer.name!r} needs rows and channels, but the input shape "
            f"is {tuple(shape)}."
        )
    if not -rank < layer.axis < rank or layer.axis == 0:
        raise ValueError(
            f"`axis={layer.axis}` names no axis beside that of the rows, 0, in the "
            f"input shape {tuple(shape)}. Use -1 for channels last, 1 for first."
        )


def mean_square(x: typing.Any, axes: tuple[int, ...], counted: typing.Any = None):
    """Returns the mean of squares, with the axes reduced to size 1.

    Args:
        x: Tensor, 0 where it is masked.
        axes: The axes to reduce.
        counted: 1 where `x` counts, 0 elsewhere, broadcastable to it; `None` for all.
    """
    ops = keras.ops
    if counted is None:
        return ops.mean(x * x, axes, keepdims=True)
    counted = ops.broadcast_to(counted, ops.shape(x))
    count = ops.sum(counted, axes, keepdims=True)
    total = ops.sum(x * x * counted, axes, keepdims=True)
    return total / ops.maximum(count, 1.0)


def root(energy: typing.Any):
    """Returns the square root, whose derivative at 0 is taken to be 0.

    Args:
        energy: Tensor that is nowhere negative.
    """
    ops = keras.ops
    # Selected twice, since infinity times 0 is NaN.
    positive = ops.where(energy > 0, energy, 1.0)
    return ops.where(energy > 0, ops.sqrt(positive), 0.0)
