# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers and their peers: each contender is a function to call again and again.

A contender is made by a function without arguments that imports what it needs,
prepares its input, and returns the function to be timed.
"""

import dataclasses
from collections.abc import Callable

SEED = 20260


@dataclasses.dataclass(frozen=True)
class Suite:
    """Contenders that are timed in turns.

    Args:
        title: What it is called in the table.
        entries: Label to what makes the function to be timed.
        comparisons: Which of them are compared, and the goals.
    """

    title: str
    entries: dict[str, Callable[[], Callable]]
    comparisons: tuple[tuple, ...]


def in_tensorflow(function, x, *, xla=None):
    """Returns a call of a function of a tensor: XLA or graph, or eager if `None`."""
    import tensorflow as tf

    data = tf.constant(x)
    if xla is not None:
        function = tf.function(function, jit_compile=xla)
    return lambda: function(data)


def in_jax(function, x):
    """Returns a call of a compiled function of a JAX array."""
    import jax

    data = jax.numpy.asarray(x)
    compiled = jax.jit(function)
    return lambda: compiled(data).block_until_ready()
