# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics as the protocol buffers that TFDV and Facets show."""

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

_BUCKETS = 10


def convert(found) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Converts `tfnorm.Statistics`; a feature of several channels becomes several.

    Means, deviations, extrema and counts are exact; quantile buckets have the
    estimated bounds and the exact share of values, as TFDV's have.
    """
    result = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = result.datasets.add(name="tfnorm", num_examples=found.rows)
    for name in sorted(found):
        feature = found[name]
        for index in np.ndindex(feature.shape or ()):
            step = name if not index else f"{name}{list(index)}"
            proto = dataset.features.add(
                type=statistics_pb2.FeatureNameStatistics.FLOAT
                if feature.kind != "integer"
                else statistics_pb2.FeatureNameStatistics.INT
            )
            proto.path.step.append(step)
            if feature.shape is not None:
                flat = int(np.ravel_multi_index(index, feature.shape)) if index else 0
                _fill(proto.num_stats, feature, feature.summaries[flat])
    return result


def _fill(stats, feature, channel) -> None:
    common = stats.common_stats
    common.num_missing = feature.missing
    common.num_non_missing = feature.rows - feature.missing
    common.min_num_values = common.max_num_values = 1
    common.avg_num_values = 1.0
    common.tot_num_values = channel.counts.valid + channel.counts.nan
    stats.num_zeros = channel.counts.zero
    if not channel.counts.valid:
        return
    stats.mean = channel.moments.mean
    stats.std_dev = channel.moments.std
    if channel.extrema.low is not None:
        stats.min, stats.max = channel.extrema.low, channel.extrema.high
    if channel.quantiles is None:
        return
    quantiles = [
        channel.quantiles.quantile(i / _BUCKETS, channel.extrema)
        for i in range(_BUCKETS + 1)
    ]
    stats.median = quantiles[_BUCKETS // 2].value
    histogram = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    histogram.num_nan = channel.counts.nan
    for low, high in zip(quantiles, quantiles[1:], strict=False):
        histogram.buckets.add(
            low_value=low.value,
            high_value=high.value,
            sample_count=channel.counts.valid / _BUCKETS,
        )
