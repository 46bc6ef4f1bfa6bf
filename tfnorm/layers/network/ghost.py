# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization by parts of the batch."""

import typing

import keras

from tfnorm.layers.network import batch
from tfnorm.layers.network import moments
from tfnorm.layers.network import synchronized as synchronized_lib


@keras.saving.register_keras_serializable("tfnorm")
class GhostBatchNormalization(batch.BatchLayer):
    """Normalizes each so many rows of a batch by themselves in training.

    A large batch so keeps the noise of small ones, which regularizes. The last rows
    are a smaller part if `ghost_size` does not divide the batch. The moving
    statistics, by which inference normalizes, take in those of the whole batch: the
    variance between the parts is part of them. (timm's `SplitBatchNorm2d` takes in
    the first part.) Masks, weights and types as in `BatchNormalization`.

    With `synchronized=True` replicas share what their moving statistics take in; each
    still normalizes its own parts.

    Args:
        ghost_size: How many rows a part has.
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        momentum: Weight of the moving statistics of before, at each batch.
        epsilon: Added to the variance.
        **kwargs: As in `BatchNormalization`, from `center` to `synchronized`.

    Raises:
        ValueError: If `ghost_size` is less than 1.

    Example:

    >>> import numpy as np
    >>> layer = GhostBatchNormalization(2, momentum=0.0, epsilon=0.0)
    >>> y = layer(np.array([[1.0], [3.0], [11.0], [13.0]]), training=True)
    >>> np.asarray(y).ravel(), np.asarray(layer.moving_variance)
    (array([-1.,  1., -1.,  1.], dtype=float32), array([26.], dtype=float32))

    Reference:
        Hoffer et al., Train longer, generalize better, 2017
        (https://arxiv.org/abs/1705.08741).
    """

    def __init__(
        self,
        ghost_size: int,
        *,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: typing.Any,
    ):
        super().__init__(axis, momentum, epsilon=epsilon, **kwargs)
        if ghost_size < 1:
            raise ValueError(f"`ghost_size={ghost_size}` must be 1 or more.")
        self.ghost_size = int(ghost_size)

    def get_config(self):
        return {**super().get_config(), "ghost_size": self.ghost_size}

    def _by_batch(self, x, mask, gamma, beta):
        rows = x.shape[0]
        if rows and rows <= self.ghost_size and not self.synchronized:
            return super()._by_batch(x, mask, gamma, beta)
        ops = keras.ops
        x = self._without_padding(x, mask)
        size, rows = self.ghost_size, ops.shape(x)[0]
        parts, mask = self._parts(x, mask)
        rank, axis = len(parts.shape), self.axis % len(x.shape) + 1
        rest = [one for one in range(1, rank) if one != axis]
        count, mean, variance = moments.moments(parts, rest, mask)
        self._take_in_parts(ops.broadcast_to(count, ops.shape(mean)), mean, variance)
        gamma, beta = (
            one if one is None else moments.along(one, (axis,), rank)
            for one in (gamma, beta)
        )
        y = moments.standardized(parts, mean, variance, self.epsilon, gamma, beta)
        return ops.reshape(y, (ops.shape(y)[0] * size, *ops.shape(x)[1:]))[:rows]

    def _parts(self, x, mask) -> tuple:
        """Data and mask of shape (parts, rows of one, ...)."""
        ops = keras.ops
        size, known = self.ghost_size, x.shape[0]
        rows = ops.shape(x)[0]
        parts = rows // size
        if not known or known % size:
            # Rows that count for nothing fill one more part, which is so there if
            # there is no row at all.
            parts = parts + 1
            if mask is None:
                mask = ops.arange(parts * size) < rows
                mask = moments.placed(mask, len(x.shape), self.axis)
            else:
                mask = self._filled(mask, parts * size)
            x = self._filled(x, parts * size)
        x, mask = (
            one if one is None else ops.reshape(one, (parts, size, *ops.shape(one)[1:]))
            for one in (x, mask)
        )
        return x, mask if mask is None else ops.cast(mask, x.dtype)

    def _filled(self, x, rows):
        ops = keras.ops
        more = ops.zeros((self.ghost_size, *ops.shape(x)[1:]), x.dtype)
        return ops.concatenate([x, more])[:rows]

    def _take_in_parts(self, count, mean, variance) -> None:
        shape = (-1, *self.moving_mean.shape)
        flat = (keras.ops.reshape(one, shape) for one in (count, mean, variance))
        found = moments.pooled(*flat)
        if self.synchronized:
            found = synchronized_lib.over_replicas(*found)
        self._take_in(*found)
