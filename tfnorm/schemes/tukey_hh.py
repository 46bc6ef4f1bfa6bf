# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Heavy tails to normal ones, by L-moments."""

import dataclasses
import math
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm.schemes import base

# The heaviest tail; with 1, there would be no mean.
_HEAVIEST = 1.0 - 1e-7
# Halvings of an interval of length 1, beyond float32.
_HALVINGS = 40


@config.register
@dataclasses.dataclass(frozen=True)
class TukeyHH(base.Scheme):
    """Takes heavy tails to normal ones; else standardizes.

    The data are taken for `loc + scale * u * exp(h * u**2 / 2)` of normal `u`, with
    one `h` below 0 and another above, and mapped to `u`. The four parameters are
    those of equal L-moments, which few wild values cannot move as they move moments.
    Where the tails are no heavier than normal ones (the fourth L-moment is below
    0.1226 of the second), or there are less than 4 values, mean and deviation are
    taken away and nothing else. A feature that never varies is centered only.

    L-moments are taken of the histogram of the quantiles: they are exact while the
    data have few distinct values (8,192 are kept apart), and else those of the middles
    of its buckets.

    NaN, infinite and missing values enter no statistic; NaN stays NaN.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> values = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 500.0])
    >>> statistic = statistics.FeatureStatistics.of(values)
    >>> TukeyHH().fit(statistic).forward(values).round(2)
    array([-1.41, -0.96, -0.41,  0.2 ,  0.66,  0.93,  3.05])

    Reference:
        T. C. Headrick and M. D. Pant, Characterizing Tukey h and hh-Distributions
        through L-Moments and the L-Correlation, ISRN Applied Mathematics (2012)
        980153. J. R. M. Hosking, L-moments, Journal of the Royal Statistical Society
        B 52 (1990) 105.
    """

    requires: typing.ClassVar[tuple[str, ...]] = ("moments", "quantiles")
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def fit(self, statistic):
        mean = base.known(statistic.mean, "mean")
        deviation = base.known(statistic.std, "standard deviation")
        found = [l_moments(*histogram) for histogram in statistic.histograms()]
        _, second, third, fourth = np.reshape(np.transpose(found), (4, *mean.shape))
        constant = base.never_varies(statistic, deviation, mean)
        divisor = np.where(second > 0, second, 1.0)
        left, right = heaviness(third / divisor, fourth / divisor)
        loc, scale = mean, np.where(constant, 1.0, deviation)
        heavy = (left > 0) | (right > 0)
        own_mean, own_second = _moments_of_hh(left, right)[:2]
        size = np.where(heavy, divisor / own_second, scale)
        loc = np.where(heavy, loc - size * own_mean, loc)
        return bijectors.Chain(
            (base.affine(statistic, loc, size), bijectors.TukeyHH(left, right))
        )


def l_moments(values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
    """Returns the first four sample L-moments, unbiased; 0 where there are too few.

    Args:
        values: The distinct values, ascending.
        counts: How often each occurs.

    Example:

    >>> l_moments(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 1]))
    (2.25, 0.75, 0.25, 0.75)
    """
    total = counts.sum()
    ends = np.concatenate([[0.0], np.cumsum(counts)])
    center = values[len(values) // 2]
    # b[r] is the mean of values times the share of other r-tuples that lie below.
    weighted = []
    below = np.ones_like(ends)
    for order in range(4):
        # So many of the (order + 1)-tuples end at or below each value.
        below = below * np.maximum(ends - order, 0.0) / max(total - order, 1)
        weighted.append(np.sum((values - center) * np.diff(below)) / (order + 1))
    b0, b1, b2, b3 = weighted
    found = (
        b0 + center,
        2 * b1 - b0,
        6 * b2 - 6 * b1 + b0,
        20 * b3 - 30 * b2 + 12 * b1 - b0,
    )
    return tuple(
        float(moment) if total > order else 0.0 for order, moment in enumerate(found)
    )


def heaviness(skewness: np.ndarray, kurtosis: np.ndarray) -> tuple:
    """Returns the heaviness of the left and the right tail, from 0 to 1.

    Where no two tails are as askew, the lighter one is 0.

    Args:
        skewness: The third L-moment, divided by the second.
        kurtosis: The fourth L-moment, divided by the second.
    """
    askew = np.abs(skewness)
    normal = _moments_of_hh(np.zeros(()), np.zeros(()))
    heavy = kurtosis > normal[3] / normal[1]

    def lighter(heavier):
        def excess(light):
            _, second, third, _ = _moments_of_hh(light, heavier)
            return askew - third / second

        return _zero(excess, np.zeros_like(heavier), heavier)

    def excess(heavier):
        _, second, _, fourth = _moments_of_hh(lighter(heavier), heavier)
        return fourth / second - kurtosis

    most = np.full_like(askew, _HEAVIEST)
    heavier = np.where(heavy, _zero(excess, np.zeros_like(askew), most), 0.0)
    light = np.where(heavy, lighter(heavier), 0.0)
    leftward = skewness < 0
    return np.where(leftward, heavier, light), np.where(leftward, light, heavier)


def _zero(function, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where a rising function is 0, or the end that is nearer to it."""
    for _ in range(_HALVINGS):
        middle = (low + high) * 0.5
        above = function(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low


def _moments_of_hh(left: np.ndarray, right: np.ndarray) -> tuple:
    """The first four L-moments of Tukey's HH distribution."""
    l0, l1, l2, l3 = _half_moments(left)
    r0, r1, r2, r3 = _half_moments(right)
    return (
        r0 - l0,
        r1 + l1,
        (3.0 * (r2 - l2) - (r0 - l0)) * 0.5,
        (5.0 * (r3 + l3) - 3.0 * (r1 + l1)) * 0.5,
    )


def _half_moments(h: np.ndarray) -> tuple:
    """Mean of `x(u) * (2 * cdf(u) - 1)**k` over normal u > 0, for k = 0 to 3.

    With `x(u) = u * exp(h * u**2 / 2)`; integrated by parts.
    """
    a, b = 1.0 - h, 2.0 - h
    root = np.sqrt(b)
    halves = np.arctan(np.sqrt(1.0 + 2.0 / b)) * 4.0 / math.pi - 1.0
    once = 1.0 / (a * root * math.sqrt(2.0 * math.pi))
    return (
        1.0 / (a * math.sqrt(2.0 * math.pi)),
        once,
        once * 4.0 / math.pi * np.arctan(1.0 / root),
        once * 3.0 * halves,
    )
