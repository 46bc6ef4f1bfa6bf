# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The moving statistics of batch norm layers, of Keras and of tfnorm."""

import collections.abc
import contextlib
import functools
import inspect
import typing

import keras
import numpy as np

from tfnorm import arrays
from tfnorm import statistics
from tfnorm.layers.network import batch

# Values that are taken in at once, so that NumPy's calls cost little beside its work.
_VALUES = 1 << 22

Hear = collections.abc.Callable[[keras.layers.Layer, typing.Any, typing.Any], None]


def layers_of(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the batch norm layers of a model that are built, nested ones too."""
    kinds = (keras.layers.BatchNormalization, batch.BatchLayer)
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, kinds) and layer.built
    ]


def get(layer: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the moving mean and variance of a layer, in float64.

    There is no variance where the layer keeps a matrix that whitens.
    """
    mean = keras.ops.convert_to_numpy(layer.moving_mean.value).astype(np.float64)
    if whitens(layer):
        return mean, None
    variance = keras.ops.convert_to_numpy(layer.moving_variance.value)
    return mean, variance.astype(np.float64)


def put(layer: keras.layers.Layer, mean: np.ndarray, variance: np.ndarray) -> None:
    """Gives a layer the statistics of data that it is to normalize by.

    Args:
        layer: The layer.
        mean: Of shape (channels,).
        variance: The population variance; for a layer that whitens, the covariance,
            of shape (channels, channels).
    """
    layer.moving_mean.assign(mean.astype(layer.moving_mean.dtype))
    if whitens(layer):
        of_groups = _blocks(variance, layer.groups).astype(layer.variable_dtype)
        matrices = layer._whitening(keras.ops.convert_to_tensor(of_groups))
        layer.moving_whitening.assign(matrices)
        return
    deviation = np.sqrt(variance + layer.epsilon)
    values = {
        "moving_variance": variance,
        # Of batch renormalization.
        "moving_stddev": deviation,
        "renorm_mean": mean,
        "renorm_stddev": deviation,
        # They hold no share of their start values any more.
        "moving_weight": np.ones_like(mean),
    }
    for name, value in values.items():
        weight = getattr(layer, name, None)
        if weight is not None:
            weight.assign(value.astype(weight.dtype))


def whitens(layer: keras.layers.Layer) -> bool:
    """Whether a layer normalizes by covariances."""
    return hasattr(layer, "moving_whitening")


@contextlib.contextmanager
def kept_on_error(layers: collections.abc.Sequence[keras.layers.Layer]):
    """Puts the statistics of layers back as they were if there is an error."""
    weights = [weight for layer in layers for weight in layer.non_trainable_variables]
    before = [keras.ops.convert_to_numpy(weight.value).copy() for weight in weights]
    try:
        yield
    except BaseException:
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)
        raise


@contextlib.contextmanager
def listening(layers: collections.abc.Sequence[keras.layers.Layer], hear: Hear):
    """Has a function called with what layers are called with, before they are.

    Args:
        layers: The layers.
        hear: Takes the layer, its inputs, and its mask or `None`.
    """

    def call_of(layer):
        call = layer.call
        signature = inspect.signature(call)

        @functools.wraps(call)
        def heard(*args, **kwargs):
            given = list(signature.bind(*args, **kwargs).arguments.items())
            hear(layer, given[0][1], dict(given).get("mask"))
            return call(*args, **kwargs)

        return heard

    # Behind the back of Keras, which would track what is set as an attribute.
    others = {layer: layer.__dict__.get("call") for layer in layers}
    try:
        for layer in layers:
            layer.__dict__["call"] = call_of(layer)
        yield
    finally:
        for layer, other in others.items():
            layer.__dict__.pop("call", None)
            if other is not None:
                layer.__dict__["call"] = other


def values_of(
    layer: keras.layers.Layer, inputs: typing.Any, mask: typing.Any
) -> np.ndarray:
    """Returns what a layer takes the statistics of: (values, channels).

    Args:
        layer: The layer.
        inputs: What it is called with.
        mask: Of the first axes beside that of channels; `None` for no mask.

    Raises:
        ValueError: If the inputs are symbols of a program, and no numbers.
    """
    try:
        kind = keras.backend.standardize_dtype(inputs.dtype)
        wide = keras.ops.cast(inputs, "float64" if kind == "float64" else "float32")
        x = np.moveaxis(keras.ops.convert_to_numpy(wide), layer.axis, -1)
        if mask is not None:
            mask = keras.ops.convert_to_numpy(mask).astype(bool)
    except Exception as error:
        raise ValueError(
            f"Layer {layer.name!r} is called within a compiled part of the model, "
            "such as the body of a loop or of a `tf.function`, where its inputs have "
            "no values yet. Call it outside of it."
        ) from error
    if mask is not None:
        mask = mask.reshape(mask.shape + (1,) * (x.ndim - 1 - mask.ndim))
        return x[np.broadcast_to(mask, x.shape[:-1])]
    return x.reshape(-1, x.shape[-1])


class Gathered:
    """Exact statistics of what one layer is called with.

    Few values are kept until there are enough to be worth NumPy's calls.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: keras.layers.Layer):
        self._layer = layer
        self._found = statistics.FeatureStatistics()
        self._waiting: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        """Takes in values of shape (values, channels)."""
        self._waiting.append(values)
        if sum(waiting.size for waiting in self._waiting) >= _VALUES:
            self.result()

    def merge(self, found: statistics.FeatureStatistics) -> None:
        self._found = self._found.merge(found)

    def result(self) -> statistics.FeatureStatistics:
        """The statistics of all values so far."""
        if self._waiting:
            values, self._waiting = np.concatenate(self._waiting), []
            self.merge(of(values, self._layer))
        return self._found


def of(values: np.ndarray, layer: keras.layers.Layer) -> statistics.FeatureStatistics:
    """Returns the exact statistics of values of shape (values, channels).

    Args:
        values: The values.
        layer: The layer that they come to.
    """
    column, joint = arrays.Column(values), whitens(layer)
    return statistics.FeatureStatistics().add(column, quantiles=False, comoments=joint)


def spread(
    layer: keras.layers.Layer, found: statistics.FeatureStatistics
) -> np.ndarray:
    """Returns the variance, or the covariance for a layer that whitens."""
    return found.covariance if whitens(layer) else found.variance


def _blocks(matrix: np.ndarray, count: int) -> np.ndarray:
    """The blocks on the diagonal: (count, size, size)."""
    size = len(matrix) // count
    parts = [slice(start, start + size) for start in range(0, len(matrix), size)]
    return np.stack([matrix[part, part] for part in parts])
