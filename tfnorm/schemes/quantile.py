# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From values to the share of data below them."""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base

OUTPUTS = ("uniform", "normal")
# What `Affine` takes as scales.
_EXPONENTS = (-126, 126)
# Knots are up to 2**60, so that those 2**-160 of the greatest are still told apart.
_LARGEST = 60


@config.register
@dataclasses.dataclass(frozen=True)
class Quantile(base.Scheme):
    """Maps each number to the share of the data below it.

    The shares are known at `knots` quantiles, evenly spaced from the least value to
    the greatest, or at as many as there are values (NaN included) if they are fewer;
    in between they are interpolated linearly. A value that several knots share gets
    the middle of theirs, but the least value always 0 and the greatest 1, and so do
    those beyond. These are the conventions of scikit-learn's `QuantileTransformer`
    with `subsample=None`. The inverse is right inside, where no values repeat.

    The quantiles are exact while the data have few distinct values (8,192 are kept
    apart), and else within the interval that `quantile` of the statistics names: of
    300,000 values of six distributions, no share was off by more than 1e-4. Knots are
    rounded to float32 after they are centered, at 0 or at the median, whichever leaves
    them further apart.

    NaN, infinite and missing values are left out of the quantiles; NaN stays NaN.

    Args:
        output: "uniform" for shares; "normal" for the deviation that a standard
            normal distribution has at that share, from -5.2 to 5.2.
        knots: Number of quantiles.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> values = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    >>> statistic = statistics.FeatureStatistics.of(values)
    >>> Quantile(knots=5).fit(statistic).forward(values)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """

    output: str = "uniform"
    _: dataclasses.KW_ONLY
    knots: int = 1000

    requires: typing.ClassVar[tuple[str, ...]] = ("quantiles",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_choice("output", self.output, OUTPUTS)
        if not isinstance(self.knots, int) or self.knots < 2:
            raise errors.RecipeError(f"`knots={self.knots!r}` must be 2 or more.")

    def fit(self, statistic):
        shares = self._shares(statistic.counts)
        median = np.asarray(base.known(statistic.quantile(0.5).value, "quantile"))
        # They rise already, but for the last bit of an interpolation.
        values = np.maximum.accumulate(statistic.quantile(shares).value, axis=-1)
        nearer = _loss(values) < _loss(values - median[..., np.newaxis])
        loc = np.where(nearer, 0.0, median)
        values = values - loc[..., np.newaxis]
        # A power of 2, so that dividing by it rounds nothing.
        exponent = np.frexp(np.abs(values).max(axis=-1))[1]
        base.check_resolved(statistic, loc, np.ldexp(1.0, exponent))
        scale = np.ldexp(1.0, np.clip(exponent - _LARGEST, *_EXPONENTS))
        knots = bijectors.PiecewiseLinear(values / scale[..., np.newaxis], shares)
        first = bijectors.Affine(loc, scale)
        if self.output == "uniform":
            return bijectors.Chain((first, knots))
        return bijectors.Chain((first, knots, bijectors.Probit()))

    def _shares(self, counts) -> np.ndarray:
        """Where the quantiles are taken; the last is repeated if there are fewer."""
        values = counts.valid + counts.nan
        values = values + counts.positive_infinity + counts.negative_infinity
        fewer = int(np.clip(np.max(values), 1, self.knots))
        return np.append(np.linspace(0, 1, fewer), np.ones(self.knots - fewer))


def _loss(values: np.ndarray) -> np.ndarray:
    """How much of the gaps between knots float32 would lose, summed."""
    gaps = np.diff(values)
    narrow = np.minimum(np.abs(values), np.finfo(np.float32).max).astype(np.float32)
    lost = np.spacing(np.maximum(narrow[..., 1:], narrow[..., :-1]))
    distinct = gaps > 0
    share = np.where(distinct, lost / np.where(distinct, gaps, 1.0), 0.0)
    return np.minimum(share, 1.0).sum(axis=-1)
