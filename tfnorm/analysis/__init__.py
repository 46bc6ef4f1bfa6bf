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

__all__ = [
    "MAX_SLICES",
    "Observer",
    "Rows",
    "analyze",
    "check_bad_records",
    "check_complete",
    "check_slices",
    "chooses",
    "later_pass",
    "with_pass",
]
