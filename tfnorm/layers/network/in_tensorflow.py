# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's own kernels, and gradients that read the data no more than they must.

Arguments are those of `kernels`, channels last.
"""

import functools
import sys
import typing

from tfnorm.layers.network import moments

# The fused kernel of CPUs is not for half precision under XLA, and of that little is
# known when a layer is called.
HALF = False
# cuDNN takes none below.
_LEAST_EPSILON = 1e-5


def takes(x: typing.Any, epsilon: float) -> bool:
    """Whether there are kernels for a tensor."""
    return x.dtype == "float32" and epsilon >= _LEAST_EPSILON


def by_batch(x, epsilon: float, gamma, beta) -> tuple:
    """Returns the result, and mean and population variance of the batch."""
    if _compiled_by_xla():
        # XLA expands the fused kernel into E[x^2] - E[x]^2: at a mean of 1e4 a
        # variance of 1 came out as 800.
        return _by_batch(epsilon)(x, gamma, beta)
    tf = sys.modules["tensorflow"]
    near, shift = _near(x) if _on_cpu() else (x, 0.0)
    flat = tf.reshape(near, (-1, 1, 1, x.shape[-1]))
    none = tf.zeros((0,))
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=flat, scale=gamma, offset=beta, mean=none, variance=none, epsilon=epsilon
    )
    # It gives the unbiased variance; of one row, 0.
    rows = tf.cast(tf.shape(flat)[0], x.dtype)
    variance = variance * ((rows - 1) / tf.maximum(rows, 1))
    return _as(x, y), tf.stop_gradient(mean + shift), tf.stop_gradient(variance)


def by_constants(x, epsilon: float, gamma, beta, mean, variance):
    """Returns the result by given statistics, in one pass."""
    tf = sys.modules["tensorflow"]
    y = tf.raw_ops.FusedBatchNormV3(
        x=tf.reshape(x, (-1, 1, 1, x.shape[-1])),
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
    ).y
    return _as(x, y)


def by_rows(x, epsilon: float, gamma, beta, center: bool):
    """Returns each row by its own statistics; of `center=False`, beside 0."""
    return _by_rows(epsilon, center)(x, gamma, *([] if beta is None else [beta]))


def by_groups(x, groups: int, epsilon: float, gamma, beta):
    """Returns each group of (rows, steps, channels) by its own statistics."""
    return _by_groups(groups, epsilon)(x, gamma, beta)


@functools.cache
def _by_batch(epsilon: float):
    tf = sys.modules["tensorflow"]

    @tf.custom_gradient
    def normalize(x, gamma, beta):
        rows = tf.cast(tf.size(x, tf.int64), x.dtype) / x.shape[-1]
        shift = _start(x)
        near = x - shift
        left = _columns(near) / rows
        variance = tf.maximum(_columns(near * near) / rows - left * left, 0.0)
        inverse = tf.math.rsqrt(variance + epsilon)
        normal = (near - left) * inverse

        def gradient(dy, *_):
            of_beta, of_gamma = _columns(dy), _columns(dy * normal)
            dx = dy - of_beta / rows - normal * (of_gamma / rows)
            return dx * (inverse * gamma), of_gamma, of_beta

        return (normal * gamma + beta, shift + left, variance), gradient

    return normalize


@functools.cache
def _by_rows(epsilon: float, center: bool):
    tf = sys.modules["tensorflow"]

    @tf.custom_gradient
    def normalize(x, gamma, *beta):
        apart = x - _row_mean(x) if center else x
        if center and _by_products():
            # What adding one by one left of a large mean.
            apart = apart - _row_mean(apart)
        inverse = tf.math.rsqrt(_row_mean(apart * apart) + epsilon)
        normal = apart * inverse

        def gradient(dy):
            scaled = dy * gamma
            dx = scaled - normal * _row_mean(scaled * normal)
            dx = dx - _row_mean(scaled) if center else dx
            of_beta = [_columns(dy) for _ in beta]
            return dx * inverse, _columns(dy * normal), *of_beta

        y = normal * gamma
        return (y + beta[0] if beta else y), gradient

    return normalize


@functools.cache
def _by_groups(groups: int, epsilon: float):
    tf = sys.modules["tensorflow"]

    def of_group(t):
        """Per channel, (rows, 1, channels), the mean of its group."""
        size = t.shape[-1] // groups
        t = tf.reduce_mean(tf.reshape(t, (-1, groups, size)), -1)
        return tf.repeat(t, size, -1)[:, tf.newaxis]

    @tf.custom_gradient
    def normalize(x, gamma, beta):
        steps = tf.cast(tf.shape(x)[1], x.dtype)
        total = _step_sums if _by_products() else _plain_step_sums
        # Of each group the same, lest its channels lie apart.
        near = x - of_group(tf.reduce_mean(moments.sample(x, (1,)), 1))
        left = of_group(total(near)) / steps
        square = of_group(total(near * near)) / steps
        inverse = tf.math.rsqrt(tf.maximum(square - left * left, 0.0) + epsilon)
        scale = inverse * gamma

        def gradient(dy):
            of_beta = _step_sums(dy)
            of_gamma = _step_sums(dy * (near - left)) * inverse[:, 0]
            first = of_group(of_beta * gamma) / steps
            second = of_group(of_gamma * gamma) / steps
            dx = dy * scale - inverse * first
            dx = dx - (near - left) * (inverse * inverse * second)
            return dx, tf.reduce_sum(of_gamma, 0), tf.reduce_sum(of_beta, 0)

        # `left` is as small as the deviation, so nothing is lost.
        return near * scale + (beta - left * scale), gradient

    return normalize


def _near(x):
    """Shifts data that lie far from 0, and returns by how much.

    The kernel adds numbers one by one on CPUs: of 200,000 at 1e4 the mean is off by 7.
    A sample tells whether it matters, and if not nothing is copied.
    """
    tf = sys.modules["tensorflow"]
    some = tf.stop_gradient(moments.sample(x, range(len(x.shape) - 1)))
    middle, variance = tf.nn.moments(tf.reshape(some, (-1, x.shape[-1])), 0)
    far = tf.reduce_any(tf.abs(middle) > 8 * tf.sqrt(variance))
    shift = tf.where(far, middle, tf.zeros_like(middle))

    @tf.custom_gradient
    def move(x):
        return tf.cond(far, lambda: x - shift, lambda: tf.identity(x)), lambda dy: dy

    return tf.ensure_shape(move(x), x.shape), shift


def _start(x):
    """The mean of a sample, for each channel; 0 of nothing."""
    tf = sys.modules["tensorflow"]
    some = moments.sample(x, range(len(x.shape) - 1))
    mean = tf.reduce_mean(tf.reshape(some, (-1, x.shape[-1])), 0)
    return tf.where(tf.math.is_finite(mean), mean, tf.zeros_like(mean))


def _columns(x):
    """The sum along all axes but the last: of each sample, and then of those."""
    tf = sys.modules["tensorflow"]
    if len(x.shape) == 2:
        return tf.reduce_sum(x, 0)
    return tf.reduce_sum(
        _step_sums(tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1]))), 0
    )


def _step_sums(x):
    """The sum along axis 1 of (rows, steps, channels)."""
    tf = sys.modules["tensorflow"]
    if not _on_cpu():
        return _plain_step_sums(x)
    # A product with ones is up to three times as fast there.
    ones = tf.ones((tf.shape(x)[0], 1, tf.shape(x)[1]), x.dtype)
    return tf.linalg.matmul(ones, x)[:, 0]


def _plain_step_sums(x):
    return sys.modules["tensorflow"].reduce_sum(x, 1)


def _row_mean(x):
    """The mean along the last axis, which keeps size 1."""
    tf = sys.modules["tensorflow"]
    if not _by_products():
        return tf.reduce_mean(x, -1, keepdims=True)
    size = x.shape[-1]
    return tf.linalg.matmul(x, tf.fill((size, 1), tf.constant(1 / size, x.dtype)))


def _as(x, y):
    tf = sys.modules["tensorflow"]
    return tf.ensure_shape(tf.reshape(y, tf.shape(x)), x.shape)


def _by_products() -> bool:
    """Whether sums are to be products in a graph that may be kept, for serving say."""
    return _on_cpu() and _compiled_by_xla()


def _on_cpu() -> bool:
    """Whether there is nothing else: elsewhere products round to TF32 or bfloat16."""
    tf = sys.modules["tensorflow"]
    return {one.device_type for one in tf.config.get_visible_devices()} <= {"CPU"}


def _compiled_by_xla() -> bool:
    """Whether what is traced now is compiled by XLA; if that cannot be told, yes."""
    tf = sys.modules["tensorflow"]
    if tf.executing_eagerly():
        return False
    utils = sys.modules.get("tensorflow.python.ops.control_flow_util")
    if utils is None or tf.config.optimizer.get_jit():
        return True
    graph = tf.compat.v1.get_default_graph()
    return utils.GraphOrParentsInXlaContext(graph)
