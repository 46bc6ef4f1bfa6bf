# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that bring sound to a level: of its peak, its power or its loudness."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import per_sample


@keras.saving.register_keras_serializable("tfnorm")
class Peak(per_sample.PerSampleLayer):
    """Brings the greatest magnitude of each sample to a level.

    `x * 10**(target_dbfs / 20) / max(abs(x))`. Silence stays silence. Integers are
    taken as they are; the result is of full scale 1 for any.

    Args:
        target_dbfs: Level of the peak, in decibels of full scale: 0 is 1.0, and -6.02
            is 0.5.
        per_channel: Whether each channel has a gain of its own.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> pcm = np.array([[1000, -2000], [0, 0]], np.int16)
    >>> np.asarray(Peak()(pcm))
    array([[ 0.5, -1. ],
           [ 0. ,  0. ]], dtype=float32)

    Reference:
        `normalize(amp_type="peak")` of https://speechbrain.readthedocs.io,
        speechbrain.processing.signal_processing.
    """

    def __init__(
        self,
        target_dbfs: float = 0.0,
        *,
        per_channel: bool = False,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "target_dbfs": target_dbfs,
            "per_channel": per_channel,
        }
        super().__init__(schemes.Peak(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class RMSLevel(per_sample.PerSampleLayer):
    """Brings the root of the mean square of each sample to a level.

    `x * 10**(target_dbfs / 20) / sqrt(mean(x**2))`. The level is that of a constant
    of that magnitude: a sine of full scale has -3.01 dBFS. Peaks may exceed 1: nothing
    is clipped. Silence stays silence.

    Args:
        target_dbfs: Level, in decibels of full scale: -20 is 0.1.
        per_channel: Whether each channel has a gain of its own.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(RMSLevel(0.0)(np.array([[1.0, -7.0]]))).round(4)
    array([[ 0.2, -1.4]], dtype=float32)

    Reference:
        `compute_amplitude(amp_type="rms")` of https://speechbrain.readthedocs.io,
        speechbrain.processing.signal_processing.
    """

    def __init__(
        self,
        target_dbfs: float = -20.0,
        *,
        per_channel: bool = False,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "target_dbfs": target_dbfs,
            "per_channel": per_channel,
        }
        super().__init__(schemes.RMSLevel(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Loudness(per_sample.PerSampleLayer):
    """Brings each sample to a loudness by ITU-R BS.1770-4.

    Loudness is the mean square of the K-weighted sound, summed over the channels, in
    blocks of 400 ms every 100 ms: of those above -70 LUFS, and of these of those less
    than 10 LU below the loudness of all. One gain brings all channels of a sample to
    `target_lufs`. What is silent, or shorter than a block, stays as it is. Peaks may
    exceed 1: nothing is clipped.

    Input has shape (rows, samples) or (rows, samples, channels), with at most five
    channels: left, right, centre, left surround, right surround. Full scale is 1:
    divide integers by theirs before, with `Rescale`. No block counts that holds a
    masked sample.

    Args:
        target_lufs: Loudness in LUFS (LKFS): -23 in European broadcasts, -24 in
            American ones, -14 on many streaming platforms.
        sample_rate: In hertz.
        axis: The axis of the channels, if there is one.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 997 / 8000 * np.arange(8000, dtype=np.float32))
    >>> quiet = Loudness(-23.0, sample_rate=8000)(tone[np.newaxis])
    >>> round(float(np.abs(quiet).max()), 2)
    0.1

    Reference:
        https://www.itu.int/rec/R-REC-BS.1770-4-201510-S, annex 1.
    """

    def __init__(
        self,
        target_lufs: float = -23.0,
        *,
        sample_rate: float,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "target_lufs": target_lufs,
            "sample_rate": sample_rate,
        }
        super().__init__(schemes.Loudness(**arguments), arguments, axis=axis, **kwargs)
