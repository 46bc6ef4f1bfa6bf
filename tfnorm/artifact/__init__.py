# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of a data set: merged, identified, and kept on disk."""

from tfnorm.artifact.places import SPLIT
from tfnorm.artifact.places import SPLITS
from tfnorm.artifact.places import SUMMARY
from tfnorm.artifact.places import folders
from tfnorm.artifact.places import is_there
from tfnorm.artifact.places import part_of
from tfnorm.artifact.store import check_writable
from tfnorm.artifact.store import load_statistics
from tfnorm.artifact.table import Statistics
from tfnorm.artifact.table import check_decoded

__all__ = [
    "SPLIT",
    "SPLITS",
    "SUMMARY",
    "Statistics",
    "check_decoded",
    "check_writable",
    "folders",
    "is_there",
    "load_statistics",
    "part_of",
]
