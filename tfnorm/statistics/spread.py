# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact statistics of the values of many channels at once.

The sums of `sums`, of all channels together: each pass splits off the leading bits of
all values on one grid, and adds those of each channel.
"""

import abc
import dataclasses
import functools
import math

import numpy as np

from tfnorm.statistics import limbs
from tfnorm.statistics import sums

_DIGIT = np.int64((1 << 32) - 1)


class Layout(abc.ABC):
    """Which values are of which channel. All values are finite.

    Args:
        values: float64 or int64, without -0.0.
        channels: Number of channels.
        most: No channel has more values.
        codes: The channel of each value, in the order of `values.ravel()`.
    """

    values: np.ndarray
    channels: int
    most: int
    codes: np.ndarray

    @abc.abstractmethod
    def sum(self, numbers: np.ndarray) -> np.ndarray:
        """float64 sums by channel of float64 numbers that lie as the values do."""

    @abc.abstractmethod
    def count(self, which: np.ndarray) -> np.ndarray:
        """int64 numbers by channel of values for which a boolean array is true."""

    @property
    @abc.abstractmethod
    def valid(self) -> np.ndarray:
        """How many values each channel has, int64."""

    @property
    @abc.abstractmethod
    def extrema(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest value by channel; 0 where it has none."""


@dataclasses.dataclass(frozen=True)
class Columns(Layout):
    """Values of shape (values of each channel, channels)."""

    values: np.ndarray

    @property
    def channels(self) -> int:
        return self.values.shape[1]

    @property
    def most(self) -> int:
        return len(self.values)

    def sum(self, numbers):
        return numbers.sum(axis=0)

    def count(self, which):
        return np.count_nonzero(which, axis=0).astype(np.int64)

    @property
    def valid(self):
        return np.full(self.channels, self.most)

    @property
    def extrema(self):
        return self.values.min(axis=0), self.values.max(axis=0)

    @property
    def codes(self):
        return np.tile(np.arange(self.channels), self.most)


@dataclasses.dataclass(frozen=True)
class Scattered(Layout):
    """Values of shape (n,) of the channels `codes`, in any order."""

    values: np.ndarray
    codes: np.ndarray
    channels: int

    @property
    def most(self) -> int:
        return int(self.valid.max(initial=0))

    def sum(self, numbers):
        return np.bincount(self.codes, numbers, self.channels)

    def count(self, which):
        return np.bincount(self.codes[which], minlength=self.channels)

    @functools.cached_property
    def valid(self):
        return np.bincount(self.codes, minlength=self.channels)

    @property
    def extrema(self):
        floating = self.values.dtype == np.float64
        ends = np.finfo(np.float64) if floating else np.iinfo(np.int64)
        low = np.full(self.channels, ends.max, self.values.dtype)
        high = np.full(self.channels, ends.min, self.values.dtype)
        np.minimum.at(low, self.codes, self.values)
        np.maximum.at(high, self.codes, self.values)
        none = self.valid == 0
        low[none] = high[none] = 0
        return low, high


def exact_sums(layout: Layout) -> tuple[limbs.Limbs, limbs.Limbs]:
    """Sums by channel of the values and of their squares, in units as of `sums`."""
    totals, squares = _Total(layout), _Total(layout)
    if layout.values.size:
        if layout.values.dtype == np.int64:
            _add_integers(layout, totals, squares)
        else:
            _add_floats(layout, totals, squares)
    return totals.result(), squares.result()


class _Total:
    """Adds up parts of many units."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._digits: dict[int, np.ndarray] = {}

    def add(self, part: np.ndarray, unit: int, offset: int) -> None:
        """Adds multiples of 2**unit, counted in units of 2**-offset."""
        self.count(sums.in_units(self._layout.sum(part), unit), unit + offset)

    def count(self, units: np.ndarray, place: int, factor: int = 1) -> None:
        """Adds up to 2**53 multiples of 2**place."""
        digit, shift = divmod(place, 32)
        low = (units & _DIGIT) << shift
        self._at(digit)[:] += factor * (low & _DIGIT)
        self._at(digit + 1)[:] += factor * ((low >> 32) + (units >> 32 << shift))

    def _at(self, digit: int) -> np.ndarray:
        if digit not in self._digits:
            self._digits[digit] = np.zeros(self._layout.channels, np.int64)
        return self._digits[digit]

    def result(self) -> limbs.Limbs:
        if not self._digits:
            return limbs.zeros(self._layout.channels)
        low, high = min(self._digits), max(self._digits)
        return limbs.carried(low, np.stack([self._at(d) for d in range(low, high + 1)]))


def _add_floats(layout: Layout, totals: _Total, squares: _Total) -> None:
    terms = layout.most
    for values, shift, least, greatest in _scaled(layout.values):
        narrow = sums.is_narrow(values.ravel())
        finest = math.frexp(least)[1] - (24 if narrow else 53)
        for part, unit in sums.passes(values, greatest, finest, terms):
            totals.add(part, unit, sums.UNIT - shift)
        offset = 2 * (sums.UNIT - shift)
        if narrow:
            exact = ((values * values, 2 * finest),)
        else:
            exact = tuple((part, -sums.UNIT) for part in sums.two_square(values))
        for square, last in exact:
            largest = np.abs(square).max().item()
            for part, unit in sums.passes(square, largest, last, terms):
                squares.add(part, unit, offset)


def _scaled(values: np.ndarray):
    """Yields values whose squares are exact in float64, and how they were shifted.

    With each the least magnitude that is not 0, and the greatest.
    """
    sizes = np.abs(values)
    least, greatest = _magnitudes(sizes)
    if least >= 2.0**-400 and greatest < 2.0**400:
        yield values, 0, least, greatest
        return
    big, small = sizes >= 2.0**400, sizes < 2.0**-400
    for which, shift in ((big, -600), (small, 600), (~(big | small), 0)):
        scaled = np.where(which, np.ldexp(values, shift * which), 0.0)
        least, greatest = _magnitudes(np.abs(scaled))
        if greatest:
            yield scaled, shift, least, greatest


def _magnitudes(sizes: np.ndarray) -> tuple[float, float]:
    """The least that is not 0, and the greatest; 0 is overwritten."""
    least, greatest = sizes.min().item(), sizes.max().item()
    if least == 0 < greatest:
        sizes[sizes == 0] = greatest
        least = sizes.min().item()
    return least, greatest


def _add_integers(layout: Layout, totals: _Total, squares: _Total) -> None:
    values = layout.values
    # Products of parts of so many bits are summed in float64 without rounding.
    bits = (53 - max(1, layout.most).bit_length()) // 2
    size = max(-int(values.min()), int(values.max()))
    parts = [values]
    while size >> (bits * len(parts)):
        rest = parts.pop()
        parts += [rest & ((1 << bits) - 1), rest >> bits]
    pieces = [part.astype(np.float64) for part in parts]
    for i, left in enumerate(pieces):
        totals.count(layout.sum(left).astype(np.int64), bits * i)
        for j, right in enumerate(pieces[: i + 1]):
            products = layout.sum(left * right).astype(np.int64)
            squares.count(products, bits * (i + j), 1 if i == j else 2)
