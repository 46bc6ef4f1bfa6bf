# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers within a network and their peers, on each backend of Keras.

An entry's label ends in the backend whose process is to make and run it.
"""

import functools
import importlib

import ml_dtypes
import numpy as np

from benchmarks import goals
from benchmarks import layer_suite

IMAGES, STEPS = (64, 56, 56, 64), (32, 512, 768)
MODES = ("TensorFlow graph", "TensorFlow XLA", "JAX", "torch")
BACKENDS = ("tensorflow", "jax", "torch")
EPSILON = 1e-3


def backend_of(label: str) -> str:
    """Returns the backend that an entry runs on."""
    return label.rsplit(", ")[-1].split()[0].lower()


@functools.cache
def data(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns an input, and a gradient of the result."""
    rng = np.random.default_rng(layer_suite.SEED)
    x = rng.standard_normal(shape, np.float32)
    return x, rng.standard_normal(shape, np.float32)


def layer_of(package: str, kind: str, shape: tuple[int, ...], dtype="float32"):
    """Returns a layer of Keras or of tfnorm, built."""
    layer = getattr(importlib.import_module(f"{package}.layers"), kind)(
        epsilon=EPSILON, dtype=dtype
    )
    layer.build(shape)
    return layer


def keras_call(
    package: str, kind: str, shape, mode: str, training: bool, dtype="float32"
):
    """Returns a call of a layer: a step forward and back, or inference."""
    layer = layer_of(package, kind, shape, _POLICIES[dtype])
    x, dy = (one.astype(getattr(ml_dtypes, dtype, dtype)) for one in data(shape))
    if mode.startswith("TensorFlow"):
        return _in_tensorflow(layer, x, dy, training, xla=mode.endswith("XLA"))
    if mode == "JAX":
        return jax_call(_of_jax_layer(layer, training), x, dy, _values(layer), training)
    weights = _values(layer)
    call = functools.partial(layer, **_mode(layer, training))
    return torch_call(call, x, dy, weights, training)


def _mode(layer, training: bool) -> dict:
    """Returns what tells a layer that it trains, if it does otherwise than serve."""
    return {"training": training} if hasattr(layer, "moving_mean") else {}


def _values(layer) -> list:
    return [w.value for w in layer.trainable_weights]


def _of_jax_layer(layer, training: bool):
    state = [w.value for w in layer.non_trainable_weights]

    def call(x, *weights):
        # The moving statistics are results, too: nothing of a step is left out.
        return layer.stateless_call(list(weights), state, x, **_mode(layer, training))

    return call


def _in_tensorflow(layer, x, dy, training: bool, xla: bool):
    import tensorflow as tf

    def step(x, dy):
        variables = _values(layer)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **_mode(layer, training))
        return y, tape.gradient(y, [x, *variables], output_gradients=dy)

    x, dy = tf.constant(x), tf.constant(dy)
    if training:
        compiled = tf.function(step, jit_compile=xla, autograph=False)
        return lambda: compiled(x, dy)
    compiled = tf.function(
        lambda x: layer(x, **_mode(layer, False)), jit_compile=xla, autograph=False
    )
    return lambda: compiled(x)


def jax_call(function, x, dy, weights, training: bool):
    """Returns a call of a function that returns a result and what else it found."""
    import jax

    x, dy = jax.numpy.asarray(x), jax.numpy.asarray(dy)

    def step(x, dy, *weights):
        y, back, rest = jax.vjp(function, x, *weights, has_aux=True)
        return y, back(dy), rest

    if training:
        compiled = jax.jit(step)
        return lambda: jax.block_until_ready(compiled(x, dy, *weights))
    compiled = jax.jit(lambda x, *weights: function(x, *weights)[0])
    return lambda: jax.block_until_ready(compiled(x, *weights))


def torch_call(function, x, dy, weights, training: bool):
    """Returns a call of a function of a tensor, forward and back or forward alone."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = getattr(torch, x.dtype.name)
    x, dy = (torch.tensor(np.float32(one)).to(device, kind) for one in (x, dy))

    def step():
        x.grad = None
        for weight in weights:
            weight.grad = None
        y = function(x)
        y.backward(dy)
        return y, x.grad

    def infer():
        with torch.inference_mode():
            return function(x)

    def run():
        result = step() if training else infer()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    x.requires_grad_(training)
    return run


def hand_written(kind: str, shape, training: bool):
    """Returns what one writes in JAX: mean, var, and the formula."""
    import jax
    import jax.numpy as jnp

    axes = {"LayerNormalization": -1, "RMSNormalization": -1}.get(kind, (0, 1, 2))

    def call(x, gamma, beta=None):
        if kind == "GroupNormalization":
            grouped = x.reshape(*x.shape[:-1], 32, -1)
            mean = grouped.mean((1, 3), keepdims=True)
            variance = grouped.var((1, 3), keepdims=True)
            y = ((grouped - mean) * jax.lax.rsqrt(variance + EPSILON)).reshape(x.shape)
            return y * gamma + beta, None
        if kind == "RMSNormalization":
            square = (x * x).mean(-1, keepdims=True)
            return x * jax.lax.rsqrt(square + EPSILON) * gamma, None
        if kind == "BatchNormalization" and not training:
            mean, variance = jnp.zeros(x.shape[-1]), jnp.ones(x.shape[-1])
        else:
            mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        y = (x - mean) * jax.lax.rsqrt(variance + EPSILON) * gamma + beta
        return y, (mean, variance)

    x, dy = data(shape)
    weights = [jnp.ones(shape[-1]), jnp.zeros(shape[-1])]
    weights = weights[:1] if kind == "RMSNormalization" else weights
    return jax_call(call, x, dy, weights, training)


def torch_own(kind: str, shape, training: bool):
    """Returns torch's own function, on the same data in the same layout."""
    import torch
    import torch.nn.functional as functional

    channels = shape[-1]
    gamma = torch.ones(channels, requires_grad=training)
    beta = torch.zeros(channels, requires_grad=training)
    mean, variance = torch.zeros(channels), torch.ones(channels)

    def call(x):
        if kind == "LayerNormalization":
            return functional.layer_norm(x, (channels,), gamma, beta, EPSILON)
        if kind == "RMSNormalization":
            return functional.rms_norm(x, (channels,), gamma, EPSILON)
        first = x.movedim(-1, 1)
        if kind == "GroupNormalization":
            y = functional.group_norm(first, 32, gamma, beta, EPSILON)
        else:
            y = functional.batch_norm(
                first, mean, variance, gamma, beta, training, 0.01, EPSILON
            )
        return y.movedim(1, -1)

    return torch_call(call, *data(shape), [gamma, beta], training)


def _suite(kind: str, shape, training: bool) -> layer_suite.Suite:
    entries = {}
    for mode in MODES:
        for package in ("tfnorm", "keras"):
            make = functools.partial(keras_call, package, kind, shape, mode, training)
            entries[f"{_NAMES[package]}, {mode}"] = make
    entries[HAND] = functools.partial(hand_written, kind, shape, training)
    entries[TORCH] = functools.partial(torch_own, kind, shape, training)
    least = 4 if kind == "BatchNormalization" and training else 1
    speed = goals.SPEED
    comparisons = (
        ("tfnorm, TensorFlow graph", "Keras, TensorFlow graph", speed, least),
        ("tfnorm, TensorFlow graph", TORCH, speed),
        ("tfnorm, TensorFlow XLA", "Keras, TensorFlow XLA", speed, 1),
        ("tfnorm, TensorFlow XLA", TORCH, speed),
        ("tfnorm, JAX", "Keras, JAX", speed, 1),
        ("tfnorm, JAX", HAND, speed, 1),
        ("tfnorm, torch", "Keras, torch", speed, 1),
        ("tfnorm, torch", TORCH, speed, 1),
    )
    numbers = " x ".join(map(str, shape))
    what = "training step" if training else "inference"
    return layer_suite.Suite(f"{kind}, {what}, {numbers}", entries, comparisons)


def _plus_one(mode: str, dtype: str):
    """Returns a call of `x + 1`, which reads and writes the data once."""
    x, dy = (one.astype(getattr(ml_dtypes, dtype, dtype)) for one in data(IMAGES))
    if mode == "JAX":
        return jax_call(lambda x: (x + 1, None), x, dy, [], training=False)
    return torch_call(lambda x: x + 1, x, dy, [], training=False)


def _bandwidth() -> layer_suite.Suite:
    """Returns batch norm beside `x + 1` on the device that JAX and torch find."""
    entries, comparisons, kind = {}, [], "BatchNormalization"
    for mode in ("JAX", "torch"):
        for dtype in _POLICIES:
            copy = f"x + 1, {dtype}, {mode}"
            entries[copy] = functools.partial(_plus_one, mode, dtype)
            for what, training in (("inference", False), ("training step", True)):
                label = f"tfnorm {what}, {dtype}, {mode}"
                entries[label] = functools.partial(
                    keras_call, "tfnorm", kind, IMAGES, mode, training, dtype
                )
                comparisons.append((label, copy, goals.TIME))
    numbers = " x ".join(map(str, IMAGES))
    title = f"{kind} beside reading and writing once, {numbers}"
    return layer_suite.Suite(title, entries, tuple(comparisons))


HAND, TORCH = "hand-written, JAX", "torch's own, torch"
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_NAMES = {"tfnorm": "tfnorm", "keras": "Keras"}
_KINDS = {
    "batch": ("BatchNormalization", IMAGES),
    "layer": ("LayerNormalization", STEPS),
    "rms": ("RMSNormalization", STEPS),
    "group": ("GroupNormalization", STEPS),
}
SUITES = {
    f"{name} {mode}": _suite(kind, shape, mode == "training")
    for name, (kind, shape) in _KINDS.items()
    for mode in ("training", "inference")
}
TRAINING = [name for name in SUITES if name.endswith("training")]
SUITES["batch bandwidth"] = _bandwidth()


def comparisons() -> list[goals.Comparison]:
    """Returns every comparison, those of a suite together."""
    return [
        goals.Comparison(name, *comparison)
        for name, suite in SUITES.items()
        for comparison in suite.comparisons
    ]
