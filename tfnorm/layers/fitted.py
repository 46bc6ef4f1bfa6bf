# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers whose constants are fitted to a data set."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class ZScore(base.SchemeLayer):
    """Subtracts the mean, then divides by the standard deviation.

    The deviation is the population one (`ddof=0`). A feature that never varies is
    centered but not scaled. NaN, infinite and missing values enter no statistic;
    NaN stays NaN.

    Args:
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
        deviation: "pooled" of all pixels of all images, or "per_image" for the mean
            of the deviations of single images, as the published constants of
            ImageNet apparently are.
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = ZScore()
    >>> layer.adapt(np.array([[2.0], [4.0]]))
    >>> np.asarray(layer(np.array([[2.0], [6.0]])))
    array([[-1.],
           [ 3.]], dtype=float32)

    Reference:
        LeCun et al., Efficient BackProp, 1998, section 4.3.
    """

    def __init__(
        self,
        center: bool = True,
        *,
        scale: bool = True,
        deviation: str = "pooled",
        zero_scale_policy: str = "one",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "center": center,
            "scale": scale,
            "deviation": deviation,
            "zero_scale_policy": zero_scale_policy,
        }
        super().__init__(schemes.ZScore(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class MinMax(base.SchemeLayer):
    """Scales each feature so that its least and greatest value meet a range.

    A constant feature is moved to `low` but not scaled. NaN, infinite and missing
    values enter no statistic; NaN stays NaN.

    Args:
        low: Where the minimum goes.
        high: Where the maximum goes.
        out_of_range_policy: What becomes of values beyond those seen: "extend" lets
            them lie beyond the range, "clip" bounds them, "nan" makes them NaN.
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = MinMax(out_of_range_policy="clip")
    >>> layer.adapt(np.array([0.0, 4.0]))
    >>> np.asarray(layer(np.array([1.0, 8.0])))
    array([0.25, 1.  ], dtype=float32)

    Reference:
        `MinMaxScaler` of https://scikit-learn.org/stable/modules/preprocessing.html.
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        *,
        out_of_range_policy: str = "extend",
        zero_scale_policy: str = "one",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "low": low,
            "high": high,
            "out_of_range_policy": out_of_range_policy,
            "zero_scale_policy": zero_scale_policy,
        }
        super().__init__(schemes.MinMax(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class MaxAbs(base.SchemeLayer):
    """Divides by the greatest magnitude, so that 0 stays 0.

    A feature that is always 0 is left as it is. NaN, infinite and missing values
    enter no statistic; NaN stays NaN.

    Args:
        zero_scale_policy: "one", or "raise" to refuse a feature that is always 0.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = MaxAbs()
    >>> layer.adapt(np.array([1.0, -4.0]))
    >>> np.asarray(layer(np.array([1.0, -4.0])))
    array([ 0.25, -1.  ], dtype=float32)

    Reference:
        `MaxAbsScaler` of https://scikit-learn.org/stable/modules/preprocessing.html.
    """

    def __init__(
        self,
        zero_scale_policy: str = "one",
        *,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"zero_scale_policy": zero_scale_policy}
        super().__init__(schemes.MaxAbs(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class MeanRange(base.SchemeLayer):
    """Subtracts the mean, then divides by the range (maximum less minimum).

    A constant feature is centered but not scaled. NaN, infinite and missing
    values enter no statistic; NaN stays NaN.

    Args:
        zero_scale_policy: "one", or "raise" to refuse a feature that never varies.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = MeanRange()
    >>> layer.adapt(np.array([0.0, 0.0, 6.0, 8.0, 6.0]))
    >>> np.asarray(layer(np.array([0.0, 8.0])))
    array([-0.5,  0.5], dtype=float32)

    Reference:
        Ng, Machine Learning (CS229) lecture notes: mean normalization.
    """

    def __init__(
        self,
        zero_scale_policy: str = "one",
        *,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"zero_scale_policy": zero_scale_policy}
        super().__init__(schemes.MeanRange(**arguments), arguments, axis=axis, **kwargs)
