# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Competition of channels by their size."""

import typing

import keras

from tfnorm.layers.network import samples


@keras.saving.register_keras_serializable("tfnorm")
class GlobalResponseNormalization(samples.SampleLayer):
    """`x + gamma * x * share + beta`, a share being a channel's norm beside the mean.

    The norm of each channel of each sample is over its steps or pixels; it is divided
    by the mean of the channels' norms plus `epsilon`. `gamma` and `beta` start at 0,
    where the layer changes nothing. A mask of the first axes beside the channels, such
    as (rows, steps), leaves steps out of the norms and makes them 0.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to the mean of norms.
        gamma_initializer: Of `gamma`.
        **kwargs: `center`, `scale` and the further initializers, regularizers and
            constraints of `beta` and `gamma`, as Keras' `BatchNormalization` has them;
            and arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the input has no axis of steps.

    Example:

    >>> import numpy as np
    >>> layer = GlobalResponseNormalization(gamma_initializer="ones")
    >>> np.asarray(layer(np.array([[[1.0, 3.0]]]))).round(4)
    array([[[1.5, 7.5]]], dtype=float32)

    Reference:
        Woo et al., ConvNeXt V2: Co-designing and Scaling ConvNets with Masked
        Autoencoders, 2023.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        epsilon: float = 1e-6,
        gamma_initializer: typing.Any = "zeros",
        **kwargs,
    ):
        super().__init__(
            axis, epsilon=epsilon, gamma_initializer=gamma_initializer, **kwargs
        )

    def _normalized(self, x, counted, gamma, beta, training):
        ops = keras.ops
        # Of what is masked, `x` is 0.
        energy = ops.sum(x * x, self._steps(x), keepdims=True)
        norm = samples.root(energy)
        share = norm / (ops.mean(norm, self.axis, keepdims=True) + self.epsilon)
        y = x * (1.0 + (share if gamma is None else gamma * share))
        return y if beta is None else y + beta
