# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes a SavedModel and what it says of itself, whole or not at all."""

import collections.abc
import importlib.metadata
import os
import pathlib
import tempfile
import typing

import keras
import numpy as np
import tensorflow as tf

from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import layers
from tfnorm import recipe
from tfnorm.baking import examples
from tfnorm.baking import front as front_lib
from tfnorm.baking import golden
from tfnorm.baking import manifest
from tfnorm.baking import serving
from tfnorm.baking import verification

_MARKER = "saved_model.pb"
_PACKAGES = ("tfnorm", "tensorflow", "keras", "numpy")


def bake(
    model: keras.Model,
    fitted: recipe.FittedRecipe,
    path: str | os.PathLike,
    *,
    target: str | None,
    rows: collections.abc.Mapping[str, typing.Any] | None,
) -> manifest.Manifest:
    """Exports a model with its normalization; see `tfnorm.baking.bake`."""
    _check(model, fitted, target)
    files.check_replaceable(path, _MARKER)
    front = front_lib.of(model, fitted, target)
    restore = None if target is None else _restoring(front, fitted, target)
    skipped = {}
    try:
        fields = examples.fields(front.inputs, fitted.kinds)
    except ValueError as error:
        fields, skipped["serve_examples"] = None, str(error)
    served = serving.Served(front, restore, fields)
    inputs = golden.rows_of(front.inputs, fitted, rows)
    outputs = _run(served, inputs, front)
    signatures = served.signatures()
    found = manifest.Manifest(
        manifest.FORMAT,
        fitted,
        target,
        _constants(served),
        {name: _describe(function) for name, function in signatures.items()},
        serving.arguments(front.inputs),
        manifest.Golden(_encoded(inputs), _encoded(outputs)),
        fitted.statistics_digest,
        fitted.recipe.digest,
        {name: importlib.metadata.version(name) for name in _PACKAGES},
        skipped,
    )
    _write(served, signatures, found, path)
    return manifest.inspect(path)


def _check(model, fitted, target) -> None:
    if keras.backend.backend() != "tensorflow":
        raise errors.ArtifactError(
            f"Keras runs on {keras.backend.backend()}, and a SavedModel is baked on "
            "TensorFlow. Save the model as `.keras`, and bake it in a process with "
            "`KERAS_BACKEND=tensorflow`."
        )
    if not isinstance(model, keras.Model):
        raise errors.RecipeError(
            f"`model` must be a Keras model, but a {type(model).__name__} came."
        )
    if not isinstance(fitted, recipe.FittedRecipe):
        raise errors.RecipeError(
            f"`fitted` must be a fitted recipe, but a {type(fitted).__name__} came. "
            "`recipe.fit(statistics)` makes one."
        )
    if target is not None and target not in fitted.maps:
        raise errors.RecipeError(
            f"The target is no feature of the recipe: {', '.join(fitted.maps)}.",
            feature=target,
        )
    if target is not None and fitted.recipe.features[target].scheme.key is not None:
        raise errors.RecipeError(
            "The target is normalized by key, and the model's output has none. Undo it "
            "in the model, by `layers.Denormalize`.",
            feature=target,
        )
    if target is not None:
        front_lib.check_output(model, target)


def _restoring(front, fitted, target: str) -> layers.Denormalize:
    """The inverse of the target's map, sharing constants that are there already."""
    try:
        for layer in front.layers:
            if isinstance(layer, layers.Features) and target in layer.live:
                return layers.Denormalize(layer, target, name="denormalize_target")
        own = fitted.select([target])
        return layers.Denormalize(own, target, name="denormalize_target")
    except errors.NotInvertible as error:
        error.feature = error.feature or target
        raise


def _run(served: serving.Served, inputs, front) -> dict[str, np.ndarray]:
    """What the Keras model makes of the golden rows, before anything is saved."""
    tensors = {
        name: tf.constant(inputs[name], front.inputs[name].dtype) for name in inputs
    }
    outputs = served.serve(tensors)
    return {name: output.numpy() for name, output in outputs.items()}


def _constants(served: serving.Served) -> dict[str, dict[str, typing.Any]]:
    return {
        owner: {key: config.encode(value.numpy()) for key, value in variables.items()}
        for owner, variables in served.constants.items()
    }


def _encoded(columns: dict[str, np.ndarray]) -> dict[str, tuple]:
    return {name: golden.encode(column) for name, column in columns.items()}


def _describe(function) -> manifest.Signature:
    given = function.structured_input_signature[0][0]
    inputs = given if isinstance(given, dict) else {given.name: given}
    return manifest.Signature(_tensors(inputs), _tensors(function.structured_outputs))


def _tensors(tensors) -> manifest.Tensors:
    return manifest.Tensors(
        {name: tensor.dtype.name for name, tensor in tensors.items()},
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
    )


def _write(served, signatures, found: manifest.Manifest, path) -> None:
    with (
        files.whole_folder(path, _MARKER) as folder,
        tempfile.TemporaryDirectory() as scratch,
    ):
        asset = pathlib.Path(scratch) / manifest.ASSET
        asset.write_text(config.dumps(found), encoding="utf-8")
        # Tracked, so that it stays with the model wherever TensorFlow copies it.
        served.manifest = tf.saved_model.Asset(os.fspath(asset))
        try:
            tf.saved_model.save(served, os.fspath(folder), signatures=signatures)
        except tf.errors.OpError as error:
            raise errors.ArtifactError(
                f"cannot be written: {error.message}", file=os.fspath(path)
            ) from error
        verification.verify(folder)
