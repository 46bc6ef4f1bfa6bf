# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of images: windows around pixels, and the habits of radiology."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base
from tfnorm.layers import per_sample


@keras.saving.register_keras_serializable("tfnorm")
class LocalNormalization(per_sample.PerSampleLayer):
    """Normalizes each pixel by the mean and deviation of the window around it.

    At the borders, and beside masked pixels, windows hold only pixels that are
    there. A constant image becomes zeros.

    Args:
        size: Of the window: an odd number of pixels, or one for each spatial axis.
        kind: "standard" for `(x - mean) / deviation`, "subtractive" for `x - mean`,
            "divisive" for `x / deviation`, or "contrast": where the deviation is
            below its mean over the image, that mean divides.
        per_channel: Whether each channel has windows of its own.
        floor: Least divisor, in the unit of the pixels.
        axis: The axis of the channels, `None` if there is none.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> row = np.array([[[[0.0], [0.0], [0.0], [6.0]]]])
    >>> np.asarray(LocalNormalization(3)(row))[0, 0, :, 0].round(4)
    array([ 0.    ,  0.    , -0.7071,  1.    ], dtype=float32)

    Reference:
        Jarrett et al. 2009, What is the Best Multi-Stage Architecture for
        Object Recognition?, section 2 ("contrast").
    """

    def __init__(
        self,
        size: int | tuple[int, ...] = 9,
        *,
        kind: str = "standard",
        per_channel: bool = True,
        floor: float = 1e-4,
        axis: int | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "size": size,
            "kind": kind,
            "per_channel": per_channel,
            "floor": floor,
        }
        scheme = schemes.LocalNormalization(**arguments)
        super().__init__(scheme, arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class PercentileStretch(per_sample.PerSampleLayer):
    """Takes two quantiles of each image to 0 and 1, and clips what lies beyond.

    Quantiles are those of `numpy.quantile`. A constant image becomes zeros. Masked
    pixels enter no quantile.

    Args:
        low: Lower quantile, from 0 to 1.
        high: Upper quantile.
        per_channel: Whether each channel has quantiles of its own.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> image = np.array([[-90.0, 1.0, 2.0, 3.0, 90.0]])
    >>> np.asarray(PercentileStretch(0.25, 0.75)(image))
    array([[0. , 0. , 0.5, 1. , 1. ]], dtype=float32)

    Reference:
        Hyndman and Fan 1996, Sample Quantiles in Statistical Packages, definition 7.
    """

    def __init__(
        self,
        low: float = 0.01,
        high: float = 0.99,
        *,
        per_channel: bool = False,
        axis: int | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "low": low,
            "high": high,
            "per_channel": per_channel,
        }
        scheme = schemes.PercentileStretch(**arguments)
        super().__init__(scheme, arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class IntensityWindow(base.SchemeLayer):
    """Takes a window of intensities to a range, and clips what lies outside.

    Args:
        center: Of the window: a number, or one for each channel.
        width: Of the window; for "linear" more than 1.
        function: "linear_exact" for `(x - (center - width / 2)) / width`; "linear"
            is DICOM's LINEAR, which ends at `center + width / 2 - 1`.
        output_range: Where the window goes.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(IntensityWindow(40, 400)(np.array([-1000, 40, 140])))
    array([0.  , 0.5 , 0.75], dtype=float32)

    Reference:
        DICOM PS3.3, C.11.2.1.2.1 (LINEAR) and C.11.2.1.3.2 (LINEAR_EXACT).
    """

    def __init__(
        self,
        center: float | tuple[float, ...] = 0.0,
        width: float | tuple[float, ...] = 1.0,
        *,
        function: str = "linear_exact",
        output_range: tuple[float, float] = (0.0, 1.0),
        axis: int | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "center": center,
            "width": width,
            "function": function,
            "output_range": output_range,
        }
        scheme = schemes.IntensityWindow(**arguments)
        super().__init__(scheme, arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Foreground(per_sample.PerSampleLayer):
    """Applies a scheme to what is above a threshold, and makes the rest 0.

    Statistics are those of the foreground: of each image with schemes of samples,
    such as `PerImage`, and of what `adapt` is given with those of data sets.

    Args:
        then: Scheme of the foreground.
        threshold: What is above it is foreground, in the unit of the pixels.
        axis: The axis of the channels, or those to keep, as of the scheme's layer.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Foreground(schemes.ZScore())
    >>> layer.adapt(np.array([0.0, 0.0, 4.0, 8.0]))
    >>> np.asarray(layer(np.array([0.0, 4.0, 8.0, 10.0])))
    array([ 0., -1.,  1.,  2.], dtype=float32)

    Reference:
        Isensee et al. 2021, nnU-Net: a self-configuring method for deep learning-based
        biomedical image segmentation (z-scores within the nonzero region).
    """

    def __init__(
        self,
        then: schemes.Scheme = schemes.PerImage(),  # noqa: B008
        *,
        threshold: float = 0.0,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"then": then, "threshold": threshold}
        super().__init__(
            schemes.Foreground(**arguments), arguments, axis=axis, **kwargs
        )
