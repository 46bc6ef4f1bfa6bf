# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Copies of layers, with their weights or with others."""

import typing
import warnings

import keras
import numpy as np

# A layer says so when it cannot be made from its configuration.
_NO_COPY = (AttributeError, KeyError, NotImplementedError, TypeError, ValueError)


class Copies:
    """Copies of layers: one of each, however often it is called.

    Operations have no state and are called themselves, and so are layers that cannot be
    made from their configuration, or have state beside their weights.
    """

    def __init__(self):
        self._copies = {}

    def call(self, layer: typing.Any, args: tuple, kwargs: dict):
        """Calls the copy of a layer."""
        if id(layer) in self._copies:
            return self._copies[id(layer)](*args, **kwargs)
        try:
            copy = _unbuilt(layer)
            done = copy is layer or _take_weights(copy, layer)
            outputs = copy(*args, **kwargs)
            # Some layers have all weights only when they have been called.
            if not done and not _take_weights(copy, layer):
                raise ValueError(layer.name)
        except _NO_COPY:
            copy, outputs = layer, layer(*args, **kwargs)
        self._copies[id(layer)] = copy
        return outputs


def call_with(
    layer: typing.Any,
    weights: dict[str, np.ndarray],
    replaced: dict,
    args: tuple,
    kwargs: dict,
):
    """Calls a new layer, like another but for its weights and some of its arguments.

    Args:
        layer: The other.
        weights: Its weights, by attribute: all of them. With "bias" it has a bias.
        replaced: Other arguments, by name.
        args: What to call it with.
        kwargs: The same, by name.
    """
    config = layer.get_config() | replaced
    config["use_bias"] = "bias" in weights
    # As they are: what is not registered cannot be made from its name. Drawing numbers
    # that are then replaced takes longer than all the rest.
    own = {key: getattr(layer, key, None) for key in config if key.endswith(_OBJECTS)}
    drawn = {key: value for key, value in own.items() if key.endswith("_initializer")}
    copy = type(layer)(**config | own | dict.fromkeys(drawn, "zeros"))
    outputs = copy(*args, **kwargs)
    for name, value in drawn.items():
        setattr(copy, name, value)
    for name, value in weights.items():
        weight = getattr(copy, name)
        weight.assign(value.astype(weight.dtype))
    return outputs


_OBJECTS = ("activation", "_initializer", "_regularizer", "_constraint")


def _unbuilt(layer):
    """The copy of a layer, without its numbers; the layer itself if there is none."""
    if not isinstance(layer, keras.layers.Layer):
        return layer
    # Vocabularies and the like are not among the weights.
    if hasattr(layer, "save_assets") and type(layer).save_assets is not _NO_ASSETS:
        return layer
    with warnings.catch_warnings():
        # Keras warns of configurations with a lambda, which then make no copy.
        warnings.simplefilter("ignore")
        copy = type(layer).from_config(layer.get_config())
    config = layer.get_build_config()
    if layer.built and not copy.built and config:
        copy.build_from_config(config)
    return copy


_NO_ASSETS = getattr(keras.layers.Layer, "save_assets", None)


def _take_weights(copy, layer) -> bool:
    """Gives a copy the weights of a layer; `False` if it has no place for them."""
    ours, theirs = ([*one._flatten_layers()] for one in (copy, layer))
    shapes = [[weight.shape for weight in one.weights] for one in (copy, layer)]
    if len(ours) != len(theirs) or shapes[0] != shapes[1]:
        return False
    for mine, given in zip(ours, theirs, strict=True):
        if given.weights:
            store: dict = {}
            given.save_own_variables(store)
            mine.load_own_variables(store)
    return True
