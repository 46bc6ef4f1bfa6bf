# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization whose statistics never change."""

import typing

import keras

from tfnorm.layers.network import batch


@keras.saving.register_keras_serializable("tfnorm")
class FrozenBatchNormalization(batch.BatchLayer):
    """Normalizes by statistics that no training changes.

    For detectors that are trained on few images at once: `BatchNormalization` in
    inference mode, whatever `training` and `trainable` are, so that `model.trainable =
    True` does not thaw it. Its weights are those of `BatchNormalization` (without
    `renorm`, `debiased` and `classes`) in the same order, so that a file of that
    layer loads. A mask changes nothing and is handed on.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to the variance: that of the layer that the weights are from.
        trainable_constants: Whether gamma and beta are trained all the same.
        **kwargs: As in `BatchNormalization`, from `center` to `gamma_constraint`.

    Example:

    >>> import numpy as np
    >>> layer = FrozenBatchNormalization(epsilon=0.0)
    >>> layer.build((None, 1))
    >>> layer.set_weights(list(np.array([[2.0], [1.0], [3.0], [4.0]])))
    >>> np.asarray(layer(np.array([[3.0], [5.0]]), training=True)).ravel()
    array([1., 3.], dtype=float32)
    >>> layer.trainable_weights
    []

    Reference:
        `FrozenBatchNorm2d` of https://docs.pytorch.org/vision/stable/ops.html.
    """

    _leaves_half = True

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        *,
        trainable_constants: bool = False,
        **kwargs: typing.Any,
    ):
        super().__init__(axis, epsilon=epsilon, **kwargs)
        self.trainable_constants = trainable_constants

    def add_gamma_and_beta(self, shape, trainable=True):
        super().add_gamma_and_beta(shape, trainable and self.trainable_constants)

    def get_config(self):
        config = super().get_config()
        del config["momentum"], config["synchronized"]
        return {**config, "trainable_constants": self.trainable_constants}

    def _normalized(self, x, mask, gamma, beta, training):
        return super()._normalized(x, mask, gamma, beta, training=False)
