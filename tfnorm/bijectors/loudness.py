# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Brings sound to a loudness, as broadcasters measure it."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import filters

_OFFSET = -0.691
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
# Left, right, centre, left surround, right surround.
_CHANNELS = (1.0, 1.0, 1.0, 1.41, 1.41)
# The shelf of the K-weighting lies at 1,682 Hz, which must be below half the rate.
_LEAST_RATE = 4000.0


@config.register("bijectors.Loudness")
@dataclasses.dataclass(frozen=True, eq=False)
class Loudness(base.OfSamples):
    """`y = x * 10**((target_lufs - loudness(x)) / 20)`, per sample.

    Loudness is that of ITU-R BS.1770-4: the mean square of the K-weighted sound,
    summed over the channels, in blocks of 400 ms every 100 ms. Blocks at or below -70
    LUFS do not count, nor do those more than 10 LU below the loudness of the others.

    The unit is that of full scale 1: integers are taken as they are. Where no block
    counts, such as in silence or in less than 400 ms, sound stays as it is, with a
    finite gradient. NaN spoils its sample.

    Args:
        target_lufs: Loudness to bring sound to, in LUFS (LKFS).
        sample_rate: In hertz.
        axis: The axis of the channels, if there is one: at most five, in the order
            left, right, centre, left surround, right surround. Samples lie along the
            other axis beside the rows.

    Example:

    >>> tone = np.sin(2 * np.pi * 997 / 8000 * np.arange(8000))
    >>> louder = Loudness(-23.0, sample_rate=8000).forward(tone[np.newaxis])
    >>> round(float(abs(louder).max()), 2)
    0.1
    """

    target_lufs: float = -23.0
    _: dataclasses.KW_ONLY
    sample_rate: float
    axis: tuple[int, ...] = (-1,)

    gone: typing.ClassVar[str] = "its own loudness"

    def __post_init__(self):
        if not -200 <= self.target_lufs <= 200:
            raise errors.RecipeError(
                f"`target_lufs={self.target_lufs!r}` must be a loudness, such as -23."
            )
        if not _LEAST_RATE <= self.sample_rate < np.inf:
            raise errors.RecipeError(
                f"`sample_rate={self.sample_rate!r}` must be that of the sound in "
                f"hertz, {_LEAST_RATE:.0f} or more."
            )

    def forward_with(self, x, constants, mask=None):
        """Maps a tensor.

        Args:
            x: Tensor of shape (rows, samples) or (rows, samples, channels).
            constants: None are needed.
            mask: Boolean tensor of shape (rows, samples). Samples that are false there
                count as silence, no block that holds one counts, and they become 0.
        """
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        along = arrays.axis_of_steps(self.axis, arrays.rank(x))
        x = xp.moveaxis(x, along, -1)
        if mask is not None:
            mask = arrays.cast(arrays.constants(mask, like=x), "bool")
            mask = mask if arrays.rank(x) == 2 else mask[:, None]
            x = xp.where(mask, x, arrays.full(0.0, like=x))
        power = self._power(x, mask)
        target = arrays.full(_power_of(self.target_lufs), like=x)
        # A selection before the division, so that the gradient is finite as well.
        gain = xp.sqrt(target / xp.where(arrays.equal(power, 0), target, power))
        y = x * gain[(..., *(None,) * (arrays.rank(x) - 1))]
        return xp.moveaxis(y, -1, along)

    def lufs(self, x: typing.Any) -> typing.Any:
        """Returns the loudness of each sample; -inf where no block counts."""
        x = arrays.asarray(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        xp = arrays.namespace(x)
        along = arrays.axis_of_steps(self.axis, arrays.rank(x))
        with np.errstate(divide="ignore"):
            return _OFFSET + 10 * xp.log10(self._power(xp.moveaxis(x, along, -1), None))

    def _power(self, x, mask):
        """The gated mean square of each sample: shape (rows,), 0 if nothing counts.

        Args:
            x: Tensor of shape (rows, samples) or (rows, channels, samples).
            mask: `None`, or a boolean tensor of that rank with one channel.
        """
        rank, step = arrays.rank(x), round(self.sample_rate / 10)
        weighted = filters.filtered(x, filters.cascade(k_weighting(self.sample_rate)))
        squares = arrays.blocks(weighted * weighted, rank - 1, step)
        power = arrays.reduce("sum", squares, (rank,))[..., 0] / (4 * step)
        if rank == 3:
            channels = _weights(x.shape[1]).astype(arrays.dtype_name(x))
            channels = arrays.constants(channels[:, np.newaxis], like=x)
            power = arrays.reduce("sum", power * channels, (1,))[:, 0]
        whole = arrays.cast(_whole(x, mask, step), arrays.dtype_name(x))
        counts = whole
        for later in (1, 2, 3):
            counts = counts * arrays.shifted(whole, -later, 1, 0.0)
        blocks = (
            sum(arrays.shifted(power, -later, 1, 0.0) for later in (1, 2, 3)) + power
        )
        return _gated(blocks, counts)


def k_weighting(sample_rate: float) -> tuple[tuple[float, ...], ...]:
    """The biquads of the K-weighting for a rate: a shelf, then a high pass.

    BS.1770 gives coefficients for 48 kHz alone. These come from the analog filters
    that those are bilinear transforms of, as B. De Man derived them and libebur128
    and pyloudnorm use them; at 48 kHz they are those of the recommendation.

    Returns:
        (b0, b1, b2, a1, a2) of each.

    Reference: https://github.com/jiixyj/libebur128/blob/master/ebur128/ebur128.c
    """
    k, q = np.tan(np.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    scale = 1 + k / q + k * k
    shelf = (
        (high + band * k / q + k * k) / scale,
        2 * (k * k - high) / scale,
        (high - band * k / q + k * k) / scale,
        2 * (k * k - 1) / scale,
        (1 - k / q + k * k) / scale,
    )
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    scale = 1 + k / q + k * k
    high_pass = (1.0, -2.0, 1.0, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale)
    return tuple(float(number) for number in shelf), tuple(map(float, high_pass))


def _power_of(lufs: float) -> float:
    return 10 ** ((lufs - _OFFSET) / 10)


def _weights(channels: int | None) -> np.ndarray:
    if channels is None or channels > len(_CHANNELS):
        raise ValueError(
            f"{channels} channels came, but BS.1770 weighs at most five: left, right, "
            "centre, left surround, right surround, without the low-frequency one."
        )
    return np.array(_CHANNELS[:channels])


def _whole(x, mask, step: int):
    """Which steps hold samples only: of shape (rows or 1, steps), 1 or 0."""
    if mask is None:
        mask = arrays.positions(x[:, 0] if arrays.rank(x) == 3 else x, 1) >= 0
    mask = mask[:, 0] if arrays.rank(mask) == 3 else mask
    numbers = arrays.cast(mask, arrays.dtype_name(x))
    return arrays.reduce("min", arrays.blocks(numbers, 1, step), (2,))[..., 0]


def _gated(blocks, counts):
    """The mean of the blocks that count and that both gates let pass."""
    xp = arrays.namespace(blocks)
    one, gate = arrays.full(1.0, like=blocks), _power_of(_ABSOLUTE_GATE)
    gate = arrays.full(gate, like=blocks)
    for _ in range(2):
        # What is NaN passes, and so spoils the mean.
        passing = xp.where(blocks <= gate, 0 * one, counts)
        number = arrays.reduce("sum", passing, (1,))
        mean = arrays.reduce("sum", passing * blocks, (1,)) / xp.where(
            number < 1, one, number
        )
        relative = mean * 10 ** (_RELATIVE_GATE / 10)
        gate = xp.where(relative < gate, gate, relative)
    return mean[:, 0]
