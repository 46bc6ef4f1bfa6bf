# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes: each turns a statistic into a bijector."""

from tfnorm.schemes import per_sample
from tfnorm.schemes import presets
from tfnorm.schemes import whitening
from tfnorm.schemes.audio_features import CMVN
from tfnorm.schemes.audio_features import PCEN
from tfnorm.schemes.audio_features import SlidingCMVN
from tfnorm.schemes.audio_features import pcen_smoothing
from tfnorm.schemes.audio_gain import Loudness
from tfnorm.schemes.audio_gain import Peak
from tfnorm.schemes.audio_gain import RMSLevel
from tfnorm.schemes.audio_log_mel import LogMel
from tfnorm.schemes.base import Scheme
from tfnorm.schemes.chain import Chain
from tfnorm.schemes.chain import Stages
from tfnorm.schemes.fixed import Affine
from tfnorm.schemes.fixed import Rescale
from tfnorm.schemes.images import Foreground
from tfnorm.schemes.images import IntensityWindow
from tfnorm.schemes.images import LocalNormalization
from tfnorm.schemes.images import PercentileStretch
from tfnorm.schemes.learned import Learned
from tfnorm.schemes.log import Log
from tfnorm.schemes.min_max import MaxAbs
from tfnorm.schemes.min_max import MeanRange
from tfnorm.schemes.min_max import MinMax
from tfnorm.schemes.per_key import Groups
from tfnorm.schemes.per_key import PerKey
from tfnorm.schemes.per_sample import PerImage
from tfnorm.schemes.per_sample import SumToOne
from tfnorm.schemes.per_sample import UnitNorm
from tfnorm.schemes.placeholder import Placeholder
from tfnorm.schemes.power import Power
from tfnorm.schemes.presets import Preset
from tfnorm.schemes.quantile import Quantile
from tfnorm.schemes.registry import REGISTRY
from tfnorm.schemes.registry import Row
from tfnorm.schemes.robust import PercentileClip
from tfnorm.schemes.robust import Robust
from tfnorm.schemes.tukey_hh import TukeyHH
from tfnorm.schemes.whitening import Whitening
from tfnorm.schemes.z_score import ZScore

__all__ = [
    "CMVN",
    "PCEN",
    "REGISTRY",
    "Affine",
    "Chain",
    "Foreground",
    "Groups",
    "IntensityWindow",
    "Learned",
    "LocalNormalization",
    "Log",
    "LogMel",
    "Loudness",
    "MaxAbs",
    "MeanRange",
    "MinMax",
    "Peak",
    "PerImage",
    "PerKey",
    "PercentileClip",
    "PercentileStretch",
    "Placeholder",
    "Power",
    "Preset",
    "Quantile",
    "RMSLevel",
    "Rescale",
    "Robust",
    "Row",
    "Scheme",
    "SlidingCMVN",
    "Stages",
    "SumToOne",
    "TukeyHH",
    "UnitNorm",
    "Whitening",
    "ZScore",
    "pcen_smoothing",
    "per_sample",
    "presets",
    "whitening",
]
