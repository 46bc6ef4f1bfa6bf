# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Facts about layers on the backend of KERAS_BACKEND; see test_layers_backends.py.

`python -m tests.layers_on_backend FOLDER` tries every function below whose name
begins with `fact_` and writes what failed, and numbers to compare, to FOLDER.
"""

import json
import pathlib
import sys
import traceback
import warnings

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tests import layers_data as data
from tfnorm import errors
from tfnorm import layers

BACKEND = keras.backend.backend()


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def adapted(layer, x):
    layer.adapt(x)
    return layer


def model_of(*stack, shape=(3,)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *stack])


def predict(model, x) -> np.ndarray:
    return model.predict(x, verbose=0)


def reloaded(model) -> keras.Model:
    path = pathlib.Path(sys.argv[1]) / "model.keras"
    model.save(path)
    return keras.saving.load_model(path)


# Before there are constants.


def fact_a_call_before_adapt_is_an_error():
    with pytest.raises(errors.NotFittedError, match="adapt"):
        layers.ZScore()(data.REAL)


def fact_a_predict_before_adapt_is_an_error():
    with pytest.raises(errors.NotFittedError, match="adapt"):
        predict(model_of(layers.ZScore()), data.REAL)


def fact_a_reloaded_layer_that_was_never_adapted_still_is_not():
    with pytest.raises(errors.NotFittedError, match="adapt"):
        reloaded(model_of(layers.ZScore()))(data.REAL)


def fact_an_empty_data_set_is_an_error():
    with pytest.raises(errors.EmptyDataError):
        layers.ZScore().adapt(np.zeros((0, 3)))


# Constants are live.


def fact_adapting_again_changes_a_traced_predict():
    layer = layers.ZScore()
    model = model_of(layer)
    layer.adapt(data.REAL)
    before = predict(model, data.REAL)
    layer.adapt(data.REAL * 2)
    np.testing.assert_allclose(
        predict(model, data.REAL * 2), before, rtol=1e-6, atol=1e-6
    )


def fact_set_weights_fits_a_clone():
    model = model_of(adapted(layers.ZScore(), data.REAL))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(predict(clone, data.REAL), predict(model, data.REAL))


def fact_a_reloaded_model_gives_the_same_numbers():
    model = model_of(adapted(layers.Robust(), data.REAL), keras.layers.Dense(2))
    np.testing.assert_array_equal(
        predict(reloaded(model), data.REAL), predict(model, data.REAL)
    )


def fact_a_layer_that_was_adapted_but_never_called_is_saved():
    model = keras.Sequential([adapted(layers.ZScore(), data.REAL)])
    with pytest.warns(UserWarning, match="not yet been built"):
        again = reloaded(model)
    np.testing.assert_array_equal(value(again(data.REAL)), value(model(data.REAL)))


def fact_constants_are_not_trained():
    layer = adapted(layers.ZScore(), data.REAL)
    model = model_of(layer, keras.layers.Dense(1))
    before = layer.get_weights()
    model.compile("sgd", "mse")
    model.fit(data.REAL, data.REAL[:, 0], verbose=0)
    model.trainable = True
    assert len(model.trainable_weights) == 2
    np.testing.assert_array_equal(layer.get_weights(), before)


def fact_constants_are_trained_on_request():
    layer = adapted(layers.ZScore(trainable_constants=True), data.REAL)
    model = model_of(layer, keras.layers.Dense(1))
    before = layer.get_weights()
    model.compile("sgd", "mse")
    model.fit(data.REAL, data.REAL[:, 0], verbose=0)
    assert len(model.trainable_weights) == 4
    assert all(
        np.any(a != b) for a, b in zip(before[:2], layer.get_weights()[:2], strict=True)
    )


def fact_weights_are_float32_under_any_policy():
    layer = adapted(layers.ZScore(dtype="mixed_bfloat16"), data.REAL)
    assert {w.dtype for w in layer.weights} == {"float32"}


# Numbers.


def fact_a_mean_of_200_000_float32_rows_at_1e4_is_right():
    x = np.random.default_rng(0).normal(1e4, 1, (200_000, 2)).astype(np.float32)
    y = value(adapted(layers.ZScore(), x)(x))
    exact = x.astype(np.float64)
    want = (exact - exact.mean(0)) / exact.std(0)
    # 2**-22: the rounding of a subtraction and a product, relative to 4.
    np.testing.assert_allclose(y, want, rtol=2**-22, atol=2**-22)


def fact_timestamps_a_second_apart_stay_apart():
    layer = adapted(layers.ZScore(), data.MICROSECONDS)
    assert len(np.unique(value(layer(data.MICROSECONDS)))) == 60


def fact_float64_is_centered_before_it_is_cast():
    seconds = data.MICROSECONDS / 1e6
    layer = adapted(layers.ZScore(), seconds)
    assert len(np.unique(value(layer(seconds)))) == 60


def fact_an_unseen_value_of_a_constant_feature_is_only_centered():
    layer = adapted(layers.ZScore(), np.full((10, 1), 5.0, np.float32))
    np.testing.assert_array_equal(
        value(layer(np.array([[5.0], [6.0]], np.float32))), [[0.0], [1.0]]
    )


def fact_nan_in_training_is_left_out():
    x = np.array([[1.0], [np.nan], [3.0]], np.float32)
    np.testing.assert_array_equal(
        value(adapted(layers.ZScore(), x)(x)), [[-1.0], [np.nan], [1.0]]
    )


def fact_float16_models_take_data_of_mean_1e5():
    layer = layers.ZScore(dtype="mixed_float16")
    model = keras.Sequential([keras.Input((3,), dtype="float32"), layer])
    layer.adapt(tf.data.Dataset.from_tensor_slices(data.FAR).batch(32))
    y = predict(model, data.FAR)
    assert y.dtype == np.float16
    # 2**-11 of the greatest: one rounding to float16.
    np.testing.assert_allclose(y, data.standardized(data.FAR), rtol=0, atol=2**-9)


def fact_bfloat16_models_take_data_of_mean_1e5():
    layer = adapted(layers.ZScore(dtype="mixed_bfloat16"), data.FAR)
    y = value(layer(data.FAR)).astype(ml_dtypes.bfloat16).astype(np.float32)
    # 2**-9 of the greatest, 4: one rounding to bfloat16.
    np.testing.assert_allclose(y, data.standardized(data.FAR), rtol=0, atol=2**-6)


# Data to adapt to.


def fact_adapts_to_batches_of_x_and_y():
    batches = [(data.REAL[:30], data.REAL[:30, 0]), (data.REAL[30:], data.REAL[30:, 0])]
    np.testing.assert_array_equal(
        adapted(layers.ZScore(), batches).get_weights(),
        adapted(layers.ZScore(), data.REAL).get_weights(),
    )


def fact_adapts_to_a_tensor_of_the_backend():
    tensor = keras.ops.convert_to_tensor(data.REAL)
    np.testing.assert_array_equal(
        adapted(layers.ZScore(), tensor).get_weights(),
        adapted(layers.ZScore(), data.REAL).get_weights(),
    )


# Features.


def fact_features_give_what_the_fitted_recipe_gives():
    columns = data.columns()
    found = layers.Features(data.FITTED)(columns)
    wanted = data.FITTED.forward(columns)
    assert found.keys() == wanted.keys()
    data.assert_columns_equal({k: value(found[k]) for k in found}, wanted)


def fact_features_reload_without_custom_objects():
    model = data.tabular_model()
    columns = data.columns()
    np.testing.assert_array_equal(
        predict(reloaded(model), columns), predict(model, columns)
    )


def fact_features_run_in_tf_data():
    columns = data.columns()
    rows = tf.data.Dataset.from_tensor_slices(columns).batch(7)
    batches = list(rows.map(layers.Features(data.FITTED)).as_numpy_iterator())
    found = {k: np.concatenate([batch[k] for batch in batches]) for k in batches[0]}
    data.assert_columns_equal(found, data.FITTED.forward(columns))


def fact_a_layer_runs_in_tf_data():
    layer = adapted(layers.MinMax(out_of_range_policy="nan"), data.REAL)
    rows = tf.data.Dataset.from_tensor_slices(data.REAL).batch(7).map(layer)
    found = np.concatenate(list(rows.as_numpy_iterator()))
    np.testing.assert_array_equal(found, value(layer(data.REAL)))


# The inverse.


def fact_denormalize_gives_the_data_back():
    layer = adapted(layers.ZScore(), data.REAL)
    again = value(layers.Denormalize(layer)(layer(data.REAL)))
    # 2**-22 of the greatest: the mean is subtracted and added again.
    np.testing.assert_allclose(again, data.REAL, rtol=2**-22, atol=2**-22)


def fact_denormalize_of_a_reloaded_model_follows_its_layer():
    layer = layers.ZScore()
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Denormalize(layer)(layer(inputs)))
    layer.adapt(data.REAL)
    again = reloaded(model)
    again.layers[1].adapt(data.REAL + 5)
    assert len(again.weights) == len(model.weights)
    np.testing.assert_allclose(predict(again, data.REAL), data.REAL, atol=2**-19)


def fact_a_mask_passes_through():
    layer = adapted(layers.ZScore(), data.REAL.reshape(-1, 2, 3))
    inputs = keras.layers.Masking()(data.REAL.reshape(-1, 2, 3))
    assert value(layer(inputs)._keras_mask).all()


def fact_padded_steps_of_a_sample_change_nothing():
    x = data.REAL.reshape(4, 16, 3)
    padded = np.concatenate([x, np.zeros((4, 2, 3), np.float32)], axis=1)
    layer = layers.PerImage()
    model = model_of(keras.layers.Masking(), layer, shape=(None, 3))
    found, wanted = predict(model, padded)[:, :16], value(layer(x))
    # 8 ulp: sums of 48 numbers, in another order with the padding.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2**-20)


# Images.


def fact_layers_of_images_give_the_numbers_of_numpy():
    x = np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3)).astype(np.float32)
    for layer in (
        layers.LocalNormalization(5),
        layers.LocalNormalization(3, kind="contrast", per_channel=False),
        layers.PercentileStretch(),
        layers.PercentileStretch(0.1, 0.8, per_channel=True),
        layers.Foreground(threshold=50),
        layers.IntensityWindow(100, 100),
    ):
        found = predict(model_of(layer, shape=(None, None, 3)), x)
        wanted = layer.scheme.fit(None).forward(x)
        # 32 ulp of 4: a dozen roundings of pixels beside their deviation.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2**-16)


# Series, and statistics that travel.


def forecaster(layer) -> keras.Model:
    inputs = keras.Input((None, 3))
    z, statistics = layer(inputs)
    steps = keras.layers.Conv1D(3, 3)(z)
    return keras.Model(inputs, layers.Denormalize(layer)(steps, statistics))


def fact_a_forecaster_trains_and_reloads():
    x = data.REAL.reshape(4, 16, 3)
    for layer in (layers.RevIN(), layers.RevIN(subtract_last=True), layers.MeanScale()):
        model = forecaster(layer)
        model.compile("sgd", "mse")
        model.fit(x, x[:, 2:], verbose=0)
        again = reloaded(model)
        assert len(again.weights) == len(model.weights)
        np.testing.assert_array_equal(predict(again, x), predict(model, x))
        changed = [np.any(w != round(w.mean())) for w in layer.get_weights()]
        assert all(changed)


def fact_statistics_of_series_stay_float32_under_a_float16_policy():
    layer = layers.RevIN(dtype="mixed_float16")
    z, statistics = layer(data.FAR.reshape(4, 16, 3))
    found = [keras.backend.standardize_dtype(t.dtype) for t in (z, *statistics)]
    assert found == ["float16", "float32", "float32"]
    again = value(layers.Denormalize(layer)(z, statistics))
    # 3 deviations of 3, rounded to float16, and 1e5 to 2**-7.
    np.testing.assert_allclose(again, data.FAR.reshape(4, 16, 3), rtol=0, atol=2**-6)


def fact_a_mask_leaves_steps_out_of_a_series():
    x = data.REAL.reshape(4, 16, 3)
    padded = np.concatenate([x, np.zeros((4, 2, 3), np.float32)], axis=1)
    for layer in (layers.RevIN(subtract_last=True), layers.MeanScale()):
        z, statistics = layer(keras.layers.Masking()(padded))
        wanted, own = layer(x)
        bound = {"rtol": 0, "atol": 2**-15}
        np.testing.assert_allclose(value(z)[:, :16], value(wanted), **bound)
        np.testing.assert_allclose(value(statistics[1]), value(own[1]), rtol=1e-5)


def fact_a_reversible_layer_runs_in_tf_data():
    x = data.REAL.reshape(4, 16, 3)
    layer = layers.RevIN()
    wanted, own = layer(x)
    rows = tf.data.Dataset.from_tensor_slices(x).batch(2).map(layer)
    found = [z for z, _ in rows.as_numpy_iterator()]
    np.testing.assert_allclose(np.concatenate(found), value(wanted), atol=2**-15)


def fact_numbers_are_those_of_every_other_backend():
    # Compared by the test: what is written here, per backend.
    found = {f"{name}.{kind}": value(y) for name, kind, y in data.normalized()}
    np.savez(pathlib.Path(sys.argv[1]) / "numbers.npz", **found)


def _tried(fact) -> str | None:
    keras.config.set_dtype_policy("float32")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Keras 3.15 turns a variable into NumPy by the protocol of NumPy 1.
            warnings.filterwarnings("ignore", message="__array__ implementation")
            fact()
    except Exception:
        return traceback.format_exc()
    return None


if __name__ == "__main__":
    facts = {k: v for k, v in list(globals().items()) if k.startswith("fact_")}
    results = {name: _tried(fact) for name, fact in facts.items()}
    pathlib.Path(sys.argv[1], "results.json").write_text(json.dumps(results))
