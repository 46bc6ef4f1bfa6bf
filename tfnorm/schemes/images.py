# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes of images: windows around pixels, and the habits of radiology."""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import foreground
from tfnorm.schemes import base
from tfnorm.schemes import fixed
from tfnorm.schemes import per_sample

FUNCTIONS = ("linear_exact", "linear")


@config.register
@dataclasses.dataclass(frozen=True)
class LocalNormalization(per_sample.PerSample):
    """Normalizes each pixel by the mean and deviation of the window around it.

    The window is a box. At the borders it holds only pixels that are there. A
    constant image becomes zeros ("divisive" leaves it as it is divided by `floor`).

    "contrast" is local contrast normalization: where the deviation is below its
    mean over the image, that mean divides. It has the box in the place of Jarrett's
    Gaussian window, and deviations about the window's own mean; with
    `per_channel=False`, windows span the channels as there.

    Args:
        size: Of the window: an odd number of pixels, or one for each spatial axis.
        kind: "standard" for `(x - mean) / deviation`, "subtractive" for `x - mean`,
            "divisive" for `x / deviation`, or "contrast".
        per_channel: Whether each channel has windows of its own.
        floor: Least divisor, in the unit of the pixels.

    Example:

    >>> import numpy as np
    >>> row = np.array([[[[0.0], [0.0], [0.0], [6.0]]]])
    >>> LocalNormalization(3).fit(None).forward(row)[0, 0, :, 0].round(4)
    array([ 0.    ,  0.    , -0.7071,  1.    ])

    Reference: Jarrett et al. 2009, What is the Best Multi-Stage Architecture for
        Object Recognition?, section 2.
    """

    size: int | tuple[int, ...] = 9
    _: dataclasses.KW_ONLY
    kind: str = "standard"
    per_channel: bool = True
    floor: float = 1e-4

    def __post_init__(self):
        if isinstance(self.size, list):
            object.__setattr__(self, "size", tuple(self.size))
        self.fit(None)

    def fit(self, statistic):
        return bijectors.Local(
            self.size, self.kind, per_channel=self.per_channel, floor=self.floor
        )


@config.register
@dataclasses.dataclass(frozen=True)
class PercentileStretch(per_sample.PerSample):
    """Takes two quantiles of each image to 0 and 1, and clips what lies beyond.

    Quantiles are those of `numpy.quantile`. Where both are equal, pixels are
    centered but not scaled, then clipped: a constant image becomes zeros.

    Args:
        low: Lower quantile, from 0 to 1.
        high: Upper quantile.
        per_channel: Whether each channel has quantiles of its own.

    Example:

    >>> import numpy as np
    >>> image = np.array([[-90.0, 1.0, 2.0, 3.0, 90.0]])
    >>> PercentileStretch(0.25, 0.75).fit(None).forward(image)
    array([[0. , 0. , 0.5, 1. , 1. ]])

    Reference:
        Hyndman and Fan 1996, Sample Quantiles in Statistical Packages, definition 7.
    """

    low: float = 0.01
    high: float = 0.99
    _: dataclasses.KW_ONLY
    per_channel: bool = False

    def __post_init__(self):
        base.check_interval("low, high", (self.low, self.high), within=(0, 1))

    def fit(self, statistic):
        return bijectors.Stretch(self.low, self.high, per_channel=self.per_channel)


@config.register
@dataclasses.dataclass(frozen=True)
class IntensityWindow(base.Scheme):
    """Takes a window of intensities to a range, and clips what lies outside.

    Such as Hounsfield units: `IntensityWindow(40, 400)` shows soft tissue. The
    inverse is right inside of the window.

    "linear_exact" is `(x - (center - width / 2)) / width`, DICOM's LINEAR_EXACT.
    DICOM's LINEAR, which it means where nothing is said, ends one unit earlier,
    at `center + width / 2 - 1`: for integers whose window begins and ends with one.

    Args:
        center: Of the window: a number, or one for each channel.
        width: Of the window; for "linear" more than 1.
        function: "linear_exact" or "linear".
        output_range: Where the window goes.

    Example:

    >>> window = IntensityWindow(40, 400).fit(None)
    >>> window.forward([-1000.0, 40.0, 140.0]).round(6)
    array([0.  , 0.5 , 0.75])

    Reference: DICOM PS3.3, C.11.2.1.2.1 (LINEAR) and C.11.2.1.3.2 (LINEAR_EXACT).
    """

    center: float | tuple[float, ...] = 0.0
    width: float | tuple[float, ...] = 1.0
    _: dataclasses.KW_ONLY
    function: str = "linear_exact"
    output_range: tuple[float, float] = (0.0, 1.0)

    requires: typing.ClassVar[tuple[str, ...]] = ()
    fitted_on_data: typing.ClassVar[bool] = False
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_choice("function", self.function, FUNCTIONS)
        for name in ("center", "width"):
            object.__setattr__(self, name, fixed.numbers(name, getattr(self, name)))
        ends = base.pair("output_range", self.output_range)
        base.check_interval("output_range", ends)
        object.__setattr__(self, "output_range", ends)
        least = 1.0 if self.function == "linear" else 0.0
        if not np.all(np.asarray(self.width) > least):
            raise errors.RecipeError(
                f"`width={self.width}` must be more than {least:g} with "
                f"`function={self.function!r}`."
            )
        self.fit(None)

    def fit(self, statistic):
        center, width = np.asarray(self.center), np.asarray(self.width)
        high = center + width / 2 - (self.function == "linear")
        affine = bijectors.between((center - width / 2, high), self.output_range)
        low, high = (np.full(affine.loc.shape, end) for end in self.output_range)
        return bijectors.Chain((affine, bijectors.Clip(low, high)))


@config.register
@dataclasses.dataclass(frozen=True)
class Foreground(base.Around):
    """Applies a scheme to what is above a threshold, and makes the rest 0.

    Statistics are those of the foreground: of each image with schemes of samples,
    such as `PerImage`, of the data set with `ZScore`, `Robust`, `PercentileClip`
    and so on. NaN enters no statistic of the data set, stays NaN, and spoils the
    sample's own statistics.

    Args:
        then: Scheme of the foreground.
        threshold: What is above it is foreground, in the unit of the pixels.

    Example:

    >>> import numpy as np
    >>> image = np.array([[0.0, 0.0, 4.0, 8.0]])
    >>> scheme = Foreground(per_sample.PerImage(epsilon=0.0))
    >>> scheme.fit(None).forward(image)
    array([[ 0.,  0., -1.,  1.]])

    Reference:
        Isensee et al. 2021, nnU-Net: a self-configuring method for deep learning-based
        biomedical image segmentation (z-scores within the nonzero region).
    """

    then: base.Scheme = per_sample.PerImage()
    _: dataclasses.KW_ONLY
    threshold: float = 0.0

    monotone: typing.ClassVar[bool] = False

    def __post_init__(self):
        if not isinstance(self.then, base.Scheme):
            raise errors.RecipeError(f"`then={self.then!r}` must be a scheme.")
        if self.then.key is not None:
            raise errors.RecipeError(
                "`then` must not be a scheme by key: `PerKey(Foreground(...), key)`."
            )
        foreground.check_threshold(self.threshold)

    @property
    def inner(self) -> base.Scheme:
        return self.then

    @property
    def view(self) -> bijectors.Bijector | None:
        if not self.fitted_on_data:
            return None
        above = bijectors.Above(self.threshold)
        view = self.then.view
        return above if view is None else bijectors.Chain((above, view))

    def template(self, shape):
        return bijectors.Foreground(self.then.template(shape), self.threshold)

    def fit(self, statistic):
        try:
            then = self.then.fit(statistic)
        except errors.EmptyDataError as error:
            error.message = f"Above `threshold={self.threshold}`: {error.message}"
            raise
        return bijectors.Foreground(then, self.threshold)
