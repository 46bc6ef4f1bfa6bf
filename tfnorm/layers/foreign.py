# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Data that Keras' backend cannot take as they are."""

import sys
import typing

import keras
import numpy as np

from tfnorm import arrays


def is_foreign(layer: keras.layers.Layer, inputs: typing.Any) -> bool:
    """Whether the layer must compute in the framework of its inputs.

    So it is in the graph of a `tf.data` pipeline when Keras runs on another
    backend, with text, of which other backends have no tensors, and with 64-bit
    NumPy arrays when it runs on JAX, which would narrow them before they are
    centered.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return False
    leaves = keras.tree.flatten(inputs)
    if any(in_graph(leaf) or _is_text(leaf) for leaf in leaves):
        return True
    return backend == "jax" and any(map(_narrowed, leaves)) and not _traced(layer)


def as_tensors(outputs: typing.Any) -> typing.Any:
    """Turns NumPy arrays into tensors of the backend, and leaves tensors alone."""
    return keras.tree.map_structure(
        lambda x: keras.ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x,
        outputs,
    )


def in_graph(x: typing.Any) -> bool:
    """Whether a tensor is one of a TensorFlow graph, such as in `tf.data`."""
    # Eager tensors have `numpy`.
    return arrays.framework(x) == "tensorflow" and not hasattr(x, "numpy")


def _is_text(x: typing.Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "OSU"


def _narrowed(x: typing.Any) -> bool:
    is_wide = isinstance(x, np.ndarray) and x.dtype.kind in "iuf" and x.itemsize == 8
    return is_wide and not sys.modules["jax"].config.jax_enable_x64


def _traced(layer: keras.layers.Layer) -> bool:
    # Then the weights have no values that NumPy could take.
    tracer = sys.modules["jax"].core.Tracer
    return any(isinstance(weight.value, tracer) for weight in layer.weights)
