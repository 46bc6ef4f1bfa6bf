# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keras layers around schemes: adapt once, then run on every backend."""

from tfnorm.layers.adaptive import Adaptive
from tfnorm.layers.audio_features import CMVN
from tfnorm.layers.audio_features import PCEN
from tfnorm.layers.audio_features import LogMel
from tfnorm.layers.audio_features import SlidingCMVN
from tfnorm.layers.audio_gain import Loudness
from tfnorm.layers.audio_gain import Peak
from tfnorm.layers.audio_gain import RMSLevel
from tfnorm.layers.base import SchemeLayer
from tfnorm.layers.denormalize import Denormalize
from tfnorm.layers.distributions import Power
from tfnorm.layers.distributions import Quantile
from tfnorm.layers.distributions import TukeyHH
from tfnorm.layers.features import Features
from tfnorm.layers.fitted import MaxAbs
from tfnorm.layers.fitted import MeanRange
from tfnorm.layers.fitted import MinMax
from tfnorm.layers.fitted import ZScore
from tfnorm.layers.given import Affine
from tfnorm.layers.given import Preset
from tfnorm.layers.given import Rescale
from tfnorm.layers.images import Foreground
from tfnorm.layers.images import IntensityWindow
from tfnorm.layers.images import LocalNormalization
from tfnorm.layers.images import PercentileStretch
from tfnorm.layers.learned import Chain
from tfnorm.layers.learned import Learned
from tfnorm.layers.per_key import PerKey
from tfnorm.layers.per_sample import PerImage
from tfnorm.layers.per_sample import SumToOne
from tfnorm.layers.per_sample import UnitNorm
from tfnorm.layers.reversible import MeanScale
from tfnorm.layers.reversible import RevIN
from tfnorm.layers.running import Running
from tfnorm.layers.tails import Log
from tfnorm.layers.tails import PercentileClip
from tfnorm.layers.tails import Robust
from tfnorm.layers.whitening import Whitening

__all__ = [
    "CMVN",
    "PCEN",
    "Adaptive",
    "Affine",
    "Chain",
    "Denormalize",
    "Features",
    "Foreground",
    "IntensityWindow",
    "Learned",
    "LocalNormalization",
    "Log",
    "LogMel",
    "Loudness",
    "MaxAbs",
    "MeanRange",
    "MeanScale",
    "MinMax",
    "Peak",
    "PerImage",
    "PerKey",
    "PercentileClip",
    "PercentileStretch",
    "Power",
    "Preset",
    "Quantile",
    "RMSLevel",
    "Rescale",
    "RevIN",
    "Robust",
    "Running",
    "SchemeLayer",
    "SlidingCMVN",
    "SumToOne",
    "TukeyHH",
    "UnitNorm",
    "Whitening",
    "ZScore",
]
