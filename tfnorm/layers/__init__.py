# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keras layers around schemes: adapt once, then run on every backend."""

from tfnorm.layers.base import SchemeLayer
from tfnorm.layers.denormalize import Denormalize
from tfnorm.layers.features import Features
from tfnorm.layers.fitted import MaxAbs
from tfnorm.layers.fitted import MeanRange
from tfnorm.layers.fitted import MinMax
from tfnorm.layers.fitted import ZScore
from tfnorm.layers.given import Affine
from tfnorm.layers.given import Preset
from tfnorm.layers.given import Rescale
from tfnorm.layers.per_sample import PerImage
from tfnorm.layers.per_sample import SumToOne
from tfnorm.layers.per_sample import UnitNorm
from tfnorm.layers.tails import Log
from tfnorm.layers.tails import PercentileClip
from tfnorm.layers.tails import Robust

__all__ = [
    "Affine",
    "Denormalize",
    "Features",
    "Log",
    "MaxAbs",
    "MeanRange",
    "MinMax",
    "PerImage",
    "PercentileClip",
    "Preset",
    "Rescale",
    "Robust",
    "SchemeLayer",
    "SumToOne",
    "UnitNorm",
    "ZScore",
]
