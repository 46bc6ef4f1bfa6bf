# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A recipe from statistics or a schema, by plain rules that say why."""

from tfnorm.suggestion.choosing import suggest
from tfnorm.suggestion.evidence import Evidence
from tfnorm.suggestion.result import REASONS
from tfnorm.suggestion.result import RECIPE
from tfnorm.suggestion.result import Suggestion
from tfnorm.suggestion.rules import RULES
from tfnorm.suggestion.rules import Rule
from tfnorm.suggestion.schemas import load_schema

__all__ = [
    "REASONS",
    "RECIPE",
    "RULES",
    "Evidence",
    "Rule",
    "Suggestion",
    "load_schema",
    "suggest",
]
