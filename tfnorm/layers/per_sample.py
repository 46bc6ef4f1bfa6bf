# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that normalize each sample by itself."""

import math
import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


class PerSampleLayer(base.SchemeLayer):
    """What layers of single samples have in common: no constants, but a mask.

    A mask of the first axes of the input, such as (rows, steps), leaves padded
    steps out of every statistic and makes them 0.
    """


@keras.saving.register_keras_serializable("tfnorm")
class PerImage(PerSampleLayer):
    """Normalizes each image by its own mean and deviation, or its own extremes.

    As augmentation: what changes brightness or contrast of a whole image changes
    nothing behind this layer.

    Args:
        statistic: "moments" for `(x - mean) / std`, "extrema" for
            `(x - min) / (max - min)`.
        per_channel: Whether each channel has statistics of its own.
        epsilon: What keeps the divisor from 0, in the unit of the pixels.
        epsilon_mode: "add" to the divisor; "max" of both; or "count", the greater
            of the divisor and `1 / sqrt(n)` of n numbers, without `epsilon`.
        clip: Greatest magnitude of a result.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> image = np.array([[[[0.0], [4.0]]]], np.float32)
    >>> np.asarray(PerImage(epsilon=0.0)(image)).ravel()
    array([-1.,  1.], dtype=float32)

    Reference:
        https://www.tensorflow.org/api_docs/python/tf/image/per_image_standardization
        and https://albumentations.ai/docs/examples/example-normalization.
    """

    def __init__(
        self,
        statistic: str = "moments",
        *,
        per_channel: bool = False,
        epsilon: float = 1e-4,
        epsilon_mode: str = "add",
        clip: float = math.inf,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "statistic": statistic,
            "per_channel": per_channel,
            "epsilon": epsilon,
            "epsilon_mode": epsilon_mode,
            "clip": clip,
        }
        super().__init__(schemes.PerImage(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class UnitNorm(PerSampleLayer):
    """Divides each vector by its norm; a vector of zeros stays one.

    Args:
        order: Of the norm: 1 or more; inf for the greatest magnitude.
        axis: The axis (or axes) that the vectors run along.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(UnitNorm(1)(np.array([[1.0, 3.0], [0.0, 0.0]])))
    array([[0.25, 0.75],
           [0.  , 0.  ]], dtype=float32)

    Reference:
        `Normalizer` of https://scikit-learn.org/stable/modules/preprocessing.html.
    """

    def __init__(
        self, order: float = 2.0, *, axis: int | tuple[int, ...] = -1, **kwargs
    ):
        arguments = {"order": order}
        super().__init__(schemes.UnitNorm(order), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class SumToOne(PerSampleLayer):
    """Divides each vector by its sum, such as counts to shares.

    Args:
        axis: The axis (or axes) that the vectors run along.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(SumToOne()(np.array([[1, 3]])))
    array([[0.25, 0.75]], dtype=float32)

    Reference:
        Aitchison, The Statistical Analysis of Compositional Data, 1982: closure.
    """

    def __init__(self, *, axis: int | tuple[int, ...] = -1, **kwargs):
        super().__init__(schemes.SumToOne(), {}, axis=axis, **kwargs)
