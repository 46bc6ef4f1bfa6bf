# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A recipe as components take it: of another component, or written in Python."""

import dataclasses
import os
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.types import artifact_utils
from tfx.types import component_spec

from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm.tfx import artifacts

FILE = "recipe.json"
INPUT = "recipe"
# A recipe of Python travels as its text, so that TFX's cache sees a change.
PARAMETER = "recipe_json"

# What a component's specification says, to take a recipe.
INPUTS = {
    INPUT: component_spec.ChannelParameter(
        type=artifacts.NormalizationRecipe, optional=True
    )
}
# TFX's cache looks at parameters and not at code: another version is another run.
VERSION = {"tfnorm_version": config.version()}
VERSION_PARAMETERS = {
    name: component_spec.ExecutionParameter(type=str, optional=True) for name in VERSION
}
PARAMETERS = {
    PARAMETER: component_spec.ExecutionParameter(type=str, optional=True),
    **VERSION_PARAMETERS,
}


def given(recipe: types.BaseChannel | recipe_lib.Recipe | None) -> dict[str, Any]:
    """Returns the arguments of a specification that takes a recipe.

    Args:
        recipe: A channel of `NormalizationRecipe`, a recipe, or neither.

    Raises:
        RecipeError: If it is something else.
    """
    if isinstance(recipe, recipe_lib.Recipe):
        return {INPUT: None, PARAMETER: config.dumps(recipe), **VERSION}
    if recipe is None or isinstance(recipe, types.BaseChannel):
        return {INPUT: recipe, PARAMETER: None, **VERSION}
    raise errors.RecipeError(
        "`recipe` must be a `tfnorm.Recipe`, or a channel such as "
        f"`recipe_gen.outputs['recipe']`, but `{type(recipe).__name__}` came."
    )


def read(
    input_dict: Mapping[str, list], exec_properties: Mapping[str, Any]
) -> recipe_lib.Recipe | None:
    """Returns the recipe that an executor was given; `None` for none.

    Args:
        input_dict: What `Do` was given.
        exec_properties: What `Do` was given.

    Raises:
        RecipeError: If it cannot be read.
    """
    if input_dict.get(INPUT):
        uri = artifact_utils.get_single_uri(input_dict[INPUT])
        return recipe_lib.load_recipe(os.path.join(uri, FILE))
    text = exec_properties.get(PARAMETER)
    return config.loads(text) if text else None


def without(
    recipe: recipe_lib.Recipe | None, exclude: Collection[str]
) -> recipe_lib.Recipe | None:
    """Returns the recipe without some of its features.

    Args:
        recipe: The recipe.
        exclude: Names of features.

    Raises:
        RecipeError: If there is no recipe, it has no such feature, or none is left.
    """
    if not exclude:
        return recipe
    if recipe is None:
        raise errors.RecipeError(
            "`exclude_features` leaves features out of a recipe: give `recipe`, too."
        )
    for name in exclude:
        if name not in recipe.features:
            raise errors.RecipeError(
                f"is to be left out, but the recipe has {', '.join(recipe.features)}.",
                feature=name,
            )
    left = {name: one for name, one in recipe.features.items() if name not in exclude}
    if not left:
        raise errors.RecipeError(
            "`exclude_features` leaves no feature of the recipe to take statistics of."
        )
    return dataclasses.replace(recipe, features=left)
