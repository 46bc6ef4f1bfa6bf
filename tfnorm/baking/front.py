# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From a Keras model to a function of raw columns."""

import collections.abc
import dataclasses
import math
import typing

import keras
import numpy as np

from tfnorm import errors
from tfnorm import layers
from tfnorm import recipe


@dataclasses.dataclass(frozen=True)
class Input:
    """What goes into the model under one name.

    Args:
        shape: Shape of one row.
        dtype: Type of the elements.
        feature: The feature of the recipe that it is, if any.
        examples: Values that it may have, where it is no feature.
    """

    shape: tuple[int | None, ...]
    dtype: str
    feature: str | None = None
    examples: tuple = ()


@dataclasses.dataclass(frozen=True)
class Front:
    """A model that takes raw columns.

    Args:
        model: The Keras model behind it.
        inputs: Name to what goes in.
        prepare: Takes a dict of raw tensors by name, and returns what the model takes.
        layers: The layers that it runs.
        variables: All that they read, and those of models in between.
    """

    model: keras.Model
    inputs: dict[str, Input]
    prepare: collections.abc.Callable[[dict], typing.Any]
    layers: list[keras.layers.Layer]
    variables: list[keras.Variable]

    def run(self, raw: dict) -> typing.Any:
        """Takes a dict of tensors by name, and returns the model's output."""
        return self.model(self.prepare(raw), training=False)


def of(model: keras.Model, fitted: recipe.FittedRecipe, target: str | None) -> Front:
    """Puts a `Features` layer in front of the model, unless it has one.

    Nor is there one if the recipe holds nothing but the target.
    """
    taken, pack = _inputs(model)
    inside = leaves(model)
    own = [layer for layer in inside if isinstance(layer, layers.Features)]
    if own or set(fitted.maps) <= {target}:
        for layer in own:
            _check_same(layer.fitted, fitted, taken)
        names = {name for layer in own for name in layer.live}
        inputs = {
            name: Input(tuple(x.shape[1:]), x.dtype, name if name in names else None)
            for name, x in taken.items()
        }
        return Front(model, inputs, pack, inside, model.variables)
    if target in taken:
        raise errors.RecipeError(
            "The target is an input of the model, too, and which of the two the recipe "
            "normalizes cannot be told. Put `layers.Features` into the model.",
            feature=target,
        )
    inputs, features, join = _raw(taken, fitted, target)

    def prepare(raw):
        columns = {_column(name, inputs[name]): raw[name] for name in raw}
        return pack(join(features(columns)))

    variables = [*features.variables, *model.variables]
    return Front(model, inputs, prepare, [features, *inside], variables)


def check_output(model: keras.Model, target: str) -> None:
    """Checks that a model has one output, which can be the target.

    Raises:
        RecipeError: If it has not.
    """
    one = isinstance(model, keras.Sequential) and len(model.outputs) == 1
    if not one and not isinstance(model.output, keras.KerasTensor):
        raise errors.RecipeError(
            f"The model gives not one tensor but {_outputs(model)}, and which is the "
            "target cannot be told. Undo the normalization in the model, by "
            "`layers.Denormalize`, and bake it without a target.",
            feature=target,
        )


def _outputs(model: keras.Model) -> str:
    if isinstance(model.output, dict):
        return f"a dict of {', '.join(map(repr, model.output))}"
    return f"a {type(model.output).__name__} of {len(model.outputs)}"


def _column(name: str, given: Input) -> str:
    return name if given.feature is None else given.feature


def leaves(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a model, and of the models in it."""
    found = model._flatten_layers(include_self=False)
    return [layer for layer in found if not isinstance(layer, keras.Model)]


def _inputs(model: keras.Model):
    """The inputs by name, and what makes the model's argument of such a dict."""
    if not getattr(model, "inputs", None):
        raise errors.RecipeError(
            f"Model {model.name!r} does not say what it takes. Build it from "
            "`keras.Input`s, by name."
        )
    structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    if isinstance(structure, dict):
        return structure, lambda raw: {name: raw[name] for name in structure}
    if isinstance(structure, list | tuple):
        names = [x.name for x in structure]
        return dict(zip(names, structure, strict=True)), lambda raw: [
            raw[name] for name in names
        ]
    return {structure.name: structure}, lambda raw: raw[structure.name]


def _check_same(mine: recipe.FittedRecipe, baked: recipe.FittedRecipe, taken) -> None:
    for name in mine.maps:
        if name in taken and name not in baked.maps:
            raise errors.RecipeError(
                "The model normalizes it, but the fitted recipe does not hold it. Bake "
                "with the fitted recipe that the model was built with.",
                feature=name,
            )
        if name in baked.maps and mine.maps[name] != baked.maps[name]:
            raise errors.RecipeError(
                "The model normalizes it with other constants than the fitted recipe "
                "holds. Bake with the fitted recipe that the model was built with.",
                feature=name,
            )


def _raw(taken, fitted: recipe.FittedRecipe, target: str | None):
    """The raw inputs, the layer in front, and what joins it to the model."""
    wanted = [name for name in fitted.maps if name != target]
    indicated = {recipe.indicator_name(name): name for name in wanted}
    known = [name for name in taken if name in wanted or name in indicated]
    if not known and len(taken) == 1:
        return _single(next(iter(taken.items())), fitted.select(wanted))
    inputs = {}
    for name, x in taken.items():
        feature = indicated.get(name, name)
        if feature in wanted:
            inputs[feature] = _raw_input(fitted, feature, tuple(x.shape[1:]))
        else:
            inputs[name] = Input(tuple(x.shape[1:]), x.dtype)
    used = [name for name in inputs if name in wanted]
    if not used:
        raise errors.RecipeError(
            f"The model takes {', '.join(map(repr, taken))}, none of which is a "
            f"feature of the recipe: {', '.join(map(repr, wanted))}."
        )
    inputs = {**_keys(fitted, used), **inputs}
    kept = [*used, *([target] if target in fitted.maps else [])]
    return inputs, layers.Features(fitted.select(kept)), lambda columns: columns


def _keys(fitted: recipe.FittedRecipe, used: list[str]) -> dict[str, Input]:
    """The columns by whose keys features are normalized."""
    found = {}
    for name in used:
        column = fitted.recipe.features[name].scheme.key
        if column is not None:
            known = fitted.keys(name)
            text = bool(known) and isinstance(known[0], str)
            dtype = "string" if text else "int64"
            found[column] = Input((), dtype, examples=known[:5])
    return found


def _single(item, fitted: recipe.FittedRecipe):
    """One input that is one feature, or all of them side by side."""
    name, x = item
    shape = tuple(x.shape[1:])
    features = list(fitted.maps)
    if len(features) == 1:
        inputs = {name: _raw_input(fitted, features[0], shape)}
        join = _take(features[0], name)
        return inputs, layers.Features(fitted), join
    inputs = {f: _raw_input(fitted, f, _row_shape(fitted, f)) for f in features}
    width = sum(
        math.prod(_row_shape(fitted, f)) * (1 + fitted.recipe.features[f].indicator)
        for f in features
    )
    if shape != (width,):
        raise errors.RecipeError(
            f"The model takes {name!r} of shape {shape}, but the features "
            f"{', '.join(map(repr, features))} have {width} values side by side. Name "
            "the model's inputs as the features are called."
        )
    joined = layers.Features(fitted, output="concat")
    return inputs, joined, lambda column: {name: column}


def _take(feature: str, name: str):
    return lambda columns: {name: columns[feature]}


def _raw_input(fitted: recipe.FittedRecipe, name: str, shape) -> Input:
    dtype = "float32"
    if fitted.kinds[name] == "integer":
        feature = fitted.recipe.features[name]
        # Only floats can be missing; float64 holds integers up to 2**53.
        may_miss = feature.missing == "impute" or feature.indicator
        dtype = "float64" if may_miss else "int64"
    return Input(shape, dtype, name)


def _row_shape(fitted: recipe.FittedRecipe, name: str) -> tuple[int, ...]:
    rows = fitted.examples[name]
    return np.shape(rows[0]) if rows else ()
