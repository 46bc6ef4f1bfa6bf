# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Samples and features of audio files, by soundfile and librosa, loaded on demand."""

import io
import typing
import warnings

import numpy as np

from tfnorm import errors
from tfnorm.sources import audio_headers

# Frames whose spectra are held at once, 80 MiB of 400 samples each: the features of
# longer recordings are made in parts.
FRAMES = 1 << 14
# Samples that a FLAC file can tell of.
_MOST = 1 << 36
KINDS = ("log_mel", "mfcc", "waveform")


class Extractor:
    """Decodes audio, and makes features of it.

    Args:
        features: Which: one of `KINDS`.
        sample_rate: In Hz, of the samples that features are made of.
        resample: Whether those of another rate are resampled.
        n_fft: Samples in a window.
        hop_length: Samples from one window to the next.
        n_mels: Mel bands.
        n_mfcc: Cepstral coefficients.

    Raises:
        OptionsError: A library is not installed, or a mel band has no frequency.
    """

    def __init__(
        self,
        features: str,
        sample_rate: int,
        resample: bool,
        n_fft: int,
        hop_length: int,
        n_mels: int,
        n_mfcc: int,
    ):
        try:
            import soundfile
        except ImportError as error:
            raise _not_installed("soundfile") from error
        self._soundfile = soundfile
        found = {"soundfile": soundfile.__version__}
        found["libsndfile"] = soundfile.__libsndfile_version__
        self._features = features
        self._rate = sample_rate
        self._resample = resample
        self._n_fft = n_fft
        self._n_mfcc = n_mfcc
        self._mels = {
            "sr": sample_rate,
            "n_fft": n_fft,
            "hop_length": hop_length,
            "n_mels": n_mels,
        }
        if features != "waveform" or resample:
            try:
                import librosa
            except ImportError as error:
                raise _not_installed("librosa") from error
            self._librosa = librosa
            found["librosa"] = librosa.__version__
        if resample:
            import soxr

            found["soxr"] = soxr.__version__
        if features != "waveform":
            self._check_bands()
        # Of one frame: none of samples, which are single numbers.
        widths = {"log_mel": (n_mels,), "mfcc": (n_mfcc,), "waveform": ()}
        self.shape: tuple[int, ...] = widths[features]
        self.version = ", ".join(" ".join(item) for item in found.items())

    def read(self, data: bytes) -> tuple[np.ndarray, int]:
        """Returns float32 samples in [-1, 1], (samples, channels), and their rate.

        Raises:
            ValueError: They cannot be decoded.
        """
        audio_headers.check(data)
        try:
            with self._soundfile.SoundFile(io.BytesIO(data)) as file:
                if file.frames > _MOST:
                    raise ValueError("it does not tell how many samples it has")
                samples = file.read(dtype="float32", always_2d=True)
                if len(samples) < file.frames:
                    raise ValueError(
                        f"it has {len(samples)} of the {file.frames} samples that it "
                        "tells of"
                    )
                return samples, file.samplerate
        except self._soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").rstrip(".")
            raise ValueError(reason) from error

    def resampled(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """Returns samples, of one channel, at the rate wanted."""
        if rate == self._rate:
            return samples
        return self._librosa.resample(samples, orig_sr=rate, target_sr=self._rate)

    def values(self, samples: np.ndarray) -> np.ndarray:
        """Returns the features of a channel's samples: (frames, ...).

        Raises:
            FeatureError: They are fewer than a window has, or not all finite.
        """
        if self._features == "waveform":
            return samples
        if len(samples) < self._n_fft:
            raise errors.FeatureError(
                f"The audio has {len(samples)} samples at {self._rate} Hz, fewer than "
                f"a window of `n_fft={self._n_fft}`. Leave it out, or pad it."
            )
        if not np.isfinite(samples).all():
            raise errors.FeatureError(
                "The audio has samples that are NaN or infinite, of which there are no "
                "spectra. Leave it out."
            )
        feature, mel = self._librosa.feature, self._mel(samples)
        if self._features == "mfcc":
            levels = self._librosa.power_to_db(mel)
            return feature.mfcc(S=levels, n_mfcc=self._n_mfcc).T
        return self._librosa.power_to_db(mel, top_db=None).T

    def _mel(self, samples: np.ndarray) -> np.ndarray:
        spectrogram = self._librosa.feature.melspectrogram
        length, hop = self._n_fft, self._mels["hop_length"]
        half = length // 2
        frames = 1 + (len(samples) + 2 * half - length) // hop
        if frames <= FRAMES:
            return spectrogram(y=samples, **self._mels)
        samples = np.pad(samples, half)
        parts = []
        for start in range(0, frames, FRAMES):
            last = min(start + FRAMES, frames) - 1
            part = samples[start * hop : last * hop + length]
            parts.append(spectrogram(y=part, center=False, **self._mels))
        return np.concatenate(parts, axis=1)

    def _check_bands(self) -> None:
        options = {name: self._mels[name] for name in ("sr", "n_fft", "n_mels")}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Empty filters")
            bands = self._librosa.filters.mel(**options)
        empty = int((bands.max(axis=1) == 0).sum())
        if empty:
            raise errors.OptionsError(
                f"{empty} of `n_mels={self._mels['n_mels']}` bands have no frequency "
                f"in windows of `n_fft={self._n_fft}` samples. Take fewer bands, or "
                "longer windows."
            )


def _not_installed(name: typing.Literal["soundfile", "librosa"]) -> errors.OptionsError:
    return errors.OptionsError(
        f"{name}, by which audio is read, is not installed. `pip install "
        "'tfnorm[audio]'`."
    )
