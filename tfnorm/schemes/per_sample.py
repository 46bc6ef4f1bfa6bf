# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes that need no data set: each sample is normalized by itself."""

import abc
import dataclasses
import math
import typing

from tfnorm import bijectors
from tfnorm import config
from tfnorm.schemes import base

STATISTICS = {"moments": ("mean", "std"), "extrema": ("min", "range")}


class PerSample(base.Scheme):
    """What schemes of single samples have in common: nothing is fitted."""

    requires: typing.ClassVar[tuple[str, ...]] = ()
    fitted_on_data: typing.ClassVar[bool] = False
    monotone: typing.ClassVar[bool] = False
    view: typing.ClassVar[None] = None

    @abc.abstractmethod
    def fit(self, statistic) -> bijectors.PerSample: ...


@config.register
@dataclasses.dataclass(frozen=True)
class PerImage(PerSample):
    """Normalizes each image by its own mean and deviation, or its own extremes.

    `PerImage(clip=20)` is Albumentations' `normalization="image"`, and with
    `per_channel=True` its "image_per_channel"; `PerImage("extrema")` is its
    "min_max". `PerImage(epsilon_mode="count")` is TensorFlow's
    `per_image_standardization`. A constant image becomes zeros.

    Args:
        statistic: "moments" for `(x - mean) / std`, "extrema" for
            `(x - min) / (max - min)`.
        per_channel: Whether each channel has statistics of its own.
        epsilon: What keeps the divisor from 0, in the unit of the pixels.
        epsilon_mode: "add" to the divisor; "max" of both; or "count", the greater
            of the divisor and `1 / sqrt(n)` of n numbers, without `epsilon`.
        clip: Greatest magnitude of a result.

    Example:

    >>> import numpy as np
    >>> image = np.array([[[0.0], [4.0]], [[0.0], [4.0]]])
    >>> PerImage(epsilon=0.0).fit(None).forward(image[np.newaxis])[0, 0, :, 0]
    array([-1.,  1.])
    """

    statistic: str = "moments"
    _: dataclasses.KW_ONLY
    per_channel: bool = False
    epsilon: float = 1e-4
    epsilon_mode: str = "add"
    clip: float = math.inf

    def __post_init__(self):
        base.check_choice("statistic", self.statistic, tuple(STATISTICS))
        self.fit(None)

    def fit(self, statistic):
        center, scale = STATISTICS[self.statistic]
        return bijectors.PerSample(
            center,
            scale,
            over="rest" if self.per_channel else "all",
            epsilon=self.epsilon,
            epsilon_mode=self.epsilon_mode,
            limit=self.clip,
        )


@config.register
@dataclasses.dataclass(frozen=True)
class UnitNorm(PerSample):
    """Divides each vector by its norm; a vector of zeros stays one.

    The vectors run along `axis`, as in Keras' `UnitNormalization`.

    Args:
        order: Of the norm: 1 or more; inf for the greatest magnitude.

    Example:

    >>> UnitNorm().fit(None).forward([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """

    order: float = 2.0

    def __post_init__(self):
        self.fit(None)

    def fit(self, statistic):
        return bijectors.PerSample("none", "norm", over="axis", order=self.order)


@config.register
@dataclasses.dataclass(frozen=True)
class SumToOne(PerSample):
    """Divides each vector by its sum, such as counts to shares.

    The vectors run along `axis`. One whose sum is 0 stays as it is.

    Example:

    >>> SumToOne().fit(None).forward([[1.0, 3.0]])
    array([[0.25, 0.75]])
    """

    def fit(self, statistic):
        return bijectors.PerSample("none", "sum", over="axis")
