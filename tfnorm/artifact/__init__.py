# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of a data set: merged, identified, and kept on disk."""

from tfnorm.artifact.store import SUMMARY
from tfnorm.artifact.store import load_statistics
from tfnorm.artifact.table import Statistics
from tfnorm.artifact.table import check_decoded

__all__ = ["SUMMARY", "Statistics", "check_decoded", "load_statistics"]
