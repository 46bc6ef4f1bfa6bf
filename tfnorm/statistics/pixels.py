# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of images of 8 bits, from how often each value occurs."""

from tfnorm import arrays
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import channel as channel_lib


def add(feature, column: arrays.ImageColumn, *, axis, quantiles, comoments):
    """Takes images into a `FeatureStatistics`; see its `add`.

    Where each channel has statistics of its own, the counts of values say all.
    Otherwise their pixels are decoded once more.
    """
    if column.all_missing or comoments or not _channels(axis):
        options = {"axis": axis, "quantiles": quantiles, "comoments": comoments}
        for _, stack in column.stacks():
            feature = feature.add(stack, **options)
        return feature
    empty = channel_lib.Channel.empty(floating=False, quantiles=quantiles is not False)
    channels = tuple(
        empty.add_block(block_lib.of_counts(counts)) if counts.any() else empty
        for counts in column.counts.sum(0)
    )
    missing = 0 if column.missing is None else int(column.missing.sum())
    found = type(feature)(
        len(column.values), missing, (len(channels),), "integer", channels
    )
    return feature.merge(found)


def _channels(axis) -> bool:
    """Whether it is the channels that are kept."""
    try:
        return arrays.kept_axes(() if axis is None else axis, 4) == (3,)
    except ValueError:  # To be told of where images are added.
        return False
