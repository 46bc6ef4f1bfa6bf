# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Division by the responses of the channels around each."""

import keras

from tfnorm.layers.network import samples
from tfnorm.layers.network import scaled


@keras.saving.register_keras_serializable("tfnorm")
class LocalResponseNormalization(scaled.Wide):
    """`x / (bias + alpha * energy) ** beta`, by the channels around each.

    The energy is the sum of squares over a window of `size` channels, divided by `size`
    where `average` says so; beyond the first and the last channel it finds zeros.
    `LocalResponseNormalization(size)` is torch's `LocalResponseNorm(size)`;
    TensorFlow's `local_response_normalization(x, depth_radius, bias, alpha, beta)` is
    `LocalResponseNormalization(2 * depth_radius + 1, bias=bias, alpha=alpha, beta=beta,
    average=False)`. A mask passes through.

    Args:
        size: How many channels the window has. Of an even number, one more lies before
            a channel than behind it.
        alpha: Weight of the energy.
        beta: The power.
        bias: Added to the energy, and positive.
        average: Whether the energy is a mean (torch, Caffe) or a sum (TensorFlow, the
            paper).
        axis: The axis of the channels.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If `size` or `bias` are not positive.

    Example:

    >>> import numpy as np
    >>> layer = LocalResponseNormalization(3, alpha=1.0, beta=1.0, average=False)
    >>> np.asarray(layer(np.array([[1.0, 2.0, 0.0, 0.0]]))).round(3)
    array([[0.167, 0.333, 0.   , 0.   ]], dtype=float32)

    Reference:
        Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep
        Convolutional Neural Networks, 2012, 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        *,
        alpha: float = 1e-4,
        beta: float = 0.75,
        bias: float = 1.0,
        average: bool = True,
        axis: int = -1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if size < 1 or bias <= 0:
            raise ValueError(
                f"`size={size}` and `bias={bias}` must be positive: where all is 0, "
                "the bias alone is divided by."
            )
        self.size = int(size)
        self.alpha = float(alpha)
        self.beta = float(beta)
        self.bias = float(bias)
        self.average = average
        self.axis = int(axis)

    def build(self, input_shape):
        samples.check_axis(self, input_shape)

    def call(self, inputs):
        x = self.wide(inputs)
        share = self.alpha / self.size if self.average else self.alpha
        base = self.bias + share * self._window_sum(x * x)
        return self.narrow(x * self._power(base))

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
            "average": self.average,
            "axis": self.axis,
        }

    def _power(self, base):
        """Returns `base ** -beta`, by roots where it is one of the usual two."""
        # A general power takes a logarithm and an exponential.
        if self.beta not in (0.5, 0.75):
            return keras.ops.power(base, -self.beta)
        inverse = keras.ops.rsqrt(base)
        return inverse if self.beta == 0.5 else inverse * keras.ops.sqrt(inverse)

    def _window_sum(self, squares):
        """Adds shifted slices: differences of cumulative sums would cancel."""
        rank = len(squares.shape)
        axis = self.axis % rank
        padding = [(0, 0)] * rank
        padding[axis] = (self.size // 2, (self.size - 1) // 2)
        padded = keras.ops.pad(squares, padding)
        total = 0.0
        for start in range(self.size):
            # Ends are counted from behind: the number of channels may be unknown.
            stop = start - self.size + 1 or None
            at = [slice(None)] * rank
            at[axis] = slice(start, stop)
            total = total + padded[tuple(at)]
        return total
