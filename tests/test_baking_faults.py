# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What cannot be baked: one typed error each, and nothing left behind."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import baking_data as data
from tfnorm import baking
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes


@pytest.fixture(scope="module")
def model():
    return data.raw_model()


def test_an_unknown_target_is_an_error(model, tmp_path):
    with pytest.raises(errors.RecipeError, match="'delay'"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m", target="delay")


def test_a_target_without_inverse_is_an_error(tmp_path):
    recipe = tfnorm.Recipe({"mel": schemes.presets.whisper()})
    fitted = recipe.fit(tfnorm.analyze({"mel": np.ones((2, 3, 4))}, recipe))
    model = keras.Sequential([keras.Input((3, 4), name="x"), keras.layers.Flatten()])
    with pytest.raises(errors.NotInvertible, match="'mel'"):
        tfnorm.bake(model, fitted, tmp_path / "m", target="mel")


def test_a_target_that_the_model_takes_normalized_is_an_error(tmp_path):
    made = data.normalized_model()
    with pytest.raises(errors.RecipeError, match="'seats'.*input of the model"):
        tfnorm.bake(made, data.FITTED, tmp_path / "m", target="seats")


@pytest.mark.parametrize(
    "outputs, said",
    [
        (lambda x: {"a": x, "b": x}, "a dict of 'a', 'b'"),
        (lambda x: {"a": x}, "a dict of 'a'"),
        (lambda x: [x, x], "a list of 2"),
    ],
)
def test_a_target_needs_one_output(tmp_path, outputs, said):
    x = keras.Input((1,), name="distance")
    made = keras.Model({"distance": x}, outputs(keras.layers.Dense(1)(x)))
    with pytest.raises(errors.RecipeError, match=f"'arr_delay'.*{said}.*Denormalize"):
        tfnorm.bake(made, data.FITTED, tmp_path / "m", target="arr_delay")


def test_a_model_with_other_constants_is_an_error(model, tmp_path):
    others = data.RECIPE.fit(
        tfnorm.analyze(
            {
                **{name: data.COLUMNS[name][:9] for name in data.NUMBERS},
                "seats": np.arange(9),
                "arr_delay": data.TARGET[:9],
            },
            data.RECIPE,
        )
    )
    with pytest.raises(errors.RecipeError, match="other constants"):
        tfnorm.bake(model, others, tmp_path / "m", target="arr_delay")


def test_a_model_of_other_names_is_an_error(tmp_path):
    inputs = {name: keras.Input((1,), name=name) for name in "ab"}
    model = keras.Model(inputs, inputs["a"] + inputs["b"])
    with pytest.raises(errors.RecipeError, match="none of which"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m")


def test_two_names_that_a_signature_cannot_tell_apart_are_an_error(tmp_path):
    recipe = tfnorm.Recipe({"a b": schemes.ZScore(), "a_b": schemes.ZScore()})
    x = np.arange(4.0)
    fitted = recipe.fit(tfnorm.analyze({"a b": x, "a_b": x}, recipe))
    inputs = {name: keras.Input((1,), name=name) for name in ("a b", "a_b")}
    model = keras.Model(inputs, inputs["a b"] + inputs["a_b"])
    with pytest.raises(errors.RecipeError, match="Rename"):
        tfnorm.bake(model, fitted, tmp_path / "m")


def test_a_model_that_was_never_adapted_is_an_error(tmp_path):
    inputs = {"distance": keras.Input((1,), name="distance")}
    x = layers.ZScore()(layers.Features(data.FITTED)(inputs)["distance"])
    with pytest.raises(errors.NotFittedError, match="adapt"):
        tfnorm.bake(keras.Model(inputs, x), data.FITTED, tmp_path / "m")


def test_a_fitted_recipe_without_a_feature_of_the_model_is_an_error(model, tmp_path):
    fitted = data.FITTED.select(["arr_delay"])
    with pytest.raises(errors.RecipeError, match="'distance'.*does not hold it"):
        tfnorm.bake(model, fitted, tmp_path / "m", target="arr_delay")


def test_another_backend_is_told_what_to_do(model, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(errors.ArtifactError, match=r"\.keras"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m")


def test_a_failed_bake_leaves_nothing(model, tmp_path, monkeypatch):
    def fails(served, folder, **_):
        pathlib.Path(folder, "saved_model.pb").write_text("half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fails)
    with pytest.raises(errors.ArtifactError, match="No space left"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_not_replaced(model, tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(errors.ArtifactError, match="holds no saved_model.pb"):
        tfnorm.bake(model, data.FITTED, tmp_path, target="arr_delay")
    assert (tmp_path / "thesis.txt").exists()


def test_a_loss_of_ones_own_is_no_obstacle(tmp_path):
    def mine(y_true, y_pred):
        return keras.ops.mean(y_true - y_pred)

    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    made.compile("sgd", loss=mine, metrics=[mine])
    made.save(tmp_path / "model.keras")
    loaded = baking.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.weights[0], made.weights[0])


def test_a_file_that_is_no_model_cannot_be_loaded(tmp_path):
    with pytest.raises(errors.ArtifactError, match="cannot be loaded"):
        baking.load_model(tmp_path / "no.keras")
