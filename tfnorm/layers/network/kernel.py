# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that compute with another kernel than the one they hold."""

import typing

import keras

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


class KernelWrapper(keras.layers.Wrapper):
    """Has a layer compute with a function of its kernel; subclasses say with which.

    The layer keeps its `kernel` (of an `Embedding`, `embeddings`) as a weight, which
    nothing but an optimizer changes; gradients pass through the function. It is
    computed in float32 at least, and the layer casts it as it casts its own.

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs):
        kwargs.setdefault("autocast", False)
        super().__init__(layer, **kwargs)
        if isinstance(layer, KernelWrapper):
            raise ValueError(
                f"Layer {layer.name!r} computes with a kernel of its own already. Wrap "
                f"{layer.layer.name!r} in one of the two."
            )
        self.supports_masking = layer.supports_masking

    def build(self, input_shape=None):
        super().build(input_shape)
        # Tracked by both, and so saved by both, as Keras' wrapper has it.
        self.kernel = kernel_of(self.layer)
        self._add_weights()

    def call(self, inputs, training=None):
        kernel = keras.ops.cast(self._computed(training), self.kernel.dtype)
        return self._cast(called_with(self.layer, self.kernel, kernel, inputs))

    def compute_mask(self, inputs, previous_mask):
        return self.layer.compute_mask(inputs, previous_mask)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    @property
    def compute_dtype(self):
        # Keras would cast the kernel to any other before it is normalized.
        return self.variable_dtype

    def get_config(self):
        config = super().get_config()
        # The layer is built with its wrapper.
        config["layer"].pop("build_config", None)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # A copy, from which Keras takes the layer out.
        return super().from_config(dict(config), custom_objects)

    def _add_weights(self) -> None:
        """Adds what weights there are beside those of the layer."""

    def _computed(self, training):
        """Returns the kernel to compute with."""
        raise NotImplementedError

    def _wide_kernel(self):
        kind = "float64" if self.kernel.dtype == "float64" else "float32"
        return keras.ops.cast(self.kernel.value, kind)

    def _cast(self, outputs):
        return keras.ops.cast(outputs, self.dtype_policy.compute_dtype)


def kernel_of(layer: keras.layers.Layer) -> keras.Variable:
    """Returns the variable that is a layer's kernel."""
    for name in ("kernel", "embeddings"):
        kernel = getattr(layer, name, None)
        if isinstance(kernel, keras.Variable):
            return kernel
    raise ValueError(
        f"{type(layer).__name__} {layer.name!r} has no variable `kernel` or "
        "`embeddings`. Wrap a `Dense`, `Embedding`, or a convolution with one kernel."
    )


def output_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """Returns the axes of a layer's kernel that count its output channels."""
    if isinstance(layer, _DEPTHWISE):
        return (-2, -1)
    return (-2,) if isinstance(layer, _TRANSPOSED) else (-1,)


def called_with(
    layer: keras.layers.Layer, kernel: keras.Variable, value: typing.Any, inputs
):
    """Returns what a layer gives with another value of its kernel.

    Args:
        layer: The layer, built.
        kernel: Its kernel.
        value: What the kernel is to be.
        inputs: Of the layer.
    """
    # Keras' own way to compute with other values: of this thread alone, and traced by
    # every backend. All variables are given, since their values may themselves be
    # those of a scope around this one.
    given = [(one, one.value) for one in layer.variables if one is not kernel]
    scope = keras.StatelessScope([*given, (kernel, value)], collect_losses=True)
    before = {id(one): scope.get_current_value(one) for one, _ in given}
    with scope:
        outputs = layer(inputs)
    for one, _ in given:
        after = scope.get_current_value(one)
        if after is not before[id(one)]:
            one.assign(after)
    for loss in scope.losses:
        layer.add_loss(loss)
    return outputs
