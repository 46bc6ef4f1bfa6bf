# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that leaves no correlation."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class Whitening(base.SchemeLayer):
    """Makes elements uncorrelated, with variance 1: `y = W (x - mean)`.

    `W' W` is the inverse of the covariance of the kept elements, taken exactly over
    the rows in which all of them are finite. NaN in one element makes the whole
    result NaN. A direction without variance is centered but not scaled.

    Of images, `axis=-1` decorrelates the channels (each pixel is a row), and
    `axis=(1, 2, 3)` all pixels of small ones.

    Args:
        kind: "zca", "pca", "cholesky", "zca-cor" or "pca-cor"; see
            `schemes.Whitening` for the formulas.
        epsilon: What is added to the eigenvalues, inside the root.
        shrinkage: Share of the way from the covariance to the identity times its
            mean variance, from 0 to 1.
        ddof: What is subtracted from the number of rows for the covariance.
        zero_scale_policy: "one", or "raise" to refuse a direction without variance.
        axis: Axis or axes of the batched input whose elements make a vector.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> x = np.array([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0]])
    >>> layer = Whitening("pca")
    >>> layer.adapt(x)
    >>> np.asarray(layer(x)).round(3) + 0.0
    array([[ 1.414,  0.   ],
           [-1.414,  0.   ],
           [ 0.   ,  1.414],
           [ 0.   , -1.414]], dtype=float32)

    Reference:
        Kessy, Lewin and Strimmer, Optimal whitening and decorrelation, 2018.
    """

    def __init__(
        self,
        kind: str = "zca",
        *,
        epsilon: float = 0.0,
        shrinkage: float = 0.0,
        ddof: int = 0,
        zero_scale_policy: str = "one",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "kind": kind,
            "epsilon": epsilon,
            "shrinkage": shrinkage,
            "ddof": ddof,
            "zero_scale_policy": zero_scale_policy,
        }
        super().__init__(schemes.Whitening(**arguments), arguments, axis=axis, **kwargs)
