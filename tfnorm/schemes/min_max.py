# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Scaling by the extremes."""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm.schemes import base

OUT_OF_RANGE_POLICIES = ("extend", "clip", "nan")


@config.register
@dataclasses.dataclass(frozen=True)
class MinMax(base.Scheme):
    """Scales each feature so that its least and greatest value meet a range.

    A constant feature is moved to `low` but not scaled. A value beyond those
    seen lands beyond the range, unless `out_of_range_policy` clips it or makes it
    NaN. With `"extend"` the greatest value itself may land 3 roundings (`3 *
    2**-24`) off `high`. NaN, infinite and missing values enter no statistic; NaN
    stays NaN.

    Args:
        low: Where the minimum goes.
        high: Where the maximum goes.
        out_of_range_policy: "extend", "clip" or "nan".
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> statistic = statistics.FeatureStatistics.of(np.array([0.0, 4.0]))
    >>> MinMax().fit(statistic).forward(np.array([0.0, 1.0, 8.0]))
    array([0.  , 0.25, 2.  ])
    >>> clipped = MinMax(out_of_range_policy="clip").fit(statistic)
    >>> clipped.forward(np.array([0.0, 1.0, 8.0]))
    array([0.  , 0.25, 1.  ])
    """

    low: float = 0.0
    high: float = 1.0
    _: dataclasses.KW_ONLY
    out_of_range_policy: str = "extend"
    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("extrema",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_interval("low, high", (self.low, self.high))
        base.check_choice(
            "out_of_range_policy", self.out_of_range_policy, OUT_OF_RANGE_POLICIES
        )
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        least = base.known(statistic.min, "minimum")
        width = base.span(base.known(statistic.max, "maximum"), least)
        scale = width / (self.high - self.low)
        scale = base.divisor(scale, width == 0, self.zero_scale_policy)
        affine = base.affine(statistic, least - self.low * scale, scale)
        if self.out_of_range_policy == "extend":
            return affine
        low, high = (np.full(affine.loc.shape, end) for end in (self.low, self.high))
        clip = bijectors.Clip(low, high, outside=self.out_of_range_policy)
        return bijectors.Chain((affine, clip))


@config.register
@dataclasses.dataclass(frozen=True)
class MaxAbs(base.Scheme):
    """Divides by the greatest magnitude, so that 0 stays 0.

    A feature that is always 0 is left as it is. NaN, infinite and missing values
    enter no statistic; NaN stays NaN.

    Args:
        zero_scale_policy: "one", or "raise" to refuse a feature that is always 0.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> statistic = statistics.FeatureStatistics.of(np.array([1.0, -4.0]))
    >>> MaxAbs().fit(statistic).forward(np.array([1.0, -4.0]))
    array([ 0.25, -1.  ])
    """

    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("extrema",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        # As float64 first: -(-2**63) is no int64.
        least = np.asarray(base.known(statistic.min, "minimum"), np.float64)
        greatest = np.asarray(base.known(statistic.max, "maximum"), np.float64)
        size = np.maximum(np.abs(least), np.abs(greatest))
        scale = base.divisor(size, size == 0, self.zero_scale_policy)
        return bijectors.Affine(np.zeros_like(scale), scale)


@config.register
@dataclasses.dataclass(frozen=True)
class MeanRange(base.Scheme):
    """Subtracts the mean, then divides by the range (maximum less minimum).

    A constant feature is centered but not scaled. NaN, infinite and missing
    values enter no statistic; NaN stays NaN.

    Args:
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> statistic = statistics.FeatureStatistics.of(np.array([0.0, 0.0, 4.0]))
    >>> MeanRange().fit(statistic).forward(np.array([0.0, 4.0])).round(4)
    array([-0.3333,  0.6667])
    """

    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("moments", "extrema")
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        least = base.known(statistic.min, "minimum")
        width = base.span(base.known(statistic.max, "maximum"), least)
        scale = base.divisor(width, width == 0, self.zero_scale_policy)
        return base.affine(statistic, base.known(statistic.mean, "mean"), scale)
