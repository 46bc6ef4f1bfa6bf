# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact statistics: any order, split or merge gives the same bytes."""

from tfnorm.statistics.block import key_values
from tfnorm.statistics.block import order_keys
from tfnorm.statistics.channel import Channel
from tfnorm.statistics.channel import CountArrays
from tfnorm.statistics.channels import WIDE
from tfnorm.statistics.channels import Channels
from tfnorm.statistics.comoments import CoMoments
from tfnorm.statistics.counts import Counts
from tfnorm.statistics.drift import share_outside
from tfnorm.statistics.drift import stability_index
from tfnorm.statistics.extrema import Extrema
from tfnorm.statistics.feature import FeatureStatistics
from tfnorm.statistics.features import Features
from tfnorm.statistics.groups import group_keys
from tfnorm.statistics.groups import group_name
from tfnorm.statistics.groups import is_group
from tfnorm.statistics.groups import key_columns
from tfnorm.statistics.groups import rows_by_key
from tfnorm.statistics.keyed import KeyedStatistics
from tfnorm.statistics.moments import Moments
from tfnorm.statistics.pair_sums import PairSums
from tfnorm.statistics.quantiles import Quantiles
from tfnorm.statistics.ranks import Interval
from tfnorm.statistics.weighted import Weighted
from tfnorm.statistics.weighted import as_float
from tfnorm.statistics.weighted import as_units
from tfnorm.statistics.weighted_quantiles import WeightedQuantiles

__all__ = [
    "WIDE",
    "Channel",
    "Channels",
    "CoMoments",
    "CountArrays",
    "Counts",
    "Extrema",
    "FeatureStatistics",
    "Features",
    "Interval",
    "KeyedStatistics",
    "Moments",
    "PairSums",
    "Quantiles",
    "Weighted",
    "WeightedQuantiles",
    "as_float",
    "as_units",
    "group_keys",
    "group_name",
    "is_group",
    "key_columns",
    "key_values",
    "order_keys",
    "rows_by_key",
    "share_outside",
    "stability_index",
]
