# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Moving statistics become those of a whole data set, and of another domain."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import contracts
from tests import recalibration_on_backend as on_backend
from tfnorm import errors
from tfnorm import layers

K = keras.layers
X = on_backend.X
FACTS = {n: f for n, f in vars(on_backend).items() if n.startswith("fact_")}
value, in_batches = on_backend.value, on_backend.in_batches


def one_norm(kind=K.BatchNormalization, shape=(4,), **kwargs):
    layer = kind(**kwargs)
    return keras.Sequential([keras.Input(shape), layer]), layer


def statistics_of(layer) -> tuple[np.ndarray, np.ndarray]:
    return value(layer.moving_mean), value(layer.moving_variance)


def renewed(data, **kwargs) -> tuple[np.ndarray, np.ndarray]:
    model, layer = one_norm()
    tfnorm.recalibrate(model, data, **kwargs)
    return statistics_of(layer)


def of_x() -> tuple[np.ndarray, np.ndarray]:
    wide = X.astype(np.float64)
    return wide.mean(0).astype(np.float32), wide.var(0).astype(np.float32)


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_on_tensorflow(fact):
    FACTS[fact]()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on(backend):
    done = subprocess.run(
        [sys.executable, "-m", "tests.recalibration_on_backend"],
        cwd=pathlib.Path(__file__).parent.parent,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(FACTS)


# What other libraries do, and what they leave out.


def test_variances_of_batches_leave_out_what_lies_between_them():
    batches = in_batches(np.sort(X, axis=0), 250, 250, 250)
    averaged = np.mean([batch.var(0) for batch in batches], axis=0)
    mean, variance = renewed(batches)
    np.testing.assert_allclose(variance, X.var(0, float), rtol=contracts.ULP)
    # Sorted data are the worst case: nine tenths of the variance are lost.
    assert (averaged < 0.2 * variance).all()


def test_normalizing_by_batch_is_one_pass_that_depends_on_the_batches():
    model = on_backend.model_of(3)
    x = np.sort(X, axis=0)
    batches = in_batches(x, 250, 250, 250)
    found = tfnorm.recalibrate(model, iter(batches), normalize_by="batch")
    first, last = (list(found.values())[i] for i in (0, 2))
    exact = on_backend.truth(model, x)
    np.testing.assert_allclose(first.variance, exact[0][1], rtol=2e-5)
    assert np.abs(last.variance / exact[2][1] - 1).max() > 0.2


# Data.


@pytest.mark.parametrize(
    "data",
    [
        X,
        X.astype(np.float64),
        (X, np.zeros(1000)),
        in_batches(X, 400, 1),
        [(batch, None) for batch in in_batches(X, 400, 1)],
        iter(in_batches(X, 10)),
        tf.constant(X),
        tf.data.Dataset.from_tensor_slices(X).batch(300),
        tf.data.Dataset.from_tensor_slices((X, X)).batch(300),
    ],
    ids=lambda data: type(data).__name__,
)
def test_takes_data_of_any_form(data):
    np.testing.assert_array_equal(renewed(data), of_x())


def test_takes_a_keras_dataset():
    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return X[index * 100 : index * 100 + 100], np.zeros(100)

    np.testing.assert_array_equal(renewed(Rows()), of_x())


@pytest.mark.parametrize(
    "data",
    [
        {"a": X, "b": X + 1},
        [X, X + 1],
        [((X[:9], X[:9] + 1), None), ((X[9:], X[9:] + 1), None)],
        [{"a": X, "b": X + 1}],
    ],
    ids=["dict", "list", "batches of tuples", "batches of dicts"],
)
def test_takes_the_data_of_several_inputs(data):
    one, two = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    first, second = K.BatchNormalization(), K.BatchNormalization()
    model = keras.Model([one, two], K.Add()([first(one), second(two)]))
    tfnorm.recalibrate(model, data)
    mean, variance = of_x()
    np.testing.assert_array_equal(value(first.moving_mean), mean)
    # The data were rounded when 1 was added.
    np.testing.assert_allclose(value(second.moving_mean), mean + 1, rtol=4e-6)
    np.testing.assert_allclose(value(second.moving_variance), variance, rtol=1e-6)


def test_integer_inputs_are_taken_as_they_come():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 6, 3), np.uint8)
    layer = K.BatchNormalization()
    model = keras.Sequential([keras.Input((6, 6, 3), dtype="uint8"), layer])
    tfnorm.recalibrate(model, images)
    flat = images.reshape(-1, 3)
    np.testing.assert_allclose(value(layer.moving_mean), flat.mean(0), rtol=1e-7)
    np.testing.assert_allclose(value(layer.moving_variance), flat.var(0), rtol=1e-7)


# Layers.


def test_channels_may_come_first_with_a_mask():
    x = np.moveaxis(on_backend.STEPS, -1, 1)
    mask = np.arange(7) < on_backend.LENGTHS[:, np.newaxis]
    layer = layers.BatchNormalization(axis=1)
    inputs = [keras.Input((4, 7)), keras.Input((7,), dtype="bool")]
    model = keras.Model(inputs, layer(inputs[0], mask=inputs[1]))
    tfnorm.recalibrate(model, [x, mask], batch_size=11)
    kept = on_backend.STEPS[mask].astype(np.float64)
    np.testing.assert_allclose(value(layer.moving_mean), kept.mean(0), rtol=1e-7)
    np.testing.assert_allclose(value(layer.moving_variance), kept.var(0), rtol=1e-7)


@pytest.mark.parametrize("kind", [K.BatchNormalization, layers.BatchNormalization])
def test_the_statistics_of_renormalization_follow(kind):
    model, layer = one_norm(kind, renorm=True)
    tfnorm.recalibrate(model, X)
    deviation = np.sqrt(of_x()[1].astype(float) + 1e-3)
    for found in (layer.moving_stddev, layer.renorm_stddev):
        np.testing.assert_allclose(value(found), deviation, rtol=1e-7)
    np.testing.assert_array_equal(value(layer.renorm_mean), of_x()[0])


def test_debiased_statistics_have_no_share_of_their_start_values_left():
    model, layer = one_norm(layers.BatchNormalization, debiased=True, momentum=0.5)
    tfnorm.recalibrate(model, X)
    np.testing.assert_array_equal(statistics_of(layer), of_x())
    np.testing.assert_array_equal(value(layer.moving_weight), 1)
    layer(X[:2], training=True)
    wanted = of_x()[0] / 2 + X[:2].mean(0) / 2
    np.testing.assert_allclose(value(layer.moving_mean), wanted, rtol=1e-6, atol=1e-6)


def test_a_layer_that_is_not_trained_is_renewed_too():
    model, layer = one_norm()
    layer.trainable = False
    tfnorm.recalibrate(model, X)
    np.testing.assert_array_equal(statistics_of(layer), of_x())


@pytest.mark.parametrize("normalize_by", ["data", "batch"])
@pytest.mark.parametrize(
    "kind",
    [
        layers.FrozenBatchNormalization,
        layers.GhostBatchNormalization,
        layers.SwitchableNormalization,
        layers.EvoNormB0,
    ],
)
def test_the_family_is_renewed(kind, normalize_by):
    arguments = {"ghost_size": 8} if kind is layers.GhostBatchNormalization else {}
    model, layer = one_norm(kind, (7, 4), **arguments)
    x = on_backend.STEPS
    found = tfnorm.recalibrate(model, x, normalize_by=normalize_by, batch_size=9)
    assert found[layer].counts.valid.tolist() == [420] * 4
    flat = x.reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(value(layer.moving_mean), flat.mean(0), rtol=1e-7)
    np.testing.assert_allclose(value(layer.moving_variance), flat.var(0), rtol=1e-7)


def test_a_layer_that_whitens_does_so_by_the_covariance_of_all_data():
    x = X @ np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    given = {"groups": 2, "iterations": 30, "epsilon": 0.0}
    model, layer = one_norm(layers.WhiteningBatchNormalization, **given)
    tfnorm.recalibrate(model, in_batches(x, 1, 400))
    y = model.predict(x, verbose=0).astype(np.float64)
    found = np.cov(y.T, bias=True)[[0, 0, 1, 2, 2, 3], [0, 1, 1, 2, 3, 3]]
    # Newton's iteration in float32, at a condition number below 100.
    np.testing.assert_allclose(found, [1, 0, 1] * 2, atol=1e-4)
    with pytest.raises(ValueError, match="cannot be mixed"):
        tfnorm.adapt_batch_norm(model, x, weight=0.5)


def test_all_calls_of_a_shared_layer_in_a_nested_model_count():
    inner, layer = one_norm()
    inputs = [keras.Input((4,)), keras.Input((4,))]
    last = K.BatchNormalization()
    model = keras.Model(inputs, last(K.Add()([inner(x) for x in inputs])))
    found = tfnorm.recalibrate(model, [X, X + 4])
    assert list(found) == [layer, last]
    assert found[layer].counts.valid.tolist() == [2000] * 4
    np.testing.assert_allclose(value(layer.moving_mean), of_x()[0] + 2, rtol=1e-6)
    both = np.concatenate([X, X + 4]).astype(np.float64).var(0)
    np.testing.assert_allclose(value(layer.moving_variance), both, rtol=1e-6)


def test_layers_that_do_not_see_each_other_share_a_pass():
    inputs = keras.Input((4,))
    towers = [K.BatchNormalization()(K.Dense(4)(inputs)) for _ in range(5)]
    model = keras.Model(inputs, K.BatchNormalization()(K.Add()(towers)))
    reads = 0

    class Counted:
        def __iter__(self):
            nonlocal reads
            reads += 1
            return iter([X])

    tfnorm.recalibrate(model, Counted())
    assert reads == 2


def test_a_layer_that_is_always_in_training_has_the_statistics_of_all_data():
    inputs, first = keras.Input((4,)), K.BatchNormalization()
    model = keras.Model(inputs, K.BatchNormalization()(first(inputs, training=True)))
    tfnorm.recalibrate(model, X)
    np.testing.assert_array_equal(statistics_of(first), of_x())


def test_a_layer_inside_of_a_wrapper_is_found():
    layer = K.BatchNormalization()
    model = keras.Sequential([keras.Input((7, 4)), K.TimeDistributed(layer)])
    tfnorm.recalibrate(model, on_backend.STEPS)
    flat = on_backend.STEPS.reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(value(layer.moving_mean), flat.mean(0), rtol=1e-6)


# What it is for.


def test_repairs_a_model_of_averaged_weights():
    model = on_backend.model_of(2)
    other = keras.models.clone_model(model)
    for one, two in zip(model.trainable_weights, other.trainable_weights, strict=True):
        one.assign((one + two) / 2)
    layer = on_backend.norms(model)[-1]
    last = keras.Model(model.inputs, model.layers[-1].output)
    y = (last.predict(X, verbose=0) - layer.beta) / layer.gamma
    assert np.abs(np.mean(y, 0)).max() > 0.1
    tfnorm.recalibrate(model, X)
    y = (last.predict(X, verbose=0) - layer.beta) / layer.gamma
    np.testing.assert_allclose(np.mean(y, 0), 0, atol=1e-5)


def classified(model, x, labels) -> float:
    return float(np.mean((model.predict(x, verbose=0)[:, 0] > 0) == labels))


def test_repairs_a_shift_of_domain():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    x = (rng.normal(size=(600, 4)) + 3 * labels[:, np.newaxis]).astype(np.float32)
    keras.utils.set_random_seed(0)
    stack = [K.BatchNormalization(momentum=0.9), K.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *stack])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    model.fit(x, labels, epochs=5, verbose=0)
    dark = 0.2 * x - 5
    assert classified(model, x, labels) > 0.95
    assert classified(model, dark, labels) < 0.6
    tfnorm.adapt_batch_norm(model, dark)
    assert classified(model, dark, labels) > 0.95


@pytest.mark.parametrize("given", [{"weight": 0.25}, {"prior_count": 3000}])
def test_adapts_to_a_mixture_of_source_and_target(given):
    model, layer = one_norm()
    source = np.random.default_rng(3).normal(5, 2, (3000, 4)).astype(np.float32)
    tfnorm.recalibrate(model, source)
    tfnorm.adapt_batch_norm(model, X, **given)
    both = np.concatenate([source, X]).astype(np.float64)
    np.testing.assert_allclose(value(layer.moving_mean), both.mean(0), rtol=1e-6)
    np.testing.assert_allclose(value(layer.moving_variance), both.var(0), rtol=1e-6)


# Errors, after which nothing has changed.


class Twice(on_backend.Written):
    def call(self, x, training=None):
        return self.first(super().call(x, training), training=training)


class Compiled(on_backend.Written):
    def call(self, x, training=None):
        return tf.function(super().call)(x, training)


def twice_in_a_graph():
    inputs, layer = keras.Input((4,)), K.BatchNormalization()
    return keras.Model(inputs, layer(K.Dense(4)(layer(inputs))))


def spoiled(x):
    x = x.copy()
    x[1, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("model", "data", "error", "match"),
    [
        (on_backend.model_of(2), [], errors.EmptyDataError, "not one row"),
        (on_backend.model_of(2), X[:0], errors.EmptyDataError, "not one row"),
        (keras.Sequential([K.Dense(4)]), X, ValueError, "calls no batch norm"),
        (on_backend.model_of(2), iter([X]), errors.DataError, "read once"),
        (on_backend.model_of(2), spoiled(X), errors.DataError, "4 values .* NaN"),
        (twice_in_a_graph(), X, ValueError, "depend on the layers' own"),
        (Twice(), X, ValueError, "'batch_normal.*depend on the layers' own"),
        (Compiled(), X, ValueError, "within a compiled part"),
    ],
)
def test_raises(model, data, error, match):
    before = [value(weight) for weight in model.weights]
    with pytest.raises(error, match=match):
        tfnorm.recalibrate(model, data)
    for weight, old in zip(model.weights, before, strict=False):
        np.testing.assert_array_equal(value(weight), old)


def test_data_that_change_from_pass_to_pass_are_an_error():
    class Shrinking(list):
        def __iter__(self):
            self.pop()
            return super().__iter__()

    with pytest.raises(errors.DataError, match="the data changed"):
        tfnorm.recalibrate(on_backend.model_of(2), Shrinking([X] * 4))


def test_a_mask_of_everything_is_an_error():
    layer = K.BatchNormalization()
    model = keras.Sequential([keras.Input((7, 4)), K.Masking(), layer])
    with pytest.raises(errors.EmptyDataError, match="not masked"):
        tfnorm.recalibrate(model, np.zeros((5, 7, 4), np.float32))


@pytest.mark.parametrize(
    "given",
    [
        {"weight": 1.5},
        {"prior_count": -1},
        {"prior_count": 9, "weight": 0.5},
        {"normalize_by": "batches"},
    ],
)
def test_an_argument_that_makes_no_sense_is_an_error(given):
    with pytest.raises(ValueError, match=f"`{list(given)[0]}="):
        tfnorm.adapt_batch_norm(one_norm()[0], X, **given)
