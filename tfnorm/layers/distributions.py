# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that change the shape of a distribution."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class Quantile(base.SchemeLayer):
    """Maps each number to the share of the data below it.

    The shares are known at evenly spaced quantiles, and interpolated linearly in
    between. A value that several knots share gets the middle of theirs, but the least
    value 0 and the greatest 1, and so do those beyond: the conventions of
    scikit-learn's `QuantileTransformer`. NaN, infinite and missing values are left
    out of the quantiles; NaN stays NaN.

    Args:
        output: "uniform" for shares; "normal" for the deviation that a standard
            normal distribution has at that share, from -5.2 to 5.2.
        knots: Number of quantiles.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Quantile(knots=5)
    >>> layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    >>> np.asarray(layer(np.array([0.0, 2.5, 1000.0])))
    array([0.   , 0.375, 1.   ], dtype=float32)

    Reference:
        scikit-learn, `sklearn.preprocessing.QuantileTransformer`.
    """

    def __init__(
        self,
        output: str = "uniform",
        *,
        knots: int = 1000,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"output": output, "knots": knots}
        super().__init__(schemes.Quantile(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Power(base.SchemeLayer):
    """Raises to the power that makes data most like normal ones, then standardizes.

    "yeo-johnson" takes any number: `((1 + x)**l - 1) / l` from 0 on, and
    `-((1 - x)**(2 - l) - 1) / (2 - l)` below. "box-cox" is `(x**l - 1) / l`, of numbers
    above 0: adapting to others is an error, and those below become NaN. The power `l`
    is the one of greatest likelihood. NaN stays NaN.

    Args:
        method: "yeo-johnson" or "box-cox".
        standardize: Whether to subtract the mean of the mapped data and to divide
            by their deviation (`ddof=0`).
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Power("box-cox")
    >>> layer.adapt(np.array([1.0, 2.0, 3.0, 9.0, 30.0]))
    >>> np.asarray(layer(np.array([1.0, 3.0, 99.0]))).round(3)
    array([-1.389, -0.196,  2.028], dtype=float32)

    Reference:
        I.-K. Yeo and R. A. Johnson, A new family of power transformations, Biometrika
        87 (2000) 954.
    """

    def __init__(
        self,
        method: str = "yeo-johnson",
        *,
        standardize: bool = True,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "method": method,
            "standardize": standardize,
        }
        super().__init__(schemes.Power(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class TukeyHH(base.SchemeLayer):
    """Takes heavy tails to normal ones; else standardizes.

    The data are taken for `loc + scale * u * exp(h * u**2 / 2)` of normal `u`, with
    one `h` below 0 and another above, and mapped to `u`. The parameters are those of
    equal L-moments, as in tf.Transform's `scale_to_gaussian`. NaN stays NaN.

    Args:
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = TukeyHH()
    >>> layer.adapt(np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 500.0]))
    >>> np.asarray(layer(np.array([-1.0, 2.0, 500.0, 9000.0]))).round(2)
    array([-1.41,  0.2 ,  3.05,  3.83], dtype=float32)

    Reference:
        T. C. Headrick and M. D. Pant, Characterizing Tukey h and hh-Distributions
        through L-Moments and the L-Correlation, ISRN Applied Mathematics (2012)
        980153.
    """

    def __init__(self, *, axis: int | tuple[int, ...] | None = -1, **kwargs):
        super().__init__(schemes.TukeyHH(), {}, axis=axis, **kwargs)
