# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Training data: what the model takes, decoded as serving decodes it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import baking_data
from tfnorm import errors
from tfnorm import layers
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


def test_batches_without_a_target_are_left_out(tmp_path):
    given = labelled(tmp_path, label=("int64_list", 3))
    data = tfnorm.training_data(*given, target="label", batch_size=2)
    assert [len(target) for _, target in data] == [2, 2]


def test_shuffles_anew_in_each_epoch_and_the_same_again(pattern):
    def epochs():
        keras.utils.set_random_seed(7)
        data = tfnorm.training_data(
            pattern, model, baking_data.FITTED, target="arr_delay", shuffle=99
        )
        return [np.concatenate([target for _, target in data]) for _ in range(2)]

    model = baking_data.raw_model()
    first, second = epochs()
    _, in_order, _ = read(pattern, model)
    assert not np.array_equal(first, in_order)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first), np.sort(in_order))
    np.testing.assert_array_equal(epochs(), [first, second])


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


def labelled(path, **features):
    """Writes records that have `distance`, and features in the second half of them."""
    with tf.io.TFRecordWriter(f"{path}/labelled.gz", "GZIP") as writer:
        for row in range(8):
            proto = tf.train.Example()
            proto.features.feature["distance"].float_list.value.append(row)
            for name, (kind, value) in features.items():
                values = getattr(proto.features.feature[name], kind).value
                values.extend([value] if row >= 4 else [])
            writer.write(proto.SerializeToString())
    inputs = {"distance": keras.Input((), name="distance")}
    fitted = baking_data.FITTED.select(["distance"])
    outputs = layers.Features(fitted, output="concat")(inputs)
    return f"{path}/labelled.gz", keras.Model(inputs, outputs), fitted


@pytest.mark.parametrize("kind, value", [("int64_list", 3), ("float_list", 2.5)])
def test_a_target_that_is_no_feature_is_read_as_it_is_stored(kind, value, tmp_path):
    given = labelled(tmp_path, label=(kind, value))
    [(inputs, target)] = tfnorm.training_data(*given, target="label")
    np.testing.assert_array_equal(inputs["distance"], [4, 5, 6, 7])
    np.testing.assert_array_equal(target, [value] * 4)


def test_a_feature_of_the_recipe_is_read_as_it_is_stored(tmp_path):
    path, model, _ = labelled(tmp_path, arr_delay=("int64_list", 7))
    fitted = baking_data.FITTED
    [(_, target)] = tfnorm.training_data(path, model, fitted, target="arr_delay")
    wanted = fitted.forward({"arr_delay": np.full(4, 7.0)})["arr_delay"]
    np.testing.assert_allclose(target, wanted, rtol=2**-22)


def test_text_as_a_target_is_an_error(tmp_path):
    given = labelled(tmp_path, label=("bytes_list", b"late"))
    with pytest.raises(
        errors.RecipeError, match="'label'.*integers, one for each word"
    ):
        tfnorm.training_data(*given, target="label")


@pytest.mark.parametrize("target", ["lable", "weight"])
def test_a_target_that_no_record_has_is_an_error(target, tmp_path):
    missing = ("float_list", np.nan)
    given = labelled(tmp_path, label=("int64_list", 3), weight=missing)
    there = "'distance', 'label', 'weight'"
    with pytest.raises(errors.DataError, match=f"first 8 records.*{there}") as caught:
        tfnorm.training_data(*given, target=target)
    assert (caught.value.feature, caught.value.file) == (target, given[0])


def test_files_without_records_are_an_error(tmp_path):
    tf.io.TFRecordWriter(f"{tmp_path}/empty.gz", "GZIP").close()
    with pytest.raises(errors.DataError, match="no records"):
        read(f"{tmp_path}/empty.gz", baking_data.raw_model())


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
