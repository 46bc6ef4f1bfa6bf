# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization within tf.Transform: exact statistics, one analyzer, one formula.

Importing tf.Transform makes `tf.keras` Keras 2 for the rest of the process, if
nothing has used it before: `import keras` is Keras 3 always.
"""

from tfnorm.tft.applying import apply
from tfnorm.tft.applying import from_statistics
from tfnorm.tft.normalizing import normalize
from tfnorm.tft.scales import max_abs
from tfnorm.tft.scales import mean_range
from tfnorm.tft.scales import min_max
from tfnorm.tft.scales import percentile_clip
from tfnorm.tft.scales import robust
from tfnorm.tft.scales import z_score
from tfnorm.tft.shapes import log
from tfnorm.tft.shapes import power
from tfnorm.tft.shapes import quantile
from tfnorm.tft.shapes import tukey_hh
from tfnorm.tft.shapes import whitening

__all__ = [
    "apply",
    "from_statistics",
    "log",
    "max_abs",
    "mean_range",
    "min_max",
    "normalize",
    "percentile_clip",
    "power",
    "quantile",
    "robust",
    "tukey_hh",
    "whitening",
    "z_score",
]
