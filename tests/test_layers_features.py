# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that normalizes a dict of raw columns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import layers_data as data
from tfnorm import errors
from tfnorm import layers
from tfnorm import recipe as recipe_lib
from tfnorm import schemes

COLUMNS = data.columns()


def test_a_column_may_have_an_axis_of_one():
    layer = layers.Features(data.FITTED)
    flat = layer({"far": data.FAR[:, 0]})["far"]
    column = layer({"far": data.FAR[:, :1]})["far"]
    np.testing.assert_array_equal(column, flat[:, None])


def test_gives_the_same_numbers_under_xla():
    layer = layers.Features(data.FITTED, output="concat")
    compiled = tf.function(lambda columns: layer(columns), jit_compile=True)
    np.testing.assert_array_equal(compiled(COLUMNS), layer(COLUMNS))


def test_concatenates_in_the_order_of_the_recipe_then_of_the_columns():
    layer = layers.Features(data.FITTED, output="concat")
    found = layer(dict(reversed(COLUMNS.items())))
    by_name = data.FITTED.forward(COLUMNS)
    order = ("far", "when", "gaps", "gaps_missing", "three values", "more")
    wanted = np.column_stack([by_name[name] for name in order]).astype(np.float32)
    np.testing.assert_array_equal(found, wanted)


def test_drops_other_columns_on_request():
    layer = layers.Features(data.FITTED, passthrough=False)
    assert "more" not in layer(COLUMNS)


def test_other_columns_pass_as_they_are():
    layer = layers.Features(data.FITTED)
    found = layer({"far": data.FAR[:, 0], "carrier": tf.constant(["UA"] * 64)})
    assert found["carrier"].dtype == tf.string


def test_strings_cannot_be_concatenated():
    layer = layers.Features(data.FITTED, output="concat")
    with pytest.raises(ValueError, match="'carrier'"):
        layer({"far": data.FAR[:, 0], "carrier": tf.constant(["UA"] * 64)})


def test_symbolic_shapes_and_types_are_those_of_the_tensors():
    layer = layers.Features(data.FITTED, dtype="mixed_float16")
    inputs = {
        name: keras.Input(column.shape[1:], dtype=column.dtype.name)
        for name, column in COLUMNS.items()
    }
    symbolic, found = layer(inputs), layer(COLUMNS)
    assert {k: (v.dtype, v.shape[1:]) for k, v in symbolic.items()} == {
        k: (v.dtype.name, tuple(v.shape[1:])) for k, v in found.items()
    }


def test_the_width_of_concatenated_inputs_is_known():
    inputs = {
        name: keras.Input(column.shape[1:], dtype=column.dtype.name)
        for name, column in COLUMNS.items()
    }
    assert layers.Features(data.FITTED, output="concat")(inputs).shape == (None, 8)


def test_no_known_column_is_an_error():
    with pytest.raises(ValueError, match="None of the columns 'other'"):
        layers.Features(data.FITTED)({"other": data.FAR[:, 0]})


def test_a_tensor_in_place_of_columns_is_an_error():
    with pytest.raises(ValueError, match="takes a dict"):
        layers.Features(data.FITTED)(data.REAL)


def test_an_unknown_form_of_output_is_an_error():
    with pytest.raises(ValueError, match="output='list'"):
        layers.Features(data.FITTED, output="list")


def test_each_feature_has_live_constants():
    layer = layers.Features(data.FITTED)
    before = layer(COLUMNS)["far"]
    layer.live["far"].weights["loc_hi"].assign_add(1.0)
    moved = before - layer(COLUMNS)["far"]
    step = layer.live["far"].weights["inverse_scale"]
    # 2**-20: the difference of two numbers near 2, each rounded.
    np.testing.assert_allclose(moved, np.full(64, step.numpy()), atol=2**-20)


def test_a_mask_passes_with_its_column():
    masked = keras.layers.Masking()(data.REAL[:, None, :])
    layer = layers.Features(data.FITTED)
    found = layer({"three values": masked})
    assert found["three values"]._keras_mask is not None


def test_a_recipe_must_be_fitted_first():
    recipe = recipe_lib.Recipe({"x": schemes.ZScore()})
    with pytest.raises(errors.RecipeError, match="Fit the recipe first"):
        layers.Features(recipe)
