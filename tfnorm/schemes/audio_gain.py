# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes that bring sound to a level: of its peak, its power or its loudness."""

import dataclasses

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import per_sample


@config.register
@dataclasses.dataclass(frozen=True)
class Peak(per_sample.PerSample):
    """Brings the greatest magnitude of each sample to a level.

    `x * 10**(target_dbfs / 20) / max(abs(x))`. Silence stays silence. Integers are
    taken as they are; the result is of full scale 1 for any.

    Args:
        target_dbfs: Level of the peak, in decibels of full scale: 0 is 1.0, and -6.02
            is 0.5.
        per_channel: Whether each channel has a gain of its own.

    Example:

    >>> Peak().fit(None).forward([[0.1, -0.2], [0.0, 0.0]])
    array([[ 0.5, -1. ],
           [ 0. ,  0. ]])

    Reference: `normalize(amp_type="peak")` of
        https://speechbrain.readthedocs.io, speechbrain.processing.signal_processing.
    """

    target_dbfs: float = 0.0
    _: dataclasses.KW_ONLY
    per_channel: bool = False

    def __post_init__(self):
        _check_level(self.target_dbfs)

    def fit(self, statistic):
        return bijectors.PerSample(
            "none",
            "norm",
            order=float("inf"),
            over="rest" if self.per_channel else "all",
            gain=10.0 ** (self.target_dbfs / 20),
        )


@config.register
@dataclasses.dataclass(frozen=True)
class RMSLevel(per_sample.PerSample):
    """Brings the root of the mean square of each sample to a level.

    `x * 10**(target_dbfs / 20) / sqrt(mean(x**2))`. The level is that of a constant
    of that magnitude: a sine of full scale has -3.01 dBFS. Peaks may exceed 1: nothing
    is clipped. Silence stays silence.

    Args:
        target_dbfs: Level, in decibels of full scale: -20 is 0.1.
        per_channel: Whether each channel has a gain of its own.

    Example:

    >>> RMSLevel(0.0).fit(None).forward([[1.0, -7.0], [0.0, 0.0]])
    array([[ 0.2, -1.4],
           [ 0. ,  0. ]])

    Reference: `compute_amplitude(amp_type="rms")` of
        https://speechbrain.readthedocs.io, speechbrain.processing.signal_processing.
    """

    target_dbfs: float = -20.0
    _: dataclasses.KW_ONLY
    per_channel: bool = False

    def __post_init__(self):
        _check_level(self.target_dbfs)

    def fit(self, statistic):
        return bijectors.PerSample(
            "none",
            "rms",
            over="rest" if self.per_channel else "all",
            gain=10.0 ** (self.target_dbfs / 20),
        )


@config.register
@dataclasses.dataclass(frozen=True)
class Loudness(per_sample.PerSample):
    """Brings each sample to a loudness by ITU-R BS.1770-4.

    One gain for all channels of a sample. What is silent, or shorter than the 400 ms
    of one block, stays as it is. Peaks may exceed 1: nothing is clipped. The absolute
    gate is that of full scale 1: divide integers by theirs before, with `Rescale`.

    Args:
        target_lufs: Loudness in LUFS (LKFS): -23 in European broadcasts, -24 in
            American ones, -14 on many streaming platforms.
        sample_rate: In hertz.

    Example:

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 997 / 8000 * np.arange(8000))[np.newaxis]
    >>> quiet = Loudness(sample_rate=8000).fit(None).forward(tone)
    >>> round(float(abs(quiet).max()), 2)
    0.1

    Reference: https://www.itu.int/rec/R-REC-BS.1770-4-201510-S, annex 1.
    """

    target_lufs: float = -23.0
    _: dataclasses.KW_ONLY
    sample_rate: float

    def __post_init__(self):
        self.fit(None)

    def fit(self, statistic):
        return bijectors.Loudness(self.target_lufs, sample_rate=self.sample_rate)


def _check_level(value: float) -> None:
    # Beyond, gains leave float32 together with the data.
    if not -200 <= value <= 200:
        raise errors.RecipeError(
            f"`target_dbfs={value!r}` must be a level in decibels of full scale, such "
            "as -1 or -20."
        )
