# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the values of some data lie among those of other data."""

import numpy as np

from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import feature as feature_lib
from tfnorm.statistics import histograms as histograms_lib
from tfnorm.statistics import ranks as ranks_lib

_LEAST = np.iinfo(np.int64).min


def stability_index(
    found: feature_lib.FeatureStatistics, baseline: feature_lib.FeatureStatistics
) -> np.ndarray:
    """The population stability index of each kept element: sum((p - q) * log(p / q)).

    Bins end at the baseline's deciles, each the least value that a tenth more of the
    values do not exceed. A value that more than a tenth have is a bin of its own, so
    that discrete data have one for each frequent value. The outer bins are open. The
    share of n values in one of b bins is that of Krichevsky and Trofimov,
    `(count + 1/2) / (n + b/2)`, so that the index of an empty bin is finite.

    Where histograms have buckets of several values, a bin ends where a bucket does.
    With weights, a count is the share of the weight times the number of values.

    Args:
        found: The statistics of some data.
        baseline: Those of others, of the same kind and shape, both with quantiles.

    Returns:
        float64 of the kept shape; NaN where one of the two has no value.

    Example:

    >>> one, two = np.repeat([0, 1], [9, 1]), np.repeat([0, 1], [5, 5])
    >>> of = feature_lib.FeatureStatistics.of
    >>> round(float(stability_index(of(two), of(one))), 3)
    0.642

    Reference:
        Siddiqi, Credit Risk Scorecards, 2006, chapter 9.
        Krichevsky and Trofimov, The Performance of Universal Encoding, 1981.
    """
    assert baseline.shape is not None
    both = [_histograms(one) for one in (found, baseline)]
    dropped = np.maximum(both[0].dropped, both[1].dropped)
    parts = [one.coarser(dropped) for one in both]
    valid = [channels_lib.of(one.channels).counts[0] for one in (found, baseline)]
    owners, edges = _edges(*parts[1], len(dropped))
    binned = [
        _binned(*part, owners, edges, total)
        for part, total in zip(parts, valid, strict=True)
    ]
    # A channel has a bin more than ends of bins.
    size = np.bincount(owners, minlength=len(dropped)) + 1
    channel = np.repeat(np.arange(len(dropped)), size)
    p, q = (
        (counts + 0.5) / (total + size / 2)[channel]
        for counts, total in zip(binned, valid, strict=True)
    )
    index = np.bincount(channel, (p - q) * np.log(p / q), minlength=len(dropped))
    index[(valid[0] == 0) | (valid[1] == 0)] = np.nan
    return index.reshape(baseline.shape)


def share_outside(
    found: feature_lib.FeatureStatistics, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The share of finite values that lie outside of ranges, by kept element.

    It is a certain lower bound: a bucket counts where all of it lies outside. While
    there are few distinct values, and for ranges that hold all values, it is exact.

    Args:
        found: The statistics, with quantiles.
        low: Least value of each range, of the kept shape.
        high: Greatest value, likewise.

    Returns:
        float64 of the kept shape; NaN where there is no value.
    """
    assert found.shape is not None
    buckets = channels_lib.of(found.summaries).buckets()
    owners = np.repeat(np.arange(len(buckets.sizes)), buckets.sizes)
    first, last = buckets.bounds()
    beyond = (last < np.ravel(low)[owners]) | (first > np.ravel(high)[owners])
    counts = (buckets.counts * beyond, buckets.counts)
    outside, every = (np.bincount(owners, c, len(buckets.sizes)) for c in counts)
    with np.errstate(invalid="ignore"):
        return (outside / every).reshape(found.shape)


def _histograms(of: feature_lib.FeatureStatistics) -> histograms_lib.Histograms:
    held = channels_lib.of(of.summaries)
    held.buckets()  # Raises an error where there are none.
    assert held.histograms is not None
    return held.histograms


def _edges(owners, keys, counts, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The last key of each bin but the last one, by channel, and the channel."""
    totals = np.zeros(channels, np.int64)
    np.add.at(totals, owners, counts)
    # Those of weights may add up to more than int64 holds, over all channels; but the
    # difference that is left of each channel is right.
    ends = np.cumsum(counts) - (np.cumsum(totals) - totals)[owners]
    some = np.flatnonzero(totals)
    ranks = -(-np.arange(1, 10) * totals[some, None] // 10)  # Rounded up.
    at = np.unique(ranks_lib.below((owners, ends), (np.repeat(some, 9), ranks.ravel())))
    frequent = 10 * counts[at] > totals[owners[at]]
    # Nothing is below the least of all keys.
    alone = at[frequent & (keys[at] > _LEAST)]
    found = np.concatenate((owners[at], owners[alone]))
    lasts = np.concatenate((keys[at], keys[alone] - 1))
    order = np.lexsort((lasts, found))
    found, lasts = found[order], lasts[order]
    new = np.ones(len(lasts), bool)
    new[1:] = (found[1:] != found[:-1]) | (lasts[1:] != lasts[:-1])
    return found[new], lasts[new]


def _binned(owners, keys, counts, edge_owners, edges, valid) -> np.ndarray:
    """How many values are in each bin, one channel after the other."""
    # A bin holds its last key, and each channel has a bin more than it has such.
    bins = ranks_lib.below((edge_owners, edges), (owners, keys)) + owners
    weights = np.zeros(len(valid))
    np.add.at(weights, owners, counts)
    scale = np.divide(valid, weights, out=np.ones(len(valid)), where=weights > 0)
    total = len(edges) + len(valid)
    return np.bincount(bins, counts * scale[owners], minlength=total)
