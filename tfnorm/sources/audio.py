# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How audio files become features."""

import dataclasses
import functools
import json
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import audio_features
from tfnorm.sources import encoded
from tfnorm.sources import shards

_CHANNELS = ("one", "mix", "each")


@dataclasses.dataclass(frozen=True)
class Audio:
    """How WAV and FLAC files become features; the artifact records it.

    Each frame is a value of the feature, so that every band or coefficient has
    statistics over all frames of all files: global CMVN. Sound is decoded by
    soundfile to float32 samples in [-1, 1], and features are those of librosa:

    * "log_mel": `power_to_db(melspectrogram(...), top_db=None)`, of shape (frames,
      n_mels): decibels, of which silence has -100.
    * "mfcc": `mfcc(...)`, of shape (frames, n_mfcc). By librosa's default, what is 80
      dB below a file's loudest point is cut.
    * "waveform": the samples themselves.

    Windows are Hann's, and centered: the first and last lie half in added zeros.

    Args:
        feature: Name of the feature: the column of encoded bytes in other files.
        features: "log_mel", "mfcc" or "waveform".
        sample_rate: In Hz.
        resample: Whether files of another rate are resampled, by soxr in high
            quality, or are an error.
        channels: What becomes of several channels: "one" for an error, "mix" for
            their mean, "each" for the frames of one behind those of the other.
        n_fft: Samples in a window.
        hop_length: Samples from one window to the next.
        n_mels: Mel bands, those that coefficients are made of, too.
        n_mfcc: Cepstral coefficients.

    Example:

    >>> Audio("speech", features="mfcc", sample_rate=8000, n_fft=200, n_mels=23).shape
    (13,)

    Reference: `librosa.feature` of https://librosa.org/doc.
    """

    feature: str = "audio"
    _: dataclasses.KW_ONLY
    features: str = "log_mel"
    sample_rate: int = 16_000
    resample: bool = False
    channels: str = "one"
    n_fft: int = 400
    hop_length: int = 160
    n_mels: int = 80
    n_mfcc: int = 13

    kind: typing.ClassVar[str] = "audio"
    files: typing.ClassVar[int] = 1

    def __post_init__(self):
        choices = {"features": audio_features.KINDS, "channels": _CHANNELS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise errors.OptionsError(
                    f"`{name}={getattr(self, name)!r}` is not among "
                    f"{', '.join(map(repr, known))}."
                )
        for name in ("sample_rate", "n_fft", "hop_length", "n_mels", "n_mfcc"):
            number = getattr(self, name)
            if not isinstance(number, int) or number < 1:
                raise errors.OptionsError(
                    f"`{name}={number!r}` must be a whole number of 1 or more."
                )
        if self.features == "mfcc" and self.n_mfcc > self.n_mels:
            raise errors.OptionsError(
                f"`n_mfcc={self.n_mfcc}` must be at most `n_mels={self.n_mels}`."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values of one frame."""
        return self.load().shape

    @property
    def provenance(self) -> str:
        """The options and the versions of the libraries, as JSON."""
        described = dataclasses.asdict(self) | {"version": self.load().version}
        return json.dumps(described, sort_keys=True)

    def load(self) -> audio_features.Extractor:
        """Loads the libraries; raises an OptionsError if one is not installed."""
        return _extractor_of(self)

    def pile(self, tally: shards.Tally) -> "Pile":
        """Returns what collects frames."""
        return Pile(self, tally)

    def values(self, data: bytes) -> np.ndarray:
        """Returns the features of an encoded file: float32 of shape (frames, ...).

        Raises:
            FormatError: The bytes are no audio that can be decoded.
            FeatureError: It has another sample rate, more channels, fewer samples than
                a window (or none), or ones that are not finite.
            OptionsError: A library is not installed.
        """
        extractor = self.load()
        try:
            samples, rate = extractor.read(data)
        except ValueError as error:
            raise errors.FormatError(
                f"The audio cannot be decoded: {error}. Write it again, or leave it "
                "out."
            ) from error
        self._check(samples, rate)
        if self.channels == "each":
            parts = list(samples.T)
        else:
            parts = [samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)]
        made = [
            extractor.values(extractor.resampled(np.ascontiguousarray(part), rate))
            for part in parts
        ]
        return made[0] if len(made) == 1 else np.concatenate(made)

    def _check(self, samples: np.ndarray, rate: int) -> None:
        if not len(samples):
            raise errors.FeatureError("The audio has not one sample. Leave it out.")
        if rate != self.sample_rate and not self.resample:
            raise errors.FeatureError(
                f"The audio has {rate} samples a second, where {self.sample_rate} are "
                "expected. Set `sample_rate`, or say `resample=True`."
            )
        if samples.shape[1] > 1 and self.channels == "one":
            raise errors.FeatureError(
                f"The audio has {samples.shape[1]} channels. Say `channels='mix'` for "
                "their mean, or 'each' for the frames of each."
            )


class Pile(encoded.Pile):
    """Frames that wait until there are enough for a batch."""

    def __init__(self, audio: Audio, tally: shards.Tally):
        self._audio = audio
        super().__init__(audio.feature, tally)

    def clear(self) -> None:
        super().clear()
        self._values = [np.zeros((0, *self._audio.shape), np.float32)]
        self._missing = [np.zeros(0, bool)]

    def take(self, data: bytes | None) -> int:
        if data is None:  # Counts as one frame.
            values = np.zeros((1, *self._audio.shape), np.float32)
        else:
            values = self._audio.values(data)
        self._values.append(values)
        self._missing.append(np.full(len(values), data is None))
        return values.nbytes

    @property
    def column(self) -> arrays.Column:
        missing = np.concatenate(self._missing)
        return arrays.Column(
            np.concatenate(self._values), missing if missing.any() else None
        )


@functools.lru_cache(maxsize=8)
def _extractor_of(audio: Audio) -> audio_features.Extractor:
    return audio_features.Extractor(
        audio.features,
        audio.sample_rate,
        audio.resample,
        audio.n_fft,
        audio.hop_length,
        audio.n_mels,
        audio.n_mfcc,
    )
