# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Folds the normalizations of a model."""

import typing

from tfnorm.baking.folding import plan as plans
from tfnorm.baking.folding import rebuild
from tfnorm.baking.folding import report


def fold(model: typing.Any) -> tuple[typing.Any, report.FoldReport]:
    """Returns the folded model, and what was folded: see `tfnorm.fold`."""
    plan = plans.Plan(model)
    return rebuild.Rebuild(plan).model(model), plan.report
