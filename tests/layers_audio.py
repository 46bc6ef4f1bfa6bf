# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of sound, and sound for them: waves, energies and features of frames."""

import numpy as np

from tfnorm import layers
from tfnorm import schemes

RATE = 8000

_RNG = np.random.default_rng(0)
# Half a second of stereo noise whose level rises, so that gates have work to do.
_RISE = 10.0 ** np.linspace(-3, -1, 4000)[:, np.newaxis]
WAVES = (_RNG.normal(size=(8, 4000, 2)) * _RISE).astype(np.float32)
FEATURES = (_RNG.normal(size=(8, 50, 3)) * 3 - 5).astype(np.float32)
ENERGIES = np.exp(FEATURES).astype(np.float32)

WAVE_LAYERS = {
    "loudness": (layers.Loudness, {"sample_rate": RATE}),
    "peak": (layers.Peak, {"target_dbfs": -1.0}),
    "peak_per_channel": (layers.Peak, {"per_channel": True}),
    "rms_level": (layers.RMSLevel, {}),
}
FEATURE_LAYERS = {
    "cmvn": (layers.CMVN, {}),
    "cmvn_mean": (layers.CMVN, {"variance": False}),
    "sliding_cmvn": (layers.SlidingCMVN, {"window": 20, "min_window": 7}),
    "sliding_cmvn_center": (
        layers.SlidingCMVN,
        {"window": 18, "center": True, "variance": True},
    ),
    "sliding_cmvn_long": (layers.SlidingCMVN, {"variance": True}),
}
ENERGY_LAYERS = {
    "log_mel": (layers.LogMel, {}),
    "log_mel_cmvn": (layers.LogMel, {"kind": "log", "then": schemes.CMVN()}),
    "log_mel_db": (layers.LogMel, {"kind": "db", "relative": True, "span": 2.0}),
    "log_mel_z_score": (layers.LogMel, {"kind": "log10", "then": schemes.ZScore()}),
    "pcen": (layers.PCEN, {}),
    "pcen_trained": (
        layers.PCEN,
        {"smoothing": 0.2, "per_channel": True, "trainable_constants": True},
    ),
}
LAYERS = {**WAVE_LAYERS, **FEATURE_LAYERS, **ENERGY_LAYERS}


def data_for(name: str) -> np.ndarray:
    """Returns data that a layer of `LAYERS` takes."""
    if name in WAVE_LAYERS:
        return WAVES
    return FEATURES if name in FEATURE_LAYERS else ENERGIES
