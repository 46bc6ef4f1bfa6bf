# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization: Keras' results, and the right ones where those are not."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import contracts
from tfnorm import layers

# Of a result, or of a sum of some hundred numbers, in float32.
_CLOSE = 16 * contracts.ULP
_RNG = np.random.default_rng(0)

IMAGES = _RNG.normal(3, 2, (16, 5, 6, 4)).astype(np.float32)
MASK = _RNG.random((16, 5)) < 0.6
DIRECTION = _RNG.normal(size=IMAGES.shape).astype(np.float32)
OPTIONS = {
    "default": {},
    "channels_first": {"axis": 1},
    "momentum": {"momentum": 0.5, "epsilon": 1e-5},
    "no_center": {"center": False},
    "no_scale": {"scale": False},
    "renorm": {"renorm": True},
    "renorm_limits": {
        "renorm": True,
        "renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.1},
        "renorm_momentum": 0.8,
    },
    "regularized": {
        "beta_regularizer": keras.regularizers.L2(0.1),
        "gamma_regularizer": keras.regularizers.L1(0.1),
        "beta_constraint": keras.constraints.NonNeg(),
        "gamma_constraint": keras.constraints.MaxNorm(1.0),
    },
    "started": {
        "beta_initializer": keras.initializers.RandomUniform(seed=1),
        "gamma_initializer": keras.initializers.RandomUniform(1, 2, seed=2),
        "moving_mean_initializer": keras.initializers.RandomUniform(seed=3),
        "moving_variance_initializer": keras.initializers.RandomUniform(1, 2, seed=4),
    },
}


def step(layer, x, direction=DIRECTION, **kwargs) -> list[np.ndarray]:
    """Result, and gradients of input and weights, of a training step."""
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = layer(variable.value(), training=True, **kwargs)
        loss = tf.reduce_sum(tf.cast(y, "float32") * direction)
    weights = [weight.value for weight in layer.trainable_weights]
    return [np.asarray(t) for t in (y, *tape.gradient(loss, [variable, *weights]))]


def near(found, wanted, bound=_CLOSE) -> None:
    found, wanted = (np.asarray(one, np.float64) for one in (found, wanted))
    size = np.abs(wanted).max(initial=1.0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound * size)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_trains_and_serves_as_keras_does(options):
    theirs = keras.layers.BatchNormalization(**options)
    ours = layers.BatchNormalization(**options)
    for scale in (1, 2, 3):
        wanted, found = (step(each, IMAGES * scale) for each in (theirs, ours))
        for one, other in zip(found, wanted, strict=True):
            # Gradients are sums of 480 numbers in another order.
            near(one, other, 4 * _CLOSE)
    near(sum(ours.losses), sum(theirs.losses))
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        assert one.path.split("/")[-1] == other.path.split("/")[-1]
        assert (one.dtype, one.trainable) == (other.dtype, other.trainable)
        assert type(one.constraint) is type(other.constraint)
        near(one, other)
    near(ours(IMAGES), theirs(IMAGES))


def test_takes_the_arguments_of_keras_in_their_order():
    given = (-1, 0.9, 1e-4, False, True, "ones", "zeros", "ones", "zeros")
    given = (*given, "l1", "l2", "non_neg", "unit_norm", True, {"rmax": 2.0}, 0.8, True)
    found = layers.BatchNormalization(*given, name="norm").get_config()
    wanted = keras.layers.BatchNormalization(*given, name="norm").get_config()
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize("options", [{}, {"renorm": True}], ids=["plain", "renorm"])
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_loads_what_keras_saved(tmp_path, ending, options):
    theirs, ours = (
        keras.Sequential([keras.Input((5, 6, 4)), kind(**options)])
        for kind in (keras.layers.BatchNormalization, layers.BatchNormalization)
    )
    for scale in (1, 2):
        theirs(IMAGES * scale, training=True)
    path = tmp_path / f"model{ending}"
    (theirs.save if ending == ".keras" else theirs.save_weights)(path)
    ours.load_weights(path)
    near(ours(IMAGES), theirs(IMAGES))


def test_loads_its_own_model(tmp_path):
    inputs = keras.Input((5, 6, 4)), keras.Input((), dtype="int32")
    layer = layers.BatchNormalization(classes=2, debiased=True, momentum=0.5)
    model = keras.Model(inputs, layer(inputs[0], classes=inputs[1]))
    classes = np.arange(16) % 2
    model([IMAGES, classes], training=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    near(again([IMAGES, classes]), model([IMAGES, classes]), 0)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_gradients_are_those_of_the_formula(mask):
    layer = layers.BatchNormalization(synchronized=mask is not None)
    given = {} if mask is None else {"mask": mask}
    counted = np.ones_like(MASK) if mask is None else mask
    _, found, of_gamma, of_beta = step(layer, IMAGES, **given)
    x, dy = (np.asarray(one, np.float64) for one in (IMAGES, DIRECTION))
    placed = np.broadcast_to(counted[..., None, None], x.shape)
    mean, variance = (
        getattr(x, name)((0, 1, 2), where=placed) for name in ("mean", "var")
    )
    y = (x - mean) / np.sqrt(variance + 1e-3)
    count = placed.sum((0, 1, 2))
    sums = dy.sum((0, 1, 2)), (dy * y).sum((0, 1, 2))
    wanted = dy - placed * (sums[0] + y * sums[1]) / count
    near(found, wanted / np.sqrt(variance + 1e-3))
    near(of_gamma, sums[1])
    near(of_beta, sums[0])


def test_nan_in_padding_reaches_no_gradient():
    x = np.where(MASK[..., None, None], IMAGES, np.float32(np.nan))
    direction = DIRECTION * MASK[..., None, None]
    found = step(layers.BatchNormalization(), x, direction, mask=MASK)
    wanted = step(layers.BatchNormalization(), IMAGES, direction, mask=MASK)
    for one, other in zip(found[1:], wanted[1:], strict=True):
        near(one, other, 4 * _CLOSE)


@pytest.mark.parametrize(
    ("x", "mask"),
    [
        (np.full_like(IMAGES, 7), None),
        (np.zeros_like(IMAGES), MASK),
        (IMAGES, np.zeros_like(MASK)),
        (IMAGES[:0], None),
        (IMAGES[:0], MASK[:0]),
        (IMAGES[:1, :1, :1], None),
    ],
    ids=["constant", "zeros", "masked", "empty", "empty_masked", "one"],
)
@pytest.mark.parametrize(
    "kind",
    [
        layers.BatchNormalization,
        layers.BatchRenormalization,
        layers.EvoNormB0,
        layers.SwitchableNormalization,
        layers.WhiteningBatchNormalization,
        lambda: layers.GhostBatchNormalization(3),
    ],
    ids=["batch", "renorm", "evo", "switchable", "whitening", "ghost"],
)
def test_gradients_are_finite(kind, x, mask):
    layer = kind()
    layer.build((None, *x.shape[1:]))
    found = step(layer, x, DIRECTION[: len(x), :1, :1], mask=mask)
    assert all(np.isfinite(one).all() for one in found)
    assert all(np.isfinite(weight).all() for weight in layer.get_weights())


def test_a_frozen_layer_is_in_inference_mode():
    layer = layers.BatchNormalization(trainable=False)
    near(layer(IMAGES, training=True), IMAGES / np.sqrt(1 + 1e-3))
    assert not np.asarray(layer.moving_mean).any()


def test_trains_where_sizes_are_unknown():
    layer = layers.GhostBatchNormalization(3), layers.BatchNormalization()
    model = keras.Sequential([keras.Input((None, None, 4)), *layer])
    model.compile("sgd", "mse")
    model.fit(IMAGES, IMAGES, batch_size=5, verbose=0)
    assert model.predict(IMAGES[:2, :3], verbose=0).shape == (2, 3, 6, 4)
    for weight in model.weights:
        assert np.isfinite(weight).all()
        assert np.asarray(weight).any()


def test_a_mask_comes_from_the_layer_before():
    x = np.where(MASK[..., None], IMAGES[:, :, 0], 0.0)
    inputs, classes = keras.Input((5, 4)), keras.Input((), dtype="int32")
    masked = keras.layers.Masking()(inputs)
    plain, choosing = layers.BatchNormalization(), layers.BatchNormalization(classes=2)
    outputs = plain(masked), choosing(masked, classes=classes)
    model = keras.Model([inputs, classes], outputs)
    model([x, np.zeros(16, int)], training=True)
    wanted = 0.01 * x[MASK].mean(0)
    near(plain.moving_mean, wanted)
    near(choosing.moving_mean, wanted)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.BatchNormalization(renorm_clipping={"max": 1}, renorm=True),
            "max",
        ),
        (
            lambda: layers.BatchNormalization(
                renorm_clipping={"dmax": -1}, renorm=True
            ),
            "dmax",
        ),
        (
            lambda: layers.BatchNormalization(
                renorm_clipping={"rmin": 2, "rmax": 1}, renorm=True
            ),
            "rmin",
        ),
        (lambda: layers.BatchRenormalization(rmax=0.5), "rmax"),
        (lambda: layers.BatchNormalization(classes=0), "classes"),
        (
            lambda: layers.BatchNormalization(classes=2, center=False, scale=False),
            "classes",
        ),
        (lambda: layers.BatchNormalization(prior_count=-1), "prior_count"),
        (lambda: layers.BatchNormalization(4).build((2, 3)), "out of bounds"),
        (lambda: layers.BatchNormalization().build((2, None)), "sizes"),
        (lambda: layers.BatchNormalization(classes=2)(IMAGES), "without `classes=`"),
        (
            lambda: layers.BatchNormalization()(IMAGES, classes=np.zeros(16, int)),
            "with `classes=`",
        ),
        (
            lambda: layers.BatchNormalization()(IMAGES, mask=np.ones(IMAGES.shape)),
            "mask",
        ),
        (lambda: layers.GhostBatchNormalization(0), "ghost_size"),
        (lambda: layers.WhiteningBatchNormalization(0), "groups"),
        (lambda: layers.WhiteningBatchNormalization(3).build((None, 4)), "divide"),
    ],
)
def test_says_what_makes_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_is_the_same_on(backend):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # Without what is a matter of NumPy's formulas alone: JAX compiles each shape.
    some = "(formulas and [4) or variance or float16 or counts or class or prior"
    some = f"{some} or before or kinds or evolved or newton or derivatives or mixture"
    some = f"{some} or no_rows or blind"
    ran = subprocess.run(
        [*command, "tests/test_batch_family.py", "-k", some],
        cwd=pathlib.Path(__file__).absolute().parents[1],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
