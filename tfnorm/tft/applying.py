# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes the inputs of a `preprocessing_fn` by a recipe."""

import collections.abc
import dataclasses
import os
import typing

import tensorflow as tf

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm.tft import analyzer
from tfnorm.tft import words

Columns = collections.abc.Mapping[str, typing.Any]


def apply(
    recipe: recipe_lib.Recipe | recipe_lib.FittedRecipe | collections.abc.Mapping,
    *,
    statistics_path: str | os.PathLike | None = None,
    name: str | None = None,
) -> collections.abc.Callable[[Columns], dict[str, typing.Any]]:
    """Makes the part of a `preprocessing_fn` that normalizes by a recipe.

    All features share one analyzer, which takes tfnorm's exact statistics; a fitted
    recipe needs none, and no pass over the data. The result is float32, and equal to
    that of `layers.Features` to the last bit.

    NaN, which dense features have where a value is missing, enters no statistic, and
    stays NaN unless the recipe imputes. Sparse and ragged features are an error.

    tf.Transform's cache holds the statistics of each span of data, and serves every
    scheme that needs statistics of the same columns. A recipe with a `schemes.Chain`
    that takes several passes over the data is analyzed without the cache.

    To catch errors of tfnorm by their type, run the pipeline within
    `tfnorm.beam.typed_errors()`.

    Rows of a recipe with a weight are not weighted here, and such a recipe is refused:
    compute its statistics by `tfnorm stats` and take `from_statistics`.

    Args:
        recipe: Which scheme for which feature; or one that is fitted already.
        statistics_path: Folder to write the statistics artifact to, which
            `from_statistics` starts from.
        name: Scope of the analyzer's ops.

    Returns:
        Function of the inputs, a dict of tensors, to a dict of the same names (and
        `<feature>_missing` where asked). Those that the recipe does not name pass.

    Raises:
        RecipeError: If rows are weighted; or when called, if a feature cannot be
            normalized in a graph.

    Example:

    >>> from tfnorm import schemes
    >>> normalize = apply({"age": schemes.ZScore(), "fare": schemes.Log("log1p")})
    >>> def preprocessing_fn(inputs):
    ...     outputs = normalize({key: inputs[key] for key in ("age", "fare")})
    ...     return {**outputs, "label": inputs["label"]}

    Reference:
        https://www.tensorflow.org/tfx/transform/get_started
    """
    if isinstance(recipe, recipe_lib.FittedRecipe):
        if statistics_path is not None:
            raise errors.RecipeError(
                "A fitted recipe takes no statistics that `statistics_path` could "
                "hold. Give the recipe, or leave the path out."
            )
        return _ApplyFitted(recipe)
    if not isinstance(recipe, recipe_lib.Recipe):
        recipe = recipe_lib.Recipe(recipe)
    if recipe.weight is not None:
        raise errors.RecipeError(
            f"Rows are weighted by {recipe.weight!r}, which this analyzer cannot do. "
            "Compute the statistics by `tfnorm stats`, and give the folder that it "
            "writes and the recipe to `tfnorm.tft.from_statistics`."
        )
    return _Apply(recipe, statistics_path, name)


def from_statistics(
    statistics: collections.abc.Mapping | str | os.PathLike,
    recipe: recipe_lib.Recipe | collections.abc.Mapping,
) -> collections.abc.Callable[[Columns], dict[str, typing.Any]]:
    """Does what `apply` does, from statistics that there are: with no analyzer.

    Args:
        statistics: What `tfnorm.analyze` or the Beam job found, or the folder of an
            artifact.
        recipe: Which scheme for which feature.

    Returns:
        As `apply` returns.

    Raises:
        ArtifactError: If the artifact cannot be read.
        RecipeError: If the statistics lack a feature.

    Example:

    >>> import numpy as np
    >>> from tfnorm import analysis, schemes
    >>> recipe = recipe_lib.Recipe({"age": schemes.ZScore()})
    >>> found = analysis.analyze({"age": np.array([20.0, 40.0])}, recipe)
    >>> from_statistics(found, recipe)({"age": tf.constant([30.0, 50.0])})["age"]
    <tf.Tensor: ... numpy=array([0., 2.], dtype=float32)>
    """
    if isinstance(statistics, str | os.PathLike):
        statistics = artifact.load_statistics(statistics)
    if not isinstance(recipe, recipe_lib.Recipe):
        recipe = recipe_lib.Recipe(recipe)
    return _ApplyFitted(recipe.fit(statistics))


@dataclasses.dataclass(frozen=True)
class _ApplyFitted:
    fitted: recipe_lib.FittedRecipe

    @tf.autograph.experimental.do_not_convert
    def __call__(self, inputs: Columns) -> dict[str, typing.Any]:
        recipe = self.fitted.recipe
        present = {
            name: recipe.features[name] for name in inputs if name in recipe.features
        }
        _check(recipe_lib.Recipe(present), inputs)
        outputs = self.fitted.forward(inputs)
        for name in present:
            outputs[name] = tf.cast(outputs[name], tf.float32)
        return outputs


@dataclasses.dataclass(frozen=True)
class _Apply:
    recipe: recipe_lib.Recipe
    statistics_path: str | os.PathLike | None
    name: str | None

    @tf.autograph.experimental.do_not_convert  # Which takes longer than all the rest.
    def __call__(self, inputs: Columns) -> dict[str, typing.Any]:
        recipe = self.recipe
        _check(recipe, inputs)
        _check_sizes(recipe, inputs)
        recipe.check_columns(inputs.keys())
        maps = analyzer.templates(recipe, inputs)
        if self.statistics_path is None and not any(
            map(_needs_data, recipe.features.values())
        ):
            found = {name: words.constants(maps[name]) for name in maps}
        else:
            columns = {name: inputs[name] for name in recipe.columns()}
            packed = analyzer.analyze(
                recipe, columns, statistics_path=self.statistics_path, name=self.name
            )
            found = words.unpack(packed, maps)
        outputs = {}
        for name, x in inputs.items():
            outputs[name] = x
            if name in maps:
                feature = recipe.features[name]
                context = _context(feature, found[name], inputs)
                outputs[name] = _forward(maps[name], x, found[name], context)
                if feature.indicator:
                    absent = recipe_lib.missing_indicator(x)
                    outputs[recipe_lib.indicator_name(name)] = absent
        return outputs


def _forward(bijector: bijectors.Bijector, x, tensors: words.Tensors, context):
    forward = arrays.as_written(bijector.forward_with, like=x)
    return tf.cast(forward(x, tensors.constants, **context), tf.float32)


def _context(feature, tensors: words.Tensors, inputs: Columns) -> dict:
    if tensors.keys is None:
        return {}
    return {"keys": words.places(tensors.keys, inputs[feature.scheme.key])}


def _needs_data(feature: recipe_lib.Feature) -> bool:
    imputes = feature.missing == "impute" and isinstance(feature.impute_with, str)
    return feature.scheme.fitted_on_data or imputes or feature.nan_policy != "omit"


def _check(recipe: recipe_lib.Recipe, inputs: Columns) -> None:
    """Raises a RecipeError unless each feature can be normalized in the graph."""
    for name in recipe.columns():
        if name not in inputs:
            raise errors.RecipeError(
                f"is not among the inputs: {', '.join(map(repr, inputs))}.",
                feature=name,
            )
        if not isinstance(inputs[name], tf.Tensor):
            raise errors.RecipeError(
                f"is a {type(inputs[name]).__name__}, but must be dense. Where a value "
                "is missing, make it NaN: `tf.sparse.to_dense(x, default_value="
                "math.nan)`.",
                feature=name,
            )
    for name, feature in recipe.features.items():
        x = inputs[name]
        if x.shape.rank is None or not x.shape.rank:
            raise errors.RecipeError(
                f"is of shape {x.shape}, but must be of known rank, with the rows as "
                "its first axis.",
                feature=name,
            )
        if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
            raise errors.RecipeError(
                f"holds {x.dtype.name}, not numbers.", feature=name
            )
        try:
            arrays.kept_axes(analyzer.axis(feature), x.shape.rank)
        except ValueError as error:
            raise errors.RecipeError(str(error), feature=name) from error
        if getattr(feature.scheme, "unseen_key_policy", None) == "raise":
            raise errors.RecipeError(
                "`unseen_key_policy='raise'` cannot be kept: the graph of a transform "
                "cannot raise. Use 'nan' or 'global'.",
                feature=name,
            )
        key = feature.scheme.key
        if key is not None and not (
            inputs[key].dtype.is_integer or inputs[key].dtype == tf.string
        ):
            raise errors.RecipeError(
                f"holds {inputs[key].dtype.name}: keys are integers or text.",
                feature=key,
            )


def _check_sizes(recipe: recipe_lib.Recipe, inputs: Columns) -> None:
    """Raises a RecipeError unless it is known how many constants there will be."""
    for name, feature in recipe.features.items():
        shape = inputs[name].shape
        axes = arrays.kept_axes(analyzer.axis(feature), shape.rank)
        if any(shape[a] is None for a in axes):
            raise errors.RecipeError(
                f"is of shape {shape}, but the sizes of the kept axes "
                f"(`axis={feature.axis}`) must be known: `tf.ensure_shape` tells them.",
                feature=name,
            )
