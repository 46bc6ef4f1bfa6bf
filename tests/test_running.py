# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Live statistics: those of all that came, whatever the batches, masks or offsets."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import contracts
from tfnorm import errors
from tfnorm import layers

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(120, 3)) * [1, 10, 0.1] + [0, 50, -3]).astype(np.float32)


def taken_in(layer, x, step=7, **kwargs):
    for start in range(0, len(x), step):
        given = {k: v[start : start + step] for k, v in kwargs.items()}
        layer(x[start : start + step], training=True, **given)
    return layer


def mean(layer):
    return np.asarray(layer.loc_hi, float) + np.asarray(layer.loc_lo, float)


@pytest.mark.parametrize("step", [1, 7, 120])
def test_counts_all_values_alike(step):
    layer = taken_in(layers.Running(), X, step)
    # Some 20 merges, of three roundings of 2**-24 each.
    np.testing.assert_allclose(mean(layer), X.mean(0, float), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(layer.variance, X.var(0, float), rtol=1e-5)
    np.testing.assert_array_equal(layer.weight, [120] * 3)


def test_old_batches_fade():
    layer = layers.Running(momentum=0.9)
    total = first = second = 0.0
    for start in range(0, 120, 10):
        batch = X[start : start + 10].astype(float)
        layer(batch, training=True)
        total = 0.9 * total + 1
        first = 0.9 * first + batch.mean(0)
        second = 0.9 * second + (batch**2).mean(0)
    np.testing.assert_allclose(mean(layer), first / total, rtol=1e-5, atol=1e-7)
    wanted = second / total - (first / total) ** 2
    np.testing.assert_allclose(layer.variance, wanted, rtol=1e-5)


def test_the_first_batch_is_normalized_by_itself():
    y = np.asarray(layers.Running(momentum=0.99)(X, training=True))
    wanted = (X - X.mean(0, float)) / X.std(0, dtype=float)
    np.testing.assert_allclose(y, wanted, rtol=0, atol=8 * contracts.ULP * 4)


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_nothing_cancels_at_an_offset(offset):
    x = (RNG.normal(size=(4096, 1)) + offset).astype(np.float32)
    layer = taken_in(layers.Running(), x, 256)
    np.testing.assert_allclose(layer.variance, x.var(0, float), rtol=1e-4)


FAR = {
    "int32": (1e9 + RNG.normal(size=(300, 1)) * 20).astype(np.int32),
    "int64": 1_700_000_000_000_000 + np.arange(300).reshape(-1, 1) * 1_000_000,
    "float64": 1.7e9 + RNG.normal(size=(300, 1)),
    "float32": (1e7 + RNG.normal(size=(300, 1)) * 9).astype(np.float32),
}


@pytest.mark.parametrize("x", FAR.values(), ids=FAR)
def test_is_right_from_the_first_batch_at_any_offset(x):
    y = np.asarray(taken_in(layers.Running(), x, 50)(x))
    exact = (x - x.min()).astype(float)
    wanted = (exact - exact.mean()) / exact.std()
    # Six merges of float32 moments.
    np.testing.assert_allclose(y, wanted, rtol=0, atol=64 * contracts.ULP)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_enters_no_statistic(value):
    x = X.copy()
    x[3, 0] = x[50, 1] = value
    finite = np.isfinite(x)
    layer = taken_in(layers.Running(), x)
    wanted = [x[finite[:, i], i].astype(float).mean() for i in range(3)]
    np.testing.assert_allclose(mean(layer), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer.weight, finite.sum(0))


def test_a_constant_is_centered_and_not_scaled():
    layer = taken_in(layers.Running(), np.full((50, 1), 0.1, np.float32))
    y = np.asarray(layer(np.float32([[0.1], [1.1]])))
    np.testing.assert_allclose(y, [[0], [1]], rtol=0, atol=contracts.ULP)


def test_inference_changes_nothing():
    layer = taken_in(layers.Running(), X)
    before = layer.get_weights()
    layer(X * 100)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_masked_steps_change_nothing():
    x = X.reshape(8, 15, 3)
    mask = np.arange(15) < RNG.integers(1, 15, (8, 1))
    masked, plain = layers.Running(), layers.Running()
    y = masked(np.where(mask[..., None], x, 1e9), training=True, mask=mask)
    plain(x[mask], training=True)
    for one, other in zip(masked.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert (np.asarray(y)[~mask] == 0).all()


def test_a_batch_of_nothing_but_padding_changes_nothing():
    layer = taken_in(layers.Running(0.9), X)
    before = layer.get_weights()
    layer(X, training=True, mask=np.zeros(120, bool))
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("axis", [None, 1, (1, 2)])
def test_keeps_the_axes_it_is_told(axis):
    x = X.reshape(20, 2, 9)
    layer = layers.Running(axis=axis)
    layer(x, training=True)
    rest = {None: (0, 1, 2), 1: (0, 2), (1, 2): 0}[axis]
    np.testing.assert_allclose(layer.variance, x.var(rest, float), rtol=1e-5)


def test_a_call_before_any_data_is_an_error():
    layer = layers.Running()
    with pytest.raises(errors.NotFittedError, match="training=True"):
        layer(X)


def test_fit_takes_in_what_it_trains_on():
    layer = layers.Running()
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, 0], epochs=2, verbose=0)
    np.testing.assert_array_equal(layer.weight, [240] * 3)
    assert len(model.trainable_weights) == 2


def test_no_gradient_flows_through_the_statistics():
    layer = layers.Running()
    x = tf.Variable(X)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x.value(), training=True))
    deviation = np.sqrt(np.asarray(layer.variance))
    np.testing.assert_allclose(tape.gradient(y, x), np.tile(1 / deviation, (120, 1)))


def test_is_saved_with_its_statistics(tmp_path):
    layer = taken_in(layers.Running(0.5, center=False), X)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), layer(X))


def test_denormalize_undoes_it():
    layer = taken_in(layers.Running(), X)
    again = layers.Denormalize(layer)(layer(X))
    np.testing.assert_allclose(again, X, rtol=0, atol=8 * contracts.ULP * 90)


@pytest.mark.parametrize(
    "arguments",
    [{"momentum": 1.0}, {"momentum": -0.1}, {"center": False, "scale": False}],
)
def test_what_cannot_be_meant_is_refused(arguments):
    with pytest.raises(errors.RecipeError):
        layers.Running(**arguments)
