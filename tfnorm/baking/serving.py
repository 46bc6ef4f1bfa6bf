# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The object that is saved: signatures, and the variables that they read."""

import collections.abc
import re
import types
import typing

import keras
import tensorflow as tf

from tfnorm import errors
from tfnorm import layers
from tfnorm.baking import examples
from tfnorm.baking import front as front_lib

PREDICTION = "prediction"
NORMALIZED = "normalized"


class Served(tf.Module):
    """A model from raw columns to the target's own unit.

    Args:
        front: The model.
        restore: The layer that undoes the normalization of the target, if any.
        fields: How inputs are stored in tf.Example, or `None` for no signature.
    """

    def __init__(
        self,
        front: front_lib.Front,
        restore: layers.Denormalize | None,
        fields: dict[str, examples.Field] | None,
    ):
        super().__init__(name="tfnorm")
        self._front = front
        self._arguments = types.MappingProxyType(arguments(front.inputs))
        self._restore = restore
        self._fields = types.MappingProxyType(fields or {})
        # What is saved: layers, for their variables and tables, and the constants
        # where they are found by name.
        self.layers = [*front.layers, *([restore] if restore else [])]
        self.model_variables = [variable.value for variable in front.variables]
        self.constants = {
            owner: {key: weight.value for key, weight in weights.items()}
            for owner, weights in constants(self.layers).items()
        }

    def serve(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Runs the model on raw columns."""
        outputs = self._front.run(raw)
        if self._restore is not None:
            return {
                PREDICTION: self._restore(outputs),
                NORMALIZED: _wide(outputs),
            }
        if isinstance(outputs, collections.abc.Mapping):
            return {name: _wide(outputs[name]) for name in outputs}
        flat = keras.tree.flatten(outputs)
        if len(flat) == 1:
            return {PREDICTION: _wide(flat[0])}
        return {f"{PREDICTION}_{i}": _wide(output) for i, output in enumerate(flat)}

    def _serve_arguments(self, given):
        return self.serve(
            {name: given[self._arguments[name]] for name in self._arguments}
        )

    def serve_examples(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Runs the model on serialized tf.Example protos."""
        return self.serve(examples.parse(serialized, self._fields))

    def denormalize(self, normalized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Takes the model's own output to the target's own unit."""
        return {PREDICTION: self._restore(normalized)}

    def signatures(self) -> dict[str, typing.Any]:
        """Returns a concrete function for each signature."""
        names = self._arguments
        raw = {
            names[name]: tf.TensorSpec((None, *given.shape), given.dtype, names[name])
            for name, given in self._front.inputs.items()
        }
        served = _concrete(self._serve_arguments, raw)
        found = {"serving_default": served}
        if self._fields:
            serialized = tf.TensorSpec([None], tf.string, name="examples")
            found["serve_examples"] = _concrete(self.serve_examples, serialized)
        if self._restore is not None:
            shape = served.structured_outputs[NORMALIZED].shape
            normalized = tf.TensorSpec(shape, tf.float32, name=NORMALIZED)
            found["denormalize"] = _concrete(self.denormalize, normalized)
        return found


def arguments(names: collections.abc.Iterable[str]) -> dict[str, str]:
    """Returns what the inputs are called in a signature, which knows fewer signs.

    Raises:
        RecipeError: If two would be called the same.
    """
    found: dict[str, str] = {}
    for name in names:
        argument = re.sub(r"[^A-Za-z0-9]", "_", name)
        if not argument[:1].isalpha():
            argument = f"arg_{argument}"
        if argument in found.values():
            raise errors.RecipeError(
                f"It would be called {argument!r} in the signature, as another input "
                "is. Rename one.",
                feature=name,
            )
        found[name] = argument
    return found


def constants(used: list[keras.layers.Layer]) -> dict[str, dict[str, keras.Variable]]:
    """Returns the live constants, by feature, or by layer where it is its own."""
    found: dict[str, dict[str, keras.Variable]] = {}
    for layer in used:
        live: dict[str, typing.Any]
        if isinstance(layer, layers.Features):
            live = dict(layer.live)
        elif isinstance(layer, layers.SchemeLayer):
            live = {layer.name: layer.live}
        elif isinstance(layer, layers.Denormalize) and layer.live not in _lives(used):
            live = {layer.feature or layer.name: layer.live}
        else:
            continue
        for owner, one in live.items():
            if one is None or not one.weights:
                continue
            # Two layers may normalize one feature.
            name = f"{layer.name}/{owner}" if owner in found else owner
            found[name] = dict(one.weights)
    return found


def _lives(used):
    shared = []
    for layer in used:
        if isinstance(layer, layers.Features):
            shared += layer.live.values()
        elif isinstance(layer, layers.SchemeLayer):
            shared.append(layer.live)
    return shared


def _concrete(function, spec):
    # A lambda, for the name of the argument would become that of the input.
    return tf.function(
        lambda x: function(x), input_signature=[spec], autograph=False
    ).get_concrete_function()


def _wide(output: tf.Tensor) -> tf.Tensor:
    """Float16 and bfloat16 as float32, which every client knows."""
    return tf.cast(output, tf.float32) if output.dtype.is_floating else output
