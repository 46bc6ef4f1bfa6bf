# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that pads with what normalization takes to 0."""

import collections.abc
import typing

import keras


@keras.saving.register_keras_serializable("tfnorm")
class ChannelPadding(keras.layers.Layer):
    """Pads with a constant for each channel.

    `tfnorm.fold` puts it where zeros were padded behind a normalization that is folded
    away: it pads with what the normalization took to 0. A mask does not pass.

    Args:
        padding: How many values to add before and behind, for each axis but those of
            rows and channels.
        values: The constant of each channel; one number for all.
        data_format: "channels_last", "channels_first", or that of Keras' config.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Example:

    >>> import numpy as np
    >>> layer = ChannelPadding([(1, 0)], [7, 8])
    >>> np.asarray(layer(np.array([[[1.0, 2.0]]])))
    array([[[7., 8.],
            [1., 2.]]], dtype=float32)

    Reference:
        Keras' `ZeroPadding2D`, which pads with 0.
    """

    def __init__(
        self,
        padding: collections.abc.Sequence,
        values: collections.abc.Sequence[float] | float,
        *,
        data_format: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.padding = tuple((int(low), int(high)) for low, high in padding)
        self.values: tuple[float, ...] | float
        if isinstance(values, collections.abc.Sequence):
            self.values = tuple(map(float, values))
        else:
            self.values = float(values)
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=len(self.padding) + 2)

    def call(self, inputs):
        ops = keras.ops
        x = ops.cast(inputs, self.compute_dtype)
        widths = self._widths()
        if isinstance(self.values, float):
            return ops.pad(x, widths, constant_values=self.values)
        first = self._channels_axis() == 1
        inside = ops.zeros_like(x[:1, :1] if first else x[:1, ..., :1])
        outside = ops.pad(inside, widths, constant_values=1)
        shape = [1] * len(widths)
        shape[self._channels_axis()] = len(self.values)
        values = ops.reshape(ops.convert_to_tensor(self.values, x.dtype), shape)
        return ops.where(outside > 0, values, ops.pad(x, widths))

    def compute_output_shape(self, input_shape):
        return tuple(
            size if size is None else size + low + high
            for size, (low, high) in zip(input_shape, self._widths(), strict=True)
        )

    def get_config(self):
        return {
            **super().get_config(),
            "padding": self.padding,
            "values": self.values,
            "data_format": self.data_format,
        }

    def _channels_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else len(self.padding) + 1

    def _widths(self) -> list[tuple[int, int]]:
        widths: list[typing.Any] = [(0, 0), *self.padding]
        widths.insert(self._channels_axis(), (0, 0))
        return widths
