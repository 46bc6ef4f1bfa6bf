# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What layers that normalize by the statistics of the batch have in common."""

import typing

import keras

from tfnorm.layers.network import kernels
from tfnorm.layers.network import moments
from tfnorm.layers.network import scaled
from tfnorm.layers.network import synchronized as synchronized_lib


class BatchLayer(scaled.Scaled):
    """Normalizes by the batch in training, and by moving statistics in inference.

    A subclass overrides one of: `_statistics`, from which a batch is normalized;
    `_by_batch`, how; `_inferred`, what inference uses; `_take_in`, how statistics move.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        momentum: Weight of the moving statistics of before, at each batch.
        moving_mean_initializer: Of the moving mean.
        moving_variance_initializer: Of the moving variance.
        synchronized: Whether replicas share the statistics of all their batches. On
            JAX they do in any case.
        **kwargs: As in `scaled.Scaled`.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        *,
        moving_mean_initializer: typing.Any = "zeros",
        moving_variance_initializer: typing.Any = "ones",
        synchronized: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        initializers = keras.initializers
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.synchronized = synchronized

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = (input_shape[self.axis],)
        self.add_gamma_and_beta(self._shape_of_gamma(channels))
        self._add_moving_weights(channels)
        self.input_spec = keras.layers.InputSpec(
            ndim=len(input_shape), axes={self.axis: input_shape[self.axis]}
        )

    # Whether inference uses nothing of the batch.
    _inferred_are_constant = True
    # Whether half precision may be left to a kernel that computes in float32 itself.
    _leaves_half = False

    def call(self, inputs, training=None, mask=None):
        x = keras.ops.convert_to_tensor(inputs)
        kept = keras.backend.standardize_dtype(x.dtype) == self.compute_dtype
        alone = mask is None and not self.synchronized and self._leaves_half
        x = x if kept and alone and kernels.takes_half(x) else self.wide(x)
        gamma, beta = self.constant(self.gamma, x), self.constant(self.beta, x)
        mask = self._placed_mask(mask, x)
        return self.narrow(self._normalized(x, mask, gamma, beta, training))

    def compute_output_shape(self, input_shape):
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                f"`axis={self.axis}` is out of bounds for the input shape "
                f"{tuple(input_shape)}."
            )
        return tuple(input_shape)

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": serialize(self.moving_mean_initializer),
            "moving_variance_initializer": serialize(self.moving_variance_initializer),
            "synchronized": self.synchronized,
        }

    def _shape_of_gamma(self, channels: tuple) -> tuple:
        return channels

    def _add_moving_weights(self, channels: tuple) -> None:
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self._add_moving("moving_mean", channels, mean)
        self.moving_variance = self._add_moving("moving_variance", channels, variance)

    def _add_moving(self, name: str, shape, initializer):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            trainable=False,
            autocast=False,
        )

    def _normalized(self, x, mask, gamma, beta, training):
        """What `call` returns, in the type of `x`."""
        if training and self.trainable:
            return self._by_batch(x, mask, gamma, beta)
        constants = gamma, beta, *self._inferred(x, mask)
        if not self._inferred_are_constant:
            # By what has a gradient.
            gamma, beta, mean, variance = (self._along(one, x) for one in constants)
            return moments.standardized(x, mean, variance, self.epsilon, gamma, beta)
        return kernels.by_constants(x, self.axis, self.epsilon, *constants)

    def _by_batch(self, x, mask, gamma, beta):
        """Normalizes in training, and takes the batch in."""
        if mask is None and not self.synchronized:
            y, mean, variance = kernels.by_batch(
                x, self.axis, self.epsilon, gamma, beta
            )
            self._take_in(self._count(x), mean, variance)
            return y
        x = self._without_padding(x, mask)
        count, mean, variance = self._statistics(x, mask)
        self._take_in(count, mean, variance)
        constants = [self._along(one, x) for one in (mean, variance, gamma, beta)]
        mean, variance, gamma, beta = constants
        return moments.standardized(x, mean, variance, self.epsilon, gamma, beta)

    def _inferred(self, x, mask) -> tuple:
        """Mean and variance to normalize by in inference, of shape (channels,)."""
        return self.constant(self.moving_mean, x), self.constant(
            self.moving_variance, x
        )

    def _statistics(self, x, mask) -> tuple:
        """Count, mean and variance of the batch, of shape (channels,)."""
        count, mean, variance = self._own_statistics(x, mask)
        if self.synchronized:
            return synchronized_lib.over_replicas(count, mean, variance)
        return count, mean, variance

    def _own_statistics(self, x, mask) -> tuple:
        """Those of this replica."""
        ops = keras.ops
        mask = mask if mask is None else ops.cast(mask, x.dtype)
        count, mean, variance = moments.moments(x, self._rest(x), mask)
        count = self._count(x) if mask is None else moments.flat(count)
        mean, variance = moments.flat(mean), moments.flat(variance)
        # The mean of no rows is NaN.
        some = count > 0
        return count, ops.where(some, mean, 0.0), ops.where(some, variance, 0.0)

    def _take_in(self, count, mean, variance) -> None:
        """Moves the statistics towards those of a batch, of shape (channels,).

        Args:
            count: How many values they are of; of none, nothing changes.
            mean: Of the batch.
            variance: Its population variance.
        """
        some, keep, share = count > 0, self.momentum, 1.0 - self.momentum
        move(self.moving_mean, mean, some, keep, share)
        move(self.moving_variance, variance, some, keep, share)

    def _placed_mask(self, mask, x):
        if mask is None:
            return None
        mask = keras.ops.convert_to_tensor(mask)
        if len(mask.shape) >= len(x.shape):
            raise ValueError(
                f"A mask is of the first axes of the inputs beside that of the "
                f"channels (`axis={self.axis}`), but layer {self.name!r} was called "
                f"with a mask of shape {tuple(mask.shape)} for inputs of shape "
                f"{tuple(x.shape)}."
            )
        return keras.ops.cast(moments.placed(mask, len(x.shape), self.axis), "bool")

    def _without_padding(self, x, mask):
        """`x` with 0 for what is not finite in padding.

        It would reach the gradient of gamma, where it is multiplied by 0: NaN.
        """
        if mask is None:
            return x
        return keras.ops.where(mask | keras.ops.isfinite(x), x, 0.0)

    def _rest(self, x) -> list[int]:
        """The axes that statistics are taken along."""
        rank = len(x.shape)
        return [axis for axis in range(rank) if axis != self.axis % rank]

    def _count(self, x):
        """How many values each channel has."""
        count = 1.0
        for axis in self._rest(x):
            count = count * keras.ops.cast(keras.ops.shape(x)[axis], x.dtype)
        return count

    def _along(self, constant, x):
        """A constant of shape (channels,) in the shape that broadcasts to `x`."""
        if constant is None:
            return None
        return moments.along(constant, (self.axis,), len(x.shape))


def assign(weight: typing.Any, value: typing.Any, some: typing.Any) -> None:
    """Gives a weight a value where there is some.

    Args:
        weight: The weight.
        value: The value.
        some: Boolean; where it is false, the weight stays.
    """
    ops = keras.ops
    value = ops.cast(value, weight.dtype)
    weight.assign(ops.where(some, value, ops.convert_to_tensor(weight)))


def move(
    weight: typing.Any,
    value: typing.Any,
    some: typing.Any,
    keep: typing.Any,
    share: typing.Any,
):
    """Moves a weight towards a value where there is some, and returns where to.

    Args:
        weight: The weight.
        value: The value.
        some: Boolean; where it is false, the weight stays.
        keep: What the weight is multiplied by.
        share: What the value is multiplied by.
    """
    moved = weight * keep + keras.ops.cast(value, weight.dtype) * share
    assign(weight, moved, some)
    return moved
