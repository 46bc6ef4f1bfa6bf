# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization by a learned mixture of three kinds of statistics."""

import typing

import keras

from tfnorm.layers.network import batch
from tfnorm.layers.network import moments
from tfnorm.layers.network import per_row
from tfnorm.layers.network import synchronized as synchronized_lib


@keras.saving.register_keras_serializable("tfnorm")
class SwitchableNormalization(batch.BatchLayer):
    """Normalizes by a learned mixture of instance, layer and batch statistics.

    `gamma * (x - sum(w * means)) / sqrt(sum(v * variances) + epsilon) + beta`, where w
    and v are softmaxes of the weights `mean_weights` and `variance_weights` (three
    numbers each: of instance, layer and batch). The batch's statistics are moving ones
    in inference. Variances are population variances throughout. (The authors' code
    has `n - 1` in that of instances, the paper has not.)

    A mask of the first axes of the input beside that of the channels, such as (rows,
    steps), leaves steps out of every statistic and makes them 0. A batch that is
    empty, or masked as a whole, changes no moving statistic.

    Args:
        axis: The axis of the channels: instances are the others but the first.
        momentum: Weight of the moving statistics of before, at each batch.
        epsilon: Added to the variance.
        **kwargs: As in `BatchNormalization`, from `center` to `synchronized`.

    Example:

    >>> import numpy as np
    >>> layer = SwitchableNormalization(center=False, scale=False)
    >>> x = np.array([[[1.0], [3.0]], [[11.0], [13.0]]])
    >>> layer.build(x.shape)
    >>> layer.set_weights([
    ...     np.array([1.0, -99.0, -99.0]),  # The means of the instances, 2 and 12,
    ...     np.array([-99.0, -99.0, 1.0]),  # and the batch's variance, 26.
    ...     *layer.get_weights()[2:],
    ... ])
    >>> np.asarray(layer(x, training=True)).round(3)[..., 0]
    array([[-0.196,  0.196],
           [-0.196,  0.196]], dtype=float32)

    Reference:
        Luo et al., Differentiable Learning-to-Normalize via Switchable Normalization,
        2018 (https://arxiv.org/abs/1806.10779).
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: typing.Any,
    ):
        super().__init__(axis, momentum, epsilon=epsilon, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        self.mean_weights, self.variance_weights = (
            self.add_weight(name=name, shape=(3,), initializer="ones", autocast=False)
            for name in ("mean_weights", "variance_weights")
        )

    def _normalized(self, x, mask, gamma, beta, training):
        ops = keras.ops
        x = self._without_padding(x, mask)
        rows = per_row.statistics(x, self.axis, mask)
        kinds = [rows[1:], self._of_layer(rows), self._of_batch(rows, x, training)]
        mean, variance = (
            sum(
                share * statistics[which]
                for share, statistics in zip(
                    ops.unstack(ops.softmax(self.constant(weights, x)), 3),
                    kinds,
                    strict=True,
                )
            )
            for which, weights in enumerate((self.mean_weights, self.variance_weights))
        )
        rank = len(x.shape)
        mean, variance = (per_row.along(v, self.axis, rank) for v in (mean, variance))
        gamma, beta = self._along(gamma, x), self._along(beta, x)
        y = moments.standardized(x, mean, variance, self.epsilon, gamma, beta)
        return y if mask is None else ops.where(mask, y, 0.0)

    def _of_layer(self, rows) -> list:
        """Mean and variance of each row, of shape (rows, 1)."""
        _, mean, variance = moments.pooled(*per_row.one_at_least(rows), axis=1)
        return [keras.ops.expand_dims(one[:-1], 1) for one in (mean, variance)]

    def _of_batch(self, rows, x, training) -> list:
        """Mean and variance of all rows or of before, of shape (1, channels)."""
        found = self._inferred(x, None)
        if training and self.trainable:
            together = moments.pooled(*per_row.one_at_least(rows))
            if self.synchronized:
                together = synchronized_lib.over_replicas(*together)
            self._take_in(*together)
            found = together[1:]
        return [keras.ops.expand_dims(one, 0) for one in found]
