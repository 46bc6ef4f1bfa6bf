# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the values of each key are from the baseline's of the same key."""

import statistics as stdlib_statistics

import numpy as np

from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.comparison import centres
from tfnorm.comparison import chance
from tfnorm.comparison import measures
from tfnorm.comparison import report

# Of fewer values of a key, a mean and a deviation say little.
LEAST = 30
# So much more does the mean of the middle half scatter, of a normal feature.
_MIDDLE = 1.1


def compare(
    found, baseline, column: str, limits: recipe_lib.Thresholds, middle: bool
) -> report.FeatureComparison:
    """Compares the means and the deviations of keys that both have.

    Of thousands of keys some are off by chance. So one is a breach if it is beyond the
    threshold, and so far off with odds below 1 in 741, divided among all: of a mean
    with the standard error of the two; of the logarithm of a deviation with one of
    sqrt(2 / n + 2 / m), which is that of exponential values, twice that of normal
    ones; of the middle half with 3 for 2, as of values whose logarithm is normal, of
    deviation 1. Of a key that never varies in one of the two only the means are
    compared.

    Args:
        found: Mapping of keys to the statistics of their rows.
        baseline: Likewise.
        column: Whose keys they are.
        limits: The thresholds.
        middle: As of `centres.compare`.
    """
    both = [key for key in found if key in baseline]
    keys, pairs = _enough(found, baseline, both)
    notes: tuple[str, ...] = ()
    if len(keys) < len(both):
        few = f"{len(both) - len(keys):,} of {len(both):,}"
        notes = (f"{few} keys have fewer than {LEAST} values in one of the two.",)
    if not keys:
        return report.FeatureComparison(0, 0, notes=notes)
    means, spreads, middles, counts = _taken(pairs, middle, _stacked(found, baseline))
    values = centres.measures(means, spreads, counts[0])
    varies = (spreads > 0).all(axis=0)
    values["deviation_ratio"] = np.where(varies, values["deviation_ratio"], np.nan)
    # The odds are divided among all that are compared.
    rare = chance.RARE / means[0].size
    most = -stdlib_statistics.NormalDist().inv_cdf(rare)
    factor = np.where(middles, _MIDDLE, 1.0)
    spread = np.where(middles, 3.0, 2.0)
    scatter = factor * np.sqrt((spreads**2 / counts).sum(axis=0))
    with np.errstate(all="ignore"):
        factors = np.abs(np.log(values["deviation_ratio"]))
    sure = {
        "mean_shift": np.abs(means[0] - means[1]) > most * scatter,
        "deviation_ratio": factors > most * np.sqrt((spread / counts).sum(axis=0)),
    }
    worst = {}
    for name, one in values.items():
        if not np.isnan(one).all():
            worst[name] = _worst(name, one, sure[name], limits, (keys, column))
    rows, before = (sum(p[i].rows - p[i].missing for p in pairs) for i in range(2))
    return report.FeatureComparison(rows, before, worst, notes=notes)


def _worst(name, values, sure, limits, keys_of) -> report.Measure:
    """A measure of the key where it is worst: of those that are no chance, if any."""
    sizes = measures.size(name, values)
    sure_sizes = np.where(sure & ~np.isnan(sizes), sizes, -1.0)
    threshold = getattr(limits, name)
    breached = threshold is not None and sure_sizes.max() > threshold
    sizes = sure_sizes if breached else sizes
    at = np.unravel_index(np.nanargmax(sizes), sizes.shape)
    keys, column = keys_of
    detail = f"of {column}={keys[at[0]]!r}"
    element = tuple(int(i) for i in at[1:])
    return report.Measure(float(values[at]), threshold, element, detail, bool(breached))


def _enough(found, baseline, both: list) -> tuple[list, list[tuple]]:
    """The keys with values enough, and their statistics in pairs.

    A pair is of one key; or, where statistics are arrays over keys, of all, with an
    axis of keys before the others.
    """
    if _stacked(found, baseline):
        if _shape(found) != _shape(baseline) or found.shape is None:
            return [], []
        known = set(both)
        sides = [
            one.take(np.array([k in known for k in one])) for one in (found, baseline)
        ]
        enough = [one.has_values & (one.rows - one.missing >= LEAST) for one in sides]
        sides = [one.take(enough[0] & enough[1]) for one in sides]
        return list(sides[0]), [tuple(one.stacked() for one in sides)]
    keys = [key for key in both if _comparable(found[key], baseline[key])]
    return keys, [(found[key], baseline[key]) for key in keys]


def _stacked(*both) -> bool:
    return all(isinstance(one, statistics.KeyedStatistics) for one in both)


def _comparable(*pair: statistics.FeatureStatistics) -> bool:
    return _shape(pair[0]) == _shape(pair[1]) and all(
        one.rows - one.missing >= LEAST and np.all(one.counts.valid > 0) for one in pair
    )


def _shape(of) -> tuple:
    return of.shape, of.kind


def _taken(pairs: list[tuple], middle: bool, stacked: bool) -> tuple[np.ndarray, ...]:
    """Means, spreads and counts, (2, keys, ...), and which are of the middle half."""
    found = [
        (
            *centres.of(one, other, middle),
            np.array([one.counts.valid, other.counts.valid]),
        )
        for one, other in pairs
    ]
    means, spreads, middles, counts = zip(*found, strict=True)
    if stacked:
        return means[0], spreads[0], middles[0], counts[0]
    return (
        np.stack(means, axis=1),
        np.stack(spreads, axis=1),
        np.stack(middles),
        np.stack(counts, axis=1),
    )
