# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keras' normalizations in a model become tfnorm's, and nothing else changes."""

import keras
import numpy as np
import pytest

from tests import contracts
from tfnorm import errors
from tfnorm import layers

_NAMES = (
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "SpectralNormalization",
)
X = np.random.default_rng(0).normal(3, 2, (6, 5, 4)).astype(np.float32)


def randomized(model: keras.Model) -> keras.Model:
    """Gives a model weights that are not those of the start."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        spread = (
            np.sqrt(2 / np.prod(weight.shape[:-1])) if weight.name == "kernel" else 0.2
        )
        low = 0.5 if weight.name in ("gamma", "moving_variance", "variance") else 0.0
        if "int" not in weight.dtype:
            drawn = rng.normal(0, spread, weight.shape)
            weight.assign(np.abs(drawn) + low if low else drawn)
    return model


def rooms(model: keras.Model) -> set[str]:
    """Returns the packages that the normalizations are of."""
    return {
        type(layer).__module__.partition(".")[0]
        for layer in model._flatten_layers()
        if type(layer).__name__ in _NAMES
    }


def assert_replaced(model: keras.Model, x=X, roundings=16) -> keras.Model:
    """Raises unless the model is as before but for its layers, which are ours."""
    replaced = layers.replace(randomized(model))
    assert rooms(model) == {"keras"}
    assert rooms(replaced) == {"tfnorm"}
    assert replaced.name == model.name
    assert [one.name for one in replaced.layers] == [one.name for one in model.layers]
    described = [
        [(weight.name, weight.shape, weight.dtype, weight.trainable) for weight in each]
        for each in (replaced.weights, model.weights)
    ]
    assert described[0] == described[1]
    wanted = model.predict(x, verbose=0)
    # In an application an ulp for each layer, which it hands on.
    bound = roundings * contracts.ULP * np.abs(wanted).max()
    found = replaced.predict(x, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)
    return replaced


def every_kind() -> list[keras.layers.Layer]:
    return [
        keras.layers.BatchNormalization(name="batch"),
        keras.layers.GroupNormalization(2),
        keras.layers.LayerNormalization(axis=(1, 2)),
        keras.layers.RMSNormalization(),
    ]


def functional() -> keras.Model:
    inputs = keras.Input((5, 4))
    shared = keras.layers.BatchNormalization(name="shared")
    y = keras.layers.Add()([shared(inputs), shared(inputs * 2)])
    return keras.Model(inputs, keras.layers.LayerNormalization()(y))


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((5, 4)), *every_kind()], name="inner")
    inputs = keras.Input((5, 4))
    y = keras.layers.BatchNormalization()(inner(functional()(inputs)))
    return keras.Model(inputs, {"y": y, "inner": inner(y)}["inner"])


def wrapped() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((5, 4)),
            keras.layers.TimeDistributed(keras.layers.LayerNormalization()),
            keras.layers.TimeDistributed(
                keras.Sequential(
                    [keras.layers.Dense(4), keras.layers.BatchNormalization()]
                )
            ),
            keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True)),
            keras.layers.BatchNormalization(),
        ]
    )


def masked() -> keras.Model:
    inputs = keras.Input((5, 4))
    mask = keras.ops.greater(inputs[..., 0], 3.0)
    return keras.Model(inputs, keras.layers.BatchNormalization()(inputs, mask=mask))


def with_a_lambda() -> keras.Model:
    double = keras.layers.Lambda(lambda x: np.float32(2) * x, output_shape=(5, 4))
    return keras.Sequential(
        [keras.Input((5, 4)), double, keras.layers.BatchNormalization()]
    )


MODELS = {
    "sequential": lambda: keras.Sequential([keras.Input((5, 4)), *every_kind()]),
    "functional": functional,
    "nested": nested,
    "wrapped": wrapped,
    "masked": masked,
    "with_a_lambda": with_a_lambda,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_only_the_layers_change(make):
    assert_replaced(make())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0"])
def test_only_the_layers_of_an_application_change(name, tmp_path):
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=(32, 32, 3), classifier_activation=None)
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    count = sum(type(layer).__name__ in _NAMES for layer in model.layers)
    replaced = assert_replaced(model, x, roundings=count)
    replaced.save(tmp_path / "replaced.keras")
    again = keras.saving.load_model(tmp_path / "replaced.keras")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), replaced.predict(x, verbose=0)
    )


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_weights_saved_from_the_old_model_load_into_the_new_one(make, tmp_path):
    model = make()
    replaced = layers.replace(model)
    randomized(model).save_weights(tmp_path / "a.weights.h5")
    replaced.load_weights(tmp_path / "a.weights.h5")
    for old, new in zip(model.weights, replaced.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_old_model_is_left_alone():
    model = keras.Sequential([keras.Input((5, 4)), *every_kind()])
    model.compile("sgd", "mse")
    before, wanted = model.get_weights(), model.predict(X, verbose=0)
    replaced = layers.replace(model)
    replaced.compile("sgd", "mse")
    replaced.fit(X, X, verbose=0)
    for mine, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, old)
    assert model.compiled
    np.testing.assert_array_equal(model.predict(X, verbose=0), wanted)


def test_a_loss_that_keras_cannot_name_does_not_matter():
    model = functional()
    model.compile("sgd", lambda y, found: keras.ops.mean((y - found) ** 2))
    assert not layers.replace(model).compiled


def test_trainable_flags_types_and_names_stay():
    model = nested()
    model.layers[1].trainable = False
    kept = keras.Sequential(
        [
            keras.Input((5, 4)),
            keras.layers.BatchNormalization(dtype="mixed_float16", name="a"),
            keras.layers.BatchNormalization(trainable=False, dtype="float64"),
        ]
    )
    for each in (model, kept):
        old, new = each._flatten_layers(), layers.replace(each)._flatten_layers()
        assert [(one.name, one.trainable, one.dtype_policy) for one in new] == [
            (one.name, one.trainable, one.dtype_policy) for one in old
        ]


def test_inputs_keep_their_names():
    inputs = {name: keras.Input((4,), name=name) for name in "ab"}
    y = keras.layers.BatchNormalization()(inputs["a"] + inputs["b"])
    model = keras.Model(inputs, y)
    replaced = layers.replace(model)
    found = replaced.predict({"a": X[:, 0], "b": X[:, 1]}, verbose=0)
    assert found.shape == (6, 4)


def test_a_shared_layer_stays_shared():
    replaced = layers.replace(functional())
    assert len(replaced.get_layer("shared")._inbound_nodes) == 2


def test_constants_that_a_layer_adapted_to_stay():
    normalization = keras.layers.Normalization()
    normalization.adapt(X)
    model = keras.Sequential(
        [keras.Input((5, 4)), normalization, keras.layers.BatchNormalization()]
    )
    found = layers.replace(model).predict(X, verbose=0)
    # By way of float32 constants in both.
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=0, atol=1e-6)


def test_a_vocabulary_stays():
    lookup = keras.layers.IntegerLookup()
    lookup.adapt(np.array([5, 7, 7]))
    inputs = keras.Input((1,), dtype="int64")
    y = keras.layers.Embedding(4, 3)(lookup(inputs))
    model = keras.Model(inputs, keras.layers.LayerNormalization()(y))
    x = np.array([[5], [7], [9]])
    found = layers.replace(model).predict(x, verbose=0)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("only", [["batch"], ["BatchNormalization"]])
def test_only_what_is_named_is_replaced(only):
    model = keras.Sequential([keras.Input((5, 4)), *every_kind()])
    found = [
        type(one).__module__[:6] for one in layers.replace(model, only=only).layers
    ]
    assert found == ["tfnorm", "keras.", "keras.", "keras."]


def test_only_names_what_is_there():
    with pytest.raises(errors.OptionsError, match="'GroupNormalization'"):
        layers.replace(functional(), only=["GroupNormalization"])


def test_a_spectral_kernel_keeps_its_weights():
    dense = keras.layers.SpectralNormalization(keras.layers.Dense(3))
    model = keras.Sequential([keras.Input((4,)), dense])
    model(X[:, 0], training=True)
    replaced = layers.replace(model)
    assert rooms(replaced) == {"tfnorm"}
    for old, new in zip(model.get_weights(), replaced.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_normalizations_stay():
    class Mine(keras.layers.BatchNormalization):
        pass

    model = keras.Sequential(
        [
            keras.Input((5, 4)),
            Mine(),
            keras.layers.UnitNormalization(),
            keras.layers.Dense(4),
        ]
    )
    kinds = [type(layer) for layer in layers.replace(model).layers]
    assert kinds == [type(layer) for layer in model.layers]


class Block(keras.layers.Layer):
    """Makes a normalization in its code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.LayerNormalization()

    def build(self, input_shape):
        self.norm.build(input_shape)

    def call(self, inputs):
        return self.norm(inputs)


def test_a_normalization_in_code_is_an_error_that_names_it():
    model = keras.Sequential(
        [
            keras.Input((5, 4)),
            keras.layers.TimeDistributed(Block(name="block")),
            keras.layers.BatchNormalization(),
        ]
    )
    with pytest.raises(errors.OptionsError, match="block/.*LayerNormalization"):
        layers.replace(model)
    replaced = layers.replace(model, only=["BatchNormalization"])
    assert rooms(replaced) == {"keras", "tfnorm"}


class Described(keras.Model):
    """Is described by its config."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config):
        config["inner"] = keras.saving.deserialize_keras_object(config["inner"])
        return cls(**config)


def test_a_class_that_its_config_describes_is_made_again():
    model = Described(keras.layers.BatchNormalization(), name="described")
    model(X)
    assert isinstance(assert_replaced(model), Described)


def test_a_class_without_a_config_is_an_error():
    class Bare(keras.Model):
        def __init__(self, size):
            super().__init__()
            self.norm = keras.layers.BatchNormalization()

    with pytest.raises(errors.OptionsError, match="Bare"):
        layers.replace(Bare(3))


def test_a_layer_alone_is_an_error():
    with pytest.raises(errors.OptionsError, match="BatchNormalization"):
        layers.replace(keras.layers.BatchNormalization())
