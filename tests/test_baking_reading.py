# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Training data: what the model takes, decoded as serving decodes it."""

import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import baking_data
from tfnorm import errors
from tfnorm import schemes
from tfnorm.baking import examples

TARGET = baking_data.TARGET.copy()
TARGET[::50] = np.nan
KNOWN = ~np.isnan(TARGET)
FIELDS = {
    "distance": examples.Field((), "float32", "float32"),
    "when": examples.Field((), "int64", "int64"),
    "dep delay": examples.Field((), "float32", "float32"),
    "seats": examples.Field((), "int64", "float64"),
    "carrier": examples.Field((), "string", "string"),
    "arr_delay": examples.Field((), "float32", "float32"),
}


@pytest.fixture(scope="module")
def protos():
    carrier = np.char.encode(baking_data.COLUMNS["carrier"].astype(str))
    columns = {**baking_data.COLUMNS, "carrier": carrier, "arr_delay": TARGET}
    return examples.serialize(columns, FIELDS)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory, protos):
    folder = tmp_path_factory.mktemp("records")
    for shard in range(2):
        with tf.io.TFRecordWriter(f"{folder}/data-{shard}.gz", "GZIP") as writer:
            for proto in protos[shard * 100 : shard * 100 + 100 + 56 * shard]:
                writer.write(proto)
    return f"{folder}/data-*"


def read(pattern, model, **options):
    data = tfnorm.training_data(
        pattern, model, baking_data.FITTED, target="arr_delay", **options
    )
    inputs, targets = zip(*data, strict=True)
    columns = {
        name: np.concatenate([part[name] for part in inputs]) for name in inputs[0]
    }
    return columns, np.concatenate(targets), [len(part) for part in targets]


@pytest.mark.parametrize("make", [baking_data.raw_model, baking_data.normalized_model])
def test_the_model_says_of_it_what_serving_says_of_the_protos(
    make, pattern, protos, tmp_path
):
    model = make()
    tfnorm.bake(model, baking_data.FITTED, tmp_path / "baked", target="arr_delay")
    served = tf.saved_model.load(tmp_path / "baked").signatures["serve_examples"](
        tf.constant(protos)
    )["normalized"]
    columns, _, _ = read(pattern, model)
    ours = model({n: tf.constant(x) for n, x in columns.items()}, training=False)
    # The same graph, fused differently: 1e-6 is some 8 ulp of numbers around 1.
    np.testing.assert_allclose(
        np.ravel(ours), np.ravel(served)[KNOWN], rtol=1e-5, atol=1e-6
    )


def test_targets_are_normalized_and_those_that_are_missing_left_out(pattern):
    _, targets, _ = read(pattern, baking_data.raw_model())
    wanted = baking_data.FITTED.forward({"arr_delay": TARGET[KNOWN]})["arr_delay"]
    np.testing.assert_array_equal(targets, wanted)


def test_batches_are_full_but_the_last(pattern):
    _, _, sizes = read(pattern, baking_data.raw_model(), batch_size=64)
    assert sizes == [64, 64, 64, KNOWN.sum() - 192]


def test_a_target_that_is_no_feature_comes_as_it_is(pattern):
    features = [name for name in baking_data.FITTED.maps if name != "arr_delay"]
    data = tfnorm.training_data(
        pattern,
        baking_data.raw_model(),
        baking_data.FITTED.select(features),
        target="arr_delay",
    )
    targets = np.concatenate([target for _, target in data])
    np.testing.assert_array_equal(targets, TARGET[KNOWN])


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(errors.DataError, match="No file matches '.*none-"):
        read(f"{tmp_path}/none-*", baking_data.raw_model())


def test_other_constants_in_the_model_are_an_error(pattern):
    other = tfnorm.Recipe({"distance": schemes.ZScore(), "arr_delay": schemes.ZScore()})
    data = {"distance": np.array([1.0, 2.0]), "arr_delay": np.array([1.0, 2.0])}
    fitted = other.fit(tfnorm.analyze(data, other))
    with pytest.raises(errors.RecipeError, match="fitted recipe"):
        tfnorm.training_data(
            pattern, baking_data.raw_model(), fitted, target="arr_delay"
        )
