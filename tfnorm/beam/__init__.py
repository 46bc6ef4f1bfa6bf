# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of a whole data set, and what to do with them, on any Beam runner."""

from tfnorm.beam.apply import ApplyRecipe
from tfnorm.beam.apply import RewriteShards
from tfnorm.beam.apply_job import apply_recipe
from tfnorm.beam.compute import ComputeStatistics
from tfnorm.beam.compute import ReadBatches
from tfnorm.beam.compute import WriteStatistics
from tfnorm.beam.counting import counters
from tfnorm.beam.counting import rows_so_far
from tfnorm.beam.failures import typed_errors
from tfnorm.beam.hosts import WatchedRunner
from tfnorm.beam.job import compute_statistics
from tfnorm.beam.merge_job import merge_statistics
from tfnorm.beam.splits import compute_splits

__all__ = [
    "ApplyRecipe",
    "ComputeStatistics",
    "ReadBatches",
    "RewriteShards",
    "WatchedRunner",
    "WriteStatistics",
    "apply_recipe",
    "compute_splits",
    "compute_statistics",
    "counters",
    "merge_statistics",
    "rows_so_far",
    "typed_errors",
]
