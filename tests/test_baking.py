# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Baked SavedModels: what they serve, from which models, and live constants."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import baking_data as data
from tfnorm import layers
from tfnorm import schemes

RAW = {
    name: tf.constant(column, tf.string if column.dtype == object else column.dtype)
    for name, column in data.COLUMNS.items()
}
# TensorFlow's signatures know no spaces.
ARGUMENTS = {name.replace(" ", "_"): column for name, column in RAW.items()}
# Of numbers up to 200: one process or device adds products in another order.
CLOSE = {"rtol": 2**-16, "atol": 2**-16}


@pytest.fixture(scope="module")
def model():
    return data.raw_model()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("baked") / "model"
    tfnorm.bake(model, data.FITTED, path, target="arr_delay")
    return path


@pytest.fixture
def loaded(path):
    return tf.saved_model.load(path)


@pytest.fixture
def served(loaded):
    return loaded.signatures["serving_default"](**ARGUMENTS)


def example(**features) -> bytes:
    """Returns a serialized tf.Example of row 0, with some features changed."""
    row = {name: column[0] for name, column in data.COLUMNS.items()} | features
    made = tf.train.Example()
    for name, value in row.items():
        if isinstance(value, str):
            made.features.feature[name].bytes_list.value.append(value.encode())
        elif value is not None and name in ("when", "seats"):
            made.features.feature[name].int64_list.value.append(int(value))
        elif value is not None:
            made.features.feature[name].float_list.value.append(value)
    return made.SerializeToString()


def prediction(loaded, *examples: bytes) -> np.ndarray:
    serve = loaded.signatures["serve_examples"]
    return serve(examples=tf.constant(examples))["prediction"].numpy()


def expected(model, **columns) -> np.ndarray:
    """Returns what the Keras model says of row 0, in minutes."""
    row = {name: column[:1] for name, column in data.COLUMNS.items()} | columns
    found = model({name: tf.constant(column) for name, column in row.items()}).numpy()
    return data.FITTED.inverse({"arr_delay": found})["arr_delay"]


# What it serves.


def test_a_feature_without_values_is_absent_from_an_example(loaded):
    absent = example(seats=None)
    made = tf.train.Example.FromString(absent)
    made.features.feature["seats"].int64_list.SetInParent()
    given = prediction(loaded, made.SerializeToString(), absent)
    assert given[0] == given[1]


def test_a_feature_of_two_values_for_one_is_an_error(loaded):
    made = tf.train.Example.FromString(example())
    made.features.feature["seats"].int64_list.value.append(3)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="'seats.*must have 1 values"
    ):
        prediction(loaded, made.SerializeToString())


def test_serves_the_keras_model_on_raw_columns(served, model):
    np.testing.assert_allclose(served["normalized"], model(RAW), **CLOSE)


def test_serves_the_prediction_in_the_unit_of_the_target(served, model):
    wanted = data.FITTED.inverse({"arr_delay": model(RAW).numpy()})["arr_delay"]
    np.testing.assert_allclose(served["prediction"], wanted, rtol=2**-16, atol=2**-10)


def test_serves_the_very_numbers_of_the_fitted_recipe(tmp_path):
    names = ("when", "dep delay", "seats")
    inputs = {
        name: keras.Input((), name=name, dtype=RAW[name].dtype.name) for name in names
    }
    model = keras.Model(inputs, layers.Features(data.FITTED)(inputs))
    tfnorm.bake(model, data.FITTED, tmp_path / "m")
    serve = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    found = serve(**{name.replace(" ", "_"): RAW[name] for name in names})
    wanted = data.FITTED.forward({name: data.COLUMNS[name] for name in names})
    for name, column in wanted.items():
        np.testing.assert_array_equal(found[name], column.astype(np.float32))


def test_denormalize_takes_the_models_output_to_its_unit(loaded):
    found = loaded.signatures["denormalize"](normalized=tf.constant([-1.0, 0.0, 2.0]))
    wanted = data.FITTED.inverse({"arr_delay": np.float32([-1, 0, 2])})["arr_delay"]
    np.testing.assert_allclose(found["prediction"], wanted, rtol=2**-22)


def test_serves_examples(loaded, model):
    wanted = expected(model, carrier=np.array(["AA"]))
    np.testing.assert_allclose(
        prediction(loaded, example(carrier="AA")), wanted, rtol=2**-16, atol=2**-10
    )


@pytest.mark.parametrize("name", ["distance", "dep delay"])
def test_an_absent_float_is_nan(loaded, model, name):
    wanted = expected(model, **{name: np.float32([np.nan])})
    found = prediction(loaded, example(**{name: None}))
    np.testing.assert_allclose(found, wanted, rtol=2**-16, atol=2**-10)


def test_an_absent_integer_is_imputed_where_the_input_is_a_float(loaded, model):
    wanted = expected(model, seats=np.array([np.nan]))
    found = prediction(loaded, example(seats=None))
    np.testing.assert_allclose(found, wanted, rtol=2**-16, atol=2**-10)


def test_an_absent_string_is_unknown(loaded):
    found = prediction(loaded, example(carrier=None), example(carrier="no such"))
    assert found[0] == found[1]


def test_an_absent_integer_is_an_error_where_the_input_is_one(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="when"):
        prediction(loaded, example(when=None))


def test_timestamps_reach_the_model_as_integers(loaded):
    found = loaded.signatures["serving_default"](
        **{k: tf.repeat(v[:1], 60) for k, v in ARGUMENTS.items() if k != "when"},
        when=ARGUMENTS["when"][:60],
    )
    assert len(np.unique(found["normalized"])) > 30


def test_assigning_a_constant_changes_what_is_served(loaded, served):
    loaded.constants["arr_delay"]["loc_hi"].assign_add(100.0)
    again = loaded.signatures["serving_default"](**ARGUMENTS)
    # 2**-15 of numbers near 100, which are rounded.
    np.testing.assert_allclose(
        again["prediction"] - served["prediction"], 100.0, rtol=0, atol=2**-14
    )


def test_assigning_a_constant_of_an_input_changes_the_output(loaded, served):
    loaded.constants["seats"]["1.inverse_scale"].assign(0.0)
    again = loaded.signatures["serving_default"](**ARGUMENTS)
    assert np.any(again["normalized"] != served["normalized"])


def test_the_optimizer_is_left_out(path, model):
    stored = tf.train.list_variables(str(path / "variables/variables"))
    assert model.optimizer.variables
    assert not [name for name, _ in stored if "optimizer" in name]


# Models of other kinds.


def test_puts_features_in_front_of_a_model_of_normalized_columns(tmp_path):
    model = data.normalized_model()
    tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    serve = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    raw = {
        name: data.COLUMNS[name][:, None] for name in ("distance", "seats", "dep delay")
    }
    raw["other"] = np.ones((data.ROWS, 1), np.float32)
    wanted = model(data.FITTED.forward(raw))
    found = serve(**{name.replace(" ", "_"): tf.constant(x) for name, x in raw.items()})
    np.testing.assert_allclose(found["normalized"], wanted, **CLOSE)


def test_a_model_of_one_input_takes_all_features_side_by_side(tmp_path):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    found = tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    assert set(found.arguments) == set(data.NUMBERS)


def test_a_model_of_one_input_takes_the_one_feature(tmp_path):
    recipe = tfnorm.Recipe({"": schemes.ZScore()})
    x = np.random.default_rng(0).normal(50, 9, (99, 3)).astype(np.float32)
    fitted = recipe.fit(tfnorm.analyze(x, recipe))
    model = keras.Sequential([keras.Input((3,), name="pixels"), keras.layers.Dense(1)])
    tfnorm.bake(model, fitted, tmp_path / "m")
    serve = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    wanted = model(fitted.forward({"": x})[""])
    np.testing.assert_allclose(serve(tf.constant(x))["prediction"], wanted, **CLOSE)


def test_a_layer_in_the_model_keeps_live_constants(tmp_path):
    layer = layers.ZScore(name="standardize")
    layer.adapt(np.array([[1.0], [3.0]]))
    features = layers.Features(data.FITTED.select(["distance"]))
    inputs = {
        "distance": keras.Input((1,), name="distance"),
        "x": keras.Input((1,), name="x"),
    }
    x = layer(inputs["x"]) + features({"distance": inputs["distance"]})["distance"]
    tfnorm.bake(keras.Model(inputs, x), data.FITTED, tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    assert loaded.constants["standardize"]["loc_hi"].numpy() == 2.0


def test_an_input_of_any_size_is_not_served_from_examples(tmp_path):
    fitted = tfnorm.Recipe({"image": schemes.presets.unit()})
    fitted = fitted.fit(tfnorm.analyze({"image": np.ones((2, 4, 4, 3))}, fitted))
    inputs = keras.Input((None, None, 3), name="image")
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    found = tfnorm.bake(model, fitted, tmp_path / "m")
    assert "may vary in size" in found.skipped["serve_examples"]


def test_a_float16_model_serves_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = data.normalized_model()
    finally:
        keras.config.set_dtype_policy("float32")
    found = tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    served = found.signatures["serving_default"].outputs.dtypes
    assert set(served.values()) == {"float32"}


def test_a_recipe_of_the_target_alone_leaves_the_input_as_it_is(tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1)])
    fitted = data.FITTED.select(["arr_delay"])
    tfnorm.bake(model, fitted, tmp_path / "m", target="arr_delay")
    serve = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    x = np.ones((4, 2), np.float32)
    np.testing.assert_allclose(serve(tf.constant(x))["normalized"], model(x), **CLOSE)


def test_a_model_may_take_what_it_predicts(model, tmp_path):
    tfnorm.bake(model, data.FITTED, tmp_path / "m", target="distance")
    served = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    found = served(**ARGUMENTS)
    back = data.FITTED.inverse({"distance": found["normalized"].numpy()})["distance"]
    # 8 ulp: the same float32 graph, fused in the SavedModel and not here.
    np.testing.assert_allclose(found["prediction"], back, rtol=1e-6)
