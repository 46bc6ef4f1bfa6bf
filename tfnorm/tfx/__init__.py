# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TFX components: statistics, recipes, baking and validation in TFX pipelines."""

try:
    import tfx  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "`tfnorm.tfx` needs TFX, which is not installed. `pip install 'tfnorm[tfx]'` "
        "where TFX has wheels, or say `make tfx` in a checkout of tfnorm."
    ) from error

from tfnorm.tfx.artifacts import NormalizationRecipe
from tfnorm.tfx.artifacts import NormalizationStatistics
from tfnorm.tfx.baker import NormalizationBaker
from tfnorm.tfx.fitter import NormalizationFitter
from tfnorm.tfx.lineage import statistics_inside
from tfnorm.tfx.recipe_gen import NormalizationRecipeGen
from tfnorm.tfx.statistics_gen import NormalizationStatisticsGen
from tfnorm.tfx.training import fitted_recipe
from tfnorm.tfx.training import write_model
from tfnorm.tfx.validator import NormalizationValidator

__all__ = [
    "NormalizationBaker",
    "NormalizationFitter",
    "NormalizationRecipe",
    "NormalizationRecipeGen",
    "NormalizationStatistics",
    "NormalizationStatisticsGen",
    "NormalizationValidator",
    "fitted_recipe",
    "statistics_inside",
    "write_model",
]
