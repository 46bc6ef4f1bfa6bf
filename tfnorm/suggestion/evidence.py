# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What statistics tell of a feature, in the few numbers that rules look at."""

import dataclasses
import typing

import numpy as np

from tfnorm import statistics
from tfnorm.statistics import channels as channels_lib
from tfnorm.suggestion import identifiers

# The range between the quartiles of a normal distribution, in deviations.
_QUARTILES = 1.349
_QUANTILES = (0.25, 0.5, 0.75, 0.99)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of a feature; `None` where nothing says so.

    Of a feature that keeps several elements, `median`, `top` and `wildness` are those
    of the middle one of the elements that vary.

    Args:
        integer: Whether its values are integers.
        elements: How many elements have statistics of their own.
        per_row: How many values of each element a row holds.
        values: How many finite values there are, of all elements together.
        missing: How many rows have no value.
        rows: How many rows there are.
        nan: How many values are NaN.
        infinite: How many are infinite.
        low: The least value.
        high: The greatest.
        mean: The mean, of the elements together.
        deviation: The mean of the elements' deviations.
        constants: How many elements never vary, or have no value.
        distinct: The most distinct values that an element has, where few enough to
            be counted.
        counting: Whether range, mean and deviation are those of consecutive integers.
        numbering: Whether they lie as evenly as row numbers or identifiers, of which
            some are left out.
        different: Whether they are many integers, and nearly all different.
        median: The median.
        top: The 99th percentile.
        wildness: The deviation beside what a normal distribution with the same
            quartiles has: 1 where only the bulk of the data makes it.
        bounds: What a schema says that all values lie between.
        optional: Whether a schema lets rows have no value.
        refused: Why a schema says that this is no number to normalize.
        encoded: Whether a schema says that rows are encoded images or sound.
        image: Whether a schema says that rows are images of several channels.
        held: Whether there are statistics of it.
        logs: The kinds of `schemes.Log` that it may have: those whose statistics are
            held, or all where one more pass may be taken.
    """

    integer: bool | None = None
    elements: int = 1
    per_row: float | None = None
    values: int | None = None
    missing: int = 0
    rows: int | None = None
    nan: int = 0
    infinite: int = 0
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    constants: int = 0
    distinct: int | None = None
    counting: bool = False
    numbering: bool = False
    different: bool = False
    median: float | None = None
    top: float | None = None
    wildness: float | None = None
    bounds: tuple[float, float] | None = None
    optional: bool = False
    refused: str | None = None
    encoded: bool = False
    image: bool = False
    held: bool = False
    logs: tuple[str, ...] = ()


def of_statistics(found: statistics.FeatureStatistics) -> Evidence:
    """What the statistics of a feature tell."""
    counts = found.counts
    valid = int(np.sum(counts.valid))
    elements = int(np.prod(found.shape or (), dtype=int))
    infinite = np.sum(counts.positive_infinity) + np.sum(counts.negative_infinity)
    nan, present = int(np.sum(counts.nan)), found.rows - found.missing
    seen = Evidence(
        integer=None if found.kind is None else found.kind == "integer",
        elements=elements,
        values=valid,
        missing=found.missing,
        rows=found.rows,
        nan=nan,
        infinite=int(infinite),
        held=True,
    )
    if not valid:
        return seen
    per_row = (valid + nan + int(infinite)) / max(present * elements, 1)
    deviations = np.ravel(found.std)
    seen = dataclasses.replace(
        seen,
        per_row=per_row,
        mean=float(np.nanmean(found.mean)),
        deviation=float(np.nanmean(deviations)),
        constants=int(np.sum(~(deviations > 0))),
    )
    alone = seen.integer and elements == 1 and per_row == 1
    if found.known:
        low, high = float(np.nanmin(found.min)), float(np.nanmax(found.max))
        counting = bool(alone and _counts(valid, low, high, seen))
        seen = dataclasses.replace(seen, low=low, high=high, counting=counting)
    if not found.has_quantiles:
        return seen
    if found.known and alone:
        numbering, different = identifiers.look(found)
        seen = dataclasses.replace(seen, numbering=numbering, different=different)
    return dataclasses.replace(seen, distinct=_distinct(found), **_tails(found))


def _counts(valid: int, low: float, high: float, seen: Evidence) -> bool:
    """Tells whether values may be consecutive integers, each there once."""
    deviation = seen.deviation or 0.0
    expected = np.sqrt((float(valid) ** 2 - 1) / 12)
    # 1e-9: both are correctly rounded, and whatever differs does so by more.
    return (
        high - low + 1 == valid
        and seen.mean == (low + high) / 2
        and bool(np.isclose(deviation, expected, rtol=1e-9, atol=0))
    )


def _distinct(found: statistics.FeatureStatistics) -> int | None:
    held = channels_lib.of(found.summaries).histograms
    if held is None or np.any(held.dropped):
        return None
    return int(held.sizes.max())


def _tails(found: statistics.FeatureStatistics) -> dict[str, typing.Any]:
    low, median, high, top = np.moveaxis(
        np.reshape(found.quantile(_QUANTILES).value, (-1, len(_QUANTILES))), 1, 0
    )
    deviation = np.ravel(found.std)
    varies = deviation > 0
    if not varies.any():
        return {}
    median, top, deviation = median[varies], top[varies], deviation[varies]
    bulk = (high - low)[varies] / _QUARTILES
    tails = {"median": float(np.median(median)), "top": float(np.median(top))}
    # Where a quartile holds but one value, there is no bulk to compare with.
    if (bulk > 0).all():
        tails["wildness"] = float(np.median(deviation / bulk))
    return tails
