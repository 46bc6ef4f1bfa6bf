# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of a whole data set, on any Beam runner."""

from tfnorm.beam.compute import ComputeStatistics
from tfnorm.beam.compute import ReadBatches
from tfnorm.beam.compute import WriteStatistics
from tfnorm.beam.failures import typed_errors
from tfnorm.beam.job import compute_statistics

__all__ = [
    "ComputeStatistics",
    "ReadBatches",
    "WriteStatistics",
    "compute_statistics",
    "typed_errors",
]
