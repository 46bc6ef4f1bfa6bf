# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes: each turns a statistic into a bijector."""

from tfnorm.schemes import per_sample
from tfnorm.schemes import presets
from tfnorm.schemes.base import Scheme
from tfnorm.schemes.fixed import Affine
from tfnorm.schemes.fixed import Rescale
from tfnorm.schemes.log import Log
from tfnorm.schemes.min_max import MaxAbs
from tfnorm.schemes.min_max import MeanRange
from tfnorm.schemes.min_max import MinMax
from tfnorm.schemes.per_sample import PerImage
from tfnorm.schemes.per_sample import SumToOne
from tfnorm.schemes.per_sample import UnitNorm
from tfnorm.schemes.presets import LogMel
from tfnorm.schemes.presets import Preset
from tfnorm.schemes.registry import REGISTRY
from tfnorm.schemes.registry import Row
from tfnorm.schemes.robust import PercentileClip
from tfnorm.schemes.robust import Robust
from tfnorm.schemes.z_score import ZScore

__all__ = [
    "REGISTRY",
    "Affine",
    "Log",
    "LogMel",
    "MaxAbs",
    "MeanRange",
    "MinMax",
    "PerImage",
    "PercentileClip",
    "Preset",
    "Rescale",
    "Robust",
    "Row",
    "Scheme",
    "SumToOne",
    "UnitNorm",
    "ZScore",
    "per_sample",
    "presets",
]
