# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Wrappers compute with a function of a kernel, and leave the kernel alone."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tests import contracts
from tfnorm import layers

ROOT = pathlib.Path(__file__).absolute().parents[1]
# What torch says of a machine with half a CUDA.
pytestmark = pytest.mark.filterwarnings("ignore:CUDA initialization")
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 7, 6, 4)).astype(np.float32)
K = keras.layers

# How to make a layer, what it takes, and the axes of its output channels.
LAYERS = {
    "dense": (lambda: K.Dense(5), IMAGES, (1,)),
    "conv_1d": (lambda: K.Conv1D(5, 3, padding="same"), IMAGES[:, 0], (2,)),
    "conv_2d": (lambda: K.Conv2D(6, 3, groups=2), IMAGES, (3,)),
    "conv_3d": (lambda: K.Conv3D(5, 2), IMAGES[:, :, None].repeat(3, 2), (4,)),
    "depthwise": (lambda: K.DepthwiseConv2D(3, depth_multiplier=2), IMAGES, (2, 3)),
    "depthwise_1d": (lambda: K.DepthwiseConv1D(3), IMAGES[:, 0], (1, 2)),
    "transposed": (lambda: K.Conv2DTranspose(5, 3, strides=2), IMAGES, (2,)),
    "transposed_1d": (lambda: K.Conv1DTranspose(5, 3), IMAGES[:, 0], (1,)),
}
# Beside results of up to 8: sums of some 60 products.
CLOSE = {"rtol": 0, "atol": 8 * 16 * contracts.ULP}


def wrapped(kind, name, **kwargs):
    """Returns the wrapper, built, its input, and the axes of its outputs."""
    make, x, axes = LAYERS[name]
    layer = kind(make(), **kwargs)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(0.1, 0.5, weight.shape))
    return layer, x, axes


def plain(name, kernel, layer):
    """What a layer without a wrapper gives with a kernel, and another's bias."""
    make, x, _ = LAYERS[name]
    alone = make()
    alone.build(x.shape)
    alone.set_weights([kernel, np.asarray(layer.layer.bias)])
    return np.asarray(alone(x))


def array(variable) -> np.ndarray:
    return np.asarray(variable, np.float64)


def trained_on(layer, x, steps=1):
    for _ in range(steps):
        layer(x, training=True)
    return layer


def gradients(layer, x, **kwargs):
    """Of the sum of squares, by the weights."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, **kwargs) ** 2)
    return tape.gradient(loss, [w.value for w in layer.trainable_weights])


# The formulas.


def standardized(kernel, axes):
    rest = tuple(axis for axis in range(kernel.ndim) if axis not in axes)
    apart = kernel - kernel.mean(rest, keepdims=True)
    return apart / np.sqrt(kernel.var(rest, keepdims=True) + 1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_weight_standardization_is_that_of_timm(name):
    layer, x, axes = wrapped(layers.WeightStandardization, name)
    wanted = plain(name, standardized(array(layer.kernel), axes), layer)
    np.testing.assert_allclose(layer(x), wanted, **CLOSE)


@pytest.mark.parametrize("name", LAYERS)
def test_weight_normalization_is_that_of_the_paper(name):
    layer, x, axes = wrapped(layers.WeightNormalization, name)
    kernel = array(layer.kernel)
    rest = tuple(axis for axis in range(kernel.ndim) if axis not in axes)
    norm = np.sqrt((kernel**2).sum(rest, keepdims=True))
    wanted = plain(name, array(layer.g).reshape(norm.shape) * kernel / norm, layer)
    np.testing.assert_allclose(layer(x), wanted, **CLOSE)


@pytest.mark.parametrize("name", LAYERS)
def test_spectral_normalization_divides_by_the_greatest_singular_value(name):
    layer, x, _ = wrapped(layers.SpectralNormalization, name, power_iterations=50)
    kernel = array(layer.kernel)
    sigma = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]))[1][0]
    trained_on(layer, x, 4)
    np.testing.assert_allclose(layer(x), plain(name, kernel / sigma, layer), **CLOSE)


def test_an_embedding_is_divided_by_its_greatest_singular_value():
    layer = layers.SpectralNormalization(K.Embedding(9, 4, mask_zero=True), 100)
    tokens = np.array([[3, 1, 0]])
    y = layer(tokens, training=True)
    table = array(layer.layer.embeddings)
    wanted = table[[3, 1, 0]] / np.linalg.svd(table)[1][0]
    np.testing.assert_allclose(y[0], wanted, rtol=0, atol=16 * contracts.ULP)
    np.testing.assert_array_equal(layer.compute_mask(tokens, None), tokens != 0)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    "kind",
    [
        layers.SpectralNormalization,
        layers.WeightNormalization,
        layers.WeightStandardization,
    ],
)
def test_a_call_leaves_the_kernel_alone(kind, name):
    layer, x, _ = wrapped(kind, name)
    kernel, before = layer.layer.kernel, array(layer.layer.kernel)
    trained_on(layer, x, 3)
    assert layer.layer.kernel is kernel is layer.kernel
    np.testing.assert_array_equal(kernel, before)


def test_weight_normalization_starts_from_the_layer_as_it_is():
    dense = K.Dense(5)
    dense.build(IMAGES.shape)
    wanted = dense(IMAGES)
    layer = layers.WeightNormalization(dense)
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_axes_of_the_kernel_may_be_given():
    layer, x, _ = wrapped(layers.WeightStandardization, "dense", kernel_axes=0)
    wanted = plain("dense", standardized(array(layer.kernel), (0,)), layer)
    np.testing.assert_allclose(layer(x), wanted, **CLOSE)


# Peers.

# A convolution of ours, torch's of the same, and where its kernel's axes lie in ours.
CONVOLUTIONS = {
    "conv_2d": (lambda: torch.nn.Conv2d(4, 6, 3, groups=2), (2, 3, 1, 0), 0),
    "transposed": (lambda: torch.nn.ConvTranspose2d(4, 5, 3, 2), (2, 3, 1, 0), 1),
    "dense": (lambda: torch.nn.Linear(4, 5), (1, 0), 0),
}


def torch_twin(name, layer):
    """Returns torch's layer with the weights of ours."""
    make, order, dim = CONVOLUTIONS[name]
    twin = make()
    kernel = np.asarray(layer.kernel).transpose(np.argsort(order))
    with torch.no_grad():
        twin.weight[:] = torch.tensor(kernel.copy())
        twin.bias[:] = torch.tensor(np.asarray(layer.layer.bias))
    return twin, order, dim


def torch_run(twin, name, x):
    """What torch gives, in our order of axes, and the gradient of its squares."""
    last = name == "dense"
    y = twin(torch.tensor(x if last else np.moveaxis(x, -1, 1).copy()))
    (y**2).sum().backward()
    y = y.detach().numpy()
    return y if last else np.moveaxis(y, 1, -1)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_weight_normalization_is_that_of_torch(name):
    layer, x, _ = wrapped(layers.WeightNormalization, name)
    twin, order, dim = torch_twin(name, layer)
    twin = torch.nn.utils.parametrizations.weight_norm(twin, dim=dim)
    parts = twin.parametrizations.weight
    with torch.no_grad():
        parts.original0.view(-1)[:] = torch.tensor(np.asarray(layer.g))
    np.testing.assert_allclose(layer(x), torch_run(twin, name, x), **CLOSE)
    by = dict(
        zip([w.name for w in layer.trainable_weights], gradients(layer, x), strict=True)
    )
    # Sums of some 500 products of up to 64.
    near = {"rtol": 1e-4, "atol": 1e-3}
    np.testing.assert_allclose(by["g"], parts.original0.grad.view(-1).numpy(), **near)
    wanted = parts.original1.grad.numpy().transpose(order)
    np.testing.assert_allclose(by["kernel"], wanted, **near)


def test_spectral_normalization_is_that_of_torch():
    layer, x, _ = wrapped(layers.SpectralNormalization, "dense", power_iterations=50)
    twin, order, _ = torch_twin("dense", layer)
    spectral = torch.nn.utils.parametrizations.spectral_norm
    twin = spectral(twin, n_power_iterations=50)
    twin(torch.tensor(x))
    trained_on(layer, x)
    wanted = torch_run(twin, "dense", x)
    np.testing.assert_allclose(layer(x, training=True), wanted, **CLOSE)
    found = gradients(layer, x, training=True)[0]
    # Through sigma too: sums of some 500 products of up to 64.
    kernel = twin.parametrizations.weight.original.grad.numpy().transpose(order)
    np.testing.assert_allclose(found, kernel, rtol=1e-4, atol=1e-3)


def test_the_spectral_normalization_of_keras_overwrites_its_kernel():
    peer = K.SpectralNormalization(K.Dense(5))
    ours = layers.SpectralNormalization(K.Dense(5))
    for layer in (peer, ours):
        layer.build(IMAGES.shape)
        layer.layer.kernel.assign(10 * np.eye(4, 5))
        trained_on(layer, IMAGES, 20)
    assert array(peer.layer.kernel).max() < 1.1
    np.testing.assert_array_equal(ours.layer.kernel, 10 * np.eye(4, 5))


def test_weights_load_from_those_of_keras(tmp_path):
    def made(kind):
        return keras.Sequential([keras.Input((7, 6, 4)), kind(K.Conv2D(5, 3))])

    peer = made(K.SpectralNormalization)
    trained_on(peer, IMAGES, 100)
    peer.save_weights(tmp_path / "model.weights.h5")
    ours = made(layers.SpectralNormalization)
    ours.load_weights(tmp_path / "model.weights.h5")
    assert [w.shape for w in ours.weights] == [w.shape for w in peer.weights]
    # By now the kernel of Keras has converged, and its norm is 1 to a few ulp.
    np.testing.assert_allclose(ours(IMAGES), peer(IMAGES), **CLOSE)


# The state of spectral normalization.


def test_only_training_moves_the_vector():
    layer, x, _ = wrapped(layers.SpectralNormalization, "dense")
    before = array(layer.vector_u)
    first = layer(x)
    np.testing.assert_array_equal(layer.vector_u, before)
    np.testing.assert_array_equal(layer(x, training=True), first)
    assert (array(layer.vector_u) != before).all()


def test_a_frozen_layer_moves_no_vector():
    layer, x, _ = wrapped(layers.SpectralNormalization, "dense")
    layer.trainable = False
    before = array(layer.vector_u)
    trained_on(layer, x)
    np.testing.assert_array_equal(layer.vector_u, before)


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_a_kernel_of_any_size_is_normalized(size):
    layer, x, _ = wrapped(layers.SpectralNormalization, "dense", power_iterations=50)
    wanted = trained_on(layer, x)(x) - layer.layer.bias
    layer.layer.kernel.assign(array(layer.kernel) * size)
    found = trained_on(layer, x)(x) - layer.layer.bias
    np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize(
    "kind",
    [
        layers.SpectralNormalization,
        layers.WeightNormalization,
        layers.WeightStandardization,
    ],
)
def test_a_kernel_of_zeros_stays_one_and_can_be_trained(kind):
    layer = kind(K.Dense(5, kernel_initializer="zeros", use_bias=False))
    y = layer(IMAGES, training=True)
    np.testing.assert_array_equal(y, np.zeros((3, 7, 6, 5)))
    for found in gradients(layer, IMAGES, training=True):
        assert np.isfinite(found).all()
    layer.kernel.assign(np.eye(4, 5))
    if kind is layers.WeightNormalization:
        layer.g.assign(np.ones(5))
    assert np.abs(layer(IMAGES, training=True)).max() > 0.1


# Within Keras.


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (layers.SpectralNormalization, ["kernel", "vector_u", "bias"]),
        (layers.WeightNormalization, ["kernel", "g", "bias"]),
        (layers.WeightStandardization, ["kernel", "bias"]),
    ],
)
def test_each_weight_is_there_once(kind, names):
    layer, _, _ = wrapped(kind, "conv_2d")
    assert [w.name for w in layer.weights] == names
    trained = [w.name for w in layer.trainable_weights]
    assert trained == [name for name in names if name != "vector_u"]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_kernel_is_computed_in_float32_under_mixed_precision(policy):
    make = lambda: K.Dense(5, dtype=policy)  # noqa: E731
    layer = layers.WeightStandardization(make(), dtype=policy)
    layer.build(IMAGES.shape)
    # Beside 100, float16 has steps of 1/16, and bfloat16 of 1/2.
    kernel = RNG.normal(100, 1e-2, (4, 5)).astype(np.float32)
    layer.layer.kernel.assign(kernel)
    alone = make()
    alone.build(IMAGES.shape)
    alone.kernel.assign(standardized(array(layer.kernel), (1,)))
    y = layer(IMAGES)
    assert y.dtype == policy.removeprefix("mixed_")
    # Of numbers up to 10: what rounding the mean of 100 leaves, and one of the result.
    found, wanted = (tf.cast(one, tf.float32) for one in (y, alone(IMAGES)))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=10 * 2**-8)


def test_losses_of_the_layer_count_once():
    def made(wrap):
        dense = K.Dense(
            5,
            kernel_initializer=keras.initializers.Identity(),
            activity_regularizer="l2",
            kernel_regularizer="l2",
        )
        return keras.Sequential([keras.Input((4,)), wrap(dense)])

    plain_model, ours = made(lambda dense: dense), made(layers.WeightNormalization)
    for model in (plain_model, ours):
        model(IMAGES[:, 0, 0])
    wanted = [float(loss) for loss in plain_model.losses]
    np.testing.assert_allclose([float(one) for one in ours.losses], wanted, rtol=1e-6)


def test_calls_from_threads_do_not_see_each_other():
    layer, x, _ = wrapped(layers.WeightNormalization, "dense")
    wanted = np.asarray(layer(x))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(layer, [x] * 40):
            np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(layer.layer.kernel, layer.kernel)


@pytest.mark.parametrize(
    "kind",
    [
        layers.SpectralNormalization,
        layers.WeightNormalization,
        layers.WeightStandardization,
    ],
)
def test_a_network_of_them_is_saved(kind, tmp_path):
    def made():
        stack = [kind(LAYERS[name][0]()) for name in ("conv_2d", "transposed")]
        return keras.Sequential([keras.Input((7, 6, 4)), *stack])

    model = made()
    model.compile("sgd", "mse")
    model.fit(IMAGES, np.zeros((3, 11, 9, 5)), verbose=0)
    wanted = model.predict(IMAGES, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again, other = keras.saving.load_model(tmp_path / "model.keras"), made()
    other.load_weights(tmp_path / "model.weights.h5")
    for one in (again, other):
        np.testing.assert_array_equal(one.predict(IMAGES, verbose=0), wanted)


# What cannot be meant.


def test_a_layer_without_a_kernel_is_refused():
    with pytest.raises(ValueError, match="convolution with one kernel"):
        layers.WeightNormalization(K.SeparableConv2D(5, 3))(IMAGES)


def test_two_of_them_on_one_kernel_are_refused():
    inner = layers.WeightNormalization(K.Dense(5))
    with pytest.raises(ValueError, match="in one of the two"):
        layers.SpectralNormalization(inner)


def test_no_iterations_are_refused():
    with pytest.raises(ValueError, match="greater than zero"):
        layers.SpectralNormalization(K.Dense(5), 0)


# The other backends, of which each has a way of its own to trace a call.

TRAINING = """
import json, keras, numpy as np
from tfnorm import layers
rng = np.random.default_rng(0)
x = rng.normal(size=(8, 7, 6, 4)).astype(np.float32)
model = keras.Sequential([
    keras.Input((7, 6, 4)),
    layers.SpectralNormalization(
        keras.layers.Conv2D(6, 3, activity_regularizer=keras.regularizers.L2(1e-3))
    ),
    layers.WeightNormalization(keras.layers.DepthwiseConv2D(3)),
    layers.WeightStandardization(keras.layers.Conv2DTranspose(5, 3)),
    keras.layers.GlobalAveragePooling2D(),
    layers.SpectralNormalization(keras.layers.Dense(2)),
])
model.set_weights([0.1 + 0.4 * rng.normal(size=w.shape) for w in model.weights])
model.compile(keras.optimizers.SGD(0.01), "mse")
kept = dict(epochs=3, shuffle=False, batch_size=4, verbose=0)
losses = model.fit(x, x[:, 0, 0, :2], **kept).history["loss"]
outputs = model.predict(x, verbose=0)
state = [keras.ops.convert_to_numpy(w.value).sum() for w in model.weights]
numbers = (losses, outputs, state)
print(json.dumps([np.ravel(v).astype(float).tolist() for v in numbers]))
"""


@pytest.fixture(scope="module")
def training():
    """What training gives on each backend, which all run at once."""
    processes = {
        backend: subprocess.Popen(
            [sys.executable, "-c", TRAINING],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": backend},
            stdout=subprocess.PIPE,
        )
        for backend in ("tensorflow", "jax", "torch")
    }
    written = {name: one.communicate()[0] for name, one in processes.items()}
    return {name: json.loads(text) for name, text in written.items()}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_training_is_the_same_on(training, backend):
    for one, other in zip(training[backend], training["tensorflow"], strict=True):
        # Six steps, each with gradients right to some 100 ulp.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
