# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which scheme normalizes which feature, and the maps fitted from statistics."""

import os

from tfnorm.recipe import disk
from tfnorm.recipe.columnar import forward_columns
from tfnorm.recipe.columnar import inverse_columns
from tfnorm.recipe.features import Feature
from tfnorm.recipe.features import Recipe
from tfnorm.recipe.features import View
from tfnorm.recipe.features import indicator_name
from tfnorm.recipe.features import view_key
from tfnorm.recipe.fitted import FittedRecipe
from tfnorm.recipe.fitted import missing_indicator
from tfnorm.recipe.fitting import statistics_for
from tfnorm.recipe.fitting import template
from tfnorm.recipe.thresholds import Thresholds

__all__ = [
    "Feature",
    "FittedRecipe",
    "Recipe",
    "Thresholds",
    "View",
    "forward_columns",
    "indicator_name",
    "inverse_columns",
    "load_fitted",
    "load_recipe",
    "missing_indicator",
    "statistics_for",
    "template",
    "view_key",
]


def load_recipe(path: str | os.PathLike) -> Recipe:
    """Reads a recipe's JSON.

    Raises:
        RecipeError: if there is no such file, or no recipe in it.
    """
    return disk.load(path, Recipe)


def load_fitted(path: str | os.PathLike) -> FittedRecipe:
    """Reads a fitted recipe's JSON; raises as `load_recipe` does."""
    return disk.load(path, FittedRecipe)
