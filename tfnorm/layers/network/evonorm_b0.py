# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization and activation in one, by the batch and the instance."""

import typing

import keras

from tfnorm.layers.network import batch
from tfnorm.layers.network import moments
from tfnorm.layers.network import per_row
from tfnorm.layers.network import synchronized as synchronized_lib


@keras.saving.register_keras_serializable("tfnorm")
class EvoNormB0(batch.BatchLayer):
    """Divides by the greater deviation: normalization and activation in one.

    `gamma * x / max(sqrt(batch_variance + epsilon), v * x + sqrt(instance_variance +
    epsilon)) + beta`, where `v` is trained, one of each channel. No mean is subtracted,
    and no activation follows. The batch's variance is a moving one in inference;
    variances are population variances. (timm's moving variance is that of `n - 1`.)

    A mask of the first axes of the input beside that of the channels, such as (rows,
    steps), leaves steps out of both variances and makes them 0. A batch that is empty,
    or masked as a whole, changes no moving variance.

    Args:
        axis: The axis of the channels: instances are the others but the first.
        momentum: Weight of the moving variance of before, at each batch.
        epsilon: Added to the variances.
        **kwargs: As in `BatchNormalization`, from `center` to `synchronized`.

    Example:

    >>> import numpy as np
    >>> layer = EvoNormB0(epsilon=0.0)
    >>> y = layer(np.array([[[-3.0], [3.0]], [[-1.0], [1.0]]]), training=True)
    >>> np.asarray(y).round(3)[..., 0]
    array([[-1.342,  0.5  ],
           [-0.447,  0.447]], dtype=float32)

    Reference:
        Liu et al., Evolving Normalization-Activation Layers, 2020
        (https://arxiv.org/abs/2004.02967); `EvoNorm2dB0` of
        https://github.com/huggingface/pytorch-image-models.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
        **kwargs: typing.Any,
    ):
        super().__init__(axis, momentum, epsilon=epsilon, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        shape = (input_shape[self.axis],)
        self.v = self.add_weight(
            name="v", shape=shape, initializer="ones", autocast=False
        )

    def _normalized(self, x, mask, gamma, beta, training):
        ops = keras.ops
        x = self._without_padding(x, mask)
        rows = per_row.statistics(x, self.axis, mask)
        variance = self.constant(self.moving_variance, x)
        if training and self.trainable:
            together = moments.pooled(*per_row.one_at_least(rows))
            if self.synchronized:
                together = synchronized_lib.over_replicas(*together)
            self._take_in(*together)
            variance = together[2]
        instance = per_row.along(rows[2], self.axis, len(x.shape))
        variance, v, gamma, beta = (
            self._along(one, x)
            for one in (variance, self.constant(self.v, x), gamma, beta)
        )
        y = x / ops.maximum(
            ops.sqrt(variance + self.epsilon), v * x + ops.sqrt(instance + self.epsilon)
        )
        y = y if gamma is None else y * gamma
        y = y if beta is None else y + beta
        return y if mask is None else ops.where(mask, y, 0.0)
