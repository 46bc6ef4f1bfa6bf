# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the centre and the spread of one feature are from a baseline's."""

import numpy as np

from tfnorm import statistics

MIDDLE = "of the middle half"
# The deviation of the middle half of a normal feature of deviation 1.
_NORMAL_HALF = 0.37769277923799227
# Quantiles in the midst of 50 equal parts of the middle half.
_GRID = 0.25 + 0.01 * (np.arange(50) + 0.5)
# Where a value has as many of all values, the middle half may be of it alone.
_FREQUENT = 0.05


def compare(
    found: statistics.FeatureStatistics,
    baseline: statistics.FeatureStatistics,
    middle: bool,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Measures "mean_shift" and "deviation_ratio".

    Args:
        found: Statistics of new data, with values.
        baseline: Those to compare with, likewise, of the same shape.
        middle: Whether to take means and deviations of the middle half, from quartile
            to quartile, which tails do not move; and these deviations over that of a
            normal feature of deviation 1. A gap in the midst of the data does not
            move them either, as it does a median. Not of elements of which a value is
            so frequent, a twentieth of the baseline, that the middle half may be
            nothing else.

    Returns:
        The measures, and of which elements they are so taken.
    """
    means, spreads, taken = of(found, baseline, middle)
    return measures(means, spreads, np.asarray(found.counts.valid)), taken


def of(
    found: statistics.FeatureStatistics,
    baseline: statistics.FeatureStatistics,
    middle: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two centres and spreads, as `compare` takes them, and which are so taken."""
    means = [np.asarray(one.mean, np.float64) for one in (found, baseline)]
    spreads = [np.asarray(one.std, np.float64) for one in (found, baseline)]
    taken = np.zeros(np.shape(means[0]), bool)
    if middle and found.has_quantiles and baseline.has_quantiles:
        grid = baseline.quantile(np.arange(0.2, 0.81, _FREQUENT)).value
        taken = np.asarray((np.diff(grid) > 0).all(axis=-1))
        for i, one in enumerate((found, baseline)):
            half = one.quantile(_GRID).value
            means[i] = np.where(taken, half.mean(axis=-1), means[i])
            spread = half.std(axis=-1) / _NORMAL_HALF
            spreads[i] = np.where(taken, spread, spreads[i])
    return np.array(means), np.array(spreads), taken


def measures(
    means: np.ndarray, spreads: np.ndarray, values: np.ndarray
) -> dict[str, np.ndarray]:
    """The measures of two centres and spreads.

    Args:
        means: Those of new data, then those of the baseline: (2, ...).
        spreads: Likewise.
        values: How many values of new data there are.
    """
    # Of a constant any change is infinite; an overflow is as good as that.
    with np.errstate(all="ignore"):
        shift = (means[0] - means[1]) / spreads[1]
        ratio = np.where(spreads[0] == spreads[1], 1.0, spreads[0] / spreads[1])
    return {
        "mean_shift": np.where(means[0] == means[1], 0.0, shift),
        # One value has no deviation to speak of.
        "deviation_ratio": np.where(values < 2, np.nan, ratio),
    }
