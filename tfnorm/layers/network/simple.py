# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What stands in for layer normalization with less: one norm, or a tanh."""

import typing

import keras

from tfnorm.layers.network import moments
from tfnorm.layers.network import samples
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class ScaleNorm(scaled.Wide):
    """`g * x / max(norm(x), epsilon)`, with one trained number `g`.

    The norm is the Euclidean one of each vector of channels; a vector of zeros stays
    one. A mask passes through.

    Args:
        axis: The axis that the vectors run along, which is *reduced*, as in Keras'
            `LayerNormalization`.
        epsilon: What a norm at least is taken to be.
        g_initializer: Of `g`; `None` for the square root of a vector's length.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Example:

    >>> import numpy as np
    >>> np.asarray(ScaleNorm(g_initializer="ones")(np.array([[3.0, 4.0]]))).round(3)
    array([[0.6, 0.8]], dtype=float32)

    Reference:
        Nguyen and Salazar, Transformers without Tears: Improving the Normalization of
        Self-Attention, 2019.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        epsilon: float = 1e-5,
        g_initializer: typing.Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.epsilon = float(epsilon)
        self.g_initializer = (
            None if g_initializer is None else keras.initializers.get(g_initializer)
        )

    def build(self, input_shape):
        samples.check_axis(self, input_shape)
        length = input_shape[self.axis]
        if self.g_initializer is None and length is None:
            raise ValueError(
                f"Layer {self.name!r} starts from the square root of the size of axis "
                f"{self.axis}, which is unknown in {tuple(input_shape)}. Give it in "
                "`keras.Input`, or give a `g_initializer`."
            )
        initializer = self.g_initializer or keras.initializers.Constant(length**0.5)
        self.g = self.add_weight(
            name="g", shape=(), initializer=initializer, autocast=False
        )

    def call(self, inputs):
        x = self.wide(inputs)
        energy = keras.ops.sum(x * x, self.axis, keepdims=True)
        # Bounded before the root, which has no derivative at 0.
        energy = keras.ops.maximum(energy, self.epsilon**2)
        g = self.constant(self.g, x)
        return self.narrow(moments.standardized(x, None, energy, 0.0, g))

    def get_config(self):
        start = self.g_initializer
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "g_initializer": start and keras.initializers.serialize(start),
        }


@keras.saving.register_keras_serializable("tfnorm")
class DynamicTanh(scaled.Scaled):
    """`gamma * tanh(alpha * x) + beta`, with one trained number `alpha`.

    No statistic at all: what layer normalization was found to do to most channels. A
    mask passes through.

    Args:
        alpha: What `alpha` starts from.
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        **kwargs: `center`, `scale` and the initializers, regularizers and constraints
            of `beta` and `gamma`, as Keras' `BatchNormalization` has them; and
            arguments of `keras.layers.Layer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(DynamicTanh()(np.array([[0.0, 2.0, 100.0]]))).round(4)
    array([[0.    , 0.7616, 1.    ]], dtype=float32)

    Reference:
        Zhu et al., Transformers without Normalization, 2025.
    """

    def __init__(self, alpha: float = 0.5, axis: int = -1, **kwargs):
        if "epsilon" in kwargs:
            raise ValueError("`DynamicTanh` divides by nothing, and has no `epsilon`.")
        super().__init__(**kwargs)
        self.initial_alpha = float(alpha)
        self.axis = int(axis)

    def build(self, input_shape):
        samples.check_axis(self, input_shape)
        self.alpha = self.add_weight(
            name="alpha",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_alpha),
            autocast=False,
        )
        self.add_gamma_and_beta((input_shape[self.axis],))

    def call(self, inputs):
        x = self.wide(inputs)
        gamma, beta = (
            None
            if weight is None
            else moments.along(self.constant(weight, x), (self.axis,), len(x.shape))
            for weight in (self.gamma, self.beta)
        )
        y = keras.ops.tanh(self.constant(self.alpha, x) * x)
        y = y if gamma is None else y * gamma
        return self.narrow(y if beta is None else y + beta)

    def get_config(self):
        config = {**super().get_config(), "alpha": self.initial_alpha}
        del config["epsilon"]
        return {**config, "axis": self.axis}
