# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Folding is exact, says what it did, and leaves what it cannot do exactly."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import tfnorm
from tests import folding_models as models
from tfnorm import layers
from tfnorm import schemes
from tfnorm.layers.network import frozen

L = keras.layers
ROOT = pathlib.Path(__file__).absolute().parents[1]
# Sums of up to 300 products, of which each term is rounded a few times more.
ROUNDED = 2.0**-18
# The same in float64, which shows that the fold itself is exact.
EXACT = 2.0**-18 * 2.0**-29
IMAGE, STEPS = models.IMAGE, models.STEPS


@pytest.fixture
def double():
    compute_in("float64")
    yield
    compute_in("float32")


def compute_in(dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def norm(**kwargs):
    return L.BatchNormalization(**kwargs)


def names(model):
    return [layer.name for layer in model.layers]


# Exactness.


@pytest.mark.parametrize("name", [*models.LINEAR, *models.TRANSPOSED])
def test_batch_norm_folds_into_the_layer_in_front(name, double):
    model = models.in_front(name)
    folded, report = tfnorm.fold(model)
    assert [row.folded for row in report.rows] == [True]
    assert len(folded.layers) == 2
    assert models.difference(model, folded) < EXACT


@pytest.mark.parametrize("name", models.LINEAR)
def test_batch_norm_folds_into_the_layer_behind(name, double):
    model = models.behind(name)
    folded, report = tfnorm.fold(model)
    assert [row.folded for row in report.rows] == [True]
    assert models.difference(model, folded) < EXACT


@pytest.mark.parametrize("name", models.PASSED)
def test_batch_norm_passes(name, double):
    model = models.passing(name)
    folded, report = tfnorm.fold(model)
    assert [row.folded for row in report.rows] == [True]
    assert models.difference(model, folded) < EXACT


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_is_the_same_on(backend):
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.folding_models"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )


def test_the_original_is_left_alone():
    model = models.behind("conv_2d_same")
    x = models.rows(model)
    before = model.get_weights(), np.array(model(x))
    folded, _ = tfnorm.fold(model)
    for weight in folded.weights:
        weight.assign(weight * 2)
    for mine, other in zip(before[0], model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(before[1], np.array(model(x)))


def chain():
    return [norm(), norm(), L.Dense(4), norm(), norm(center=False), norm(scale=False)]


def test_chains_fold_as_a_whole(double):
    model = models.sequential(STEPS, *chain())
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert len(folded.layers) == 2
    assert models.difference(model, folded) < EXACT


def test_a_map_in_front_of_several_layers_folds_into_all(double):
    inputs = keras.Input(IMAGE)
    x = norm(name="norm")(inputs)
    ends = [
        L.Conv2D(3, 3, padding="same", name="same")(x),
        L.Conv2D(3, 3, padding="same", name="padded")(L.ZeroPadding2D(1)(x)),
        L.Dense(3, name="dense")(L.GlobalAveragePooling2D()(x)),
    ]
    model = models.randomize(keras.Model(inputs, ends))
    folded, report = tfnorm.fold(model)
    assert {*report.rows[0].into} == {"same", "padded", "dense"}
    x = models.rows(model)
    for wanted, found in zip(model(x), folded(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def branches(join):
    inputs = keras.Input(IMAGE)
    left = L.Conv2D(3, 3, padding="same", name="left")(inputs)
    right = norm(name="own")(L.Conv2D(3, 1, name="right")(inputs))
    x = norm(name="joint")(join()([left, right]))
    return models.randomize(keras.Model(inputs, x))


@pytest.mark.parametrize("join", [L.Concatenate, L.Add])
def test_a_map_behind_branches_folds_into_all(join, double):
    model = branches(join)
    folded, report = tfnorm.fold(model)
    assert {*report.rows[1].into} == {"left", "right"}
    assert models.difference(model, folded) < EXACT


def test_maps_of_branches_fold_into_the_layer_behind(double):
    inputs = keras.Input(IMAGE)
    own = [norm(name=f"n{i}")(inputs) for i in range(2)]
    x = L.ZeroPadding2D(1)(L.Concatenate()([*own, inputs]))
    model = keras.Model(inputs, L.Conv2D(3, 3, padding="same")(x))
    folded, report = tfnorm.fold(models.randomize(model))
    assert not report.left
    assert models.difference(model, folded) < EXACT


@pytest.mark.parametrize("kind", [L.MaxPooling2D, L.GlobalMaxPooling2D])
def test_increasing_maps_pass_maxima(kind, double):
    model = models.sequential(IMAGE, L.Conv2D(3, 2), L.ZeroPadding2D(1), kind(), norm())
    model.layers[-1].gamma.assign([0.5, 1.0, 2.0])
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert models.difference(model, folded) < EXACT


def test_shared_batch_norm_folds_at_each_call(double):
    inputs, shared = keras.Input(STEPS), norm()
    ends = [shared(L.Dense(5)(inputs)) for _ in range(2)]
    model = models.randomize(keras.Model(inputs, L.Add()(ends)))
    folded, report = tfnorm.fold(model)
    assert [row.folded for row in report.rows] == [True, True]
    assert models.difference(model, folded) < EXACT


# Kinds of maps.


@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization(),
        layers.BatchNormalization(renorm=True, debiased=True),
        frozen.FrozenBatchNormalization(),
        norm(center=False, scale=False, synchronized=True),
    ],
)
def test_batch_norm_of_every_kind(layer):
    model = models.sequential(STEPS, L.Dense(5), layer)
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert models.difference(model, folded) < ROUNDED


def fitted(layer, shape=IMAGE):
    layer.adapt(np.random.default_rng(2).normal(0.5, 0.7, (64, *shape)))
    return layer


PIXELS = (1, 2, 3)


INPUT_MAPS = {
    "z_score": lambda: [fitted(layers.ZScore()), same()],
    "z_score_pooled": lambda: [
        fitted(layers.ZScore(axis=None)),
        L.SeparableConv2D(3, 3, padding="same"),
    ],
    "z_score_of_pixels": lambda: [
        fitted(layers.ZScore(axis=PIXELS)),
        L.Flatten(),
        L.Dense(3),
    ],
    "robust": lambda: [fitted(layers.Robust()), L.DepthwiseConv2D(3)],
    "learned": lambda: [fitted(layers.Learned()), same()],
    "whitening": lambda: [fitted(layers.Whitening()), same()],
    "whitening_dense": lambda: [fitted(layers.Whitening("pca")), L.Dense(3)],
    "whitening_of_pixels": lambda: [
        fitted(layers.Whitening(axis=PIXELS, shrinkage=0.2)),
        L.Flatten(),
        L.Dense(3),
    ],
    "affine": lambda: [layers.Affine((1.0, 2.0, 3.0, 0.5), scale=4.0), L.Dense(3)],
    "rescale": lambda: [layers.Rescale((0.0, 10.0), output_range=(-1.0, 1.0)), same()],
    "chain": lambda: [
        fitted(layers.Chain((schemes.Rescale(), schemes.ZScore()))),
        same(),
    ],
    "rescaling": lambda: [L.Rescaling(0.5, -1.0), same()],
    "rescaling_of_channels": lambda: [L.Rescaling([1.0, 2.0, 3.0, 4.0]), same()],
    "normalization": lambda: [L.Normalization(), same()],
    "normalization_undone": lambda: [L.Normalization(invert=True), L.Conv2D(3, 3)],
    "normalization_given": lambda: [L.Normalization(mean=0.1, variance=2.0), same()],
    "normalization_pooled": lambda: [
        L.Normalization(axis=None, mean=0.1, variance=2.0),
        same(),
    ],
}


def same():
    return L.Conv2D(3, 3, strides=2, padding="same")


@pytest.mark.parametrize("name", INPUT_MAPS)
def test_input_maps_fold_into_the_first_layer(name):
    model = models.sequential(IMAGE, *INPUT_MAPS[name]())
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert models.difference(model, folded) < ROUNDED


def bytes_model():
    return models.sequential(
        (8, 8, 3),
        layers.Preset("imagenet", name="preset"),
        L.ZeroPadding2D(1),
        L.Conv2D(3, 3, strides=2, name="conv"),
        dtype="uint8",
    )


def test_bytes_are_still_cast():
    model = bytes_model()
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert folded.inputs[0].dtype == "uint8"
    assert [type(layer).__name__ for layer in folded.layers] == [
        "InputLayer",
        "Rescaling",
        "ChannelPadding",
        "Conv2D",
    ]
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    assert models.difference(model, folded, x) < ROUNDED


def test_a_fold_of_a_fold_changes_nothing():
    folded, _ = tfnorm.fold(bytes_model())
    again, _ = tfnorm.fold(folded)
    assert names(again) == names(folded)


# Types.


@pytest.mark.parametrize(
    ("policy", "unit"), [("mixed_bfloat16", 2.0**-8), ("mixed_float16", 2.0**-11)]
)
def test_mixed_precision(policy, unit):
    parts = (L.Conv2D(3, 3, dtype=policy), norm(dtype=policy), L.ReLU(dtype=policy))
    model = models.sequential(IMAGE, *parts)
    folded, report = tfnorm.fold(model)
    assert not report.left
    # What the convolution returned was rounded, too.
    assert models.difference(model, folded) < 8 * unit
    assert folded.layers[1].kernel.dtype == "float32"


# Models within models, and what is kept.


def backbone(name="backbone"):
    inputs = keras.Input(IMAGE)
    x = L.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = L.ReLU(name="relu")(norm(name="norm")(x))
    return keras.Model(inputs, L.Conv2D(3, 3, name="last")(x), name=name)


def test_maps_fold_across_the_border_of_a_model(double):
    model = models.sequential(
        IMAGE, norm(name="outer"), backbone(), norm(name="behind"), L.ReLU()
    )
    folded, report = tfnorm.fold(model)
    assert [(row.layer, row.into) for row in report.rows] == [
        ("outer", ("backbone/first",)),
        ("backbone/norm", ("backbone/first",)),
        ("behind", ("backbone/last",)),
    ]
    inner = folded.get_layer("backbone")
    assert names(inner)[1:] == ["first_padding", "first", "relu", "last"]
    assert models.difference(model, folded) < EXACT


def test_a_model_that_is_called_twice_is_folded_within(double):
    inner = backbone()
    inputs = keras.Input(IMAGE)
    ends = [norm()(inner(inputs)), norm()(inner(L.Activation("tanh")(inputs)))]
    model = models.randomize(keras.Model(inputs, L.Add()(ends)))
    folded, report = tfnorm.fold(model)
    assert [row.layer for row in report.folded] == ["backbone/norm"]
    assert len(report.left) == 2
    assert models.difference(model, folded) < EXACT


def test_a_model_of_which_nothing_is_left():
    alone = keras.Sequential([keras.Input(STEPS), norm(name="norm")], name="alone")
    model = models.sequential(STEPS, alone, L.Dense(3))
    folded, report = tfnorm.fold(model)
    assert not report.left
    assert models.difference(model, folded) < ROUNDED


def test_names_structures_and_settings_are_kept():
    inputs = {name: keras.Input(STEPS, name=name) for name in ("b", "a")}
    layer = L.Dense(
        3,
        name="dense",
        use_bias=False,
        trainable=False,
        kernel_regularizer="l2",
        kernel_initializer=keras.initializers.HeNormal(seed=3),
    )
    x = norm(name="norm")(layer(L.Add(name="sum")([inputs["a"], inputs["b"]])))
    x = L.Activation(lambda x: x * 2, name="act")(x)
    model = models.randomize(keras.Model(inputs, {"y": x}, name="mine"))
    folded, _ = tfnorm.fold(model)
    assert (folded.name, {*names(folded)}) == (
        "mine",
        {"a", "b", "sum", "dense", "act"},
    )
    dense = folded.get_layer("dense")
    assert not dense.trainable
    assert isinstance(dense.kernel_regularizer, keras.regularizers.L2)
    assert isinstance(dense.kernel_initializer, keras.initializers.HeNormal)
    assert dense.use_bias
    x = {name: models.rows(model) for name in inputs}
    wanted, found = model(x)["y"], folded(x)["y"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_other_layers_keep_their_weights():
    model = models.sequential(
        STEPS,
        L.Bidirectional(L.GRU(3, return_sequences=True)),
        fitted(layers.ZScore(), (11, 6)),
        L.LayerNormalization(),
    )
    folded, report = tfnorm.fold(model)
    assert not report.folded
    assert models.difference(model, folded) == 0.0


def test_intermediate_tensors_of_the_folded_model_are_its_own():
    folded, _ = tfnorm.fold(models.sequential(IMAGE, *chain()[2:], L.ReLU(name="relu")))
    part = keras.Model(folded.input, folded.get_layer("relu").output)
    assert part(np.ones((1, *IMAGE), np.float32)).shape == (1, *IMAGE)


def test_a_folded_model_is_saved_and_loaded(tmp_path):
    model = models.passing("zero_padding_2d")
    folded, _ = tfnorm.fold(model)
    folded.save(tmp_path / "folded.keras")
    assert (
        models.difference(folded, keras.saving.load_model(tmp_path / "folded.keras"))
        == 0
    )


# The padding layer.


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("values", [2.5, [1.0, 2.0]])
def test_channel_padding(data_format, values):
    x = np.full((1, 3, 1, 2), 7.0, np.float32)
    wanted = np.empty((1, 6, 1, 2), np.float32)
    wanted[:] = values
    wanted[:, 1:4] = 7.0
    if data_format == "channels_first":
        x, wanted = (np.moveaxis(one, -1, 1) for one in (x, wanted))
    layer = layers.ChannelPadding([(1, 2), (0, 0)], values, data_format=data_format)
    again = layers.ChannelPadding.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x), wanted)
    assert layer.compute_output_shape((None, *x.shape[1:]))[1:] == wanted.shape[1:]
    assert layer(keras.Input(x.shape[1:])).shape[1:] == wanted.shape[1:]


def test_channel_padding_of_unknown_sizes():
    inputs = keras.Input((None, None, 2))
    layer = layers.ChannelPadding([(1, 0), (0, 1)], [1.0, 2.0])
    model = keras.Model(inputs, layer(inputs))
    found = model.predict(np.zeros((1, 1, 1, 2), np.float32), verbose=0)
    np.testing.assert_array_equal(found[0, :, :, 1], [[2.0, 2.0], [0.0, 2.0]])
