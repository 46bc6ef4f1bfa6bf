# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TFX components: statistics, recipes, baking and validation in TFX pipelines."""

from tfnorm.tfx.artifacts import NormalizationRecipe
from tfnorm.tfx.artifacts import NormalizationStatistics
from tfnorm.tfx.fitter import NormalizationFitter
from tfnorm.tfx.statistics_gen import NormalizationStatisticsGen
from tfnorm.tfx.training import fitted_recipe
from tfnorm.tfx.training import write_model

__all__ = [
    "NormalizationFitter",
    "NormalizationRecipe",
    "NormalizationStatistics",
    "NormalizationStatisticsGen",
    "fitted_recipe",
    "write_model",
]
