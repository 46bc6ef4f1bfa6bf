# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What cannot be folded exactly stays, and the report says why."""

import keras
import numpy as np
import pytest

import tfnorm
from tests import folding_models as models
from tfnorm import errors
from tfnorm import layers

L = keras.layers
IMAGE, STEPS = models.IMAGE, models.STEPS


def norm(**kwargs):
    return L.BatchNormalization(**kwargs)


def fitted(layer):
    layer.adapt(np.random.default_rng(2).normal(0.5, 0.7, (64, *IMAGE)))
    return layer


def only_row(model):
    _, report = tfnorm.fold(model)
    (row,) = report.rows
    return row


class Doubled(L.Dense):
    def call(self, inputs):
        return super().call(inputs) * 2


def of(*layers_):
    return lambda: models.sequential(IMAGE, *layers_)


def shared_dense():
    inputs, dense = keras.Input(STEPS), L.Dense(4, name="dense")
    return keras.Model(inputs, norm()(dense(dense(inputs))))


def two_users():
    inputs = keras.Input(STEPS)
    x = L.Dense(4, name="dense")(inputs)
    return keras.Model(inputs, L.Add()([norm()(x), x]))


def one_user_is_not_linear():
    inputs = keras.Input(STEPS)
    x = norm()(inputs)
    return keras.Model(inputs, [L.Dense(4)(x), L.ReLU(name="relu")(x)])


def called_in_training():
    inputs = keras.Input(STEPS)
    return keras.Model(inputs, norm()(L.Dense(4)(inputs), training=True))


def unknown_size():
    inputs = keras.Input((None, None, 3))
    return keras.Model(
        inputs, L.Conv2D(3, 3, strides=2, padding="same")(L.Rescaling(2, 1)(inputs))
    )


def of_two(join):
    inputs = keras.Input(STEPS)
    return keras.Model(inputs, L.Dense(3)(join([norm()(inputs), inputs])))


def with_moving_mean(mean):
    model = models.sequential(STEPS, norm(), L.Dense(3))
    model.layers[0].moving_mean.assign([mean] * 4)
    return model


def with_gamma(gamma, *behind):
    model = models.sequential(IMAGE, norm(), *behind)
    model.layers[0].gamma.assign([gamma] * 4)
    return model


def by_class():
    inputs, which = keras.Input(STEPS), keras.Input((), dtype="int32")
    y = layers.BatchNormalization(classes=2)(L.Dense(3)(inputs), classes=which)
    return keras.Model([inputs, which], y)


STAYS = {
    "has the activation 'relu'": of(L.Conv2D(3, 3, activation="relu"), norm()),
    "(ReLU) lets no map pass": of(L.Conv2D(3, 3), L.ReLU(), norm()),
    "relu` (ReLU) lets no map": one_user_is_not_linear,
    "(Doubled) lets no map pass": of(Doubled(3), norm()),
    "nothing in front but an input": of(norm(), L.ReLU()),
    "behind, it is an output": of(norm()),
    "`dense` is called 2 times": shared_dense,
    "`dense` (Dense) has 2 users": two_users,
    "`training=True`": called_in_training,
    "depends on the size of its input": unknown_size,
    "takes something else, too": lambda: of_two(L.Add()),
    "counts a shift more often": of(norm(), L.Conv2DTranspose(3, 2)),
    "does not mix channels": lambda: models.sequential(
        IMAGE, fitted(layers.Whitening()), L.DepthwiseConv2D(3)
    ),
    "does not map the channels of": of(L.Conv2D(3, 3), norm(axis=1)),
    "sums over axis 3": of(norm(axis=1), L.Conv2D(3, 3)),
    "lose 10 bits": lambda: with_moving_mean(1000.0),
    "not all finite": lambda: with_moving_mean(np.nan),
    "takes maxima": lambda: with_gamma(-1.0, L.MaxPooling2D(), L.Dense(1)),
    "makes a channel constant": lambda: with_gamma(0.0, L.Conv2D(3, 3, padding="same")),
    "may count its padding": of(
        norm(), L.AveragePooling2D(2, padding="same"), L.ReLU()
    ),
    "joins channels with steps": of(L.Conv2D(4, 3), L.Flatten(), norm()),
    "`PerSample` is not affine": of(layers.UnitNorm(), L.Dense(3)),
    "constants for each class": by_class,
    "more than its moving statistics": of(
        L.Dense(3), layers.BatchNormalization(prior_count=3.0)
    ),
}


@pytest.mark.parametrize("reason", STAYS)
def test_it_stays_and_says(reason):
    model = STAYS[reason]()
    folded, report = tfnorm.fold(model)
    (row,) = report.left
    assert reason in row.reason
    assert row.reason in str(report)
    assert len(folded.layers) == len(keras.Model(model.inputs, model.outputs).layers)
    assert folded.count_params() == model.count_params()


@pytest.mark.parametrize("model", [keras.Sequential([L.Dense(2)]), "not a model"])
def test_other_models_are_refused(model):
    with pytest.raises(errors.RecipeError, match=r"build|Only functional"):
        tfnorm.fold(model)


def test_subclasses_are_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(errors.RecipeError, match="in the code of 'Own'"):
        tfnorm.fold(Own())


def test_a_quantized_layer_stays():
    model = models.sequential(STEPS, L.Dense(3), norm())
    model.layers[0].quantize("int8")
    assert "is quantized" in only_row(model).reason


def test_a_layer_with_lora_stays():
    model = models.sequential(STEPS, L.Dense(3), norm())
    model.layers[0].enable_lora(2)
    assert "LoRA" in only_row(model).reason


def narrow(weight, value, *, front=False):
    parts = [norm(dtype="mixed_float16"), L.Dense(3, dtype="mixed_float16")]
    model = models.sequential(STEPS, *(parts[::-1] if front else parts))
    weights = getattr(model.layers[1 if front else 0], weight)
    weights.assign(np.full(weights.shape, value))
    return model


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: narrow("moving_mean", 20.0), "float16 would lose 5 bits"),
        (lambda: narrow("moving_variance", 1e9), "beyond what float16 holds"),
        (lambda: narrow("gamma", 1e6, front=True), "would not fit float16"),
    ],
)
def test_what_float16_cannot_hold_stays(model, reason):
    assert reason in only_row(model()).reason


def test_what_a_wrapper_calls_is_reported():
    inner = keras.layers.BatchNormalization(name="inner")
    inputs = keras.Input((3, 4))
    outputs = keras.layers.TimeDistributed(inner)(inputs)
    _, report = tfnorm.fold(keras.Model(inputs, outputs))
    assert str(report.rows[0]) == (
        "inner (BatchNormalization) stays: it is called by the code of another layer"
    )
