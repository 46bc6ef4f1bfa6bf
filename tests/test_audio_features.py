# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames of sound: means over time, automatic gain, and logarithms of energies."""

import keras
import numpy as np
import pytest
import scipy.signal

import tfnorm
from tests import backends
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes

RNG = np.random.default_rng(0)
FRAMES = (RNG.normal(size=(3, 130, 4)) * [1, 3, 5, 7] - 20).astype(np.float32)
ENERGIES = np.exp(RNG.normal(size=(3, 130, 4)) * 4 + 6).astype(np.float32)
# Results of a few, from sums of as many numbers as a window has.
ATOL = 32 * contracts.ULP * 4


def speechbrain(x, lengths, variance):
    """`InputNormalization(norm_type="sentence")`, in float64; padding stays apart."""
    found = np.zeros(x.shape)
    for row, length in enumerate(lengths):
        part = x[row, :length].astype(np.float64)
        std = part.std(0) if variance else np.ones(x.shape[-1])
        found[row, :length] = (part - part.mean(0)) / np.maximum(std, 1e-10)
    return found


def torchaudio(x, window, min_window, center, variance):
    """`sliding_window_cmn`, in float64: its windows, one frame after the other."""
    x, frames = x.astype(np.float64), len(x)
    found = np.zeros_like(x)
    for t in range(frames):
        start = t - window // 2 if center else t - window
        end = start + window if center else t + 1
        if start < 0:
            end, start = end - start, 0
        if not center:
            end = max(t + 1, min_window)
        if end > frames:
            start, end = max(start - (end - frames), 0), frames
        part = x[start:end]
        found[t] = x[t] - part.mean(0)
        if variance:
            std = part.std(0)
            found[t] = np.where(std > 0, found[t] / np.where(std > 0, std, 1), 0)
    return found


def librosa(x, gain=0.98, bias=2.0, power=0.5, b=0.025, eps=1e-6):
    """`pcen`, in float64; frames lie along axis 1."""
    x = x.astype(np.float64)
    state = scipy.signal.lfilter_zi([b], [1, b - 1]) * np.ones_like(x[:, :1])
    smooth, _ = scipy.signal.lfilter([b], [1, b - 1], x, zi=state, axis=1)
    level = np.exp(-gain * (np.log(eps) + np.log1p(smooth / eps)))
    return bias**power * np.expm1(power * np.log1p(x * level / bias))


# Cepstral mean and variance.


@pytest.mark.parametrize("variance", [False, True])
def test_normalizes_utterances_as_speechbrain_does(variance):
    lengths = np.array([130, 77, 9])
    mask = np.arange(130) < lengths[:, None]
    found = layers.CMVN(variance)(FRAMES, mask=mask)
    wanted = speechbrain(FRAMES, lengths, variance)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL * 7)


def test_a_feature_that_does_not_vary_becomes_zero():
    x = FRAMES.copy()
    x[..., 1] = -20.0
    assert (np.asarray(layers.CMVN()(x))[..., 1] == 0).all()


WINDOWS = [(1, 1), (2, 1), (7, 3), (8, 8), (9, 1), (40, 25), (129, 2), (130, 100)]
WINDOWS += [(131, 131), (600, 100), (600, 400)]


@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows_are_those_of_torchaudio(window, center, variance):
    scheme = schemes.SlidingCMVN(
        window[0], min_window=window[1], center=center, variance=variance
    )
    found = scheme.fit(None).forward(FRAMES)
    wanted = [torchaudio(x, *window, center, variance) for x in FRAMES]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL * 7)


def test_frames_far_from_zero_lose_no_digits():
    x = (1e4 + RNG.normal(size=(1, 900, 2))).astype(np.float32)
    wanted = torchaudio(x[0], 600, 100, False, True)
    found = schemes.SlidingCMVN(variance=True).fit(None).forward(x)[0]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)
    # What the running sums of squares of torchaudio make of it in float32.
    sums = np.cumsum(x[0], 0)[599], np.cumsum(x[0] ** 2, 0)[599]
    variance = sums[1] / np.float32(600) - (sums[0] / np.float32(600)) ** 2
    assert np.abs(variance - 1).max() > 1


def test_what_is_louder_elsewhere_takes_no_digits():
    # 80 dB of level between the halves, and windows that lie in one of them.
    quiet = RNG.normal(size=(1, 400, 1)) * 1e-4
    x = np.concatenate([quiet, 50 + quiet], axis=1).astype(np.float32)
    scheme = schemes.SlidingCMVN(100, min_window=50, variance=True)
    wanted = torchaudio(x[0], 100, 50, False, True)
    found = scheme.fit(None).forward(x)[0]
    np.testing.assert_allclose(found[:400], wanted[:400], rtol=0, atol=ATOL)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_nothing_outside_a_window_touches_it(value, center):
    scheme = schemes.SlidingCMVN(20, min_window=1, center=center, variance=True)
    x = FRAMES.copy()
    x[:, 60] = value
    found, wanted = (scheme.fit(None).forward(v) for v in (x, FRAMES))
    reached = np.arange(50, 70) + 1 if center else np.arange(60, 81)
    rest = np.delete(np.arange(130), reached)
    np.testing.assert_array_equal(found[:, rest], wanted[:, rest])


@pytest.mark.parametrize("center", [False, True])
def test_a_constant_window_gives_zero(center):
    x = np.where(np.arange(200)[:, None] < 100, 0.1, FRAMES[0, :1]).astype(np.float32)
    scheme = schemes.SlidingCMVN(30, min_window=9, center=center, variance=True)
    found = scheme.fit(None).forward(x[np.newaxis])[0]
    assert (found[:80] == 0).all()
    assert (found[160:] == 0).all()


# What torch says of a machine with half a CUDA, once, when it differentiates.
@pytest.mark.filterwarnings("ignore:CUDA initialization")
@pytest.mark.parametrize(
    "scheme",
    [
        schemes.CMVN(),
        schemes.SlidingCMVN(9, min_window=4, variance=True),
        schemes.PCEN(),
        schemes.LogMel("db", relative=True),
    ],
    ids=lambda scheme: type(scheme).__name__,
)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_silence_and_constants_have_a_finite_gradient(scheme, value):
    x = np.full((1, 30, 2), value, np.float32)
    map_ = scheme.fit(None)
    assert np.isfinite(map_.forward(x)).all()
    for place, gradient in backends.gradients(map_.forward, x).items():
        assert np.isfinite(gradient).all(), place


# Masks.

FRAME_LAYERS = {
    "cmvn": layers.CMVN(),
    "sliding": layers.SlidingCMVN(20, min_window=7, variance=True),
    "sliding_center": layers.SlidingCMVN(30, center=True),
    "sliding_long": layers.SlidingCMVN(),
    "pcen": layers.PCEN(),
    "log_mel": layers.LogMel(),
    "log_mel_cmvn": layers.LogMel("db", then=schemes.CMVN()),
}
each_layer = pytest.mark.parametrize("layer", FRAME_LAYERS.values(), ids=FRAME_LAYERS)
TIMES = np.arange(130)
MASKS = {
    "behind": TIMES < 90,
    "before": TIMES >= 33,
    "both": (TIMES > 20) & (TIMES < 50),
    "holes": TIMES % 5 > 1,
    "one": TIMES == 64,
}


@each_layer
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_masked_frames_are_as_if_they_were_not_there(layer, mask):
    x = np.where(mask[:, None], ENERGIES, 1e20).astype(np.float32)
    found = np.asarray(layer(x, mask=np.stack([mask] * 3)))
    wanted = np.asarray(layer(ENERGIES[:, mask]))
    size = np.abs(wanted).max(initial=1)
    np.testing.assert_allclose(found[:, mask], wanted, rtol=0, atol=ATOL * size)
    assert (found[:, ~mask] == 0).all()


@each_layer
def test_samples_of_other_lengths_share_a_batch(layer):
    lengths = [130, 61, 0]
    mask = np.arange(130) < np.array(lengths)[:, None]
    found = np.asarray(layer(ENERGIES, mask=mask))
    for row, length in enumerate(lengths):
        assert (found[row, length:] == 0).all()
        wanted = np.asarray(layer(ENERGIES[row : row + 1, : max(length, 1)]))[0]
        size = np.abs(wanted).max(initial=1)
        np.testing.assert_allclose(
            found[row, :length], wanted[:length], rtol=0, atol=ATOL * size
        )


@each_layer
def test_channels_may_come_first(layer):
    first = type(layer).from_config({**layer.get_config(), "axis": 1})
    found = first(np.moveaxis(ENERGIES, -1, 1))
    wanted = np.moveaxis(np.asarray(layer(ENERGIES)), -1, 1)
    size = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL * size)


def test_a_mask_of_more_than_frames_is_an_error():
    with pytest.raises(ValueError, match="rows and steps alone"):
        mask = np.ones(FRAMES.shape, bool)
        bijectors.Sliding(5, min_window=1).forward(FRAMES, mask=mask)


# Per-channel energy normalization.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gain": 0.5, "bias": 10.0},
        {"power": 0.1},
        {"power": 1.0, "epsilon": 1e-2},
        {"smoothing": 0.9},
        {"smoothing": 3e-4},
    ],
    ids=str,
)
def test_pcen_is_that_of_librosa(options):
    x = np.exp(RNG.normal(size=(2, 2000, 5)) * 3 + 4).astype(np.float32)
    renamed = {"smoothing": "b", "epsilon": "eps"}
    wanted = librosa(x, **{renamed.get(k, k): v for k, v in options.items()})
    found = np.asarray(layers.PCEN(**options)(x))
    # Logarithms up to 20 of an average that a thousand roundings went into.
    np.testing.assert_allclose(found, wanted, rtol=64 * contracts.ULP, atol=1e-6)


def test_the_smoothing_of_a_time_constant_is_that_of_librosa():
    frames = 0.4 * 22050 / 512
    wanted = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    assert schemes.pcen_smoothing(0.4, 22050 / 512) == pytest.approx(wanted)


def test_float64_stays_float64():
    y = schemes.PCEN().fit(None).forward(ENERGIES.astype(np.float64))
    assert y.dtype == np.float64
    # The constants are float32 everywhere.
    np.testing.assert_allclose(y, librosa(ENERGIES, b=float(np.float32(0.025))), 1e-6)


def test_one_channel_needs_no_axis():
    found = layers.PCEN()(ENERGIES[..., 0])
    np.testing.assert_allclose(found, layers.PCEN()(ENERGIES)[..., 0], rtol=1e-6)


def test_training_moves_the_constants_of_each_channel():
    layer = layers.PCEN(per_channel=True, trainable_constants=True)
    model = keras.Sequential([keras.Input((None, 4)), layer])
    assert [w.shape for w in layer.trainable_weights] == [(4,)] * 4
    before = layer.get_weights()
    model.compile("sgd", "mse")
    model.fit(ENERGIES, np.zeros_like(ENERGIES), verbose=0)
    for old, new in zip(before, layer.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert (old != new).all()


def test_constants_are_shared_and_fixed_unless_asked():
    layer = layers.PCEN()
    layer(ENERGIES)
    assert [w.shape for w in layer.non_trainable_weights] == [()] * 4
    assert layer.trainable_weights == []


def test_constants_that_left_their_range_are_held_at_its_end():
    layer = layers.PCEN(per_channel=True, trainable_constants=True)
    layer(ENERGIES)
    names = [w.name for w in layer.weights]
    for name, value in {"smoothing": 1.5, "bias": -3.0}.items():
        layer.weights[names.index(name)].assign(np.full(4, value, np.float32))
    assert np.isfinite(layer(ENERGIES)).all()


def test_constants_of_each_channel_need_an_axis_of_channels():
    layer = layers.PCEN(per_channel=True)
    with pytest.raises(ValueError, match="rows, frames, channels"):
        layer(ENERGIES[..., 0])


# Logarithms.


def power_to_db(x, ref, top_db):
    """librosa's, of one sample, in float64."""
    x = x.astype(np.float64)
    found = 10 * np.log10(np.maximum(x, 1e-10)) - 10 * np.log10(np.maximum(ref, 1e-10))
    return found if top_db is None else np.maximum(found, found.max() - top_db)


WIDE = np.exp(RNG.normal(size=(3, 20, 4)) * 9).astype(np.float32)
WIDE[0, 0, 0] = 0.0


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("top_db", [None, 80.0, 30.0])
def test_decibels_are_those_of_librosa(relative, top_db):
    span = np.inf if top_db is None else top_db / 10
    found = layers.LogMel("db", span=span, relative=relative)(WIDE)
    wanted = [power_to_db(x, x.max() if relative else 1.0, top_db) for x in WIDE]
    # 4 ulp of 160 decibels.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4 * contracts.ULP * 160)


def test_whisper_is_that_of_keras_hub():
    z = np.log10(np.maximum(WIDE.astype(np.float64), 1e-10))
    z = np.maximum(z, z.max(axis=(1, 2), keepdims=True) - 8)
    found = layers.LogMel("whisper")(WIDE)
    np.testing.assert_allclose(found, (z + 4) / 4, rtol=0, atol=16 * contracts.ULP)
    assert schemes.presets.whisper() == schemes.LogMel()


@pytest.mark.parametrize(("kind", "log"), [("log", np.log), ("log10", np.log10)])
def test_logarithms_have_a_floor(kind, log):
    found = layers.LogMel(kind, least=1e-3)(WIDE)
    wanted = log(np.maximum(WIDE.astype(np.float64), 1e-3))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4 * contracts.ULP * 40)


def test_a_scheme_of_samples_follows():
    found = layers.LogMel("log", then=schemes.CMVN())(ENERGIES)
    wanted = layers.CMVN()(layers.LogMel("log")(ENERGIES))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize("kind", ["whisper", "log", "db"])
def test_a_scheme_of_the_data_set_follows(kind):
    layer = layers.LogMel(kind, then=schemes.ZScore())
    layer.adapt(ENERGIES)
    logs = np.asarray(layers.LogMel(kind)(ENERGIES), np.float64)
    wanted = (logs - logs.mean((0, 1))) / logs.std((0, 1))
    np.testing.assert_allclose(layer(ENERGIES), wanted, rtol=0, atol=ATOL)


def test_padding_enters_no_statistic_of_the_data_set():
    mask = np.arange(130) < np.array([[130], [61], [9]])
    padded = layers.LogMel("db", then=schemes.ZScore())
    padded.adapt(np.where(mask[..., None], ENERGIES, 1e20), mask=mask)
    # Where each sample is its own: the loudest point is that of the sample.
    alike = [ENERGIES[row, mask[row]] for row in range(3)]
    logs = np.concatenate([layers.LogMel("db")(x[None])[0] for x in alike])
    plain = layers.ZScore()
    plain.adapt(logs)
    for one, other in zip(padded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_recipe_may_hold_it():
    scheme = schemes.LogMel("log10", then=schemes.ZScore())
    recipe = tfnorm.Recipe({"mel": scheme})
    assert "log10_floor(mel)" in recipe.views()
    fitted = recipe.fit(tfnorm.analyze({"mel": ENERGIES}, recipe))
    layer = layers.LogMel("log10", then=schemes.ZScore())
    layer.adapt(ENERGIES)
    found = fitted.forward({"mel": ENERGIES})["mel"]
    np.testing.assert_allclose(found, layer(ENERGIES), rtol=0, atol=ATOL)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schemes.SlidingCMVN(0), "window=0"),
        (lambda: schemes.SlidingCMVN(9.5), "window=9.5"),
        (lambda: schemes.SlidingCMVN(50), "min_window=100"),
        (lambda: schemes.SlidingCMVN(50, min_window=0), "min_window=0"),
        (lambda: schemes.PCEN(-1), "gain=-1"),
        (lambda: schemes.PCEN(bias=0), "bias=0"),
        (lambda: schemes.PCEN(power=0.0), "power=0.0"),
        (lambda: schemes.PCEN(smoothing=1.0), "smoothing=1.0"),
        (lambda: schemes.PCEN(epsilon=0.0), "epsilon=0.0"),
        (lambda: schemes.LogMel("ln"), "kind='ln'"),
        (lambda: schemes.LogMel(relative=True), "Whisper"),
        (lambda: schemes.LogMel(then="ZScore"), "must be a scheme"),
        (lambda: schemes.LogMel(then=schemes.Log()), "One is enough"),
        (lambda: schemes.LogMel(least=0.0), "least=0.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(errors.RecipeError, match=message):
        make()
