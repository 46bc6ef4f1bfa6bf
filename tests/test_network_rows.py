# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layer, RMS and group normalization, and the kernels under them and batch norm."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import contracts
from tfnorm import layers
from tfnorm.layers.network import in_tensorflow
from tfnorm.layers.network import kernels

RNG = np.random.default_rng(0)
STEPS = RNG.normal(5, 2, (6, 10, 8)).astype(np.float32)
IMAGES = RNG.normal(5, 2, (4, 6, 5, 8)).astype(np.float32)
OFFSET = RNG.normal(1e4, 1, (8, 40, 30, 16)).astype(np.float32)
FIRST = np.moveaxis(IMAGES, -1, 1)

# Name, arguments, data.
PAIRS = [
    ("LayerNormalization", {}, STEPS),
    ("LayerNormalization", {"axis": [1, 2], "epsilon": 1e-5}, STEPS),
    ("LayerNormalization", {"axis": [1, 3], "center": False}, IMAGES),
    ("LayerNormalization", {"axis": 1, "scale": False}, FIRST),
    ("RMSNormalization", {}, STEPS),
    ("RMSNormalization", {"axis": [-2, -1], "epsilon": 1e-3}, STEPS),
    ("GroupNormalization", {"groups": 4}, STEPS),
    ("GroupNormalization", {"groups": 2, "scale": False}, STEPS[:, 0]),
    ("GroupNormalization", {"groups": -1, "epsilon": 1e-5}, IMAGES),
    ("GroupNormalization", {"groups": 2, "axis": 1}, FIRST),
    ("BatchNormalization", {}, STEPS),
    ("BatchNormalization", {"axis": 1, "center": False}, FIRST),
    ("BatchNormalization", {"epsilon": 1e-6, "scale": False}, IMAGES),
]


def weighted(layer, x):
    """Gives a layer weights that are not those of the start."""
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return layer


def step(layer, x):
    """Result and gradients of a training call."""
    direction = np.random.default_rng(2).normal(size=x.shape).astype(np.float32)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(y * direction)
    variables = [w.value for w in layer.trainable_weights]
    return [y, *tape.gradient(loss, [x, *variables])]


def near(found, wanted, ulps):
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    bound = ulps * contracts.ULP * max(np.abs(wanted).max(), 1)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("compiled", [None, False, True])
@pytest.mark.parametrize(("name", "arguments", "x"), PAIRS)
def test_does_what_keras_layer_does(name, arguments, x, compiled):
    ours = weighted(getattr(layers, name)(**arguments), x)
    theirs = weighted(getattr(keras.layers, name)(**arguments), x)

    def run():
        return step(ours, x)

    if compiled is not None:
        run = tf.function(run, jit_compile=compiled)
    for found, wanted in zip(run(), step(theirs, x), strict=True):
        # Sums of 1,200 numbers up to 15, in another order.
        near(found, wanted, 64)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        assert (one.name, one.shape, one.dtype) == (other.name, other.shape, "float32")
        near(one, other, 16)


@pytest.mark.parametrize(("name", "arguments", "x"), PAIRS)
def test_takes_the_weights_of_keras_layer(tmp_path, name, arguments, x):
    theirs = weighted(getattr(keras.layers, name)(**arguments), x)
    ours = getattr(layers, name)(**arguments)
    inputs = keras.Input(x.shape[1:])
    keras.Model(inputs, theirs(inputs)).save_weights(tmp_path / "a.weights.h5")
    model = keras.Model(inputs, ours(inputs))
    model.load_weights(tmp_path / "a.weights.h5")
    near(model(x), theirs(x), 32)


@pytest.mark.parametrize(("name", "arguments", "x"), PAIRS)
def test_knows_every_argument_of_keras_layer(name, arguments, x):
    theirs = getattr(keras.layers, name)(**arguments)
    found = getattr(layers, name).from_config(theirs.get_config()).get_config()
    wanted = theirs.get_config()
    # A deprecated one, which is refused.
    wanted.pop("rms_scaling", None)
    if isinstance(wanted["axis"], list):
        found["axis"] = list(found["axis"])
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize("compiled", [False, True])
def test_a_batch_far_from_0_keeps_its_variance(compiled):
    ones, zeros = tf.ones(16), tf.zeros(16)
    run = tf.function(
        lambda x: kernels.by_batch(x, -1, 1e-3, ones, zeros), jit_compile=compiled
    )
    _, mean, variance = run(tf.constant(OFFSET))
    exact = OFFSET.reshape(-1, 16).astype(np.float64)
    # 2 ulp of 1e4, which the mean itself is rounded to.
    np.testing.assert_allclose(mean, exact.mean(0), rtol=0, atol=2 * 2.0**-10)
    # Sums of 9,600 numbers near 0, one after the other.
    np.testing.assert_allclose(variance, exact.var(0), rtol=1e-4)


def test_the_fused_kernel_loses_the_variance_under_xla():
    # Why another formula is used there.
    @tf.function(jit_compile=True)
    def fused(x):
        ones, zeros, none = tf.ones(16), tf.zeros(16), tf.zeros(0)
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=ones, offset=zeros, mean=none, variance=none
        ).batch_variance

    assert np.abs(fused(tf.constant(OFFSET)) - 1).max() > 1


@pytest.mark.parametrize("compiled", [False, True])
def test_xla_is_seen_from_within(compiled):
    found = []

    @tf.function
    def inner():
        found.append(in_tensorflow._compiled_by_xla())

    tf.function(lambda: inner(), jit_compile=compiled)()
    assert found == [compiled]


def test_a_dense_batch_far_from_0_keeps_its_variance_under_xla():
    x = OFFSET.reshape(-1, 16)
    ones, zeros = tf.ones(16), tf.zeros(16)
    run = tf.function(
        lambda x: kernels.by_batch(x, -1, 1e-3, ones, zeros), jit_compile=True
    )
    exact = x.astype(np.float64)
    np.testing.assert_allclose(run(x)[2], exact.var(0), rtol=1e-5)


@pytest.mark.parametrize("name", ["LayerNormalization", "GroupNormalization"])
def test_rows_far_from_0_keep_their_variance(name):
    x = np.random.default_rng(0).normal(1e4, 1, (4, 64, 256)).astype(np.float32)
    layer = getattr(layers, name)(epsilon=1e-6)
    exact = x.astype(np.float64)
    if name == "GroupNormalization":
        exact = exact.reshape(4, 64, 32, 8)
    axes = (1, 3) if exact.ndim == 4 else (-1,)
    centered = exact - exact.mean(axes, keepdims=True)
    wanted = centered / np.sqrt(exact.var(axes, keepdims=True) + 1e-6)
    # 4 ulp of 1e4, by which a mean of some hundred numbers is off.
    np.testing.assert_allclose(layer(x), wanted.reshape(x.shape), rtol=0, atol=2.0**-8)


def test_gradients_of_gradients_are_those_of_the_formula():
    x = tf.constant(STEPS)

    def twice(function):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(function(x) ** 3)
            found = tf.reduce_sum(tape.gradient(loss, x) ** 2)
        return outer.gradient(found, x)

    def formula(x):
        mean = tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean((x - mean) ** 2, -1, keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-3)

    # 512 ulp: differences of sums of cubes, differentiated twice.
    near(twice(layers.LayerNormalization()), twice(formula), 512)


# Masks.


def masked(x):
    mask = np.arange(x.shape[1]) < np.array([10, 7, 0, 3, 1, 9])[:, None]
    return mask, np.where(mask[..., None], x, np.nan)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LayerNormalization(axis=(1, 2)),
        layers.RMSNormalization(axis=(1, 2)),
        layers.GroupNormalization(groups=2),
    ],
)
def test_padding_enters_no_statistic_and_becomes_0(layer):
    mask, x = masked(STEPS)
    found = np.asarray(layer(x, mask=mask))
    assert (found[~mask] == 0).all()
    for row, steps in zip(range(6), mask.sum(1), strict=True):
        if not steps:
            continue
        part = x[row, :steps].astype(np.float64)
        if isinstance(layer, layers.GroupNormalization):
            part = part.reshape(steps, 2, 4)
            part = part - part.mean((0, 2), keepdims=True)
            wanted = part / np.sqrt((part**2).mean((0, 2), keepdims=True) + 1e-3)
        elif isinstance(layer, layers.LayerNormalization):
            wanted = (part - part.mean()) / np.sqrt(part.var() + 1e-3)
        else:
            wanted = part / np.sqrt((part**2).mean() + 1e-6)
        near(found[row, :steps], wanted.reshape(steps, 8), 32)


def test_keras_counts_padding():
    mask, _ = masked(STEPS)
    padded = np.where(mask[..., None], STEPS, 0)
    found = keras.layers.GroupNormalization(groups=1)(padded)
    right = layers.GroupNormalization(groups=1)(padded, mask=mask)
    assert np.abs(np.asarray(found) - right)[mask].max() > 0.1


def test_a_mask_of_steps_changes_no_step():
    mask, _ = masked(STEPS)
    layer = layers.LayerNormalization()
    np.testing.assert_array_equal(layer(STEPS, mask=mask), layer(STEPS))


# What Keras has not.


def test_a_partial_mean_square_is_of_the_first_elements():
    x = STEPS.astype(np.float64)
    found = layers.RMSNormalization(partial=0.25)(STEPS)
    square = (x[..., :2] ** 2).mean(-1, keepdims=True)
    near(found, x / np.sqrt(square + 1e-6), 16)


def test_an_offset_is_added_and_saved(tmp_path):
    inputs = keras.Input((8,))
    layer = layers.RMSNormalization(use_offset=True, use_scale=False)
    model = keras.Model(inputs, layer(inputs))
    layer.offset.assign(np.arange(8.0))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    plain = layers.RMSNormalization()(STEPS[:, 0])
    near(again(STEPS[:, 0]), plain + np.arange(8.0), 4)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.RMSNormalization(partial=0), "partial"),
        (lambda: layers.RMSNormalization((1, 2), partial=0.5), "one axis"),
        (lambda: layers.LayerNormalization(rms_scaling=True), "RMSNormalization"),
        (lambda: layers.LayerNormalization()(keras.Input((None,))), "keras.Input"),
        (lambda: layers.RMSNormalization()(keras.Input((None,))), "keras.Input"),
        (lambda: layers.GroupNormalization(groups=0), "groups=0"),
        (lambda: layers.GroupNormalization(groups=3)(STEPS), "groups=3"),
    ],
)
def test_what_makes_no_sense_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()
