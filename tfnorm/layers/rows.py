# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps images in long rows, where TensorFlow is slow in short ones."""

import sys
import typing

from tfnorm import arrays
from tfnorm import bijectors

# Broadcasting constants of 3 channels over images costs TensorFlow ten times what it
# costs over rows of 672 values.
_SHORT = 64
# Added to a variance that makes the sum 1; cuDNN takes none below 1e-5.
_EPSILON = 2.0**-10


def forward(
    structure: bijectors.Bijector,
    x: typing.Any,
    tensors: dict[str, typing.Any],
    context,
):
    """Maps `x` as the structure does, with the same numbers.

    Args:
        structure: The map, for data of the axes of `x`.
        x: Array or tensor.
        tensors: Its constants, which broadcast against `x`.
        context: What it takes beside them.
    """
    if not _worth_it(structure, x, tensors):
        return structure.forward_with(x, tensors, **context)
    tf = sys.modules["tensorflow"]
    channels, copies = x.shape[-1], arrays.size(x, -2)
    tiled = {
        key: tf.tile(tensor, [copies]) if tensor.shape == (channels,) else tensor
        for key, tensor in tensors.items()
    }
    long = tf.reshape(x, [-1, channels * copies])
    bytes_alone = (
        isinstance(structure, bijectors.Affine) and 0 < arrays.integer_bits(x) <= 8
    )
    if bytes_alone:
        y = _in_one_pass(tf, long, tiled["loc_hi"], tiled["inverse_scale"])
    else:
        y = structure.forward_with(long, tiled)
    return tf.ensure_shape(tf.reshape(y, tf.shape(x)), x.shape)


def _in_one_pass(tf, x, loc, inverse_scale):
    """What `bijectors.Affine` computes of 8-bit numbers, by one kernel after the cast.

    That kernel is batch normalization's, in inference and with a variance of 1; it
    has no gradient for `loc`.
    """
    one = tf.ones_like(loc)
    return tf.raw_ops.FusedBatchNormV3(
        x=tf.cast(x, tf.float32)[tf.newaxis, tf.newaxis],
        scale=inverse_scale,
        offset=tf.zeros_like(loc),
        mean=loc,
        variance=one * (1.0 - _EPSILON),
        epsilon=_EPSILON,
        is_training=False,
    ).y[0, 0]


def _worth_it(structure, x, tensors) -> bool:
    if arrays.framework(x) != "tensorflow" or not structure.elementwise:
        return False
    if arrays.rank(x) < 3 or not 1 < (x.shape[-1] or 0) <= _SHORT:
        return False
    shapes = {tuple(tensor.shape) for tensor in tensors.values()}
    return (x.shape[-1],) in shapes and shapes <= {(x.shape[-1],), ()}
