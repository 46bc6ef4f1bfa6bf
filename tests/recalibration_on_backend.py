# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Facts about recalibration on the backend of KERAS_BACKEND; see test_recalibration.py.

`python -m tests.recalibration_on_backend` tries every function below whose name begins
with `fact_`.
"""

import keras
import numpy as np

import tfnorm
from tests import contracts
from tfnorm import layers

K = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal([0, 3, -1, 2], [1, 2, 0.5, 1], (1000, 4)).astype(np.float32)
FAR = RNG.normal(1e4, 1, (1000, 4)).astype(np.float32)
STEPS = RNG.normal(2, 3, (60, 7, 4)).astype(np.float32)
LENGTHS = RNG.integers(0, 8, 60)
# Computed values lie some roundings of float32 from the truth.
CLOSE = {"rtol": 2e-5, "atol": 2e-6}


def value(weight) -> np.ndarray:
    return keras.ops.convert_to_numpy(weight.value)


def in_batches(x, *sizes) -> list[np.ndarray]:
    return np.split(x, np.cumsum(sizes)[np.cumsum(sizes) < len(x)])


def norms(model) -> list:
    return [x for x in model._flatten_layers() if hasattr(x, "moving_mean")]


def model_of(count: int, kind=K.BatchNormalization) -> keras.Model:
    """A model of so many batch norms, with a gamma and a beta of their own."""
    keras.utils.set_random_seed(0)
    made: list = [keras.Input((4,))]
    for _ in range(count):
        made += [K.Dense(4, "tanh"), kind(), K.Dropout(0.5)]
    model = keras.Sequential(made[:1] + made[2:] if count == 1 else made)
    for layer in norms(model):
        layer.gamma.assign(RNG.uniform(0.5, 2, 4).astype(np.float32))
        layer.beta.assign(RNG.normal(size=4).astype(np.float32))
    return model


def truth(model, x) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and variance of what comes to each batch norm, by passes in float64."""
    found, y = [], x.astype(np.float64)
    for layer in model.layers:
        if isinstance(layer, K.Dense):
            kernel, bias = (value(one).astype(np.float64) for one in layer.weights)
            y = np.tanh(y @ kernel + bias)
        elif hasattr(layer, "moving_mean"):
            found.append((y.mean(0), y.var(0)))
            y = (y - y.mean(0)) / np.sqrt(y.var(0) + layer.epsilon)
            y = y * value(layer.gamma) + value(layer.beta)
    return found


def assert_true(model, x, **bound) -> None:
    for layer, (mean, variance) in zip(norms(model), truth(model, x), strict=True):
        np.testing.assert_allclose(value(layer.moving_mean), mean, **bound)
        np.testing.assert_allclose(value(layer.moving_variance), variance, **bound)


def fact_one_batch_norm_has_the_statistics_of_all_data():
    model = model_of(1)
    tfnorm.recalibrate(model, in_batches(X, 1, 500, 7, 300))
    # The truth, rounded to float32 once.
    assert_true(model, X, rtol=contracts.ULP)


def fact_nothing_cancels_at_an_offset():
    model = model_of(1)
    tfnorm.recalibrate(model, in_batches(FAR, 10, 500, 7, 300))
    assert_true(model, FAR, rtol=contracts.ULP)


def fact_three_batch_norms_have_those_of_the_deployed_model():
    for kind in (K.BatchNormalization, layers.BatchNormalization):
        model = model_of(3, kind)
        tfnorm.recalibrate(model, X, batch_size=96)
        assert_true(model, X, **CLOSE)


def fact_batches_and_their_order_leave_no_trace():
    inputs = keras.Input((4,))
    y = K.BatchNormalization()(inputs)
    y = K.BatchNormalization()(K.ReLU()(y))
    model = keras.Model(inputs, y)
    seen = set()
    rows = np.random.default_rng(1).permutation(1000)
    for x in (in_batches(X, 1000), in_batches(X, 3, 600), in_batches(X[rows], 64, 8)):
        tfnorm.recalibrate(model, x)
        seen.add(b"".join(value(w).tobytes() for w in model.non_trainable_variables))
    assert len(seen) == 1


def fact_masked_steps_count_in_nothing():
    x = STEPS.copy()
    mask = np.arange(7) < LENGTHS[:, np.newaxis]
    x[~mask] = 0.0
    inputs = keras.Input((7, 4))
    y = K.BatchNormalization()(K.Masking()(inputs))
    model = keras.Model(inputs, K.BatchNormalization()(K.ReLU()(y)))
    tfnorm.recalibrate(model, x, batch_size=7)
    y = x[mask].astype(np.float64)
    for layer in norms(model):
        np.testing.assert_allclose(value(layer.moving_mean), y.mean(0), **CLOSE)
        np.testing.assert_allclose(value(layer.moving_variance), y.var(0), **CLOSE)
        y = np.maximum((y - y.mean(0)) / np.sqrt(y.var(0) + 1e-3), 0)


class Written(keras.Model):
    """A model that is no graph: one batch norm after the other."""

    def __init__(self):
        super().__init__()
        self.first = K.BatchNormalization()
        self.second = K.BatchNormalization()

    def call(self, x, training=None):
        y = self.first(x, training=training)
        return self.second(keras.ops.relu(y), training=training)


def fact_a_written_model_works_too():
    model = Written()
    tfnorm.recalibrate(model, X, batch_size=100)
    y = X.astype(np.float64)
    np.testing.assert_allclose(value(model.first.moving_mean), y.mean(0), **CLOSE)
    y = np.maximum((y - y.mean(0)) / np.sqrt(y.var(0) + 1e-3), 0)
    np.testing.assert_allclose(value(model.second.moving_mean), y.mean(0), **CLOSE)
    np.testing.assert_allclose(value(model.second.moving_variance), y.var(0), **CLOSE)


def fact_a_model_serves_what_it_was_recalibrated_to():
    # Its predict function was traced before.
    model = model_of(1)
    model.predict(FAR, verbose=0)
    tfnorm.adapt_batch_norm(model, FAR)
    layer = norms(model)[0]
    y = (model.predict(FAR, verbose=0) - value(layer.beta)) / value(layer.gamma)
    # Of 1e4 +- 1 in float32, as Keras' own layer computes them: of 2**-10.
    np.testing.assert_allclose(y.mean(0), 0, atol=2e-3)
    np.testing.assert_allclose(y.std(0), 1, atol=2e-3)


def fact_nothing_else_changes():
    model = model_of(2)
    before = [value(weight) for weight in model.weights]
    tfnorm.recalibrate(model, X)
    for weight, old in zip(model.weights, before, strict=True):
        changed = not np.array_equal(value(weight), old)
        assert changed == weight.name.startswith("moving")
    assert not any("call" in vars(layer) for layer in model.layers)


if __name__ == "__main__":
    for name, fact in list(globals().items()):
        if name.startswith("fact_"):
            fact()
            print(name)
