# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization, as Keras has it and more."""

import collections.abc
import types
import typing

import keras

from tfnorm.layers.network import batch
from tfnorm.layers.network import moments
from tfnorm.layers.network import renorm as renorm_lib


@keras.saving.register_keras_serializable("tfnorm")
class BatchNormalization(batch.BatchLayer):
    """Normalizes by the batch in training, and by moving statistics in inference.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, a drop-in for
    `keras.layers.BatchNormalization`: the same arguments, weights and results. With
    `trainable=False` it is in inference mode in training, too. Variances are
    population variances, taken of what is left without the mean, and everything is
    computed in float32 at least.

    A mask of the first axes of the input beside that of the channels, such as (rows,)
    or (rows, steps), leaves steps out of the statistics; they are normalized like the
    others. What is NaN or infinite in padding counts as 0 in training. Masks and
    `synchronized` go together. A batch that is empty, or masked as a whole, changes
    no moving statistic.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        momentum: Weight of the moving statistics of before, at each batch.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Of `beta`.
        gamma_initializer: Of `gamma`.
        moving_mean_initializer: Of the moving mean.
        moving_variance_initializer: Of the moving variance.
        beta_regularizer: Of `beta`.
        gamma_regularizer: Of `gamma`.
        beta_constraint: Of `beta`.
        gamma_constraint: Of `gamma`.
        renorm: Whether to normalize by moving statistics in training, too, within
            limits: see `BatchRenormalization`.
        renorm_clipping: The limits: "rmin", "rmax" and "dmax".
        renorm_momentum: Weight of the statistics of before that `renorm` uses.
        synchronized: Whether replicas share the statistics of all their batches. On
            JAX they do in any case.
        debiased: Whether the moving statistics are weighted means of those of the
            batches alone, without a share of their start values. These are used
            until the first batch. A weight `moving_weight` is 1 less their share.
        classes: How many classes there are, each with `gamma` and `beta` of its own.
            The layer is then called with `classes=`, integers of shape (rows,).
        prior_count: Test-time mixture: in inference the statistics are `(prior_count *
            moving + n * batch) / (prior_count + n)`, of a batch of n rows.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If an argument, or the rank of a mask, makes no sense.

    Example:

    >>> import numpy as np
    >>> layer = BatchNormalization(momentum=0.9, epsilon=0.0)
    >>> y = layer(np.array([[1.0], [3.0], [9.0]]), training=True, mask=[1, 1, 0])
    >>> np.asarray(y).ravel()
    array([-1.,  1.,  7.], dtype=float32)
    >>> np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    (array([0.2], dtype=float32), array([1.], dtype=float32))

    Reference:
        Ioffe and Szegedy, Batch Normalization, 2015 (https://arxiv.org/abs/1502.03167);
        de Vries et al., Modulating early visual processing by language, 2017 (by
        class); Schneider et al., Improving robustness against common corruptions by
        covariate shift adaptation, 2020 (test-time mixture).
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: typing.Any = "zeros",
        gamma_initializer: typing.Any = "ones",
        moving_mean_initializer: typing.Any = "zeros",
        moving_variance_initializer: typing.Any = "ones",
        beta_regularizer: typing.Any = None,
        gamma_regularizer: typing.Any = None,
        beta_constraint: typing.Any = None,
        gamma_constraint: typing.Any = None,
        renorm: bool = False,
        renorm_clipping: collections.abc.Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        *,
        debiased: bool = False,
        classes: int | None = None,
        prior_count: float | None = None,
        **kwargs,
    ):
        super().__init__(
            axis,
            momentum,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            synchronized=synchronized,
            **kwargs,
        )
        if renorm:
            renorm_lib.check_limits(renorm_clipping or {})
        if classes is not None and not (classes > 0 and (center or scale)):
            raise ValueError(
                f"`classes={classes}` must be 1 or more, and needs `center=True` or "
                "`scale=True`."
            )
        if prior_count is not None and prior_count < 0:
            raise ValueError(f"`prior_count={prior_count}` must not be negative.")
        self.renorm = renorm
        # A proxy, for Keras wraps the dicts that it finds.
        self.renorm_clipping = types.MappingProxyType(dict(renorm_clipping or {}))
        self.renorm_momentum = renorm_momentum
        self.debiased = debiased
        self.classes = classes
        self.prior_count = prior_count
        self._inferred_are_constant = prior_count is None
        self._leaves_half = not renorm and prior_count is None

    def call(self, inputs, training=None, mask=None, classes=None):
        if (classes is None) != (self.classes is None):
            raise ValueError(
                f"Layer {self.name!r} has `classes={self.classes}`, but was called "
                f"{'without' if classes is None else 'with'} `classes=`."
            )
        if classes is None:
            return super().call(inputs, training=training, mask=mask)
        if mask is None:
            # Keras hands it on by itself only where there is one tensor.
            mask = getattr(inputs, "_keras_mask", None)
        x = self.wide(inputs)
        mask = self._placed_mask(mask, x)
        y = self._normalized(x, mask, None, None, training)
        return self.narrow(self._by_class(y, classes))

    def get_config(self):
        return {
            **super().get_config(),
            "renorm": self.renorm,
            "renorm_clipping": dict(self.renorm_clipping) or None,
            "renorm_momentum": self.renorm_momentum,
            "debiased": self.debiased,
            "classes": self.classes,
            "prior_count": self.prior_count,
        }

    def _shape_of_gamma(self, channels):
        return channels if self.classes is None else (self.classes, *channels)

    def _add_moving_weights(self, channels):
        super()._add_moving_weights(channels)
        if self.renorm:
            mean = _new(self.moving_mean_initializer)
            root = _root_of(self.moving_variance_initializer)
            self.moving_stddev = self._add_moving("moving_stddev", channels, root)
            self.renorm_mean = self._add_moving("renorm_mean", channels, mean)
            self.renorm_stddev = self._add_moving("renorm_stddev", channels, root)
        if self.debiased:
            self.moving_weight = self._add_moving("moving_weight", channels, "zeros")

    def _by_batch(self, x, mask, gamma, beta):
        if not self.renorm:
            return super()._by_batch(x, mask, gamma, beta)
        x = self._without_padding(x, mask)
        count, mean, variance = self._statistics(x, mask)
        before = (self.constant(w, x) for w in (self.renorm_mean, self.renorm_stddev))
        r, d = renorm_lib.correction(
            mean, variance, self.epsilon, tuple(before), self.renorm_clipping
        )
        self._take_in(count, mean, variance)
        # (x * r + d) * gamma + beta
        r, d = (r, d) if gamma is None else (r * gamma, d * gamma)
        constants = mean, variance, r, d if beta is None else d + beta
        mean, variance, r, d = (self._along(one, x) for one in constants)
        return moments.standardized(x, mean, variance, self.epsilon, r, d)

    def _take_in(self, count, mean, variance):
        ops = keras.ops
        some = count > 0
        keep, share = self.momentum, 1.0 - self.momentum
        if self.debiased:
            weight = batch.move(self.moving_weight, 1.0, some, keep, share)
            share = share / ops.where(weight > 0, weight, 1.0)
            keep = 1.0 - share
        batch.move(self.moving_mean, mean, some, keep, share)
        if not self.renorm:
            batch.move(self.moving_variance, variance, some, keep, share)
            return
        deviation = ops.sqrt(variance + self.epsilon)
        moved = batch.move(self.moving_stddev, deviation, some, keep, share)
        square = ops.relu(moved * moved - self.epsilon)
        batch.assign(self.moving_variance, square, some)
        keep = self.renorm_momentum
        batch.move(self.renorm_mean, mean, some, keep, 1.0 - keep)
        batch.move(self.renorm_stddev, deviation, some, keep, 1.0 - keep)

    def _inferred(self, x, mask):
        mean, variance = super()._inferred(x, mask)
        if self.prior_count is None:
            return mean, variance
        ops = keras.ops
        rows = ops.cast(ops.shape(x)[0], x.dtype)
        if mask is not None:
            steps = tuple(range(1, len(x.shape)))
            rows = ops.sum(ops.cast(ops.any(mask, steps), x.dtype))
        # Of no rows, and no prior count, the moving statistics.
        share = rows / ops.maximum(self.prior_count + rows, 1e-30)
        _, own_mean, own_variance = self._own_statistics(x, mask)
        return (
            mean + share * (own_mean - mean),
            variance + share * (own_variance - variance),
        )

    def _by_class(self, y, classes):
        """Scales and shifts each row as its class does."""
        ops = keras.ops
        shape = [-1] + [1] * (len(y.shape) - 1)
        shape[self.axis] = y.shape[self.axis]
        gamma, beta = (
            None
            if weight is None
            else ops.reshape(ops.take(self.constant(weight, y), classes, 0), shape)
            for weight in (self.gamma, self.beta)
        )
        y = y if gamma is None else y * gamma
        return y if beta is None else y + beta


def _new(initializer):
    """An initializer that draws numbers of its own, if it is one that draws."""
    if isinstance(initializer, keras.initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer


def _root_of(initializer):
    def root(shape, dtype=None):
        return keras.ops.sqrt(_new(initializer)(shape, dtype=dtype))

    return root
