# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the microphone out of speech, by cepstral mean and variance normalization.

`python examples/audio_cmvn.py [FOLDER]` reads 16-bit WAV files of one rate, by default
those of Debian's alsa-utils, which say "front left" and the like. Where there are none,
it makes sounds.
"""

import pathlib
import sys
import wave

import numpy as np

import tfnorm

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/sounds/alsa")
RATE, FRAME, HOP, BANDS = 48_000, 1200, 480, 40


def read(path):
    """Samples from -1 to 1, of the first channel."""
    with wave.open(str(path)) as file:
        frames = file.readframes(file.getnframes())
        samples = np.frombuffer(frames, "<i2").reshape(-1, file.getnchannels())
    return samples[:, 0] / 2.0**15


def chirp(seed):
    """Two seconds of a tone that wanders, with overtones."""
    rng = np.random.default_rng(seed)
    pitch = 150 + np.interp(
        np.arange(2 * RATE), np.arange(0, 2 * RATE, 9600), rng.uniform(0, 300, 10)
    )
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, 20)) / 4


def mel(samples):
    """Energies of mel bands, of shape (frames, bands)."""
    starts = np.arange(0, len(samples) - FRAME, HOP)
    frames = samples[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = 700 * (np.geomspace(1, 1 + 8000 / 700, BANDS + 2) - 1)
    bins = np.fft.rfftfreq(FRAME, 1 / RATE)
    shape = [np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(BANDS)]
    return power @ np.transpose(shape)


def far_away(samples):
    """As a cheap microphone hears it: quiet, dull, with an echo."""
    dull = np.convolve(samples, np.hanning(33) / 16, "same")
    return 0.05 * (dull + 0.6 * np.roll(dull, 700))


paths = sorted(folder.glob("*_*.wav"))
sounds = [read(path) for path in paths] or [chirp(seed) for seed in range(8)]
print(f"{len(sounds)} sounds {'from ' + str(folder) if paths else 'made here'}")
steps = min(map(len, sounds))
near = np.stack([mel(sound[:steps]) for sound in sounds]).astype(np.float32)
far = np.stack([mel(far_away(sound[:steps])) for sound in sounds]).astype(np.float32)

layers = {
    "log mel": tfnorm.layers.LogMel("log"),
    "with CMN": tfnorm.layers.LogMel("log", then=tfnorm.schemes.CMVN(variance=False)),
    "with CMVN": tfnorm.layers.LogMel("log", then=tfnorm.schemes.CMVN()),
    "with z-scores of the data set": tfnorm.layers.LogMel(
        "log", then=tfnorm.schemes.ZScore()
    ),
}
layers["with z-scores of the data set"].adapt(near)
print("distance of a sound to itself from afar, where that to other sounds is 1:")
for name, layer in layers.items():
    one, other = (np.asarray(layer(x)) for x in (near, far))
    distances = np.sqrt(((one[:, None] - other[None]) ** 2).mean((2, 3)))
    same = np.diag(distances).mean()
    apart = distances[~np.eye(len(one), dtype=bool)].mean()
    found = np.mean(distances.argmin(0) == np.arange(len(one)))
    print(f"  {same / apart:.2f}, recognized {found:4.0%}: {name}")
