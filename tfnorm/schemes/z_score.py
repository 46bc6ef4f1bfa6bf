# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Standardization."""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base
from tfnorm.schemes import placeholder

DEVIATIONS = ("pooled", "per_image")


@config.register
@dataclasses.dataclass(frozen=True)
class ZScore(base.Scheme):
    """Subtracts the mean, then divides by the standard deviation.

    The deviation is the population one (`ddof=0`). A feature that never varies
    (deviation 0, or at most `2**-52 * abs(mean)` where the data are floats) is
    centered but not scaled: a value unseen in training stays as far from 0 as it
    was from the constant. NaN, infinite and missing values enter no statistic; NaN
    stays NaN.

    Of images there are two deviations: that of all pixels ("pooled"), and the mean
    of the deviations of single images ("per_image"), which is smaller by what their
    means differ. With the latter, the mean is that of the images' means, so that
    each image counts alike whatever its size. The published constants of ImageNet
    are apparently of the second kind: nobody could reproduce them as the first.

    Args:
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
        deviation: "pooled", or "per_image" for the mean of the deviations of rows.
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> statistic = statistics.FeatureStatistics.of(np.array([[2.0], [4.0]]))
    >>> ZScore().fit(statistic).forward(np.array([[2.0], [6.0]]))
    array([[-1.],
           [ 3.]])

    Reference: https://github.com/pytorch/vision/issues/1439 (how the constants of
        ImageNet came about)
    """

    center: bool = True
    _: dataclasses.KW_ONLY
    scale: bool = True
    deviation: str = "pooled"
    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("moments",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True

    def __post_init__(self):
        if not (self.center or self.scale):
            raise errors.RecipeError(
                "`ZScore(center=False, scale=False)` leaves data unchanged. Set one to "
                "`True`, or leave the feature out of the recipe."
            )
        base.check_choice("deviation", self.deviation, DEVIATIONS)
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    @property
    def view(self) -> bijectors.RowMoments | None:
        return bijectors.RowMoments() if self.deviation == "per_image" else None

    def template(self, shape):
        # The same structure, fitted to what a placeholder has.
        return dataclasses.replace(self, deviation="pooled").fit(
            placeholder.Placeholder(tuple(shape))
        )

    def fit(self, statistic):
        mean, deviation = self._moments(statistic)
        scale = np.ones_like(deviation)
        if self.scale:
            constant = base.never_varies(statistic, deviation, mean)
            scale = base.divisor(deviation, constant, self.zero_scale_policy)
        loc = mean if self.center else np.zeros_like(mean)
        return base.affine(statistic, loc, scale)

    def _moments(self, statistic):
        if self.deviation == "pooled" or statistic.shape is None:
            mean = base.known(statistic.mean, "mean")
            return mean, base.known(statistic.std, "standard deviation")
        # Of each row there are the mean and the deviation, to take the mean of.
        mean = base.known(statistic.mean[0], "mean")
        return mean, base.known(statistic.mean[1], "standard deviation")
