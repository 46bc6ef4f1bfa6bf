# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every normalization within a network has: gamma, beta, and its types."""

import collections.abc
import typing

import keras


class Wide(keras.layers.Layer):
    """Computes in float32 at least, whatever its inputs; subclasses say what.

    The output is of the layer's compute dtype.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.
    """

    def __init__(self, **kwargs):
        # Not cast on the way in: float16 has no 1e5.
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.supports_masking = True

    def wide(self, x: typing.Any):
        """Returns a tensor in the type to compute in: float32, or float64."""
        x = keras.ops.convert_to_tensor(x)
        kind = keras.backend.standardize_dtype(x.dtype)
        own = "float64" if "float64" in (kind, self.variable_dtype) else "float32"
        return keras.ops.cast(x, own)

    def narrow(self, y: typing.Any):
        """Returns a result in the layer's compute dtype."""
        return keras.ops.cast(y, self.compute_dtype)

    def constant(self, weight: typing.Any, x: typing.Any):
        """Returns a weight in the type to compute `x` in; `None` for `None`."""
        if weight is None:
            return None
        kind = keras.backend.standardize_dtype(x.dtype)
        own = "float64" if kind == "float64" else "float32"
        return keras.ops.cast(weight, own)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Scaled(Wide):
    """Normalizes, then scales by `gamma` and shifts by `beta`; subclasses say how.

    Inputs of any type are computed in float32 at least; the output is of the layer's
    compute dtype. `gamma` and `beta` are float32 under mixed precision.

    Args:
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Of `beta`.
        gamma_initializer: Of `gamma`.
        beta_regularizer: Of `beta`.
        gamma_regularizer: Of `gamma`.
        beta_constraint: Of `beta`.
        gamma_constraint: Of `gamma`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: typing.Any = "zeros",
        gamma_initializer: typing.Any = "ones",
        beta_regularizer: typing.Any = None,
        gamma_regularizer: typing.Any = None,
        beta_constraint: typing.Any = None,
        gamma_constraint: typing.Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.gamma: typing.Any = None
        self.beta: typing.Any = None

    def add_gamma_and_beta(
        self, shape: collections.abc.Sequence[int], trainable: bool = True
    ) -> None:
        """Adds the weights that the layer is to have, as Keras names and orders them.

        Args:
            shape: Of each.
            trainable: Whether they are ever trained.
        """
        if None in shape:
            raise ValueError(
                f"Layer {self.name!r} must know the sizes of the axes of `gamma` and "
                f"`beta`, but they are {tuple(shape)}. Give them in `keras.Input`."
            )
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                trainable=trainable,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                trainable=trainable,
                autocast=False,
            )

    def get_config(self):
        kinds = {
            "initializer": keras.initializers,
            "regularizer": keras.regularizers,
            "constraint": keras.constraints,
        }
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **{
                f"{name}_{kind}": module.serialize(getattr(self, f"{name}_{kind}"))
                for kind, module in kinds.items()
                for name in ("beta", "gamma")
            },
        }
