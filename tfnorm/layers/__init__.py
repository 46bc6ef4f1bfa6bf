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
from tfnorm.layers.network.batch_normalization import BatchNormalization
from tfnorm.layers.network.batch_renormalization import BatchRenormalization
from tfnorm.layers.network.channel_padding import ChannelPadding
from tfnorm.layers.network.evonorm_b0 import EvoNormB0
from tfnorm.layers.network.evonorm_s0 import EvoNormS0
from tfnorm.layers.network.filter_response import FilterResponseNormalization
from tfnorm.layers.network.filter_response import ThresholdedLinearUnit
from tfnorm.layers.network.frozen import FrozenBatchNormalization
from tfnorm.layers.network.ghost import GhostBatchNormalization
from tfnorm.layers.network.global_response import GlobalResponseNormalization
from tfnorm.layers.network.group import GroupNormalization
from tfnorm.layers.network.instance import AdaptiveInstanceNormalization
from tfnorm.layers.network.instance import InstanceNormalization
from tfnorm.layers.network.layer import LayerNormalization
from tfnorm.layers.network.local_response import LocalResponseNormalization
from tfnorm.layers.network.recalibration import adapt_batch_norm
from tfnorm.layers.network.recalibration import recalibrate
from tfnorm.layers.network.replacing import replace
from tfnorm.layers.network.rms import RMSNormalization
from tfnorm.layers.network.simple import DynamicTanh
from tfnorm.layers.network.simple import ScaleNorm
from tfnorm.layers.network.switchable import SwitchableNormalization
from tfnorm.layers.network.weights import SpectralNormalization
from tfnorm.layers.network.weights import WeightNormalization
from tfnorm.layers.network.weights import WeightStandardization
from tfnorm.layers.network.whitening_batch import WhiteningBatchNormalization
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
    "AdaptiveInstanceNormalization",
    "Affine",
    "BatchNormalization",
    "BatchRenormalization",
    "Chain",
    "ChannelPadding",
    "Denormalize",
    "DynamicTanh",
    "EvoNormB0",
    "EvoNormS0",
    "Features",
    "FilterResponseNormalization",
    "Foreground",
    "FrozenBatchNormalization",
    "GhostBatchNormalization",
    "GlobalResponseNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "IntensityWindow",
    "LayerNormalization",
    "Learned",
    "LocalNormalization",
    "LocalResponseNormalization",
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
    "RMSNormalization",
    "Rescale",
    "RevIN",
    "Robust",
    "Running",
    "ScaleNorm",
    "SchemeLayer",
    "SlidingCMVN",
    "SpectralNormalization",
    "SumToOne",
    "SwitchableNormalization",
    "ThresholdedLinearUnit",
    "TukeyHH",
    "UnitNorm",
    "WeightNormalization",
    "WeightStandardization",
    "Whitening",
    "WhiteningBatchNormalization",
    "ZScore",
    "adapt_batch_norm",
    "recalibrate",
    "replace",
]
