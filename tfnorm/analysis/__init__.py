# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of any data, in this process or a part of a job."""

from tfnorm.analysis.observer import Observer
from tfnorm.analysis.passes import analyze
from tfnorm.analysis.passes import check_bad_records
from tfnorm.analysis.passes import check_complete
from tfnorm.analysis.passes import later_pass
from tfnorm.analysis.passes import with_pass
from tfnorm.analysis.rows import MAX_SLICES
from tfnorm.analysis.rows import Rows
from tfnorm.analysis.rows import check_slices
from tfnorm.analysis.rows import chooses
from tfnorm.analysis.rows import log_empty_slices
from tfnorm.analysis.splits import SplitObserver
from tfnorm.analysis.splits import analyze_splits
from tfnorm.analysis.splits import check_mapping
from tfnorm.analysis.splits import check_name
from tfnorm.analysis.splits import check_split_count
from tfnorm.analysis.splits import later_passes
from tfnorm.analysis.splits import named

__all__ = [
    "MAX_SLICES",
    "Observer",
    "Rows",
    "SplitObserver",
    "analyze",
    "analyze_splits",
    "check_bad_records",
    "check_complete",
    "check_mapping",
    "check_name",
    "check_slices",
    "check_split_count",
    "chooses",
    "later_pass",
    "later_passes",
    "log_empty_slices",
    "named",
    "with_pass",
]
