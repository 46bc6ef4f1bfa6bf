# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Samples normalized by themselves: parity, masks, and what has no spread."""

import math

import keras
import numpy as np
import pytest
import sklearn.preprocessing
import tensorflow as tf

import tfnorm
from tests import backends
from tests import contracts
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 8, 6, 3), np.uint8)
STEPS = RNG.normal(3, 2, (2, 5, 3)).astype(np.float32)
# A result is at most 4 or so, after sums of 144 numbers of up to 255.
ATOL = 32 * contracts.ULP * 4


def albumentations(image, statistic, axes):
    """The formulas of its `Normalize`, in float64."""
    image = image.astype(np.float64)
    if statistic == "moments":
        mean, std = (f(image, axes, keepdims=True) for f in (np.mean, np.std))
        return np.clip((image - mean) / (std + 1e-4), -20, 20)
    low, high = (f(image, axes, keepdims=True) for f in (np.min, np.max))
    return np.clip((image - low) / (high - low + 1e-4), -20, 20)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("statistic", ["moments", "extrema"])
def test_normalizes_images_as_albumentations_does(statistic, per_channel):
    layer = layers.PerImage(statistic, per_channel=per_channel, clip=20)
    axes = (0, 1) if per_channel else (0, 1, 2)
    truth = [albumentations(image, statistic, axes) for image in IMAGES]
    np.testing.assert_allclose(layer(IMAGES), truth, rtol=0, atol=ATOL)


@pytest.mark.parametrize("images", [IMAGES, np.full_like(IMAGES, 9)], ids=["", "flat"])
def test_standardizes_images_as_tensorflow_does(images):
    found = layers.PerImage(epsilon_mode="count")(images)
    wanted = tf.image.per_image_standardization(images)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize(("order", "name"), [(1, "l1"), (2, "l2"), (math.inf, "max")])
def test_divides_by_the_norm_as_sklearn_does(order, name):
    x = np.vstack([STEPS[0], np.zeros(3, np.float32)])
    wanted = sklearn.preprocessing.Normalizer(name).transform(x)
    np.testing.assert_allclose(layers.UnitNorm(order)(x), wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_divides_by_the_norm_as_keras_does(axis):
    wanted = keras.layers.UnitNormalization(axis)(STEPS)
    found = layers.UnitNorm(axis=axis)(STEPS)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize("order", [1, 2, 3, math.inf])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_no_norm_over_or_underflows(order, size):
    x = np.float32([[3, -4]])
    found = layers.UnitNorm(order)(x * np.float32(size))
    np.testing.assert_allclose(found, layers.UnitNorm(order)(x), rtol=1e-6)


def test_shares_sum_to_one_and_no_counts_stay_none():
    found = np.asarray(layers.SumToOne()(np.array([[1, 3], [0, 0]])))
    np.testing.assert_array_equal(found, [[0.25, 0.75], [0, 0]])


def test_keeps_small_contrast_at_a_large_offset():
    image = 1e6 + RNG.normal(size=(1, 64, 64, 1))
    truth = (image - image.mean()) / (image.std() + 1e-4)
    image32 = image.astype(np.float32)
    # Of the pixels, float32 keeps steps of 1/16, as does nothing behind it.
    np.testing.assert_allclose(layers.PerImage()(image32), truth, rtol=0, atol=0.04)


def test_brightness_and_contrast_leave_no_trace():
    x = IMAGES.astype(np.float32)
    layer = layers.PerImage(epsilon=0.0)
    np.testing.assert_allclose(layer(3 * x + 40), layer(x), rtol=0, atol=ATOL)


def test_channels_may_come_first():
    last = layers.PerImage(per_channel=True)(IMAGES)
    first = layers.PerImage(per_channel=True, axis=1)(np.moveaxis(IMAGES, -1, 1))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=0, atol=ATOL)


LAYERS = {
    "moments": layers.PerImage(),
    "extrema": layers.PerImage("extrema"),
    "count": layers.PerImage(epsilon_mode="count"),
    "per_channel": layers.PerImage(per_channel=True, epsilon=0.0),
    "norm": layers.UnitNorm(axis=(1, 2)),
    "norm_3": layers.UnitNorm(3, axis=(1, 2)),
    "norm_inf": layers.UnitNorm(math.inf, axis=(1, 2)),
    "sum": layers.SumToOne(axis=(1, 2)),
}
each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@each_layer
def test_padded_steps_change_nothing(layer):
    mask = np.array([[True] * 3 + [False] * 2] * 2)
    padded = STEPS.copy()
    padded[:, 3:] = 1e9
    found = np.asarray(layer(padded, mask=mask))
    np.testing.assert_allclose(found[:, :3], layer(STEPS[:, :3]), rtol=0, atol=ATOL)
    assert (found[:, 3:] == 0).all()


WRAPPED = {
    "chain": layers.Chain((schemes.CMVN(), schemes.Affine())),
    "chain_of_logs": layers.Chain((schemes.LogMel("log"), schemes.CMVN())),
    "log": layers.Log("signed", then=schemes.CMVN()),
    "learned": layers.Learned(schemes.CMVN()),
    "preset": layers.Preset("whisper"),
}


@pytest.mark.parametrize("layer", WRAPPED.values(), ids=WRAPPED)
def test_a_mask_reaches_what_is_within_other_layers(layer):
    x, rows = np.abs(STEPS), np.array([[True] * 3 + [False] * 2] * 2)
    padded = np.where(rows[..., None], x, 1e9).astype(np.float32)
    inputs = keras.Input((None, 3))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model([inputs, mask], layer(inputs, mask=mask))
    found = np.asarray(model([padded, rows]))
    np.testing.assert_allclose(found[:, :3], layer(x[:, :3]), rtol=0, atol=ATOL)


def test_a_mask_reaches_the_columns_of_a_recipe():
    recipe = tfnorm.Recipe({"x": schemes.CMVN()})
    features = layers.Features(recipe.fit(tfnorm.analyze({"x": STEPS}, recipe)))
    mask = np.array([[True] * 3 + [False] * 2] * 2)
    found = features({"x": STEPS}, mask={"x": mask})["x"]
    wanted = layers.CMVN()(STEPS[:, :3])
    np.testing.assert_allclose(found[:, :3], wanted, rtol=0, atol=ATOL)


@each_layer
def test_a_sample_without_any_step_is_zeros(layer):
    mask = np.array([[False] * 5, [True] * 5])
    found = np.asarray(layer(STEPS, mask=mask))
    assert (found[0] == 0).all()
    np.testing.assert_allclose(found[1:], layer(STEPS[1:]), rtol=0, atol=ATOL)


@each_layer
def test_a_mask_of_keras_arrives(layer):
    x = np.concatenate([STEPS, np.zeros((2, 2, 3), np.float32)], axis=1)
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.Masking(), layer])
    np.testing.assert_allclose(model(x)[:, :5], layer(STEPS), rtol=0, atol=ATOL)


# What torch says of a machine with half a CUDA, once, when it differentiates.
@pytest.mark.filterwarnings("ignore:CUDA initialization")
@each_layer
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_has_a_defined_output_and_a_finite_gradient(layer, value):
    x = np.full((1, 4, 3), value, np.float32)
    structure = layer.scheme.fit(None).along(layer.axis, 3)
    assert np.isfinite(structure.forward(x)).all()
    for place, gradient in backends.gradients(structure.forward, x).items():
        assert np.isfinite(gradient).all(), place


@each_layer
def test_nan_spoils_its_own_sample_and_no_other(layer):
    x = STEPS.copy()
    x[0, 0, 0] = np.nan
    structure = layer.scheme.fit(None).along(layer.axis, 3)
    y = structure.forward(x)
    assert np.isnan(y[0, :, 0]).all()
    assert np.isfinite(y[1]).all()


def test_a_recipe_may_hold_them():
    recipe = tfnorm.Recipe({"x": schemes.UnitNorm(), "y": schemes.ZScore()})
    columns = {"x": STEPS[0], "y": STEPS[0, :, 0]}
    fitted = recipe.fit(tfnorm.analyze(columns, recipe))
    norms = np.linalg.norm(fitted.forward(columns)["x"], axis=-1)
    np.testing.assert_allclose(norms, 1, rtol=0, atol=ATOL)
    with pytest.raises(errors.NotInvertible, match="own statistics"):
        fitted.inverse(columns)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schemes.PerImage("median"),
        lambda: schemes.PerImage(epsilon=-1.0),
        lambda: schemes.PerImage(epsilon_mode="inside"),
        lambda: schemes.PerImage(clip=0.0),
        lambda: schemes.UnitNorm(0.5),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()
