# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of frames of sound: logarithms, means over time, and automatic gain."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import per_sample


@keras.saving.register_keras_serializable("tfnorm")
class CMVN(per_sample.PerSampleLayer):
    """Subtracts the mean over time of each feature, then divides by its deviation.

    Cepstral mean and variance normalization, per utterance: `(x - mean) /
    max(deviation, 1e-10)`, with the population deviation. A feature that does not vary
    becomes 0. A mask of shape (rows, frames) leaves padded frames out.

    Args:
        variance: Whether to divide by the deviation.
        axis: The axis of the features, as in (rows, frames, features). Means are taken
            over all others but the rows.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(CMVN()(np.array([[[1.0, 5.0], [3.0, 5.0]]])))
    array([[[-1.,  0.],
            [ 1.,  0.]]], dtype=float32)

    Reference:
        `InputNormalization(norm_type="sentence")` of
        https://speechbrain.readthedocs.io, speechbrain.processing.features.
    """

    def __init__(
        self, variance: bool = True, *, axis: int | tuple[int, ...] = -1, **kwargs
    ):
        arguments = {"variance": variance}
        super().__init__(schemes.CMVN(variance), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class SlidingCMVN(per_sample.PerSampleLayer):
    """Subtracts from each frame the mean of the window around it, per feature.

    With `center`, frame t has the window `[t - window // 2, t - window // 2 +
    window)`, moved inside where it sticks out; without, it has `[t - window, t + 1)`,
    cut at the beginning, but never less than the first `min_window` frames. With
    `variance`, what remains is divided by the population deviation of the window;
    where a window does not vary the result is 0. Nothing outside a window touches its
    statistics.

    Frames that a mask of shape (rows, frames) leaves out are as if they were not
    there, and become 0.

    Args:
        window: Frames in a window.
        min_window: Least frames at the beginning, at most `window`; not with
            `center`.
        center: Whether a window lies around its frame, not before it.
        variance: Whether to divide by the deviation.
        axis: The axis of the features. Frames lie along the first of the others behind
            the rows: axis 1 of (rows, frames, features).
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = SlidingCMVN(2, min_window=1)
    >>> np.asarray(layer(np.array([[[1.0], [2.0], [6.0]]])))[0, :, 0]
    array([0. , 0.5, 3. ], dtype=float32)

    Reference:
        https://docs.pytorch.org/audio/main/generated/
        torchaudio.functional.sliding_window_cmn.html
    """

    def __init__(
        self,
        window: int = 600,
        *,
        min_window: int = 100,
        center: bool = False,
        variance: bool = False,
        axis: int | tuple[int, ...] = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "window": window,
            "min_window": min_window,
            "center": center,
            "variance": variance,
        }
        scheme = schemes.SlidingCMVN(**arguments)
        super().__init__(scheme, arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class PCEN(per_sample.PerSampleLayer):
    """Divides energies by their recent average, then compresses them.

    `(x / (epsilon + m)**gain + bias)**power - bias**power` of the average `m[t] = (1 -
    smoothing) m[t - 1] + smoothing x[t]` along the frames, which starts from 1, as in
    librosa. Energies come in shape (rows, frames, channels) and must not be negative.
    The defaults are for energies of sound whose full scale is that of integers, such
    as 2**31 in the paper: multiply those of sound in [-1, 1] accordingly.

    With `trainable_constants=True`, models train `gain`, `bias`, `power` and
    `smoothing` from where they are put: four numbers, or four of each channel with
    `per_channel=True`. Frames that a mask leaves out are as if they were not there.

    Args:
        gain: How far the energy before it takes a frame's level away: 0 to 1.
        bias: Added before the compression, above 0.
        power: Exponent of the compression, above 0.
        smoothing: Weight of a new frame in the average: above 0, below 1.
            `schemes.pcen_smoothing(seconds, frames_per_second)` gives that of a time
            constant; 0.025 is 0.4 s at 100 frames a second.
        epsilon: Least energy, above 0.
        per_channel: Whether each channel has constants of its own.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> energies = np.array([[[1.0], [100.0], [1.0]]])
    >>> np.asarray(PCEN()(energies))[0, :, 0].round(3)
    array([0.318, 4.199, 0.102], dtype=float32)

    Reference:
        Wang et al. 2017, Trainable Frontend for Robust and Far-Field Keyword Spotting,
        https://arxiv.org/abs/1607.05666, and https://librosa.org/doc, `pcen`.
    """

    def __init__(
        self,
        gain: float = 0.98,
        *,
        bias: float = 2.0,
        power: float = 0.5,
        smoothing: float = 0.025,
        epsilon: float = 1e-6,
        per_channel: bool = False,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "gain": gain,
            "bias": bias,
            "power": power,
            "smoothing": smoothing,
            "epsilon": epsilon,
            "per_channel": per_channel,
        }
        super().__init__(schemes.PCEN(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class LogMel(per_sample.PerSampleLayer):
    """Takes the logarithm of energies above a floor, then applies a scheme.

    `max(log(max(x, least)), max(log(x)) - span)`, with the maximum of the whole sample
    (a row). "log" is natural, "log10" decimal, "db" `10 * log10(x)`; "whisper" is
    `(log10(x) + 4) / 4`, what Whisper was trained with. What a mask leaves out is not
    the loudest point, enters no statistic of `then`, and becomes 0.

    Args:
        kind: "whisper", "log", "log10" or "db".
        span: Decades kept below the loudest point of a sample: 8, which is 80 dB, for
            "whisper" and "db", and all (`inf`) for the others, unless given.
        least: Smaller energies count as this one.
        relative: Whether the loudest point becomes 0; not of "whisper".
        then: Scheme of the logarithms: one of single samples, such as `CMVN`, or one
            that is fitted to a data set, such as `ZScore`; then the layer is adapted.
        axis: The axis or axes that `then` keeps: that of the mel bands.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(LogMel()(np.array([[1.0, 1e-4, 1e-12]]))).round(3)
    array([[ 1.,  0., -1.]], dtype=float32)

    Reference:
        `WhisperAudioConverter` of https://keras.io/keras_hub, and `power_to_db` of
        https://librosa.org/doc.
    """

    def __init__(
        self,
        kind: str = "whisper",
        *,
        span: float | None = None,
        least: float = 1e-10,
        relative: bool = False,
        then: schemes.Scheme | None = None,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "kind": kind,
            "span": span,
            "least": least,
            "relative": relative,
            "then": then,
        }
        super().__init__(schemes.LogMel(**arguments), arguments, axis=axis, **kwargs)
