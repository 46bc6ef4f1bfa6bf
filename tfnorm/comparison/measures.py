# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The measures of one feature, of all its elements at once."""

import dataclasses

import numpy as np

from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.comparison import centres
from tfnorm.comparison import chance
from tfnorm.comparison import report

_NO_VALUES = "there are no finite values, so only missing ones are measured."


def compare(
    found: statistics.FeatureStatistics,
    baseline: statistics.FeatureStatistics,
    limits: recipe_lib.Thresholds,
    *,
    centre: bool = True,
    middle: bool = False,
) -> report.FeatureComparison:
    """Compares the statistics of one feature, all but its keys.

    Args:
        found: Statistics of the new data.
        baseline: Those to compare with.
        limits: The thresholds.
        centre: Whether to measure the shift of the mean and the ratio of deviations.
        middle: Whether to do so by medians and quartiles; see `centres.compare`.
    """
    faults, notes = tuple(_faults(found, baseline)), []
    measures = {}
    if not faults:
        rates = {"missing_rate": np.asarray(_missing(found) - _missing(baseline))}
        measures = _worst(rates, limits)
        if found.shape is None or not np.any(found.counts.valid):
            notes.append(_NO_VALUES)
        if found.shape is not None and baseline.shape is not None:
            measures = {
                **(moved(found, baseline, limits, middle) if centre else {}),
                **_worst(_stability(found, baseline, notes), limits),
                **_out_of_range(found, baseline, limits, notes),
                **measures,
            }
            if (found.weighted is None) != (baseline.weighted is None):
                notes.append("the rows of only one of the two have weights.")
    return report.FeatureComparison(
        found.rows - found.missing,
        baseline.rows - baseline.missing,
        measures,
        faults,
        tuple(notes),
    )


def moved(found, baseline, limits, middle: bool) -> dict[str, report.Measure]:
    """The shift of the mean and the ratio of deviations, each where it is worst."""
    values, taken = centres.compare(found, baseline, middle)
    return {
        name: dataclasses.replace(one, detail=centres.MIDDLE * bool(taken[one.element]))
        for name, one in _worst(values, limits).items()
    }


def measure(
    name: str,
    value: float,
    limits: recipe_lib.Thresholds,
    element: tuple[int, ...] = (),
    detail: str = "",
) -> report.Measure:
    """A measure, and whether it is beyond its threshold."""
    threshold = getattr(limits, name)
    breached = threshold is not None and size(name, np.asarray(value)) > threshold
    return report.Measure(value, threshold, element, detail, bool(breached))


def _faults(found, baseline):
    """What keeps the two from being compared."""
    if found.shape is None:
        return
    if baseline.shape is None:
        yield "the baseline has no value of it to compare with."
    elif found.kind != baseline.kind:
        yield f"values are {found.kind}, where the baseline's are {baseline.kind}."
    elif found.shape != baseline.shape:
        yield (
            f"values are of kept shape {found.shape}, where the baseline's are of "
            f"{baseline.shape}."
        )
    else:
        unknown = (baseline.counts.valid == 0) & (found.counts.valid > 0)
        if np.any(unknown):
            where = np.argwhere(unknown)[0].tolist()
            element = f" of element {where}" if where else ""
            yield f"the baseline has no finite value{element} to compare with."


def size(name: str, values: np.ndarray) -> np.ndarray:
    """How bad a measure is, to compare with its threshold."""
    if name == "mean_shift":
        return np.abs(values)
    if name == "deviation_ratio":
        with np.errstate(divide="ignore"):
            return np.maximum(values, 1 / values)
    return values


def _worst(found: dict, limits: recipe_lib.Thresholds) -> dict:
    """Each measure where it is worst; those that are nowhere known are left out."""
    worst = {}
    for name, values in found.items():
        sizes = np.asarray(size(name, values))
        if not np.isnan(sizes).all():
            at = np.unravel_index(np.nanargmax(sizes), sizes.shape)
            element = tuple(int(i) for i in at)
            worst[name] = measure(name, float(values[at]), limits, element)
    return worst


def _missing(of: statistics.FeatureStatistics):
    """The share of values that are missing or NaN; NaN of no rows."""
    counts = of.counts
    infinite = counts.positive_infinity + counts.negative_infinity
    every = counts.valid + counts.nan + infinite
    with np.errstate(invalid="ignore"):
        share = np.where(every > 0, counts.nan / np.maximum(every, 1), 0.0)
        present = np.float64(of.rows - of.missing)
        return (of.missing + present * share) / np.float64(of.rows)


def _stability(found, baseline, notes: list) -> dict[str, np.ndarray]:
    if found.has_quantiles and baseline.has_quantiles:
        return {"stability_index": statistics.stability_index(found, baseline)}
    notes.append("no stability index: quantiles were not taken of both.")
    return {}


def _out_of_range(found, baseline, limits, notes) -> dict[str, report.Measure]:
    """The share of values out of range; what chance alone does is no breach."""
    if not baseline.known:
        notes.append("no range: the baseline's extrema are unknown.")
        return {}
    outside, values = _outside(found, baseline, notes)
    with np.errstate(invalid="ignore"):
        shares = np.asarray(outside / values)
    if np.isnan(shares).all():
        return {}
    before = _values(baseline)
    expected = chance.outside(before)
    sizes, breached = shares, False
    if limits.out_of_range is not None:
        beyond = np.asarray(shares - expected > limits.out_of_range)
        # Of many elements, as many times one may be so by chance.
        rare = chance.RARE / shares.size
        counts = (outside[beyond], values[beyond], before[beyond])
        odds = chance.outside_at_least(*counts)
        beyond[beyond] = odds < rare
        breached = bool(beyond.any())
        sizes = np.where(beyond, shares, -1.0) if breached else shares
    at = np.unravel_index(np.nanargmax(sizes), sizes.shape)
    detail = f"{expected[at]:.3%} were to be expected" if expected[at] > 5e-6 else ""
    element = tuple(int(i) for i in at)
    found_there = float(shares[at])
    limit = limits.out_of_range
    return {
        "out_of_range": report.Measure(found_there, limit, element, detail, breached)
    }


def _values(of: statistics.FeatureStatistics) -> np.ndarray:
    """How many values there are, infinities among them."""
    counts = of.counts
    return np.asarray(
        counts.valid + counts.positive_infinity + counts.negative_infinity, np.float64
    )


def _outside(found, baseline, notes: list) -> tuple[np.ndarray, np.ndarray]:
    """How many values, but NaN, are out of range, and how many there are."""
    counts, before = found.counts, baseline.counts
    valid = np.asarray(counts.valid, np.float64)
    low, high = np.asarray(baseline.min), np.asarray(baseline.max)
    certain = np.zeros(found.shape)
    if found.known and found.weighted is None:
        # Each extremum is a value, whatever else is known.
        certain += np.asarray(found.min) < low
        certain += np.asarray(found.max) > high
        certain = np.minimum(certain, valid)
    if found.has_quantiles:
        share = statistics.share_outside(found, low, high)
        certain = np.maximum(certain, np.where(valid > 0, share * valid, 0.0))
    elif certain.any() or not found.known:
        notes.append(
            "of its values out of range only the extrema are counted: quantiles were "
            "not taken."
        )
    every = _values(found)
    for name in ("positive_infinity", "negative_infinity"):
        infinite = np.asarray(getattr(counts, name))
        # Infinities are within the range of a baseline that has such, too.
        certain = certain + np.where(getattr(before, name) > 0, 0, infinite)
    return np.asarray(certain), every


def new_keys(
    found, baseline, column: str, limits: recipe_lib.Thresholds
) -> report.Measure:
    """The share of rows whose key the baseline does not know.

    Args:
        found: Mapping of keys to the statistics of their rows, one at least.
        baseline: Likewise.
        column: Whose keys they are.
        limits: The thresholds.
    """
    rows = _rows_by_key(found)
    new = {key: count for key, count in rows.items() if key not in baseline}
    most = sorted(new, key=lambda key: -new[key])[:3]
    more = ", ..." if len(new) > len(most) else ""
    named = f"{len(new):,} of {column!r}: {', '.join(map(repr, most))}{more}"
    share = sum(new.values()) / sum(rows.values())
    return measure("new_keys", share, limits, detail=named if new else "")


def _rows_by_key(found) -> dict:
    if isinstance(found, statistics.KeyedStatistics):
        return dict(zip(found, found.rows.tolist(), strict=True))
    return {key: one.rows for key, one in found.items()}
