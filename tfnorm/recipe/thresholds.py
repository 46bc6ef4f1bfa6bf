# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the data that come may be from those that a recipe was fitted to."""

import dataclasses
import math
import numbers

from tfnorm import config
from tfnorm import errors


@config.register
@dataclasses.dataclass(frozen=True)
class Thresholds:
    """How much of each measure of `tfnorm.compare` is let pass; `None` is any.

    The first three have the limits of the literature, which go together: of a normal
    feature a mean that moved by half a deviation makes a stability index of 0.24. The
    others are plain caution: set them to what the data are known to do.

    Args:
        mean_shift: By how many of the baseline's deviations the mean may move. Half
            of one is where Rubin stops calling two groups comparable.
        deviation_ratio: By which factor the deviation may grow or shrink: 1 or more.
            By default the root of 2, since Rubin calls twice or half the variance far
            too extreme.
        stability_index: The greatest population stability index. Up to 0.1 nothing
            has changed, from 0.25 on much, by Siddiqi's rule of thumb.
        out_of_range: The share of values that may lie outside of the baseline's least
            and greatest, above the share that is to be expected.
        missing_rate: By how much the share of missing values and NaN may grow.
        new_keys: The share of rows that may have a key the baseline does not know.

    Raises:
        RecipeError: if one is no number, or none that it can be.

    Example:

    >>> Thresholds(mean_shift=1.0, stability_index=None).out_of_range
    0.01

    Reference:
        Siddiqi, Credit Risk Scorecards, 2006, chapter 9 (stability index).
        Rubin, Using Propensity Scores to Help Design Observational Studies, 2001.
    """

    _: dataclasses.KW_ONLY
    mean_shift: float | None = 0.5
    deviation_ratio: float | None = math.sqrt(2)
    stability_index: float | None = 0.25
    out_of_range: float | None = 0.01
    missing_rate: float | None = 0.05
    new_keys: float | None = 0.01

    def __post_init__(self):
        for field in dataclasses.fields(self):
            least = 1.0 if field.name == "deviation_ratio" else 0.0
            _check(field.name, getattr(self, field.name), least)


def _check(name: str, value: object, least: float) -> None:
    if value is None:
        return
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # A comparison with NaN is false: it would let all pass.
    if not (real and least <= value < math.inf):  # type: ignore[operator]
        raise errors.RecipeError(
            f"`{name}={value!r}` must be a finite number of {least:g} or more, or "
            "`None` to let all pass."
        )


def check(thresholds: object) -> None:
    """Raises a RecipeError for what are no `Thresholds`, nor `None`."""
    if not isinstance(thresholds, Thresholds | None):
        raise errors.RecipeError(
            f"`thresholds={thresholds!r}` must be `tfnorm.Thresholds(...)`."
        )
