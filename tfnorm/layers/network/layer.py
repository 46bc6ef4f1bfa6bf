# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layer normalization."""

import collections.abc
import math

import keras

from tfnorm import arrays
from tfnorm.layers.network import kernels
from tfnorm.layers.network import moments
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class LayerNormalization(scaled.Scaled):
    """Normalizes each sample, or each step of it, by its own statistics.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with the population
    variance: a drop-in for `keras.layers.LayerNormalization`, with the same arguments,
    weights and results. Computed in float32 at least.

    A mask of the first axes of the input, such as (rows, steps), matters only where
    `axis` holds a masked axis, such as that of the steps: there masked steps enter no
    statistic and become 0. A constant sample becomes `beta`.

    Args:
        axis: Axis or axes to *reduce*, whose elements have a `gamma` and a `beta` each.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Of `beta`.
        gamma_initializer: Of `gamma`.
        beta_regularizer: Of `beta`.
        gamma_regularizer: Of `gamma`.
        beta_constraint: Of `beta`.
        gamma_constraint: Of `gamma`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If the size of a reduced axis is not known; for `rms_scaling=True`.

    Example:

    >>> import numpy as np
    >>> np.asarray(LayerNormalization(epsilon=0.0)(np.array([[1.0, 2.0, 3.0]])))
    array([[-1.2247449,  0.       ,  1.2247449]], dtype=float32)

    Reference:
        Ba, Kiros and Hinton, Layer Normalization, 2016
        (https://arxiv.org/abs/1607.06450).
    """

    def __init__(
        self,
        axis: int | collections.abc.Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        if kwargs.pop("rms_scaling", False):
            raise ValueError(
                "`rms_scaling=True` divides by the deviation, not by the root mean "
                "square. Use `RMSNormalization`."
            )
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def build(self, input_shape):
        axes = arrays.kept_axes(self.axis, len(input_shape))
        self.add_gamma_and_beta(tuple(input_shape[axis] for axis in axes))

    def call(self, inputs, mask=None):
        x = self.wide(inputs)
        rank = len(x.shape)
        axes = arrays.kept_axes(self.axis, rank)
        gamma, beta = self.constant(self.gamma, x), self.constant(self.beta, x)
        if mask is not None and min(axes) < len(mask.shape):
            gamma, beta = (
                one if one is None else moments.along(one, axes, rank)
                for one in (gamma, beta)
            )
            return self.narrow(_masked(x, axes, mask, self.epsilon, gamma, beta))
        return self.narrow(normalized(x, axes, self.epsilon, gamma, beta))

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def normalized(x, axes: tuple[int, ...], epsilon: float, gamma, beta, center=True):
    """Normalizes along axes that need not be the last ones.

    Args:
        x: Tensor of float32 or float64.
        axes: The axes to reduce, rising, of known sizes.
        epsilon: Added to the variance.
        gamma: Scale of the shape of the axes; `None` for 1.
        beta: Offset of the shape of the axes; `None` for 0.
        center: Whether to subtract the mean; if not, the variance is beside 0.
    """
    ops = keras.ops
    rank = len(x.shape)
    size = math.prod(x.shape[axis] for axis in axes)
    rows = [axis for axis in range(rank) if axis not in axes]
    order = (*rows, *axes)
    moved = order != tuple(range(rank))
    flat = ops.transpose(x, order) if moved else x
    if len(axes) > 1:
        long = flat
        flat = ops.reshape(flat, (*(ops.shape(x)[axis] for axis in rows), size))
        gamma, beta = (
            one if one is None else ops.reshape(one, (-1,)) for one in (gamma, beta)
        )
    y = kernels.by_rows(flat, epsilon, gamma, beta, center=center)
    if len(axes) > 1:
        y = ops.reshape(y, ops.shape(long))
    return ops.transpose(y, [order.index(axis) for axis in range(rank)]) if moved else y


def _masked(x, axes, mask, epsilon, gamma, beta):
    """Normalizes by the steps that count."""
    ops = keras.ops
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    mask = ops.cast(mask, "bool")
    x = ops.where(mask, x, 0.0)
    _, mean, variance = moments.moments(x, axes, ops.cast(mask, x.dtype))
    y = moments.standardized(x, mean, variance, epsilon, gamma, beta)
    return ops.where(mask, y, 0.0)
