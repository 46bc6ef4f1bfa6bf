# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization within tf.Transform: exact statistics, one analyzer, one formula.

Importing tf.Transform makes `tf.keras` Keras 2 for the rest of the process, if
nothing has used it before: `import keras` is Keras 3 always.
"""

from tfnorm.tft.applying import apply
from tfnorm.tft.applying import from_statistics
from tfnorm.tft.functions import log
from tfnorm.tft.functions import max_abs
from tfnorm.tft.functions import mean_range
from tfnorm.tft.functions import min_max
from tfnorm.tft.functions import percentile_clip
from tfnorm.tft.functions import power
from tfnorm.tft.functions import quantile
from tfnorm.tft.functions import robust
from tfnorm.tft.functions import tukey_hh
from tfnorm.tft.functions import whitening
from tfnorm.tft.functions import z_score
from tfnorm.tft.normalizing import normalize

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
