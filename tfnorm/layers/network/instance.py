# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization of each channel of each sample."""

import keras

from tfnorm.layers.network import moments
from tfnorm.layers.network import samples
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class InstanceNormalization(samples.SampleLayer):
    """`(x - mean) / sqrt(variance + epsilon)` of each sample and channel.

    Both are over the steps or pixels, and the variance is the population one
    (`ddof=0`), also the moving one, for which torch takes `ddof=1`. A mask of the first
    axes beside the channels, such as (rows, steps), leaves steps out of the statistics
    and makes them 0. A constant channel becomes `beta`.

    With `running_statistics`, inference normalizes by the weights `moving_mean` and
    `moving_variance` instead: moving averages of the samples' statistics, to which each
    sample of a batch counts the same. A batch in which all is masked does not move
    them.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        running_statistics: Whether inference uses moving statistics.
        momentum: Weight of the moving statistics of before, at each batch. (That of
            torch is the weight of the new: 1 less this one.)
        **kwargs: `epsilon`, `center`, `scale` and the initializers, regularizers and
            constraints of `beta` and `gamma`, as Keras' `BatchNormalization` has them;
            and arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the input has no axis of steps.

    Example:

    >>> import numpy as np
    >>> layer = InstanceNormalization(epsilon=0.0)
    >>> np.asarray(layer(np.array([[[1.0, 2.0], [3.0, 8.0]]])))
    array([[[-1., -1.],
            [ 1.,  1.]]], dtype=float32)

    Reference:
        Ulyanov, Vedaldi and Lempitsky, Instance Normalization: The Missing Ingredient
        for Fast Stylization, 2016; `track_running_stats` of torch's `InstanceNorm1d`.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        running_statistics: bool = False,
        momentum: float = 0.99,
        **kwargs,
    ):
        super().__init__(axis, **kwargs)
        self.running_statistics = running_statistics
        self.momentum = float(momentum)

    def build(self, input_shape):
        super().build(input_shape)
        if self.running_statistics:
            channels = input_shape[self.axis]
            self.moving_mean = self._add_moving("moving_mean", channels, "zeros")
            self.moving_variance = self._add_moving("moving_variance", channels, "ones")

    def get_config(self):
        return {
            **super().get_config(),
            "running_statistics": self.running_statistics,
            "momentum": self.momentum,
        }

    def _add_moving(self, name: str, channels: int, initializer: str):
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            trainable=False,
            autocast=False,
            # Of the replicas of a TensorFlow strategy, each has samples of its own.
            aggregation="mean",
        )

    def _normalized(self, x, counted, gamma, beta, training):
        if not self.running_statistics:
            return self._by_groups(x, counted, x.shape[self.axis])
        if not (training and self.trainable):
            mean = self._placed(self.moving_mean, x)
            variance = self._placed(self.moving_variance, x)
        else:
            count, mean, variance = moments.moments(x, self._steps(x), counted)
            self._take_in(count, mean, variance)
        return moments.standardized(x, mean, variance, self.epsilon, gamma, beta)

    def _take_in(self, count, mean, variance) -> None:
        ops = keras.ops
        present = ops.cast(ops.broadcast_to(count, ops.shape(mean)) > 0, mean.dtype)
        rows = moments.flat(ops.sum(present, axis=0))
        share = (1.0 - self.momentum) * ops.cast(rows > 0, mean.dtype)
        for weight, values in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            total = moments.flat(ops.sum(values * present, axis=0))
            before = self.constant(weight, mean)
            found = total / ops.maximum(rows, 1.0)
            after = before + share * (found - before)
            weight.assign(ops.cast(ops.stop_gradient(after), weight.dtype))


@keras.saving.register_keras_serializable("tfnorm")
class AdaptiveInstanceNormalization(scaled.Wide):
    """Gives each channel of each sample the mean and deviation of a style.

    `(x - mean) / sqrt(variance + epsilon) * deviation + style_mean`, where the
    style's deviation is `sqrt(variance + epsilon)` of it. Called as `layer(content,
    style)`, with a style of the same axes and channels but any number of steps or
    pixels; or as `layer(content, mean, deviation)` with a style's statistics of shape
    (rows, channels). All variances are population ones (`ddof=0`; the authors' code
    takes `ddof=1`). It has no weights.

    `content_mask` and `style_mask`, of the first axes beside the channels, leave steps
    out of the statistics, and content that is masked becomes 0.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to variances.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If style and content do not have as many axes.

    Example:

    >>> import numpy as np
    >>> content, style = np.array([[[1.0], [3.0]]]), np.array([[[10.0], [30.0]]])
    >>> y = AdaptiveInstanceNormalization()(content, style)
    >>> np.asarray(y).ravel().round(3)
    array([10., 30.], dtype=float32)
    >>> y = AdaptiveInstanceNormalization()(content, np.ones((1, 1)), np.ones((1, 1)))
    >>> np.asarray(y).ravel().round(3)
    array([0., 2.], dtype=float32)

    Reference:
        Huang and Belongie, Arbitrary Style Transfer in Real-time with Adaptive
        Instance Normalization, 2017.
    """

    def __init__(self, axis: int = -1, *, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.epsilon = float(epsilon)

    def call(self, content, style, deviation=None, content_mask=None, style_mask=None):
        samples.check_axis(self, content.shape, 3)
        x, mean = self.wide(content), self.wide(style)
        if deviation is None:
            if len(style.shape) != len(x.shape):
                raise ValueError(
                    f"A style of shape {tuple(style.shape)} does not have the axes of "
                    f"content of shape {tuple(x.shape)}. Give a mean of shape (rows, "
                    "channels) together with a deviation."
                )
            _, mean, variance, _ = self._statistics(mean, style_mask)
            deviation = keras.ops.sqrt(variance + self.epsilon)
        mean, deviation = (
            self._placed(keras.ops.cast(one, x.dtype), len(x.shape))
            for one in (mean, deviation)
        )
        x, own_mean, variance, counted = self._statistics(x, content_mask)
        y = moments.standardized(x, own_mean, variance, self.epsilon, deviation, mean)
        return self.narrow(y if counted is None else keras.ops.where(counted, y, 0.0))

    def compute_output_shape(
        self, content_shape, style_shape=None, deviation_shape=None
    ):
        return tuple(content_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}

    def _statistics(self, x, mask):
        rank = len(x.shape)
        steps = tuple(one for one in range(1, rank) if one != self.axis % rank)
        if mask is None:
            return x, *moments.moments(x, steps)[1:], None
        counted = moments.placed(mask, rank, self.axis)
        x = keras.ops.where(counted, x, 0.0)
        counts = keras.ops.cast(counted, x.dtype)
        return x, *moments.moments(x, steps, counts)[1:], counted

    def _placed(self, constants, rank: int):
        if len(constants.shape) == rank:
            return constants
        for axis in range(1, rank):
            if axis != self.axis % rank:
                constants = keras.ops.expand_dims(constants, axis)
        return constants
