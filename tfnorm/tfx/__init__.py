# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TFX components: statistics, recipes, baking and validation in TFX pipelines."""

from tfnorm.tfx.artifacts import NormalizationRecipe
from tfnorm.tfx.artifacts import NormalizationStatistics
from tfnorm.tfx.statistics_gen import NormalizationStatisticsGen

__all__ = [
    "NormalizationRecipe",
    "NormalizationStatistics",
    "NormalizationStatisticsGen",
]
