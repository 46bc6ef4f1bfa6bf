# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A recipe as components take it: of another component, or written in Python."""

import typing

from tfx.types import artifact_utils
from tfx.types import channel
from tfx.types import component_spec

from tfnorm import config
from tfnorm import recipe as recipe_lib
from tfnorm.tfx import artifacts

FILE = "recipe.json"
INPUT = "recipe"
# Its text, so that TFX's cache sees a change.
PARAMETER = "recipe_json"

INPUTS = {
    INPUT: component_spec.ChannelParameter(
        type=artifacts.NormalizationRecipe, optional=True
    )
}
PARAMETERS = {PARAMETER: component_spec.ExecutionParameter(type=str, optional=True)}


def given(recipe: channel.BaseChannel | recipe_lib.Recipe | None) -> dict:
    """Returns what a component's spec takes of a recipe, by name."""
    if isinstance(recipe, recipe_lib.Recipe):
        return {INPUT: None, PARAMETER: config.dumps(recipe)}
    return {INPUT: recipe, PARAMETER: None}


def read(
    input_dict: typing.Mapping[str, list], exec_properties: typing.Mapping
) -> recipe_lib.Recipe | None:
    """Returns the recipe that a component was given, if any.

    Raises:
        RecipeError: If it cannot be read.
    """
    if input_dict.get(INPUT):
        found = artifact_utils.get_single_instance(input_dict[INPUT])
        return recipe_lib.load_recipe(f"{found.uri.rstrip('/')}/{FILE}")
    text = exec_properties.get(PARAMETER)
    return config.loads(text) if text else None
