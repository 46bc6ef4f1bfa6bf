# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Per-channel energy normalization: automatic gain, then compression."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import recurrence

# Where trained constants are held: beyond, the formula has no meaning.
_LEAST_SMOOTHING = 2.0**-10
_MOST_SMOOTHING = 1.0 - 2.0**-20
_LEAST_BIAS = 2.0**-20


@config.register("bijectors.PCEN")
@dataclasses.dataclass(frozen=True, eq=False)
class PCEN(base.Bijector):
    """`y = (x / (epsilon + m)**gain + bias)**power - bias**power`.

    `m[t] = (1 - smoothing) m[t - 1] + smoothing x[t]` along the frames, and 1 before
    the first, as in librosa. Computed by logarithms: `bias**power * expm1(power *
    log1p(x * exp(-gain * log(epsilon + m)) / bias))`.

    All but `epsilon` may be numbers, or arrays of one number per channel. Trained, a
    smoothing is held between 2**-10 (or the least that was given) and 1 - 2**-20, and
    a bias above 2**-20. NaN spoils its channel.

    Args:
        gain: How far the energy before it takes a frame's level away: 0 to 1.
        bias: Energies beside which this is large pass unchanged but for their scale.
        power: Exponent of the compression, not 0.
        smoothing: Weight of a new frame in the average `m`: above 0, below 1.
        epsilon: Least energy, above 0.
        axis: The axis of the channels; frames lie along the first of the others.

    Example:

    >>> PCEN().forward([[[1.0], [100.0], [1.0]]])[0, :, 0].round(3)
    array([0.318, 4.199, 0.102])
    """

    gain: typing.Any = 0.98
    bias: typing.Any = 2.0
    power: typing.Any = 0.5
    smoothing: typing.Any = 0.025
    epsilon: float = 1e-6
    axis: tuple[int, ...] = (-1,)

    invertible: typing.ClassVar[bool] = False
    context: typing.ClassVar[tuple[str, ...]] = ("mask",)

    def __post_init__(self):
        _check(self, "gain", "0 or more", lambda value: value >= 0)
        _check(
            self, "bias", f"{_LEAST_BIAS} or more", lambda value: value >= _LEAST_BIAS
        )
        _check(self, "power", "above 0", lambda value: value > 0)
        _check(
            self,
            "smoothing",
            "above 0 and below 1",
            lambda value: (value > 0) & (value <= _MOST_SMOOTHING),
        )
        if not 1e-37 <= self.epsilon < np.inf:
            raise errors.RecipeError(
                f"`epsilon={self.epsilon!r}` must be a normal float32 above 0."
            )

    def constants(self):
        return {
            key: np.asarray(getattr(self, key), np.float32)
            for key in ("gain", "bias", "power", "smoothing")
        }

    def forward_with(self, x, constants, mask=None):
        """Maps a tensor.

        Args:
            x: Energies, of shape (rows, frames, channels) or (rows, frames).
            constants: As in `constants`, broadcasting against `x`.
            mask: Boolean tensor of shape (rows, frames); frames that are false there
                are as if they were not there, and become 0.
        """
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        along = arrays.axis_of_steps(self.axis, arrays.rank(x))
        gain, bias, power, smoothing = (
            _of_a_frame(arrays.cast(constants[key], arrays.dtype_name(x)), x, along)
            for key in ("gain", "bias", "power", "smoothing")
        )
        least = min(_LEAST_SMOOTHING, float(np.min(self.smoothing)))
        smoothing = xp.clip(smoothing, least, _MOST_SMOOTHING)
        bias = xp.clip(bias, _LEAST_BIAS, np.inf)
        log_bias = xp.log(bias)
        scale = xp.exp(power * log_bias)

        def compressed(energy, average):
            level = gain * xp.log(average + self.epsilon) + log_bias
            return scale * xp.expm1(power * xp.log1p(energy * xp.exp(-level)))

        packed = arrays.Packed(xp.moveaxis(x, along, 1), mask)
        y = recurrence.smoothed(
            packed.steps, smoothing, compressed, start=1.0, least=least
        )
        return xp.moveaxis(packed.back(y), 1, along)

    def inverse_with(self, y, constants):
        raise errors.NotInvertible(
            "Each frame was normalized by those before it, which are gone."
        )

    def along(self, axis, rank):
        placed = base.reshaped(self, axis, rank)
        return dataclasses.replace(placed, axis=arrays.kept_axes(axis, rank))


def smoothing_of(time_constant: float, frames_per_second: float) -> float:
    """Returns the smoothing of a time constant, as librosa does.

    Args:
        time_constant: In seconds.
        frames_per_second: `sample_rate / hop_length`.

    Example:

    >>> round(smoothing_of(0.4, 100), 4)
    0.0247
    """
    frames = time_constant * frames_per_second
    return float((np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2))


def _of_a_frame(constant, x, along: int):
    """A constant, so that it broadcasts against one frame of `x`."""
    if not arrays.rank(constant):
        return constant
    rank = arrays.rank(x)
    if rank < 3:
        raise ValueError(
            "Constants of each channel need data of shape (rows, frames, channels), "
            f"but {rank} axes came."
        )
    missing = (None,) * (rank - arrays.rank(constant))
    whole = constant[(*missing, ...)]
    return arrays.namespace(x).moveaxis(whole, along, 1)[0, 0]


def _check(bijector, name: str, wanted: str, is_right) -> None:
    values = np.asarray(getattr(bijector, name), np.float64)
    if not np.all(is_right(values) & np.isfinite(values)):
        raise errors.RecipeError(
            f"`{name}={getattr(bijector, name)}` must be {wanted}."
        )
    if values.ndim:
        object.__setattr__(bijector, name, base.frozen_array(values))
