# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of series that hand out their statistics, to undo a model's output."""

import collections.abc
import typing

import keras

from tfnorm import arrays
from tfnorm import errors
from tfnorm.bijectors import reversible
from tfnorm.layers import foreign
from tfnorm.layers import live


class ReversibleLayer(keras.layers.Layer):
    """What reversible layers have in common: `z, statistics = layer(x)`.

    `layers.Denormalize(layer)(y, statistics)` (or `layer.inverse(y, statistics)`)
    takes the model's output `y` to the unit of `x`. `y` may have another number of
    steps, and must have the axes and the channels of `x`, or those that `channels`
    names. `statistics` are two tensors (what was subtracted, what divided) of size 1
    along the steps, float32 under any policy (float64 of float64 arrays).

    A mask of the first axes of the input, such as (rows, steps) or one of all
    axes, leaves steps out of the statistics and makes them 0.

    Args:
        structure: The map.
        axis: Axis or axes of the channels: series along the others are normalized
            each by itself. `None` if there are none, as in (rows, steps).
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.
    """

    def __init__(
        self,
        structure: reversible.Reversible,
        *,
        axis: int | collections.abc.Sequence[int] | None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.structure = structure
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)
        self.constants: tuple = ()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        constants = self._constants(inputs)
        statistics = self.structure.statistics(inputs, mask)
        z = self.structure.forward_with(inputs, statistics, constants, mask)
        return arrays.cast(z, self.compute_dtype), statistics

    def __call__(self, inputs, *args, **kwargs):
        if not foreign.is_foreign(self, inputs):
            return super().__call__(inputs, *args, **kwargs)
        if not self.built:
            self.build(tuple(inputs.shape))
        return foreign.as_tensors(self.call(inputs, *args, **kwargs))

    def inverse(
        self,
        outputs: typing.Any,
        statistics: reversible.Statistics,
        channels: collections.abc.Sequence[int] | None = None,
    ) -> typing.Any:
        """Takes normalized values to the unit that the inputs had.

        Args:
            outputs: Tensor of the axes of the inputs, of any number of steps.
            statistics: What the layer returned beside the normalized inputs.
            channels: Which channels of the inputs the outputs are, if not all.
        """
        constants = self._constants(outputs)
        if channels is not None:
            axis = self._channel_axis(arrays.rank(outputs))
            loc, scale = (_picked(t, channels, axis) for t in statistics)
            statistics = (loc, scale)
            constants = {k: _picked(t, channels, 0) for k, t in constants.items()}
        self._check(outputs, statistics)
        return self.structure.inverse_with(outputs, statistics, constants)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}

    def _constants(self, x) -> dict[str, typing.Any]:
        """The weight and the bias, where there are any."""
        keys = ("weight", "bias")
        values = (live.tensor(constant, x) for constant in self.constants)
        return dict(zip(keys, values, strict=False))

    def _channel_axis(self, rank: int) -> int:
        kept = self.structure.kept_axes(rank)
        if len(kept) != 1:
            raise errors.RecipeError(
                f"`channels` picks from one axis, but those kept of {rank} axes are "
                f"{kept} (`axis={self.axis}`)."
            )
        return kept[0]

    def _check(self, outputs, statistics) -> None:
        rank = arrays.rank(outputs)
        sizes = tuple(outputs.shape), tuple(statistics[0].shape)
        kept = self.structure.kept_axes(rank) if rank == len(sizes[1]) else None
        if kept is None or any(
            None not in pair and pair[0] != pair[1]
            for pair in ([size[axis] for size in sizes] for axis in kept)
        ):
            raise ValueError(
                f"The outputs of shape {sizes[0]} do not fit the statistics of shape "
                f"{sizes[1]}: only the numbers of steps may differ. Name the channels "
                "that they are by `channels`."
            )


@keras.saving.register_keras_serializable("tfnorm")
class RevIN(ReversibleLayer):
    """Reversible instance normalization of series: `(x - mean) / sqrt(var + epsilon)`.

    Then `* weight + bias`, both trained, one of each channel. Undone as `(y - bias) /
    (weight + epsilon ** 2) * sqrt(var + epsilon) + mean`. The variance is the
    population one. No gradient passes through the statistics. A constant series
    becomes `bias`.

    Called as `z, statistics = layer(x)`; see `ReversibleLayer` for what follows.

    Args:
        affine: Whether there are a weight and a bias.
        subtract_last: Whether the last step that is not masked stands for the mean.
        epsilon: Added to the variance. With 0 the layer does not depend on the unit
            of the data, and a constant series is divided by 1.
        axis: Axis or axes of the channels, `None` for none. Inputs of rank 2 are
            (rows, steps) and have none.
        **kwargs: As in `ReversibleLayer`.

    Example:

    >>> import numpy as np
    >>> from tfnorm.layers import denormalize
    >>> layer = RevIN(epsilon=0.0)
    >>> z, statistics = layer(np.array([[[1.0], [3.0], [5.0]]]))
    >>> np.asarray(z).ravel().round(3)
    array([-1.225,  0.   ,  1.225], dtype=float32)
    >>> forecast = denormalize.Denormalize(layer)(np.zeros((1, 2, 1)), statistics)
    >>> np.asarray(forecast).ravel()
    array([3., 3.], dtype=float32)

    Reference:
        Kim et al. 2022, Reversible Instance Normalization for Accurate
        Time-Series Forecasting against Distribution Shift.
    """

    def __init__(
        self,
        *,
        affine: bool = True,
        subtract_last: bool = False,
        epsilon: float = 1e-5,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        kept = _axes(axis)
        structure = reversible.RevIN(kept, subtract_last, epsilon)
        super().__init__(structure, axis=axis, **kwargs)
        self.affine = affine
        self.subtract_last = subtract_last
        self.epsilon = epsilon

    def build(self, input_shape):
        if not self.affine:
            return
        axes = self.structure.kept_axes(len(input_shape))
        shape = tuple(input_shape[axis] for axis in axes)
        if None in shape:
            raise ValueError(
                f"The sizes of the kept axes (`axis={self.axis}`) must be known, but "
                f"the input shape is {input_shape}. Give them in `keras.Input`, or use "
                "`affine=False`."
            )
        self.constants = tuple(
            self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                dtype="float32",
                autocast=False,
            )
            for name, initializer in (("weight", "ones"), ("bias", "zeros"))
        )

    def get_config(self):
        return {
            **super().get_config(),
            "affine": self.affine,
            "subtract_last": self.subtract_last,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable("tfnorm")
class MeanScale(ReversibleLayer):
    """Divides each series by the mean of its magnitudes: `x / mean(abs(x))`.

    Zeros stay zeros, as counts of sales need. GluonTS' `MeanScaler` with a given
    `default_scale`, but that here it also serves series that are all 0: there,
    `minimum_scale` does, with which no forecast gets away from 0. Its other default,
    the mean scale of the batch, would let rows depend on those beside them.

    Called as `z, statistics = layer(x)`; see `ReversibleLayer` for what follows.

    Args:
        default_scale: Divides series of which all steps are masked, or 0.
        minimum_scale: Least divisor of other series.
        axis: Axis or axes of the channels, `None` for none. Inputs of rank 2 are
            (rows, steps) and have none.
        **kwargs: As in `ReversibleLayer`.

    Example:

    >>> import numpy as np
    >>> layer = MeanScale()
    >>> z, statistics = layer(np.array([[0.0, 4.0, 8.0]], np.float32))
    >>> np.asarray(z), np.asarray(layer.inverse(z, statistics))
    (array([[0., 1., 2.]], dtype=float32), array([[0., 4., 8.]], dtype=float32))

    Reference:
        Salinas et al. 2020, DeepAR, section 3.3; GluonTS, torch/scaler.py.
    """

    def __init__(
        self,
        *,
        default_scale: float = 1.0,
        minimum_scale: float = 1e-10,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        structure = reversible.MeanScale(_axes(axis), default_scale, minimum_scale)
        super().__init__(structure, axis=axis, **kwargs)
        self.default_scale = default_scale
        self.minimum_scale = minimum_scale

    def get_config(self):
        return {
            **super().get_config(),
            "default_scale": self.default_scale,
            "minimum_scale": self.minimum_scale,
        }


def _axes(axis) -> tuple[int, ...]:
    if axis is None:
        return ()
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _picked(t, channels: collections.abc.Sequence[int], axis: int):
    """The elements of an axis that are named, in that order."""
    size = t.shape[axis]
    for channel in channels:
        if not 0 <= channel < size:
            raise ValueError(
                f"`channels={tuple(channels)}` names {channel}, but the inputs have "
                f"channels 0 to {size - 1}."
            )
    return arrays.joined([arrays.part(t, axis, c, c + 1) for c in channels], axis)
