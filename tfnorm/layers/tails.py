# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of quantiles and of logarithms, for data with long tails."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class Robust(base.SchemeLayer):
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
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Robust()
    >>> layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    >>> np.asarray(layer(np.array([1.0, 5.0])))
    array([-1.,  1.], dtype=float32)

    Reference:
        `RobustScaler` of https://scikit-learn.org/stable/modules/preprocessing.html.
    """

    def __init__(
        self,
        quantile_range: tuple[float, float] = (0.25, 0.75),
        *,
        unit_variance: bool = False,
        center: bool = True,
        scale: bool = True,
        zero_scale_policy: str = "one",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "quantile_range": quantile_range,
            "unit_variance": unit_variance,
            "center": center,
            "scale": scale,
            "zero_scale_policy": zero_scale_policy,
        }
        super().__init__(schemes.Robust(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class PercentileClip(base.SchemeLayer):
    """Clips to two quantiles, then applies a scheme.

    NaN, infinite and missing values enter no statistic; NaN stays NaN.

    Args:
        low: Lower quantile, from 0 to 1.
        high: Upper quantile.
        then: Scheme; if fitted to clipped data, one that needs no more than extrema
            and quantiles.
        fitted_to: What `then` is fitted to: "clipped" data, or "all".
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = PercentileClip(0.25, 0.75)
    >>> layer.adapt(np.array([-90.0, 1.0, 2.0, 3.0, 90.0]))
    >>> np.asarray(layer(np.array([-90.0, 1.5, 90.0])))
    array([0.  , 0.25, 1.  ], dtype=float32)

    Reference:
        Tukey, The Future of Data Analysis, 1962: winsorizing.
    """

    def __init__(
        self,
        low: float = 0.01,
        high: float = 0.99,
        *,
        then: schemes.Scheme = schemes.MinMax(),  # noqa: B008
        fitted_to: str = "clipped",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "low": low,
            "high": high,
            "then": then,
            "fitted_to": fitted_to,
        }
        scheme = schemes.PercentileClip(**arguments)
        super().__init__(scheme, arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Log(base.SchemeLayer):
    """Maps each number by a logarithm, then applies a scheme fitted to the result.

    "signed" is `sign(x) * log1p(abs(x))`; it and "asinh" take any number. "log"
    needs all values above 0, "log1p" above -1: adapting to others is an error, and
    later ones become NaN (-inf at the edge). NaN stays NaN.

    Args:
        kind: "log1p", "log", "signed" or "asinh".
        then: Scheme of the mapped data.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Log("log")
    >>> layer.adapt(np.array([1.0, 100.0]))
    >>> np.asarray(layer(np.array([1.0, 100.0, 1000.0]))).round(3)
    array([-1.,  1.,  2.], dtype=float32)

    Reference:
        Box and Cox, An Analysis of Transformations, 1964; Burbidge, Magee and Robb,
        Alternative Transformations to Handle Extreme Values, 1988, of asinh.
    """

    def __init__(
        self,
        kind: str = "log1p",
        *,
        then: schemes.Scheme = schemes.ZScore(),  # noqa: B008
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"kind": kind, "then": then}
        super().__init__(schemes.Log(**arguments), arguments, axis=axis, **kwargs)
