# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes of quantiles, which a few wild values cannot move."""

import dataclasses
import statistics
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base
from tfnorm.schemes import min_max
from tfnorm.schemes import placeholder


@config.register
@dataclasses.dataclass(frozen=True)
class Robust(base.Scheme):
    """Subtracts the median, then divides by the range between two quantiles.

    Where both quantiles are equal the feature is centered but not scaled. NaN,
    infinite and missing values enter no statistic; NaN stays NaN.

    Args:
        quantile_range: Lower and upper quantile, from 0 to 1.
        unit_variance: Whether to divide the range by that of the standard normal
            distribution, so that normal data get deviation 1.
        center: Whether to subtract the median.
        scale: Whether to divide by the range.
        zero_scale_policy: "one", or "raise" to refuse a feature without range.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> values = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    >>> statistic = statistics.FeatureStatistics.of(values)
    >>> Robust().fit(statistic).forward(values)
    array([ -1. ,  -0.5,   0. ,   0.5, 498.5])
    """

    quantile_range: tuple[float, float] = (0.25, 0.75)
    _: dataclasses.KW_ONLY
    unit_variance: bool = False
    center: bool = True
    scale: bool = True
    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("quantiles",)
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    separable: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        ends = base.pair("quantile_range", self.quantile_range)
        object.__setattr__(self, "quantile_range", ends)
        base.check_interval("quantile_range", ends, within=(0, 1))
        if self.unit_variance and not (0 < ends[0] and ends[1] < 1):
            raise errors.RecipeError(
                f"`quantile_range={ends}` with `unit_variance=True` must lie between 0 "
                "and 1: a normal distribution has no least or greatest value."
            )
        if not (self.center or self.scale):
            raise errors.RecipeError(
                "`Robust(center=False, scale=False)` leaves data unchanged. Set one to "
                "`True`, or leave the feature out of the recipe."
            )
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        median = base.known(statistic.quantile(0.5).value, "median")
        loc = median if self.center else np.zeros_like(median)
        scale = np.ones(median.shape)
        if self.scale:
            low, high = (
                base.known(statistic.quantile(q).value, f"quantile {q}")
                for q in self.quantile_range
            )
            width = base.span(high, low)
            scale = base.divisor(width, width == 0, self.zero_scale_policy)
            if self.unit_variance:
                scale = np.where(width == 0, scale, scale / self._normal_range())
        return base.affine(statistic, loc, scale)

    def _normal_range(self) -> float:
        low, high = map(statistics.NormalDist().inv_cdf, self.quantile_range)
        return high - low


@config.register
@dataclasses.dataclass(frozen=True)
class PercentileClip(base.Scheme):
    """Clips to two quantiles, then applies a scheme.

    The inverse is right inside only: what was clipped comes back as the quantile.
    The clipping is done after the scheme's map, where it costs no precision.

    `PercentileClip(0.005, 0.995, then=ZScore(), fitted_to="all")` is what nnU-Net
    does to CT images, if all but the foreground is NaN in the data it is fitted to.

    Args:
        low: Lower quantile, from 0 to 1.
        high: Upper quantile.
        then: Scheme; if fitted to clipped data, one that needs no more than extrema
            and quantiles. `Chain` takes the mean of clipped data, in a second pass.
        fitted_to: What `then` is fitted to: "clipped" data, or "all".

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> values = np.array([-90.0, 1.0, 2.0, 3.0, 90.0])
    >>> statistic = statistics.FeatureStatistics.of(values)
    >>> PercentileClip(0.25, 0.75).fit(statistic).forward(values)
    array([0. , 0. , 0.5, 1. , 1. ])
    """

    low: float = 0.01
    high: float = 0.99
    _: dataclasses.KW_ONLY
    then: base.Scheme = min_max.MinMax()
    fitted_to: str = "clipped"

    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_interval("low, high", (self.low, self.high), within=(0, 1))
        if not isinstance(self.then, base.Scheme):
            raise errors.RecipeError(f"`then={self.then!r}` must be a scheme.")
        base.check_choice("fitted_to", self.fitted_to, ("clipped", "all"))
        surplus = sorted(set(self.then.requires) - {"extrema", "quantiles"})
        if surplus and self.fitted_to == "clipped":
            raise errors.RecipeError(
                f"`then={self.then}` needs {surplus[0]} of the clipped data, which "
                "takes a second pass. Use `MinMax`, `MaxAbs` or `Robust` instead, or "
                "`fitted_to='all'`."
            )
        if self.then.view is not None or not self.then.monotone:
            raise errors.RecipeError(
                f"`then={self.then}` must map each number by itself, without a "
                "function before the statistics. `Log(then=PercentileClip())` works."
            )

    @property
    def separable(self) -> bool:
        return self.then.separable

    @property
    def requires(self) -> tuple[str, ...]:
        return ("quantiles", *(set(self.then.requires) - {"quantiles"}))

    def fit(self, statistic):
        low, high = (
            base.known(statistic.quantile(q).value, f"quantile {q}")
            for q in (self.low, self.high)
        )
        if self.fitted_to == "clipped":
            statistic = _Clipped(statistic, low, high)
        then = self.then.fit(statistic)
        ends = [np.asarray(then.forward(np.float64(end))) for end in (low, high)]
        clip = bijectors.Clip(np.minimum(*ends), np.maximum(*ends))
        return bijectors.Chain((then, clip))


@dataclasses.dataclass(frozen=True)
class _Clipped:
    """The statistics of data clipped to [min, max], as far as they are known."""

    statistic: typing.Any
    min: np.ndarray
    max: np.ndarray

    @property
    def shape(self):
        return self.statistic.shape

    @property
    def kind(self):
        return self.statistic.kind

    @property
    def counts(self):
        return self.statistic.counts

    def quantile(self, q: typing.Any) -> placeholder.Interval:
        value = np.asarray(self.statistic.quantile(q).value)
        low, high = (base.behind(end, q) for end in (self.min, self.max))
        return placeholder.Interval(np.minimum(np.maximum(value, low), high))

    def histograms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        ends = zip(np.ravel(self.min), np.ravel(self.max), strict=True)
        found = zip(self.statistic.histograms(), ends, strict=True)
        return [(np.clip(values, *pair), counts) for (values, counts), pair in found]
