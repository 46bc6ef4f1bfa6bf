# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization that takes the correlations away too."""

import math
import typing

import keras

from tfnorm.layers.network import batch
from tfnorm.layers.network import moments
from tfnorm.layers.network import synchronized as synchronized_lib


@keras.saving.register_keras_serializable("tfnorm")
class WhiteningBatchNormalization(batch.BatchLayer):
    """Whitens the channels by the batch, without an eigendecomposition (IterNorm).

    `(x - mean) @ W`, then `* gamma + beta`, where W is the inverse root of the
    channels' covariance in the batch, with `epsilon` on its diagonal: ZCA. Newton's
    iteration finds W to the precision that `iterations` gives, the least correlated
    directions last. In inference mean and W are moving ones.

    A mask of the first axes of the input beside that of the channels, such as (rows,)
    or (rows, steps), leaves steps out of the statistics; they are whitened like the
    others. A batch that is empty, or masked as a whole, changes no moving statistic.

    Args:
        groups: How many groups of channels are whitened, each by itself. A group
            should have fewer channels than a batch has values of each.
        iterations: Of Newton's method: few leave more of the noise out that small
            batches have in the directions of least variance.
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        momentum: Weight of the moving statistics of before, at each batch.
        epsilon: Added to the variances.
        **kwargs: As in `BatchNormalization`, from `center` to `synchronized`, without
            `moving_variance_initializer`: `moving_whitening` is the identity first.

    Raises:
        ValueError: If the groups do not divide the channels.

    Example:

    >>> import numpy as np
    >>> layer = WhiteningBatchNormalization(iterations=20)
    >>> x = np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 6.0], [2.0, 4.0]])
    >>> y = np.asarray(layer(x, training=True))
    >>> (y.T @ y / 4).round(3) + 0.0
    array([[1., 0.],
           [0., 1.]], dtype=float32)

    Reference:
        Huang et al., Iterative Normalization: Beyond Standardization towards Efficient
        Whitening, 2019 (https://arxiv.org/abs/1904.03441); Higham, Functions of
        Matrices, 2008, section 6.3 (the iteration in its stable form).
    """

    def __init__(
        self,
        groups: int = 1,
        iterations: int = 5,
        *,
        axis: int = -1,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: typing.Any,
    ):
        super().__init__(axis, momentum, epsilon=epsilon, **kwargs)
        if groups < 1 or iterations < 0:
            raise ValueError(
                f"`groups={groups}` must be 1 or more, and `iterations={iterations}` "
                "0 or more."
            )
        self.groups = int(groups)
        self.iterations = int(iterations)

    def get_config(self):
        config = super().get_config()
        del config["moving_variance_initializer"]
        return {**config, "groups": self.groups, "iterations": self.iterations}

    def _add_moving_weights(self, channels):
        if channels[0] % self.groups:
            raise ValueError(
                f"`groups={self.groups}` must divide the {channels[0]} channels of "
                f"layer {self.name!r}."
            )
        mean, size = self.moving_mean_initializer, channels[0] // self.groups
        self.moving_mean = self._add_moving("moving_mean", channels, mean)
        self.moving_whitening = self._add_moving(
            "moving_whitening", (self.groups, size, size), _identities
        )

    def _normalized(self, x, mask, gamma, beta, training):
        ops = keras.ops
        if training and self.trainable:
            x, whitening = self._of_batch(x, mask)
        else:
            x = x - self._along(self.constant(self.moving_mean, x), x)
            whitening = self.constant(self.moving_whitening, x)
        last = ops.moveaxis(x, self.axis, -1)
        y = ops.moveaxis(self._in_groups(last) @ whitening, 0, 1)
        y = ops.moveaxis(ops.reshape(y, ops.shape(last)), -1, self.axis)
        y = y if gamma is None else y * self._along(gamma, x)
        return y if beta is None else y + self._along(beta, x)

    def _of_batch(self, x, mask) -> tuple:
        """The data without the mean, and what whitens them; takes the batch in."""
        ops = keras.ops
        x = self._without_padding(x, mask)
        own_count, mean, variance = self._own_statistics(x, mask)
        count = own_count = ops.max(own_count)
        if self.synchronized:
            found = synchronized_lib.over_replicas(own_count, mean, variance)
            count, mean, _ = found
        x = x - self._along(mean, x)
        counted = x if mask is None else ops.where(mask, x, 0.0)
        counted = self._in_groups(ops.moveaxis(counted, self.axis, -1))
        covariance = ops.swapaxes(counted, 1, 2) @ counted / ops.maximum(own_count, 1)
        if self.synchronized:
            # About the common mean, that of all is the mean of those of each.
            flat = moments.flat(covariance)
            _, flat, _ = synchronized_lib.over_replicas(own_count, flat, flat * 0.0)
            covariance = ops.reshape(flat, self.moving_whitening.shape)
        whitening = self._whitening(covariance)
        self._take_in(count, mean, whitening)
        return x, whitening

    def _in_groups(self, x):
        """Values of shape (groups, values, channels of one)."""
        size = x.shape[-1] // self.groups
        values = math.prod(x.shape[:-1]) if None not in x.shape[:-1] else -1
        return keras.ops.moveaxis(
            keras.ops.reshape(x, (values, self.groups, size)), 1, 0
        )

    def _whitening(self, covariance):
        """The inverse root of matrices of shape (groups, channels, channels of one)."""
        ops = keras.ops
        identity = ops.eye(covariance.shape[-1], dtype=covariance.dtype)
        covariance = covariance + self.epsilon * identity
        trace = ops.sum(covariance * identity, (1, 2), keepdims=True)
        trace = ops.where(trace > 0, trace, 1.0)
        # Both the root and its inverse: the paper's `(3 P - P^3 S) / 2` is the same
        # but for rounding, which there grows from step to step.
        root, inverse = covariance / trace, ops.zeros_like(covariance) + identity
        for _ in range(self.iterations):
            step = 1.5 * identity - 0.5 * inverse @ root
            root, inverse = root @ step, step @ inverse
        return inverse * ops.rsqrt(trace)

    def _take_in(self, count, mean, whitening):
        some, keep, share = count > 0, self.momentum, 1.0 - self.momentum
        batch.move(self.moving_mean, mean, some, keep, share)
        batch.move(self.moving_whitening, whitening, some, keep, share)


def _identities(shape, dtype=None):
    # Not broadcast: on torch the groups would share memory.
    return keras.ops.zeros(shape, dtype) + keras.ops.eye(shape[-1], dtype=dtype)
