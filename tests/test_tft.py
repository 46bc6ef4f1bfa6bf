# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tf.Transform's graph gives what Keras and NumPy give, from the same statistics."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

import tfnorm
from tests import contracts
from tests import tft_pipelines
from tfnorm import errors
from tfnorm import schemes

ROWS = 16
# So many rows of `contracts.samples` make that many.
ASKED = {"frames": 4 * ROWS}
TABLE = {
    **{
        name: row for name, row in schemes.REGISTRY.items() if row.scheme.fitted_on_data
    },
    "imagenet": schemes.REGISTRY["imagenet"],
    "unit_norm": schemes.REGISTRY["unit_norm"],
    "chain": schemes.Row(schemes.Chain((schemes.Robust(), schemes.MinMax()))),
}
COLUMNS = {
    name: contracts.samples(row.domain, ASKED.get(row.domain, ROWS))
    for name, row in TABLE.items()
}
RECIPE = tfnorm.Recipe({name: row.scheme for name, row in TABLE.items()})


@pytest.fixture(scope="module")
def expected():
    return tfnorm.analyze(COLUMNS, RECIPE)


@pytest.fixture(scope="module")
def fitted(expected):
    return RECIPE.fit(expected)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """All schemes in one analyzer: the folder, and what the pipeline made."""
    folder = tmp_path_factory.mktemp("transform")
    apply = tfnorm.tft.apply(RECIPE, statistics_path=folder / "statistics")
    return folder, tft_pipelines.transform(apply, COLUMNS, folder)


@pytest.fixture(scope="module")
def loaded(pipeline):
    return tft_pipelines.load(pipeline[0], COLUMNS)


@pytest.fixture(scope="module")
def in_keras(fitted):
    # In a function, as `predict` and a SavedModel run it: TensorFlow fuses some ops of
    # graphs, and eagerly none.
    layer = tf.function(tfnorm.layers.Features(fitted))
    return layer({name: tf.constant(values) for name, values in COLUMNS.items()})


def test_the_statistics_are_those_of_one_process(pipeline, expected):
    found = tfnorm.load_statistics(pipeline[0] / "statistics")
    assert found.digest == expected.digest


@pytest.mark.parametrize("name", TABLE)
def test_the_graph_gives_what_the_keras_layer_gives(name, loaded, in_keras):
    np.testing.assert_array_equal(loaded[name], in_keras[name])
    assert loaded[name].dtype == np.float32


@pytest.mark.parametrize("place", ["pipeline", "loaded"])
@pytest.mark.parametrize("name", TABLE)
def test_the_graph_gives_what_numpy_gives(name, place, pipeline, loaded, fitted):
    # To the bit, but for functions such as the logarithm and matrix products.
    found = {"pipeline": pipeline[1], "loaded": loaded}[place]
    x = COLUMNS[name]
    bijector = fitted.maps[name].along(-1, x.ndim)
    contracts.assert_what_numpy_gives(bijector, x, found[name])


def test_any_user_of_tf_transform_can_load_it(pipeline, loaded):
    layer = tft.TFTransformOutput(str(pipeline[0])).transform_features_layer()
    made = layer(tft_pipelines.tensors(COLUMNS))
    for name in TABLE:
        np.testing.assert_array_equal(made[name], loaded[name])


def test_statistics_that_there_are_need_no_second_pass(pipeline, loaded):
    apply = tfnorm.tft.from_statistics(pipeline[0] / "statistics", RECIPE)
    columns = tft_pipelines.tensors(COLUMNS)
    graph = tf.function(apply).get_concrete_function(columns)
    made = graph(columns)
    for name in TABLE:
        np.testing.assert_array_equal(made[name], loaded[name])


@pytest.mark.parametrize("path", [None, "statistics"])
def test_a_recipe_with_a_weight_is_refused_before_anything_is_written(tmp_path, path):
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    given = path and tmp_path / path
    with pytest.raises(errors.RecipeError, match="'w'.*`tfnorm.tft.from_statistics`"):
        tfnorm.tft.apply(recipe, statistics_path=given)
    assert not list(tmp_path.iterdir())


def test_a_weighted_artifact_gives_the_weighted_constants(tmp_path):
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    x = np.array([1.0, 2.0, 5.0], np.float32)
    tfnorm.analyze({"x": x, "w": np.array([3.0, 1.0, 4.0])}, recipe).save(tmp_path)
    made = tfnorm.tft.from_statistics(tmp_path, recipe)({"x": tf.constant(x)})
    repeated = {"x": np.repeat(x, [3, 1, 4])}
    plain = tfnorm.Recipe({"x": schemes.ZScore()})
    expected = plain.fit(tfnorm.analyze(repeated, plain)).forward({"x": x})
    np.testing.assert_array_equal(made["x"], np.float32(expected["x"]))
