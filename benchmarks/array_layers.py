# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantiles, sound and covariances beside their peers."""

import functools

import ml_dtypes
import numpy as np

from benchmarks import goals
from benchmarks import layer_suite
from tfnorm import schemes
from tfnorm import statistics


@functools.cache
def table() -> np.ndarray:
    """Normal columns."""
    return (
        np.random.default_rng(layer_suite.SEED)
        .normal(size=(200_000, 20))
        .astype(np.float32)
    )


@functools.cache
def _quantile():
    import tfnorm
    from tfnorm import schemes

    recipe = tfnorm.Recipe({"": schemes.Quantile()})
    return recipe.fit(tfnorm.analyze(table(), recipe)).maps[""]


def _sklearn_quantile():
    import sklearn.preprocessing

    transformer = sklearn.preprocessing.QuantileTransformer(subsample=None)
    transformer.fit(table())
    return lambda: transformer.transform(table())


def _quantile_in_numpy():
    forward, x = _quantile().forward, table()
    return lambda: forward(x)


SKLEARN = "sklearn QuantileTransformer"
QUANTILE = layer_suite.Suite(
    "Quantile of 1,000 knots, 200,000 x 20 float32",
    {
        "tfnorm Quantile, XLA": lambda: layer_suite.in_tensorflow(
            _quantile().forward, table(), xla=True
        ),
        "tfnorm Quantile, graph": lambda: layer_suite.in_tensorflow(
            _quantile().forward, table(), xla=False
        ),
        "tfnorm Quantile, JAX jit": lambda: layer_suite.in_jax(
            _quantile().forward, table()
        ),
        "tfnorm Quantile, NumPy": _quantile_in_numpy,
        SKLEARN: _sklearn_quantile,
    },
    (
        ("tfnorm Quantile, XLA", SKLEARN, goals.SPEED, 3),
        ("tfnorm Quantile, graph", SKLEARN, goals.SPEED),
        ("tfnorm Quantile, JAX jit", SKLEARN, goals.SPEED),
        ("tfnorm Quantile, NumPy", SKLEARN, goals.SPEED),
    ),
)


@functools.cache
def frames() -> np.ndarray:
    """Mel energies: 8 utterances of 10 s, 100 frames a second, 80 bands."""
    return (
        np.random.default_rng(layer_suite.SEED)
        .gamma(2, size=(8, 1000, 80))
        .astype(np.float32)
    )


def _sliding(xla):
    from tfnorm import layers

    layer = layers.SlidingCMVN(variance=True)
    return layer_suite.in_tensorflow(lambda x: layer(x), frames(), xla=xla)


def _torchaudio_sliding():
    import torch
    import torchaudio

    x = torch.tensor(frames())
    run = torchaudio.functional.sliding_window_cmn
    return lambda: run(x, cmn_window=600, min_cmn_window=100, norm_vars=True)


def _pcen(xla):
    from tfnorm import layers

    layer = layers.PCEN()
    return layer_suite.in_tensorflow(lambda x: layer(x), frames(), xla=xla)


def _librosa_pcen():
    import librosa

    x = frames()
    return lambda: [librosa.pcen(one.T * 2.0**31) for one in x]


SOUND = layer_suite.Suite(
    "Spectrograms, 8 x 1,000 frames x 80 bands",
    {
        "tfnorm SlidingCMVN, XLA": lambda: _sliding(True),
        "tfnorm SlidingCMVN, graph": lambda: _sliding(False),
        "torchaudio sliding_window_cmn": _torchaudio_sliding,
        "tfnorm PCEN, XLA": lambda: _pcen(True),
        "tfnorm PCEN, graph": lambda: _pcen(False),
        "librosa pcen": _librosa_pcen,
    },
    (
        ("tfnorm SlidingCMVN, XLA", "torchaudio sliding_window_cmn", goals.SPEED, 1),
        ("tfnorm SlidingCMVN, graph", "torchaudio sliding_window_cmn", goals.SPEED, 1),
        ("tfnorm PCEN, XLA", "librosa pcen", goals.SPEED, 1),
        ("tfnorm PCEN, graph", "librosa pcen", goals.SPEED, 1),
    ),
)


@functools.cache
def wide_table() -> np.ndarray:
    """Columns whose mean is 50 deviations off."""
    x = np.random.default_rng(layer_suite.SEED).normal(50, 1, (1_000_000, 256))
    return x.astype(np.float32)


def _comoments():
    from tfnorm import statistics

    return lambda: statistics.CoMoments.of(wide_table()).covariance


def _product():
    x = wide_table()

    def multiply():
        wide = x.astype(np.float64)
        return wide.T @ wide

    return multiply


EXACT, PRODUCT = "tfnorm CoMoments, exact", "NumPy, X.T @ X in float64"
COVARIANCE = layer_suite.Suite(
    "Covariance of 1,000,000 x 256 float32",
    {EXACT: _comoments, PRODUCT: _product},
    ((EXACT, PRODUCT, goals.TIME, 6),),
)


# Memory bandwidth, of the device that JAX and torch find: a GPU if there is one.


def _series(dtype: str):
    x = np.random.default_rng(layer_suite.SEED).normal(size=(1 << 18, 64))
    return x.astype(getattr(ml_dtypes, dtype, dtype))


@functools.cache
def _z_score():
    x = _series("float32")
    scheme = schemes.ZScore()
    return scheme.fit(statistics.FeatureStatistics.of(x, axis=-1))


def _in_jax(dtype: str, function=None):
    import jax.numpy as jnp

    forward = function or _z_score().forward
    return layer_suite.in_jax(
        lambda x: forward(x).astype(x.dtype), jnp.asarray(_series(dtype))
    )


def _in_torch(dtype: str, function=None):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x = torch.tensor(_series("float32")).to(device, getattr(torch, dtype))
    forward = function or _z_score().forward
    # Where there is no GPU, compiling needs a compiler of C++.
    run = torch.compile(forward) if device == "cuda" else forward

    def call():
        y = run(x).to(x.dtype)
        if device == "cuda":
            torch.cuda.synchronize()
        return y

    return call


def _bandwidth_suite() -> layer_suite.Suite:
    entries, comparisons = {}, []
    for dtype in ("float32", "bfloat16"):
        for name, run in (("JAX", _in_jax), ("torch", _in_torch)):
            ours, copy = f"tfnorm ZScore, {name}, {dtype}", f"{name}, x + 1, {dtype}"
            entries[ours] = functools.partial(run, dtype)
            entries[copy] = functools.partial(run, dtype, lambda x: x + 1)
            comparisons.append((ours, copy, goals.TIME))
    title = "262,144 x 64 numbers, read and written once"
    return layer_suite.Suite(title, entries, tuple(comparisons))


SUITES = {
    "quantile": QUANTILE,
    "sound": SOUND,
    "covariance": COVARIANCE,
    "bandwidth": _bandwidth_suite(),
}
