# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The rules, in one table: of each feature the first that applies decides."""

import dataclasses
from collections.abc import Callable

from tfnorm import schemes
from tfnorm.suggestion import evidence

# Up to so many distinct integers are taken for categories: the days of a week, the
# months of a year and the classes of ten digits are no more; most quantities are.
CATEGORIES = 16
# ... if each comes so often on average. Twelve rows of a quantity have at most twelve
# values, too.
REPEATS = 4
# Integers from 0 to 255 are pixels if a row holds an 8 by 8 image of them at least,
# of as many channels as images have (grey, RGB, RGBA).
PIXELS = 64
CHANNELS = (1, 3, 4)
# A tail is long if the 99th percentile is so many times the median. It is 2 times in
# uniform data, 6.6 in exponential ones, 10.2 in lognormal ones of deviation 1.
LONG_TAIL = 10.0
# Outliers make the deviation if it is so many times what the middle half of the data
# has: 1 in normal data, 1.2 in exponential ones, 1.4 in Laplacian ones, 2 in lognormal
# ones of deviation 1, without end in Cauchy's.
OUTLIERS = 3.0
# Known bounds are of use where the data fill them: where their deviation is less than
# this part of the width, scaled data would hardly differ from each other.
FILLED = 0.01


@dataclasses.dataclass(frozen=True)
class Rule:
    """What is done with features of which something is known.

    Args:
        name: What the rule is called.
        applies: Whether it decides.
        scheme: What makes the scheme; `None` to leave the feature out.
        reason: Why, in words and with the numbers that decided.
    """

    name: str
    applies: Callable[[evidence.Evidence], bool]
    scheme: Callable[[evidence.Evidence], schemes.Scheme] | None
    reason: Callable[[evidence.Evidence], str]


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    # Whole to a quadrillion, where four digits would give an exponent.
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _least(seen: evidence.Evidence, least: float) -> bool:
    return seen.low is not None and seen.low >= least


def _boolean(seen: evidence.Evidence) -> bool:
    two = seen.integer or seen.distinct == 2
    return bool(two) and _ends(seen) == (0, 1)


def _ends(seen: evidence.Evidence) -> tuple | None:
    return seen.bounds if seen.low is None else (seen.low, seen.high)


def _constant(seen: evidence.Evidence) -> bool:
    if not seen.held:
        return seen.bounds is not None and seen.bounds[0] == seen.bounds[1]
    return seen.constants == seen.elements


def _always(seen: evidence.Evidence) -> str:
    low, high = _ends(seen) or (None, None)
    if low == high:
        return f"always {_number(low)}, which tells nothing"
    return f"each of its {seen.elements} elements is always the same"


def _few(seen: evidence.Evidence) -> bool:
    if not seen.integer or seen.distinct is None or not seen.values:
        return False
    often = seen.values >= REPEATS * seen.distinct * seen.elements
    return seen.distinct <= CATEGORIES and often


def _few_by_bounds(seen: evidence.Evidence) -> bool:
    if not seen.integer or seen.bounds is None or seen.held:
        return False
    return seen.bounds[1] - seen.bounds[0] < CATEGORIES


def _category(seen: evidence.Evidence) -> str:
    if seen.held:
        said = f"only {seen.distinct} distinct integers among {seen.values:,} values"
    else:
        low, high = map(_number, seen.bounds or (None, None))
        said = f"integers from {low} to {high}, at most {CATEGORIES}"
    return f"{said}, as a category has; pin a scheme if they are a quantity"


def _pixels(seen: evidence.Evidence) -> bool:
    if seen.elements not in CHANNELS or not seen.integer:
        return False
    if not seen.held:
        return seen.image
    inside = _least(seen, 0) and seen.high is not None and seen.high <= 255
    return inside and seen.per_row is not None and seen.per_row >= PIXELS


def _channels(seen: evidence.Evidence) -> str:
    said = "images of pixels"
    if seen.held:
        said += f" from {_number(seen.low)} to {_number(seen.high)}"
        said += f", {_number(seen.per_row)} a row"
    channels = "channel by its" if seen.elements == 1 else "channel by its own"
    return (
        f"{said}, each {channels} mean and deviation; a pretrained model wants its "
        "own constants: `presets.for_model`"
    )


def _bounded(seen: evidence.Evidence) -> bool:
    if seen.bounds is None or seen.bounds[0] == seen.bounds[1]:
        return False
    if not seen.held:
        return True
    low, high = seen.bounds
    if seen.low is None or seen.high is None or seen.deviation is None:
        return False
    inside = low <= seen.low and seen.high <= high
    return inside and seen.deviation >= FILLED * (high - low)


def _bounds(seen: evidence.Evidence) -> str:
    low, high = map(_number, seen.bounds or (None, None))
    said = f"the schema bounds it by {low} and {high}"
    if seen.held:
        said += f", and its deviation ({_number(seen.deviation)}) fills them"
    return said


def _above(seen: evidence.Evidence, unit: float) -> bool:
    """Whether the 99th percentile is far above the median, or a unit if greater."""
    if seen.median is None or seen.top is None:
        return False
    return seen.top >= LONG_TAIL * max(seen.median, unit) > 0


def _long_from_one(seen: evidence.Evidence) -> bool:
    # Beside 1: of much smaller numbers, log1p(x) is x.
    return _least(seen, 0) and _above(seen, 1.0)


def _long_from_zero(seen: evidence.Evidence) -> bool:
    return seen.low is not None and seen.low > 0 and _above(seen, 0.0)


def _tail(seen: evidence.Evidence) -> str:
    median, top = seen.median or 0.0, seen.top or 0.0
    sign = "positive" if seen.low else "never below 0"
    said = f"{sign}, and its 99th percentile ({_number(top)}) is"
    if median:
        return f"{said} {_number(top / median)} times its median ({_number(median)})"
    return f"{said} far above its median, which is 0"


def _moments(seen: evidence.Evidence) -> str:
    if not seen.held:
        return "the schema says that it is a number, and nothing of how it is spread"
    said = f"mean {_number(seen.mean)} and deviation {_number(seen.deviation)}"
    if seen.different:
        said = f"{_DIFFERENT}: exclude it if it is an identifier; {said}"
    if seen.median is None:
        return f"{said}; the statistics hold no quantiles to see tails by"
    if _long_from_one(seen):
        return f"{said}, though {_tail(seen)}; {_AT_ONCE}"
    if seen.wildness is None:
        return f"{said}; two of its quartiles are equal, so none measures a tail"
    return f"{said}, {_number(seen.wildness)} times that of its middle half"


_DIFFERENT = "whole numbers, nearly all different as far as the histogram tells"
_AT_ONCE = "Log would do, too, but needs one more pass (`one_pass=False`)"

RULES = (
    Rule(
        "refused",
        lambda seen: seen.refused is not None,
        None,
        lambda seen: seen.refused or "",
    ),
    Rule(
        "no value",
        lambda seen: seen.held and not seen.values,
        None,
        lambda seen: f"none of its {_number(seen.rows)} rows has a finite value",
    ),
    Rule(
        "constant",
        _constant,
        None,
        _always,
    ),
    Rule(
        "boolean",
        _boolean,
        None,
        lambda seen: "only 0 and 1, which need no normalization",
    ),
    Rule(
        "category",
        lambda seen: _few(seen) or _few_by_bounds(seen),
        None,
        _category,
    ),
    Rule(
        "row numbers",
        lambda seen: seen.counting,
        None,
        lambda seen: (
            f"its {seen.values:,} values have the range, mean and deviation of "
            f"consecutive integers from {_number(seen.low)} on, as row numbers have"
        ),
    ),
    Rule(
        "row numbers or identifiers",
        lambda seen: seen.numbering,
        None,
        lambda seen: (
            f"its {seen.values:,} values lie evenly from {_number(seen.low)} to "
            f"{_number(seen.high)}, and no two need be equal, as with row numbers or "
            "identifiers; pin a scheme if they are a quantity"
        ),
    ),
    Rule(
        "pixels",
        _pixels,
        lambda seen: schemes.ZScore(),
        _channels,
    ),
    Rule(
        "bounds",
        _bounded,
        lambda seen: schemes.Rescale(seen.bounds or (0.0, 1.0)),
        _bounds,
    ),
    Rule(
        "long tail from 1",
        lambda seen: _long_from_one(seen) and "log1p" in seen.logs,
        lambda seen: schemes.Log("log1p"),
        _tail,
    ),
    Rule(
        "long tail from 0",
        lambda seen: _long_from_zero(seen) and "log" in seen.logs,
        lambda seen: schemes.Log("log"),
        _tail,
    ),
    # A median below 1 is mostly that of zeros, which a power takes for all there is.
    Rule(
        "long tail from 1, at once",
        lambda seen: _long_from_one(seen) and (seen.median or 0.0) >= 1,
        lambda seen: schemes.Power("yeo-johnson"),
        lambda seen: f"{_tail(seen)}; {_AT_ONCE}",
    ),
    Rule(
        "long tail from 0, at once",
        _long_from_zero,
        lambda seen: schemes.Power("box-cox"),
        lambda seen: f"{_tail(seen)}; {_AT_ONCE}",
    ),
    Rule(
        "outliers",
        lambda seen: seen.wildness is not None and seen.wildness >= OUTLIERS,
        lambda seen: schemes.Robust(unit_variance=True),
        lambda seen: (
            f"its deviation ({_number(seen.deviation)}) is {_number(seen.wildness)} "
            "times that of its middle half: outliers make it"
        ),
    ),
    Rule("number", lambda seen: True, lambda seen: schemes.ZScore(), _moments),
)
