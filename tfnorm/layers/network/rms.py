# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Root mean square normalization."""

import collections.abc
import typing

import keras

from tfnorm import arrays
from tfnorm.layers.network import layer
from tfnorm.layers.network import moments
from tfnorm.layers.network import samples
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class RMSNormalization(scaled.Wide):
    """Divides by the root of the mean square of each sample, or of each step of it.

    `scale * x / sqrt(mean(x * x) + epsilon)`, and an offset on request: a drop-in for
    `keras.layers.RMSNormalization`, with the same arguments, weight and results.
    Computed in float32 at least. Zeros stay 0. A mask passes through; where `axis`
    holds a masked axis, such as that of the steps, masked steps do not count in the
    mean square, and become 0.

    Args:
        axis: Axis or axes to *reduce*, whose elements have a scale each.
        epsilon: Added to the mean square.
        partial: Which share of the elements, the first ones, the mean square is taken
            of, above 0 and up to 1; of one axis only.
        use_scale: Whether there is a weight `scale`.
        use_offset: Whether there is a weight `offset`, which is added.
        scale_initializer: Of `scale`.
        scale_regularizer: Of `scale`.
        scale_constraint: Of `scale`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If `partial` is no share, or goes with several axes.

    Example:

    >>> import numpy as np
    >>> np.asarray(RMSNormalization(epsilon=0.0)(np.array([[1.0, 7.0]])))
    array([[0.2, 1.4]], dtype=float32)

    Reference:
        Zhang and Sennrich, Root Mean Square Layer Normalization, 2019
        (https://arxiv.org/abs/1910.07467), with the partial form.
    """

    def __init__(
        self,
        axis: int | collections.abc.Sequence[int] = -1,
        epsilon: float = 1e-6,
        *,
        partial: float = 1.0,
        use_scale: bool = True,
        use_offset: bool = False,
        scale_initializer: typing.Any = "ones",
        scale_regularizer: typing.Any = None,
        scale_constraint: typing.Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else tuple(axis)
        if not 0 < partial <= 1:
            raise ValueError(f"`partial={partial}` must be above 0 and up to 1.")
        if partial < 1 and not isinstance(axis, int) and len(axis) > 1:
            raise ValueError(f"`partial={partial}` needs one axis, not `axis={axis}`.")
        self.epsilon = float(epsilon)
        self.partial = partial
        self.use_scale = use_scale
        self.use_offset = use_offset
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.scale_regularizer = keras.regularizers.get(scale_regularizer)
        self.scale_constraint = keras.constraints.get(scale_constraint)
        self.scale: typing.Any = None
        self.offset: typing.Any = None

    def build(self, input_shape):
        axes = arrays.kept_axes(self.axis, len(input_shape))
        shape = tuple(input_shape[axis] for axis in axes)
        if None in shape:
            raise ValueError(
                f"Layer {self.name!r} must know the sizes of the axes that it reduces, "
                f"but they are {shape}. Give them in `keras.Input`."
            )
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale",
                shape=shape,
                initializer=self.scale_initializer,
                regularizer=self.scale_regularizer,
                constraint=self.scale_constraint,
                autocast=False,
            )
        if self.use_offset:
            self.offset = self.add_weight(
                name="offset", shape=shape, initializer="zeros", autocast=False
            )

    def call(self, inputs, mask=None):
        x = self.wide(inputs)
        axes = arrays.kept_axes(self.axis, len(x.shape))
        gamma, beta = self.constant(self.scale, x), self.constant(self.offset, x)
        masked = mask is not None and min(axes) < len(mask.shape)
        if not masked and self.partial == 1:
            y = layer.normalized(x, axes, self.epsilon, gamma, beta, center=False)
            return self.narrow(y)
        ops, rank = keras.ops, len(x.shape)
        counted = None
        if masked:
            counted = ops.cast(_over(mask, x), x.dtype)
            x = ops.where(counted > 0, x, 0.0)
        taken = counted
        if self.partial < 1:
            size = x.shape[axes[0]]
            first = ops.arange(size) < max(1, int(size * self.partial))
            first = moments.along(ops.cast(first, x.dtype), axes, rank)
            taken = first if counted is None else counted * first
        square = samples.mean_square(x, axes, taken)
        constants = (
            one if one is None else moments.along(one, axes, rank)
            for one in (gamma, beta)
        )
        y = moments.standardized(x, None, square, self.epsilon, *constants)
        return self.narrow(ops.where(counted > 0, y, 0.0) if masked else y)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "partial": self.partial,
            "use_scale": self.use_scale,
            "use_offset": self.use_offset,
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
            "scale_regularizer": keras.regularizers.serialize(self.scale_regularizer),
            "scale_constraint": keras.constraints.serialize(self.scale_constraint),
        }


def _over(mask, x):
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = keras.ops.expand_dims(mask, -1)
    return mask
