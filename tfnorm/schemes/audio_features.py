# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes of frames of sound: means over time, and automatic gain."""

import dataclasses

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm.bijectors import pcen
from tfnorm.schemes import per_sample

# As librosa does; stands here for those who know the time constant.
pcen_smoothing = pcen.smoothing_of


@config.register
@dataclasses.dataclass(frozen=True)
class CMVN(per_sample.PerSample):
    """Subtracts the mean over time of each feature, then divides by its deviation.

    Cepstral mean and variance normalization, per utterance: `(x - mean) /
    max(deviation, 1e-10)`, with the population deviation. A feature that does not vary
    becomes 0. The features lie along `axis`, as in (rows, frames, features); means are
    taken over all other axes but the rows.

    Args:
        variance: Whether to divide by the deviation.

    Example:

    >>> CMVN().fit(None).forward([[[1.0, 5.0], [3.0, 5.0]]])
    array([[[-1.,  0.],
            [ 1.,  0.]]])

    Reference: `InputNormalization(norm_type="sentence")` of
        https://speechbrain.readthedocs.io, speechbrain.processing.features.
    """

    variance: bool = True

    def fit(self, statistic):
        return bijectors.PerSample(
            "mean",
            "std" if self.variance else "none",
            over="rest",
            epsilon=1e-10,
            epsilon_mode="max",
        )


@config.register
@dataclasses.dataclass(frozen=True)
class SlidingCMVN(per_sample.PerSample):
    """Subtracts from each frame the mean of the window around it, per feature.

    Windows are those of Kaldi's `apply-cmvn-sliding` and torchaudio's
    `sliding_window_cmn`: with `center`, frame t has `[t - window // 2, t - window // 2
    + window)`, moved inside where it sticks out; without, it has `[t - window, t + 1)`,
    cut at the beginning, but never less than the first `min_window` frames. Windows
    are cut to the utterance where it is shorter.

    With `variance`, what remains is divided by the population deviation of the window;
    where a window does not vary the result is 0. Nothing outside a window touches its
    statistics, and no squares of uncentered numbers are taken.

    Args:
        window: Frames in a window.
        min_window: Least frames at the beginning, at most `window`; not with
            `center`.
        center: Whether a window lies around its frame, not before it.
        variance: Whether to divide by the deviation.

    Example:

    >>> scheme = SlidingCMVN(2, min_window=1)
    >>> scheme.fit(None).forward([[[1.0], [2.0], [6.0], [6.0]]])[0, :, 0]
    array([0.        , 0.5       , 3.        , 1.33333333])

    Reference: https://docs.pytorch.org/audio/main/generated/
        torchaudio.functional.sliding_window_cmn.html
    """

    window: int = 600
    _: dataclasses.KW_ONLY
    min_window: int = 100
    center: bool = False
    variance: bool = False

    def __post_init__(self):
        self.fit(None)

    def fit(self, statistic):
        return bijectors.Sliding(
            self.window,
            min_window=self.min_window,
            center=self.center,
            variance=self.variance,
        )


@config.register
@dataclasses.dataclass(frozen=True)
class PCEN(per_sample.PerSample):
    """Divides energies by their recent average, then compresses them.

    `(x / (epsilon + m)**gain + bias)**power - bias**power` of the average `m[t] = (1 -
    smoothing) m[t - 1] + smoothing x[t]` along the frames, which starts from 1, as in
    librosa. Energies come in shape (rows, frames, channels) and must not be negative.

    The defaults are for energies of sound whose full scale is that of integers, such
    as 2**31 in the paper: multiply those of sound in [-1, 1] accordingly.

    Args:
        gain: How far the energy before it takes a frame's level away: 0 to 1.
        bias: Added before the compression, above 0.
        power: Exponent of the compression, above 0.
        smoothing: Weight of a new frame in the average: above 0, below 1.
            `pcen_smoothing(seconds, frames_per_second)` gives that of a time constant;
            0.025 is 0.4 s at 100 frames a second.
        epsilon: Least energy, above 0.
        per_channel: Whether each channel has constants of its own, which a layer may
            train.

    Example:

    >>> PCEN().fit(None).forward([[[1.0], [100.0], [1.0]]])[0, :, 0].round(3)
    array([0.318, 4.199, 0.102])

    Reference: Wang et al. 2017, Trainable Frontend for Robust and Far-Field Keyword
        Spotting, https://arxiv.org/abs/1607.05666.
    """

    gain: float = 0.98
    _: dataclasses.KW_ONLY
    bias: float = 2.0
    power: float = 0.5
    smoothing: float = 0.025
    epsilon: float = 1e-6
    per_channel: bool = False

    def __post_init__(self):
        self.fit(None)

    @property
    def shaped(self) -> bool:
        return self.per_channel

    def fit(self, statistic):
        numbers = (self.gain, self.bias, self.power, self.smoothing)
        shape = statistic.shape if self.per_channel and statistic is not None else ()
        return bijectors.PCEN(
            *(np.full(shape, number) if shape else number for number in numbers),
            epsilon=self.epsilon,
        )
