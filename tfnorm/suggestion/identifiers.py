# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Tells row numbers and identifiers by their histogram, as far as it certainly shows.

A split by hash takes row numbers at random, so they are not consecutive any more. But
no two are equal, so they lie more evenly than numbers drawn one by one ever do.
"""

import numpy as np

from tfnorm import statistics
from tfnorm.statistics import channels as channels_lib

# Of fewer, chance makes any shape.
MANY = 1000
# Nearly all values are different if so many of them are.
NEARLY_ALL = 0.9
# Bins of the range to see evenness in; up to twice as many, since widths are powers of
# two, as those of the histogram's buckets are.
_BINS = 1024
# How much of the range row numbers must take: of TFX's splits the train split has two
# thirds, the eval split one. Counts in bins vary by `1 - share` of what those of
# independent numbers do, +- 0.06 here: half the way is 2.5 such errors off both.
_SHARE = 0.3
# Other identifiers begin near 0, within so many mean gaps, and are as even as chance
# lets them be, within so many errors: one in 30,000 is not.
_GAPS = 10.0
_ERRORS = 4.0


def look(found: statistics.FeatureStatistics) -> tuple[bool, bool]:
    """Whether integers are row numbers or identifiers, and nearly all different.

    Both as far as the histogram shows. Numbers that may be drawn one by one, from so
    few that some should be equal, are taken for no identifiers unless it shows that
    none are.

    Args:
        found: Statistics of one integer a row, with quantiles and known extrema.
    """
    if found.weighted is not None:
        return False, False
    buckets = channels_lib.of(found.summaries).buckets()
    lower, upper = buckets.bounds()
    room, counts = upper - lower + 1.0, buckets.counts
    valid = int(counts.sum())
    if valid < MANY:
        return False, False
    nearly = bool(np.minimum(counts, room).sum() >= NEARLY_ALL * valid)
    different = bool((counts <= room).all())
    low, high = float(found.min), float(found.max)
    return different and _even(low, high, lower, counts), nearly


def _even(low: float, high: float, lower: np.ndarray, counts: np.ndarray) -> bool:
    """Whether values are as even as numbers without, or hardly any, repetitions."""
    valid, span = float(counts.sum()), high - low + 1.0
    share = valid / span
    unit = max(2.0 ** np.floor(np.log2(span / _BINS)), 1.0)
    first = np.floor(low / unit)
    held = np.bincount((lower // unit - first).astype(np.int64), counts)
    # Without the first and the last, which may be cut.
    expected = share * unit
    dispersion = np.mean((held[1:-1] - expected) ** 2) / expected
    if share >= _SHARE:
        return bool(dispersion <= 1.0 - share / 2.0)
    error = np.sqrt((2.0 + 1.0 / expected) / held.size)
    alone = span >= valid**2  # Of numbers drawn one by one, no two would be equal.
    near = abs(low) * share <= _GAPS
    return bool(alone and near and dispersion <= 1.0 + _ERRORS * error)
