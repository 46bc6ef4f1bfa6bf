# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the centre and the spread of one feature are from a baseline's."""

import numpy as np

from tfnorm import statistics

MIDDLE = "by the median and the middle half"
# How many deviations wide the middle half of a normal feature is.
_NORMAL_HALF = 1.3489795003921634
# Where a value has as many of the middle values, quartiles leap from one to the next.
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
        middle: Whether to take medians in place of means, and in place of deviations
            the width of the middle half over that of a normal feature of deviation 1:
            tails do not move these. Not of elements of which a value is so frequent,
            a twentieth of the baseline, that quartiles leap.

    Returns:
        The measures, and of which elements they are so taken.
    """
    means = [np.asarray(one.mean, np.float64) for one in (found, baseline)]
    spreads = [np.asarray(one.std, np.float64) for one in (found, baseline)]
    taken = np.zeros(np.shape(means[0]), bool)
    if middle and found.has_quantiles and baseline.has_quantiles:
        grid = baseline.quantile(np.arange(0.2, 0.81, _FREQUENT)).value
        taken = np.asarray((np.diff(grid) > 0).all(axis=-1))
        for i, one in enumerate((found, baseline)):
            low, centre, high = np.moveaxis(
                np.asarray(one.quantile(np.array([0.25, 0.5, 0.75])).value), -1, 0
            )
            means[i] = np.where(taken, centre, means[i])
            spreads[i] = np.where(taken, (high - low) / _NORMAL_HALF, spreads[i])
    # Of a constant any change is infinite; an overflow is as good as that.
    with np.errstate(all="ignore"):
        shift = (means[0] - means[1]) / spreads[1]
        ratio = np.where(spreads[0] == spreads[1], 1.0, spreads[0] / spreads[1])
    # One value has no deviation to speak of.
    ratio = np.where(np.asarray(found.counts.valid) < 2, np.nan, ratio)
    shift = np.where(means[0] == means[1], 0.0, shift)
    return {"mean_shift": shift, "deviation_ratio": ratio}, taken
