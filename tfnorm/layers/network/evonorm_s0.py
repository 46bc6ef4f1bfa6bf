# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""EvoNorm-S0: an activation and a normalization by groups in one."""

import keras

from tfnorm.layers.network import moments
from tfnorm.layers.network import samples


@keras.saving.register_keras_serializable("tfnorm")
class EvoNormS0(samples.SampleLayer):
    """`x * sigmoid(v * x) / sqrt(variance + epsilon) * gamma + beta`, by groups.

    The variance (population) is that of the channels of a group together, over the
    steps or pixels of each sample. No activation follows it. A mask of the first axes
    beside the channels, such as (rows, steps), leaves steps out of the statistics and
    makes them 0.

    Args:
        groups: How many groups of neighbouring channels there are; -1 for one of each
            channel.
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to the variance.
        **kwargs: `center`, `scale` and the initializers, regularizers and constraints
            of `beta` and `gamma`, as Keras' `BatchNormalization` has them; and
            arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the channels do not divide into the groups.

    Example:

    >>> import numpy as np
    >>> layer = EvoNormS0(groups=1)
    >>> np.asarray(layer(np.array([[[1.0, -1.0], [3.0, -3.0]]]))).round(4)
    array([[[ 0.3269, -0.1203],
            [ 1.278 , -0.0636]]], dtype=float32)

    Reference:
        Liu et al., Evolving Normalization-Activation Layers, 2020.
    """

    _least_rank = 2

    def __init__(
        self, groups: int = 32, axis: int = -1, *, epsilon: float = 1e-5, **kwargs
    ):
        super().__init__(axis, epsilon=epsilon, **kwargs)
        self.groups = int(groups)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.axis]
        if self.groups < -1 or self.groups == 0 or channels % self._groups(channels):
            raise ValueError(
                f"{channels} channels do not divide into `groups={self.groups}`. Give "
                "a divisor of the number of channels, or -1."
            )
        self.v = self.add_weight(
            name="v", shape=(channels,), initializer="ones", autocast=False
        )

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def _normalized(self, x, counted, gamma, beta, training):
        ops = keras.ops
        axis = self.axis % len(x.shape)
        channels = x.shape[axis]
        groups = self._groups(channels)
        shape = list(ops.shape(x))
        apart = [*shape[:axis], groups, channels // groups, *shape[axis + 1 :]]
        rest = [one for one in range(1, len(apart)) if one != axis]
        if counted is not None:
            counted = ops.expand_dims(counted, axis)
        _, _, variance = moments.moments(ops.reshape(x, apart), rest, counted)
        variance = ops.squeeze(variance, axis + 1)
        variance = ops.repeat(variance, channels // groups, axis)
        activated = x * ops.sigmoid(self._placed(self.v, x) * x)
        return moments.standardized(
            activated, None, variance, self.epsilon, gamma, beta
        )
