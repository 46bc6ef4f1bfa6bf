# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the statistics of new data are from those of a baseline."""

from tfnorm.comparison.comparing import compare
from tfnorm.comparison.report import Comparison
from tfnorm.comparison.report import FeatureComparison
from tfnorm.comparison.report import Measure

__all__ = [
    "Comparison",
    "FeatureComparison",
    "Measure",
    "compare",
]
