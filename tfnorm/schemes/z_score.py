# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Standardization."""

import dataclasses
import typing

import numpy as np

from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base


@config.register
@dataclasses.dataclass(frozen=True)
class ZScore(base.Scheme):
    """Subtracts the mean, then divides by the standard deviation.

    The deviation is the population one (`ddof=0`). A feature that never varies
    (deviation 0, or at most `2**-52 * abs(mean)` where the data are floats) is
    centered but not scaled: a value unseen in training stays as far from 0 as it
    was from the constant. NaN, infinite and missing values enter no statistic; NaN
    stays NaN.

    Args:
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> statistic = statistics.FeatureStatistics.of(np.array([[2.0], [4.0]]))
    >>> ZScore().fit(statistic).forward(np.array([[2.0], [6.0]]))
    array([[-1.],
           [ 3.]])
    """

    center: bool = True
    _: dataclasses.KW_ONLY
    scale: bool = True
    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("moments",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        if not (self.center or self.scale):
            raise errors.RecipeError(
                "`ZScore(center=False, scale=False)` leaves data unchanged. Set one to "
                "`True`, or leave the feature out of the recipe."
            )
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        mean = base.known(statistic.mean, "mean")
        deviation = base.known(statistic.std, "standard deviation")
        scale = np.ones_like(deviation)
        if self.scale:
            constant = base.never_varies(statistic, deviation, mean)
            scale = base.divisor(deviation, constant, self.zero_scale_policy)
        loc = mean if self.center else np.zeros_like(mean)
        return base.affine(statistic, loc, scale)
