# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Sound at a level: peaks, mean squares, and loudness as broadcasters measure it."""

import numpy as np
import pytest
import scipy.signal

from tests import backends
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm.bijectors import filters
from tfnorm.bijectors import loudness

RNG = np.random.default_rng(0)
RATE = 8000
# Stereo noise whose level moves by 60 dB, so that both gates have work to do.
LEVELS = 10.0 ** RNG.uniform(-4, -1, (2, 33, 1))
MOVING = RNG.normal(size=(2, 33 * 817, 2)) * np.repeat(LEVELS, 817, axis=1)
WAVES = MOVING.astype(np.float32)
# One gain of a few roundings.
RTOL = 16 * contracts.ULP


def amplitude(x, kind):
    """SpeechBrain's `compute_amplitude`, in float64; over the time of each channel."""
    x = x.astype(np.float64)
    if kind == "peak":
        return np.abs(x).max(axis=1, keepdims=True)
    return np.sqrt(np.mean(x**2, axis=1, keepdims=True))


@pytest.mark.parametrize("kind", ["peak", "rms"])
def test_brings_channels_to_a_level_as_speechbrain_does(kind):
    layer = {"peak": layers.Peak, "rms": layers.RMSLevel}[kind]
    found = layer(0.0, per_channel=True)(WAVES)
    wanted = WAVES / (amplitude(WAVES, kind) + 1e-14)
    np.testing.assert_allclose(found, wanted, rtol=RTOL)


@pytest.mark.parametrize("kind", ["peak", "rms"])
@pytest.mark.parametrize("level", [-40.0, -6.0, 3.0])
def test_all_channels_share_one_gain(kind, level):
    layer = {"peak": layers.Peak, "rms": layers.RMSLevel}[kind]
    found = np.asarray(layer(level)(WAVES), np.float64).reshape(2, -1, 1)
    np.testing.assert_allclose(amplitude(found, kind), 10 ** (level / 20), rtol=RTOL)
    gain = found.reshape(WAVES.shape) / WAVES
    np.testing.assert_allclose(gain, np.broadcast_to(gain[:, :1, :1], gain.shape), RTOL)


def test_the_defaults_are_full_scale_and_a_tenth_of_it():
    assert np.abs(layers.Peak()(WAVES)).max() == pytest.approx(1.0)
    found = np.asarray(layers.RMSLevel()(WAVES[:1]))
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.1)


LAYERS = {
    "peak": layers.Peak(-1.0),
    "peak_per_channel": layers.Peak(per_channel=True),
    "rms": layers.RMSLevel(),
    "loudness": layers.Loudness(sample_rate=RATE),
}
each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@each_layer
def test_integers_are_taken_as_they_are(layer):
    pcm = np.round(WAVES * 32767).clip(-32768, 32767).astype(np.int16)
    found = layer(pcm)
    np.testing.assert_allclose(found, layer(pcm.astype(np.float32)), rtol=RTOL)
    assert np.abs(found).max() < 10


@each_layer
def test_channels_may_come_first(layer):
    first = type(layer).from_config({**layer.get_config(), "axis": 1})
    found = first(np.moveaxis(WAVES, -1, 1))
    wanted = np.moveaxis(np.asarray(layer(WAVES)), -1, 1)
    np.testing.assert_allclose(found, wanted, rtol=RTOL)


@each_layer
def test_padding_changes_nothing(layer):
    padded = np.pad(WAVES, [(0, 0), (0, 900), (0, 0)], constant_values=99.0)
    mask = np.arange(padded.shape[1]) < WAVES.shape[1]
    found = np.asarray(layer(padded, mask=np.stack([mask, mask])))
    np.testing.assert_allclose(found[:, mask], layer(WAVES), rtol=RTOL)
    assert (found[:, ~mask] == 0).all()


@each_layer
@pytest.mark.parametrize("size", [1e-25, 1e-3, 1e12])
def test_how_loud_it_was_leaves_no_trace(layer, size):
    if isinstance(layer, layers.Loudness):
        # Below the absolute gate, nothing counts; squares end at 1e38.
        size = np.clip(size, 1.0, 1e12)
    found = layer((WAVES * size).astype(np.float32))
    np.testing.assert_allclose(found, layer(WAVES), rtol=RTOL, atol=1e-6)


# What torch says of a machine with half a CUDA, once, when it differentiates.
@pytest.mark.filterwarnings("ignore:CUDA initialization")
@each_layer
def test_silence_stays_silent_with_a_finite_gradient(layer):
    structure = layer.scheme.fit(None).along(layer.axis, 3)
    silence = np.zeros((1, 4000, 2), np.float32)
    assert (structure.forward(silence) == 0).all()
    for place, gradient in backends.gradients(structure.forward, silence).items():
        assert np.isfinite(gradient).all(), place


@each_layer
def test_nan_spoils_its_own_sample_and_no_other(layer):
    x = WAVES.copy()
    x[0, 7] = np.nan
    y = layer.scheme.fit(None).forward(x)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1]).all()


# Loudness.


def lufs(x, rate, sections=None):
    """ITU-R BS.1770-4 in float64, sample by sample: x of shape (samples, channels)."""
    x = np.asarray(x, np.float64).T
    for b0, b1, b2, a1, a2 in sections or loudness.k_weighting(rate):
        x = scipy.signal.lfilter([b0, b1, b2], [1, a1, a2], x)
    step = round(rate / 10)
    starts = range(0, x.shape[1] - 4 * step + 1, step)
    means = np.array([(x[:, at : at + 4 * step] ** 2).mean(1) for at in starts])
    power = means @ np.array([1, 1, 1, 1.41, 1.41])[: len(x)]
    loud = -0.691 + 10 * np.log10(power)
    gated = power[loud > -70]
    relative = -0.691 + 10 * np.log10(gated.mean()) - 10
    return -0.691 + 10 * np.log10(power[(loud > -70) & (loud > relative)].mean())


def of_cookbook(rate):
    """The biquads of torchaudio's `loudness`, from the Audio EQ Cookbook."""
    w, a = 2 * np.pi * 1500 / rate, 10 ** (4 / 40)
    beta, cos = 2 * np.sqrt(a) * np.sin(w) / np.sqrt(2), np.cos(w)
    shelf = (
        a * (a + 1 + (a - 1) * cos + beta),
        -2 * a * (a - 1 + (a + 1) * cos),
        a * (a + 1 + (a - 1) * cos - beta),
        2 * (a - 1 - (a + 1) * cos),
        a + 1 - (a - 1) * cos - beta,
    )
    w = 2 * np.pi * 38 / rate
    alpha, cos = np.sin(w), np.cos(w)
    high = ((1 + cos) / 2, -1 - cos, (1 + cos) / 2, -2 * cos, 1 - alpha)
    return (
        tuple(
            np.array(shelf) / (a + 1 - (a - 1) * np.cos(2 * np.pi * 1500 / rate) + beta)
        ),
        tuple(np.array(high) / (1 + alpha)),
    )


def test_the_weighting_is_that_of_the_recommendation():
    wanted = (
        (1.53512485958697, -2.69169618940638, 1.19839281085285)
        + (-1.69065929318241, 0.73248077421585),
        (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621),
    )
    # The tables of BS.1770-4 have 14 digits behind the point.
    np.testing.assert_allclose(loudness.k_weighting(48000), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100, 48000, 192000])
def test_filters_are_right_in_float32(rate):
    x = RNG.normal(size=(2, rate // 3)).astype(np.float32) + 0.5
    sections = loudness.k_weighting(rate)
    wanted = x.astype(np.float64)
    for b0, b1, b2, a1, a2 in sections:
        wanted = scipy.signal.lfilter([b0, b1, b2], [1, a1, a2], wanted)
    found = filters.filtered(x, filters.cascade(sections))
    # Of products of 128 numbers, beside the greatest result.
    bound = 16 * contracts.ULP * np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 22050, 48000])
def test_loudness_is_that_of_the_loops_in_float64(rate):
    found = bijectors.Loudness(sample_rate=rate).lufs(WAVES)
    wanted = [lufs(x, rate) for x in WAVES]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_loudness_is_close_to_that_of_torchaudio(rate):
    # Its filters are not those of the recommendation, but within its 0.1 LU.
    wanted = [lufs(x, rate, of_cookbook(rate)) for x in WAVES]
    found = bijectors.Loudness(sample_rate=rate).lufs(WAVES)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.1)
    assert np.abs(found - wanted).max() > 0.01


def tone(*parts, rate=RATE, hertz=1000.0):
    """A stereo sine of (level in dBFS, seconds)."""
    level = np.concatenate(
        [np.full(round(seconds * rate), 10 ** (db / 20)) for db, seconds in parts]
    )
    sine = level * np.sin(2 * np.pi * hertz * np.arange(len(level)) / rate)
    return np.stack([sine, sine], 1)[np.newaxis].astype(np.float32)


def test_a_tone_of_full_scale_in_one_channel_has_3_01_lufs():
    # What the recommendation states to check a meter by.
    left = tone((0.0, 3.0), rate=48000, hertz=997.0) * [1, 0]
    found = bijectors.Loudness(sample_rate=48000).lufs(left)
    np.testing.assert_allclose(found, -3.01, rtol=0, atol=0.005)


EBU = {
    "1": ([(-23.0, 20)], -23.0),
    "2": ([(-33.0, 20)], -33.0),
    "3": ([(-36.0, 10), (-23.0, 60), (-36.0, 10)], -23.0),
    "4": ([(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)], -23.0),
    "5": ([(-26.0, 20), (-20.0, 20.1), (-26.0, 20)], -23.0),
}


@pytest.mark.parametrize("case", EBU)
def test_passes_the_test_signals_of_the_ebu(case):
    parts, wanted = EBU[case]
    found = bijectors.Loudness(sample_rate=RATE).lufs(tone(*parts))
    # EBU Tech 3341, table 1, allows a meter 0.1 LU.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.1)


def test_surround_channels_weigh_more():
    x = np.zeros((1, 2 * RATE, 5), np.float32)
    x[..., 0] = tone((-20.0, 2.0))[..., 0]
    meter = bijectors.Loudness(sample_rate=RATE)
    found = meter.lufs(np.roll(x, 3, axis=-1)) - meter.lufs(x)
    np.testing.assert_allclose(found, 10 * np.log10(1.41), rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", [-23.0, -14.0])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_sound_is_brought_to_its_target(target, channels):
    x = np.tile(WAVES[..., :1], channels)
    y = np.asarray(layers.Loudness(target, sample_rate=RATE)(x))
    # 1e-4 LU: the sound of one gain, rounded to float32.
    np.testing.assert_allclose([lufs(s, RATE) for s in y], target, rtol=0, atol=1e-4)


def test_one_channel_needs_no_axis():
    layer = layers.Loudness(sample_rate=RATE)
    found = layer(WAVES[..., 0])
    np.testing.assert_allclose(found, layer(WAVES[..., :1])[..., 0], rtol=RTOL)


def test_float64_stays_float64():
    y = schemes.Loudness(sample_rate=RATE).fit(None).forward(MOVING)
    assert y.dtype == np.float64
    found = [lufs(x, RATE) for x in y]
    # The target is a float32, as constants are everywhere.
    np.testing.assert_allclose(found, -23, rtol=0, atol=1e-6)


def test_less_than_a_block_stays_as_it_is():
    x = WAVES[:, :3199]
    np.testing.assert_array_equal(layers.Loudness(sample_rate=RATE)(x), x)


def test_a_block_that_holds_a_masked_sample_does_not_count():
    mask = np.ones(WAVES.shape[:2], bool)
    mask[:, 5000] = False
    heard = np.where(mask[..., None], WAVES, 0)
    found = np.asarray(layers.Loudness(sample_rate=RATE)(WAVES, mask=mask))
    # Steps of 800 samples: 6 is broken, and so are the blocks that begin at 3 to 6.
    weighted = heard.astype(np.float64)
    for b0, b1, b2, a1, a2 in loudness.k_weighting(RATE):
        weighted = scipy.signal.lfilter([b0, b1, b2], [1, a1, a2], weighted, axis=1)
    steps = (weighted[:, :26400] ** 2).reshape(2, 33, 800, 2).mean(2).sum(-1)
    power = np.lib.stride_tricks.sliding_window_view(steps, 4, axis=1).mean(-1)
    counts = np.delete(power, [3, 4, 5, 6], axis=1)
    for row, blocks in enumerate(counts):
        blocks = blocks[blocks > 10 ** (-6.9309)]
        blocks = blocks[blocks > blocks.mean() / 10]
        gain = np.sqrt(10 ** ((-23 + 0.691) / 10) / blocks.mean())
        np.testing.assert_allclose(found[row], heard[row] * gain, rtol=1e-5)


def test_more_channels_than_have_weights_are_an_error():
    with pytest.raises(ValueError, match="at most five"):
        schemes.Loudness(sample_rate=RATE).fit(None).forward(np.zeros((1, 9, 6)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schemes.Peak(np.nan), "target_dbfs"),
        (lambda: schemes.RMSLevel(1e4), "target_dbfs"),
        (lambda: schemes.Loudness(-1e9, sample_rate=RATE), "target_lufs"),
        (lambda: schemes.Loudness(sample_rate=0), "sample_rate"),
        (lambda: schemes.Loudness(sample_rate=44.1), "in hertz"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(errors.RecipeError, match=message):
        make()
