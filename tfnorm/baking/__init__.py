# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""SavedModels that take raw input, and know what normalization they hold.

TensorFlow and Keras are imported by the functions that need them: `inspect` needs
neither.
"""

from tfnorm.baking.checks import Report
from tfnorm.baking.folding.report import FoldReport
from tfnorm.baking.manifest import Manifest
from tfnorm.baking.manifest import inspect
from tfnorm.baking.verbs import bake
from tfnorm.baking.verbs import fold
from tfnorm.baking.verbs import load_model
from tfnorm.baking.verbs import training_data
from tfnorm.baking.verbs import verify

__all__ = [
    "FoldReport",
    "Manifest",
    "Report",
    "bake",
    "fold",
    "inspect",
    "load_model",
    "training_data",
    "verify",
]
