# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact statistics: any order, split or merge gives the same bytes."""

from tfnorm.statistics.block import key_values
from tfnorm.statistics.block import order_keys
from tfnorm.statistics.counts import Counts
from tfnorm.statistics.extrema import Extrema
from tfnorm.statistics.feature import Channel
from tfnorm.statistics.feature import CountArrays
from tfnorm.statistics.feature import FeatureStatistics
from tfnorm.statistics.moments import Moments
from tfnorm.statistics.quantiles import Interval
from tfnorm.statistics.quantiles import Quantiles

__all__ = [
    "Channel",
    "CountArrays",
    "Counts",
    "Extrema",
    "FeatureStatistics",
    "Interval",
    "Moments",
    "Quantiles",
    "key_values",
    "order_keys",
]
