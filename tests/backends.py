# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The places where a map runs: every framework, eager and compiled."""

import contextlib

import jax
import numpy as np
import tensorflow as tf
import torch


def _numpy(function, x):
    return function(x)


def _tensorflow(function, x):
    return function(tf.constant(x)).numpy()


def _tf_function(function, x):
    # A lambda, for `tf.function` warns about retracing one object again and again.
    return tf.function(lambda t: function(t))(tf.constant(x)).numpy()


def _tf_xla(function, x):
    compiled = tf.function(lambda t: function(t), jit_compile=True)
    return compiled(tf.constant(x)).numpy()


def _tf_data(function, x):
    rows = tf.data.Dataset.from_tensors(x).map(lambda t: function(t))
    return next(iter(rows)).numpy()


def _tf_graph(function, x):
    # What tf.Transform builds with `force_tf_compat_v1=True`.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return session.run(function(tf.constant(x)))


def _jax(function, x):
    with _width(x):
        return np.asarray(function(jax.numpy.asarray(x)))


def _jax_jit(function, x):
    with _width(x):
        return np.asarray(jax.jit(lambda t: function(t))(jax.numpy.asarray(x)))


def _torch(function, x):
    if x.dtype.name == "bfloat16":
        tensor = torch.tensor(x.astype(np.float32)).to(torch.bfloat16)
    else:
        # Torch takes no views that run backwards, such as flipped channels.
        tensor = torch.tensor(np.ascontiguousarray(x))
    return function(tensor).numpy()


def _width(x):
    # By default JAX narrows 64-bit arrays before a map sees them.
    return jax.enable_x64(True) if x.dtype.itemsize == 8 else contextlib.nullcontext()


# Each takes a function of one tensor and a NumPy array, and returns an array.
PLACES = {
    "numpy": _numpy,
    "tensorflow": _tensorflow,
    "tf.function": _tf_function,
    "tf.function, XLA": _tf_xla,
    "tf.data": _tf_data,
    "tf.Graph": _tf_graph,
    "jax": _jax,
    "jax.jit": _jax_jit,
    "torch": _torch,
}


def gradients(function, x: np.ndarray) -> dict[str, np.ndarray]:
    """The gradient of the sum of squares of a map, by framework."""
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(function(variable.value()) ** 2)
    tensor = torch.tensor(x, requires_grad=True)
    (function(tensor) ** 2).sum().backward()
    return {
        "tensorflow": tape.gradient(loss, variable).numpy(),
        "jax": np.asarray(jax.grad(lambda t: (function(t) ** 2).sum())(x)),
        "torch": tensor.grad.numpy(),
    }
