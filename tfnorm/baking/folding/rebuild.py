# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A model without the layers that were folded away."""

import typing

import keras
import numpy as np

from tfnorm import layers
from tfnorm.baking.folding import copies
from tfnorm.baking.folding import graph as graphs
from tfnorm.baking.folding import plan as plans


class Rebuild:
    """Calls copies of a model's layers again, but as a plan says.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: plans.Plan):
        self._plan = plan
        self._copies = copies.Copies()
        self._models: dict[int, keras.Model] = {}

    def model(self, model: keras.Model, path: str = "") -> keras.Model:
        """Returns a new model.

        Args:
            model: The model, or one within it.
            path: The names of the models that it is within.
        """
        tensors = {id(old): _input(old) for old in model.inputs}
        for node in graphs.nodes_of(model):
            args, kwargs = keras.tree.map_structure(
                lambda one: tensors[id(one)] if _is_tensor(one) else one,
                (node.arguments.args, node.arguments.kwargs),
            )
            made = keras.tree.flatten(self._call(node, path, args, kwargs))
            tensors.update(zip(map(id, node.outputs), made, strict=True))
        inputs = [tensors[id(old)] for old in model.inputs]
        for old in model.outputs:
            # Keras makes no model in which nothing is called.
            layer = old._keras_history.operation
            if any(tensors[id(old)] is one for one in inputs):
                identity = keras.layers.Identity(name=f"{layer.name}_identity")
                tensors[id(old)] = identity(tensors[id(old)])
        structures = (model.inputs[0], model.outputs[0])
        if not isinstance(model, keras.Sequential):
            structures = (model.input, model.output)
        given, taken = keras.tree.map_structure(
            lambda old: tensors[id(old)], structures
        )
        new = keras.Model(given, taken, name=model.name)
        if not model.trainable:
            new.trainable = False
        return new

    def _call(self, node, path: str, args, kwargs):
        layer = node.operation
        key = (path, id(node))
        if key in self._plan.removed:
            return _without(node, args, kwargs)
        pad = self._plan.pads.get(key)
        if pad is not None and np.any(pad):
            amounts = layer.padding if np.ndim(layer.padding) > 1 else (layer.padding,)
            calls = self._plan.graph.calls[id(layer)]
            # Other calls of it may still pad with zeros, under its name.
            name = layer.name if calls == 1 else f"{layer.name}_{layer_index(node)}"
            return _padding(layer, amounts, pad, name)(*args, **kwargs)
        if graphs.is_graph(layer):
            if id(layer) not in self._models:
                self._models[id(layer)] = self.model(layer, f"{path}{layer.name}/")
            return self._models[id(layer)](*args, **kwargs)
        into = self._plan.linear.get(id(layer))
        if into is None or not into.changed:
            return self._copies.call(layer, args, kwargs)
        replaced = {}
        if into.explicit:
            replaced["padding"] = "valid"
            pads = _padding(layer, into.padding(), into.pad, f"{layer.name}_padding")
            args = (pads(args[0]), *args[1:])
        return copies.call_with(layer, into.folded(), replaced, args, kwargs)


def layer_index(node) -> int:
    """Which call of its layer a call is."""
    return node.operation._inbound_nodes.index(node)


def _is_tensor(one: typing.Any) -> bool:
    return isinstance(one, keras.KerasTensor)


def _input(old):
    layer = old._keras_history.operation
    if isinstance(layer, keras.layers.InputLayer):
        return keras.layers.InputLayer.from_config(layer.get_config()).output
    return keras.Input(batch_shape=old.shape, dtype=old.dtype, name=old.name)


def _without(node, args, kwargs):
    """What a layer that is folded away is called with, in the type it returned."""
    x = next(one for one in keras.tree.flatten((args, kwargs)) if _is_tensor(one))
    layer = node.operation
    if x.dtype == node.outputs[0].dtype:
        return x
    name = layer.name
    if len(layer._inbound_nodes) > 1:
        name = f"{name}_{layer_index(node)}"
    # It casts, also without tfnorm; compilers drop what it multiplies by.
    return keras.layers.Rescaling(1.0, dtype=layer.dtype_policy, name=name)(x)


def _padding(layer, amounts, pad: np.ndarray, name: str):
    same = np.all(pad == pad.flat[0])
    return layers.ChannelPadding(
        amounts,
        float(pad.flat[0]) if same else pad.tolist(),
        data_format=getattr(layer, "data_format", None) or "channels_last",
        dtype=layer.dtype_policy,
        name=name,
    )
