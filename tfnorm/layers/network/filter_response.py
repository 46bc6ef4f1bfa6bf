# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Division by the size of each channel, and the threshold that goes with it."""

import typing

import keras

from tfnorm.layers.network import moments
from tfnorm.layers.network import samples
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class FilterResponseNormalization(samples.SampleLayer):
    """`x / sqrt(mean_square + epsilon)` of each sample and channel, over the steps.

    To be followed by `ThresholdedLinearUnit`. A mask of the first axes beside the
    channels, such as (rows, steps), leaves steps out of the statistics and makes them
    0.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to the mean of squares.
        learned_epsilon: Whether the absolute value of a trained scalar, from 1e-4 on,
            is added too: for steps or pixels so few that one may be all there is.
        **kwargs: `center`, `scale` and the initializers, regularizers and constraints
            of `beta` and `gamma`, as Keras' `BatchNormalization` has them; and
            arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the input has no axis of steps.

    Example:

    >>> import numpy as np
    >>> layer = FilterResponseNormalization()
    >>> np.asarray(layer(np.array([[[3.0], [4.0]]]))).ravel().round(4)
    array([0.8485, 1.1314], dtype=float32)

    Reference:
        Singh and Krishnan, Filter Response Normalization Layer: Eliminating Batch
        Dependence in the Training of Deep Neural Networks, 2020.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        epsilon: float = 1e-6,
        learned_epsilon: bool = False,
        **kwargs,
    ):
        super().__init__(axis, epsilon=epsilon, **kwargs)
        self.learned_epsilon = learned_epsilon

    def build(self, input_shape):
        super().build(input_shape)
        if self.learned_epsilon:
            self.added_epsilon = self.add_weight(
                name="added_epsilon",
                shape=(),
                initializer=keras.initializers.Constant(1e-4),
                autocast=False,
            )

    def get_config(self):
        return {**super().get_config(), "learned_epsilon": self.learned_epsilon}

    def _normalized(self, x, counted, gamma, beta, training):
        epsilon = self.epsilon
        if self.learned_epsilon:
            epsilon = epsilon + keras.ops.abs(self.constant(self.added_epsilon, x))
        energy = samples.mean_square(x, self._steps(x), counted)
        return moments.standardized(x, None, energy, epsilon, gamma, beta)


@keras.saving.register_keras_serializable("tfnorm")
class ThresholdedLinearUnit(scaled.Wide):
    """`max(x, tau)`, with a trained threshold for each channel.

    What follows `FilterResponseNormalization`, whose results need not be around 0. A
    mask passes through.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        tau_initializer: Of `tau`.
        tau_regularizer: Of `tau`.
        tau_constraint: Of `tau`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Example:

    >>> import numpy as np
    >>> np.asarray(ThresholdedLinearUnit()(np.array([[-2.0, 3.0]])))
    array([[0., 3.]], dtype=float32)

    Reference:
        Singh and Krishnan, Filter Response Normalization Layer: Eliminating Batch
        Dependence in the Training of Deep Neural Networks, 2020.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        tau_initializer: typing.Any = "zeros",
        tau_regularizer: typing.Any = None,
        tau_constraint: typing.Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.tau_initializer = keras.initializers.get(tau_initializer)
        self.tau_regularizer = keras.regularizers.get(tau_regularizer)
        self.tau_constraint = keras.constraints.get(tau_constraint)

    def build(self, input_shape):
        samples.check_axis(self, input_shape)
        self.tau = self.add_weight(
            name="tau",
            shape=(input_shape[self.axis],),
            initializer=self.tau_initializer,
            regularizer=self.tau_regularizer,
            constraint=self.tau_constraint,
            autocast=False,
        )

    def call(self, inputs):
        x = self.wide(inputs)
        tau = moments.along(self.constant(self.tau, x), (self.axis,), len(x.shape))
        return self.narrow(keras.ops.maximum(x, tau))

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "tau_initializer": keras.initializers.serialize(self.tau_initializer),
            "tau_regularizer": keras.regularizers.serialize(self.tau_regularizer),
            "tau_constraint": keras.constraints.serialize(self.tau_constraint),
        }
