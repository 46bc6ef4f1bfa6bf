# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keras layers around schemes: numbers, shapes, config, saving."""

import dataclasses
import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import contracts
from tests import layers_data as data
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
NAMES = sorted(data.LAYERS)


def adapted(layer, x):
    layer.adapt(x)
    return layer


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


# Laws.


@pytest.mark.parametrize("dtype", contracts.DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_gives_the_numbers_of_a_fitted_recipe_in_numpy(name, dtype):
    layer = data.made(name)
    x = contracts.array(np.clip(np.abs(data.REAL) + 1, 1, 100), dtype)
    wanted = data.fitted(name).forward({"": x})[""].astype(np.float32)
    bound = data.framework_error(layer)
    ratio = data.framework_ratio(layer)
    np.testing.assert_allclose(value(layer(x)), wanted, rtol=ratio, atol=bound)


@pytest.mark.parametrize("name", NAMES)
def test_gives_the_same_numbers_under_xla(name):
    layer = data.made(name)
    compiled = tf.function(lambda x: layer(x), jit_compile=True)
    x = data.data_for(name)
    eager = value(layer(x))
    bound = data.framework_error(layer)
    ratio = data.framework_ratio(layer)
    np.testing.assert_allclose(value(compiled(x)), eager, rtol=ratio, atol=bound)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_what_was_given_before_and_after_it_is_built(name):
    kind, arguments = data.LAYERS[name]
    before = kind(**arguments, name="layer").get_config()
    layer = kind(**arguments, name="layer")
    adapted(layer, data.data_for(name)) if layer.scheme.fitted_on_data else None
    layer(data.data_for(name))
    assert layer.get_config() == before
    assert kind.from_config(json.loads(json.dumps(before))).get_config() == before
    plain = {k: v for k, v in arguments.items() if not isinstance(v, schemes.Scheme)}
    assert json.loads(json.dumps(plain)).items() <= before.items()


@pytest.mark.parametrize("name", NAMES)
def test_reloads_from_a_keras_file(name, tmp_path):
    model = keras.Sequential([keras.Input((3,)), data.made(name)])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = data.data_for(name)
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize(
    "name",
    [
        "Affine",
        "Log",
        "MaxAbs",
        "MeanRange",
        "MinMax",
        "PercentileClip",
        "Power",
        "Quantile",
        "Rescale",
        "Robust",
        "TukeyHH",
        "ZScore",
    ],
)
def test_a_layer_takes_the_arguments_of_its_scheme(name):
    taken = inspect.signature(getattr(layers, name)).parameters
    fields = dataclasses.fields(getattr(schemes, name))
    assert {field.name: field.default for field in fields if field.init} == {
        name: parameter.default
        for name, parameter in taken.items()
        if name not in ("axis", "kwargs")
    }


def test_a_traced_call_before_adapt_is_an_error():
    layer = layers.ZScore()
    with pytest.raises(errors.NotFittedError, match="adapt"):
        tf.function(lambda x: layer(x))(data.REAL)


# Parity.


@pytest.mark.parametrize("axis", [-1, 1, (1, 3), None])
def test_standardizes_as_keras_does(axis):
    x = IMAGES.astype(np.float32)
    theirs = adapted(keras.layers.Normalization(axis=axis), x)
    mine = adapted(layers.ZScore(axis=axis), x)
    # 2**-12 of the greatest: Keras takes its variance in float32.
    np.testing.assert_allclose(mine(x), theirs(x), rtol=0, atol=2**-11)


@pytest.mark.parametrize("name", ["caffe", "imagenet", "inception"])
def test_presets_normalize_as_keras_applications_do(name):
    modes = {"caffe": "caffe", "imagenet": "torch", "inception": "tf"}
    from keras.applications import imagenet_utils

    wanted = imagenet_utils.preprocess_input(IMAGES, mode=modes[name])
    # Keras divides by 255, subtracts and divides: three roundings of 2**-24.
    np.testing.assert_allclose(layers.Preset(name)(IMAGES), wanted, rtol=0, atol=2e-5)


# Shapes.


@pytest.mark.parametrize("axis", [-1, 1, (1, 3), None])
def test_keeps_the_axes_it_is_told_to_keep(axis):
    layer = adapted(layers.MinMax(axis=axis), IMAGES)
    found = statistics.FeatureStatistics.of(IMAGES, axis=() if axis is None else axis)
    assert layer.weights[0].shape == found.shape


def test_channels_may_come_first():
    last = adapted(layers.ZScore(), IMAGES)(IMAGES)
    first = np.moveaxis(IMAGES, -1, 1)
    found = adapted(layers.ZScore(axis=1), first)(first)
    np.testing.assert_array_equal(np.moveaxis(value(found), 1, -1), last)


def test_a_preset_reverses_channels_that_come_first():
    found = layers.Preset("caffe", axis=1)(np.moveaxis(IMAGES, -1, 1))
    wanted = layers.Preset("caffe")(IMAGES)
    np.testing.assert_array_equal(np.moveaxis(value(found), 1, -1), wanted)


def test_batch_and_image_may_be_of_any_size():
    layer = adapted(layers.ZScore(), IMAGES)
    model = keras.Sequential([keras.Input((None, None, 3), dtype="uint8"), layer])
    assert model.output_shape == (None, None, None, 3)
    np.testing.assert_array_equal(
        model.predict(IMAGES[:, :2, :4], verbose=0), layer(IMAGES[:, :2, :4])
    )


def test_a_kept_axis_of_unknown_size_needs_adapt_first():
    with pytest.raises(ValueError, match="must be known"):
        keras.Sequential([keras.Input((None,)), layers.ZScore()])


def test_numbers_without_a_channel_may_come_as_a_column():
    layer = adapted(layers.ZScore(), np.array([1.0, 3.0]))
    np.testing.assert_array_equal(layer(np.array([[1.0], [3.0]])), [[-1.0], [1.0]])


def test_other_columns_than_those_adapted_to_are_an_error():
    layer = adapted(layers.ZScore(), data.REAL)
    with pytest.raises(ValueError, match=r"of shape \(3,\)"):
        layer(data.REAL[:, :2])


def test_adapting_to_another_number_of_columns_is_an_error():
    layer = adapted(layers.ZScore(), data.REAL)
    with pytest.raises(errors.StatisticsError, match="kept shape"):
        layer.adapt(data.REAL[:, :2])


# Statistics.


def test_fits_from_statistics_as_adapt_does():
    found = tfnorm.analyze(data.REAL)[""]
    layer = layers.ZScore.from_statistics(found, scale=False)
    wanted = adapted(layers.ZScore(scale=False), data.REAL)
    np.testing.assert_array_equal(layer.get_weights(), wanted.get_weights())


def test_finds_the_view_that_it_needs_among_statistics_of_many_features():
    recipe = {"a": schemes.Log(), "b": schemes.ZScore()}
    found = tfnorm.analyze({"a": [1.0, 2.0], "b": [3.0, 4.0]}, recipe)
    layer = layers.Log.from_statistics(found, feature="a")
    np.testing.assert_allclose(layer(np.array([1.0, 2.0])), [-1, 1], rtol=1e-6)


def test_statistics_without_the_feature_are_an_error():
    found = tfnorm.analyze({"a": [1.0, 2.0]})
    with pytest.raises(errors.StatisticsError, match="feature="):
        layers.ZScore.from_statistics(found, feature="b")


def test_refuses_a_constant_on_request():
    with pytest.raises(errors.DataError, match="zero_scale_policy"):
        layers.ZScore(zero_scale_policy="raise").adapt(np.ones((4, 1)))


def test_adapts_to_a_pydataset():
    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return data.REAL[index * 32 : index * 32 + 32], np.zeros(32)

    np.testing.assert_array_equal(
        adapted(layers.ZScore(), Rows()).get_weights(),
        adapted(layers.ZScore(), data.REAL).get_weights(),
    )


# The inverse.


@pytest.mark.parametrize(
    "name", [n for n in NAMES if data.made(n).live.structure.invertible]
)
def test_denormalize_undoes_the_layer(name):
    layer, x = data.made(name), data.data_for(name)
    low, high = (np.quantile(x, q, axis=0, method="nearest") for q in (0.2, 0.8))
    inside = np.clip(x, low, high)
    again = value(layers.Denormalize(layer)(layer(inside)))
    # 2**-20 of the greatest: four roundings, times up to 4 after a logarithm; and
    # 255 for pixels, which REAL is not.
    bound = 2**-20 * (255 if "preset" in name else np.abs(x).max())
    np.testing.assert_allclose(again, inside, rtol=0, atol=bound)


def test_denormalize_computes_in_float32_under_a_float16_policy():
    layer = adapted(layers.ZScore(dtype="mixed_float16"), data.FAR)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        restored = layers.Denormalize(layer)(layer(data.FAR))
    finally:
        keras.config.set_dtype_policy("float32")
    assert restored.dtype == "float32"
    # 3 deviations of 3, rounded to float16 once: 2**-11 of 9.
    np.testing.assert_allclose(restored, data.FAR, rtol=0, atol=2**-6)


def test_denormalize_before_adapt_is_an_error():
    with pytest.raises(errors.NotFittedError, match="adapt"):
        layers.Denormalize(layers.ZScore())(data.REAL)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Preset("whisper"),
        layers.Adaptive(domains=2, router="gate"),
        layers.PerImage(),
        layers.UnitNorm(),
    ],
)
def test_what_loses_information_has_no_inverse(layer):
    with pytest.raises(errors.NotInvertible):
        layers.Denormalize(layer)


def test_denormalize_of_a_fitted_recipe_has_constants_of_its_own(tmp_path):
    layer = layers.Denormalize(data.FITTED, "target")
    model = keras.Sequential([keras.Input(()), layer])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    wanted = data.FITTED.inverse({"target": np.float32([0, 1])})["target"]
    np.testing.assert_array_equal(again(np.float32([0, 1])), wanted)


def test_denormalize_of_an_unknown_feature_is_an_error():
    with pytest.raises(errors.RecipeError, match="'target'"):
        layers.Denormalize(data.FITTED, "tarteg")


@pytest.mark.parametrize("kind", [layers.ZScore, layers.Robust, layers.Whitening])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_padding_enters_no_statistic(kind, dtype):
    x = (data.REAL.reshape(16, 4, 3) * 100).astype(dtype)
    mask = np.arange(4) < np.arange(16)[:, None] % 4 + 1
    padded, plain = kind(), kind()
    padded.adapt(np.where(mask[..., None], x, 999), mask=mask)
    plain.adapt(x[mask])
    for one, other in zip(padded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mask_of_other_rows_is_an_error():
    with pytest.raises(errors.DataError, match="first axes"):
        layers.ZScore().adapt(data.REAL, mask=np.ones(3, bool))


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (4, 7, 3), (2, 3, 4, 5, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float32"])
@pytest.mark.parametrize("jit", [None, False, True])
def test_long_rows_of_images_give_the_numbers_of_short_ones(shape, dtype, jit):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 100, shape).astype(dtype)
    layer = layers.MinMax(-1, 1)
    layer.adapt(x)
    run = (lambda t: layer(t)) if jit is None else tf.function(layer, jit_compile=jit)
    wanted = contracts.fitted(schemes.MinMax(-1, 1), x).forward(x)
    # Two roundings of numbers up to 1, in one kernel or in two.
    np.testing.assert_allclose(run(x), wanted, rtol=0, atol=contracts.ULP)


def test_images_train_learned_constants():
    layer = layers.Learned()
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), np.uint8)
    layer.adapt(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    variables = [weight.value for weight in layer.trainable_weights]
    assert all(np.any(g != 0) for g in tape.gradient(loss, variables))
