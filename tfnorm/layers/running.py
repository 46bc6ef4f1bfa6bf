# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer whose statistics follow the data it is trained on."""

import collections.abc

import keras

from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import errors
from tfnorm.bijectors import centering
from tfnorm.layers import foreign
from tfnorm.layers import live

# A deviation this small beside the mean is noise of two roundings of float32.
_NOISE = 2.0**-40
_MAP = bijectors.Affine(0.0, 1.0)
_STATE = ("loc_hi", "loc_lo", "variance", "weight")


@keras.saving.register_keras_serializable("tfnorm")
class Running(keras.layers.Layer):
    """Z-scores by live statistics, which each training call takes its batch into.

    For streams and for the observations of reinforcement learning, where there is no
    data set to fit first. Without `momentum` the mean and the variance are those of
    all values so far, each with the same weight; with it, those of old batches fade,
    and no start value biases them: after the first batch they are its own. A batch is
    normalized by the statistics with itself included.

    A mask of the first axes of the input leaves steps out of the statistics and makes
    them 0; a batch in which all is masked changes nothing. NaN and infinite values
    enter no statistic, and NaN stays NaN. Constant values are centered, not scaled.
    Gradients take the statistics for constants.

    Weights of the layer: `loc_hi` and `loc_lo`, whose sum is the mean, `variance`
    (population), of the kept shape, and `weight`: how many values, or with `momentum`
    how many batches' worth, they stand for. Of batches of one row, 2**24 are counted:
    from then on the oldest fade.

    Args:
        momentum: Weight of what was before, at each batch, from 0 to 1; `None` to
            count all values alike.
        center: Whether to subtract the mean.
        scale: Whether to divide by the standard deviation.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Example:

    >>> import numpy as np
    >>> layer = Running()
    >>> for batch in ([1.0, 3.0], [3.0, 5.0]):
    ...     y = layer(np.array(batch), training=True)
    >>> np.asarray(y), float(layer.weight)
    (array([0.       , 1.4142135], dtype=float32), 4.0)

    Reference:
        Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for
        Computing Sample Variances, 1979; Andrychowicz et al., What Matters in On-Policy
        Reinforcement Learning?, 2020 (normalization of observations).
    """

    def __init__(
        self,
        momentum: float | None = None,
        *,
        center: bool = True,
        scale: bool = True,
        axis: int | collections.abc.Sequence[int] | None = -1,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if momentum is not None and not 0 <= momentum < 1:
            raise errors.RecipeError(f"`momentum={momentum!r}` must be from 0 to 1.")
        if not (center or scale):
            raise errors.RecipeError(
                "`Running(center=False, scale=False)` leaves data unchanged."
            )
        self.momentum = momentum
        self.center = center
        self.scale = scale
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)
        self.supports_masking = True

    def build(self, input_shape):
        kept = arrays.kept_axes(self._axes(), len(input_shape))
        shape = tuple(input_shape[axis] for axis in kept)
        if None in shape:
            raise ValueError(
                f"The sizes of the kept axes (`axis={self.axis}`) must be known, but "
                f"the input shape is {input_shape}. Give them in `keras.Input`."
            )
        for name in _STATE:
            weight = self.add_weight(
                name=name,
                shape=shape,
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
            )
            setattr(self, name, weight)

    def call(self, inputs, training=None, mask=None):
        if training:
            self._take_in(inputs, mask)
        elif live.is_zero(self.weight):
            raise errors.NotFittedError(
                f"Layer {self.name!r} has seen no data yet. Call it with "
                "`training=True` first."
            )
        return self._normalize(inputs, mask)

    def __call__(self, inputs, *args, training=None, mask=None, **kwargs):
        taken = training and not foreign.in_graph(inputs)
        if foreign.is_foreign(self, inputs) and not taken:
            if training:
                raise errors.RecipeError(
                    "`Running` takes in data in the model, not in `tf.data`."
                )
            return foreign.as_tensors(self._normalize(inputs, mask))
        return super().__call__(inputs, *args, training=training, mask=mask, **kwargs)

    def inverse(self, outputs):
        """Takes normalized values back to their unit, by the statistics of now."""
        return _MAP.inverse_with(outputs, self._constants(outputs))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "center": self.center,
            "scale": self.scale,
            "axis": self.axis,
        }

    def _axes(self):
        return () if self.axis is None else self.axis

    def _placed(self, weight, x):
        return arrays.broadcast(live.tensor(weight, x), self._axes(), arrays.rank(x))

    def _centered(self, x, hi, lo):
        """What is left of data of any type without a centre, of the kept shape."""
        hi, lo = (arrays.broadcast(t, self._axes(), arrays.rank(x)) for t in (hi, lo))
        return centering.centered(x, hi, lo, lo * 0.0)

    def _take_in(self, inputs, mask):
        """Merges the moments of a batch into those of before, by Chan's formula."""
        ops = keras.ops
        inputs = ops.stop_gradient(ops.convert_to_tensor(inputs))
        rank = arrays.rank(inputs)
        kept = arrays.kept_axes(self._axes(), rank)
        rest = tuple(axis for axis in range(rank) if axis not in kept)
        weight, variance, hi, lo = (
            live.tensor(one, inputs)
            for one in (self.weight, self.variance, self.loc_hi, self.loc_lo)
        )
        x = ops.cast(inputs, "float32")
        counted = ops.cast(ops.isfinite(x), "float32")
        counted = counted if mask is None else counted * _like(mask, x)
        count = ops.sum(counted, rest)
        some = count > 0
        divisor = ops.maximum(count, 1.0)
        # Beside the mean of before, or of the first batch: nothing large cancels, and
        # wide integers are centered before they become float32.
        first = ops.sum(ops.where(counted > 0, x, 0.0), rest) / divisor
        hi = ops.where(weight > 0, hi, ops.where(some, first, 0.0))
        x = ops.cast(self._centered(inputs, hi, lo), "float32")
        x = ops.where(counted > 0, x, 0.0)
        moved = ops.sum(x, rest) / divisor
        apart = x - arrays.broadcast(moved, self._axes(), rank)
        # What rounding left of the mean, which is large beside a small spread.
        left = ops.sum(counted * apart, rest) / divisor
        apart = apart - arrays.broadcast(left, self._axes(), rank)
        moved = moved + left
        spread = ops.sum(counted * apart * apart, rest) / divisor
        if self.momentum is None:
            before, now = weight, count
        else:
            before, now = self.momentum * weight, ops.cast(some, "float32")
        total = before + now
        share = now / ops.where(total > 0, total, 1.0)
        # Of no data before, the variance is that of the batch and `share` is 1.
        mixed = (1 - share) * variance + share * spread
        mixed = mixed + share * (1 - share) * moved * moved
        self.variance.assign(ops.where(some, mixed, variance))
        self.weight.assign(ops.where(some, total, weight))
        lo = lo + ops.where(some, share * moved, 0.0)
        sum_of_both = hi + lo
        self.loc_lo.assign(lo - (sum_of_both - hi))
        self.loc_hi.assign(sum_of_both)

    def _constants(self, x) -> dict:
        """Those of the affine map that the statistics make now."""
        hi, lo, variance = (
            self._placed(weight, x)
            for weight in (self.loc_hi, self.loc_lo, self.variance)
        )
        xp = arrays.namespace(variance)
        deviation, one = xp.sqrt(variance), arrays.full(1.0, like=variance)
        varies = deviation > xp.abs(hi) * _NOISE
        scale = xp.where(varies, deviation, one) if self.scale else one
        center = 1.0 if self.center else 0.0
        return {
            "loc_hi": hi * center,
            "loc_lo": lo * center,
            "loc_rest": lo * 0.0,
            "scale": scale,
            "inverse_scale": 1.0 / scale,
        }

    def _normalize(self, inputs, mask):
        y = _MAP.forward_with(inputs, self._constants(inputs))
        if mask is not None:
            counted = _like(mask, y) > 0
            y = arrays.namespace(y).where(counted, y, arrays.full(0.0, like=y))
        return arrays.cast(y, self.compute_dtype)


def _like(mask, x):
    """A mask of the first axes as numbers 0 and 1 of the shape of `x`."""
    xp = arrays.namespace(x)
    shape = tuple(-1 if size is None else size for size in mask.shape)
    mask = arrays.namespace(mask).reshape(
        mask, (*shape, *(1,) * (arrays.rank(x) - len(shape)))
    )
    return arrays.cast(mask, arrays.dtype_name(x)) * xp.ones_like(x)
