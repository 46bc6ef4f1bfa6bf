# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of rows of which some count more than others."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import weighted_quantiles as quantiles_lib
from tfnorm.statistics import weighted_sums

# Channels of fewer values are taken together, so many values at once: by itself each
# costs as much time as these.
_FEW, _AT_ONCE = 1 << 11, 1 << 19


@dataclasses.dataclass(frozen=True)
class Weighted:
    """Exact weighted moments and quantiles of each channel: a commutative monoid.

    The sums of w, w * x and w * x * x are unbounded integers, so order and splits
    leave no trace, and a whole weight of k is k rows, to the bit. A `Moments` whose
    count, total and squares are all in units of 2**-1074 has the same mean and
    variance, so each channel's sums are kept as one.

    Args:
        floating: Whether the values are floats (else integers).
        moments: Of each channel; `count` is the weight in units of 2**-1074.
        quantiles: Of each channel, or `None` if they were not asked for.

    Example:

    >>> values, weights = np.array([[1.0, 4.0]]), np.array([3.0, 1.0])
    >>> found = Weighted.empty(True, 1).add(values, weights)
    >>> found.mean, found.variance, found.weight
    (array([1.75]), array([1.6875]), array([4.]))
    """

    floating: bool
    moments: tuple[moments_lib.Moments, ...]
    quantiles: tuple[quantiles_lib.WeightedQuantiles, ...] | None

    @classmethod
    def empty(cls, floating: bool, channels: int, quantiles: bool = True) -> "Weighted":
        """The identity of `merge`, with or without histograms for quantiles."""
        histograms = (quantiles_lib.WeightedQuantiles(floating),) * channels
        return cls(
            floating,
            (moments_lib.Moments(floating),) * channels,
            histograms if quantiles else None,
        )

    def add(self, values: np.ndarray, weights: np.ndarray) -> "Weighted":
        """Takes in values; those that are not finite are left out.

        Args:
            values: Numbers of shape (channels, n).
            weights: Finite float64 of shape (n,) or (channels, n). Values of weight 0
                are left out.
        """
        each = np.broadcast_to(weights, values.shape)
        if self.quantiles is None and values.shape[1] < _FEW:
            return self._add_at_once(values, each)
        moments = list(self.moments)
        histograms = list(self.quantiles or ())
        step = block_lib.MAX_VALUES
        for i, (channel, own) in enumerate(zip(values, each, strict=True)):
            for start in range(0, channel.size, step):
                x, w = channel[start : start + step], own[start : start + step]
                if self.floating:
                    x = x.astype(np.float64) + 0.0  # Makes -0.0 and 0.0 one value.
                    counted = np.isfinite(x) & (w > 0)
                else:
                    x = x.astype(np.int64)
                    counted = w > 0
                if not counted.all():
                    x, w = x[counted], w[counted]
                found = weighted_sums.exact_sums(x, w)
                moments[i] = moments[i].merge(
                    moments_lib.Moments(self.floating, *found)
                )
                if histograms:
                    histograms[i] = histograms[i].add(x, w)
        kept = None if self.quantiles is None else tuple(histograms)
        return Weighted(self.floating, tuple(moments), kept)

    def _add_at_once(self, values: np.ndarray, weights: np.ndarray) -> "Weighted":
        """The moments of all channels in few calls of NumPy, some channels a time."""
        moments = []
        step = max(1, _AT_ONCE // max(1, values.shape[1]))
        for start in range(0, len(values), step):
            x, w = values[start : start + step], weights[start : start + step]
            x = x.astype(np.float64 if self.floating else np.int64)
            count = len(x)
            counted = np.isfinite(x) & (w > 0)
            owners = np.nonzero(counted)[0]
            found = weighted_sums.grouped_sums(x[counted], w[counted], owners, count)
            before = self.moments[start : start + step]
            for one, more in zip(before, found, strict=True):
                moments.append(one.merge(moments_lib.Moments(self.floating, *more)))
        return Weighted(self.floating, tuple(moments), None)

    def merge(self, other: "Weighted") -> "Weighted":
        """The state over the values of both."""
        return self._combine(other, "merge")

    def subtract(self, other: "Weighted") -> "Weighted":
        """The state without the values of `other`, which must be among them."""
        return self._combine(other, "subtract")

    def _combine(self, other: "Weighted", operation: str) -> "Weighted":
        pairs = zip(self.moments, other.moments, strict=True)
        histograms = None
        if self.quantiles is not None and other.quantiles is not None:
            both = zip(self.quantiles, other.quantiles, strict=True)
            histograms = tuple(getattr(a, operation)(b) for a, b in both)
        return Weighted(
            self.floating,
            tuple(getattr(a, operation)(b) for a, b in pairs),
            histograms,
        )

    def _array(self, of: Callable[[moments_lib.Moments], float]) -> np.ndarray:
        return np.array([of(one) for one in self.moments])

    @property
    def weight(self) -> np.ndarray:
        """The weight of the finite values, correctly rounded: (channels,)."""
        return self._array(lambda one: as_float(one.count))

    def weight_of(self, counts: np.ndarray) -> np.ndarray:
        """The same in the shape of the counts of values."""
        return self.weight.reshape(np.shape(counts))[()]

    @property
    def mean(self) -> np.ndarray:
        """The weighted mean, correctly rounded: (channels,)."""
        return self._array(lambda one: one.mean)

    @property
    def variance(self) -> np.ndarray:
        """The variance, `sum(w * (x - mean)**2) / sum(w)`, correctly rounded."""
        return self._array(lambda one: one.variance)

    @property
    def std(self) -> np.ndarray:
        """Its root, correctly rounded: (channels,)."""
        return self._array(lambda one: one.std)

    @property
    def buckets(self) -> int:
        """How many buckets the histograms have."""
        return sum(one.keys.size for one in self.quantiles or ())

    @property
    def nbytes(self) -> int:
        """About the bytes that the histograms take."""
        # An integer of Python and the reference to it.
        return 48 * self.buckets


def add(feature, column: arrays.Column, weights: np.ndarray, **options):
    """Takes rows with weights into a `FeatureStatistics`; see its `add`."""
    if options["comoments"]:
        raise errors.FeatureError("there are no weighted co-moments.")
    # Counts and extrema are those of the rows themselves.
    plain = type(feature)().add(column, **{**options, "quantiles": False})
    if plain.shape is None:
        return feature.merge(plain)
    channels, quantiles = len(plain.channels), options["quantiles"]
    if quantiles is None:
        quantiles = channels <= channels_lib.WIDE
    found = Weighted.empty(plain.kind == "floating", channels, quantiles)
    for values, of_values in _by_channel(column, weights, options["axis"]):
        found = found.add(values, of_values)
    return feature.merge(dataclasses.replace(plain, weighted=found))


def _by_channel(
    column: arrays.Column, weights: np.ndarray, axis
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields values as (channels, n), and weights as (n,) or (channels, n)."""
    axis = () if axis is None else axis
    if isinstance(column, arrays.ImageColumn):
        if arrays.kept_axes(axis, 4) != (3,):
            for rows, stack in column.stacks():
                yield from _by_channel(stack, weights[rows], axis)
            return
        counts = np.moveaxis(column.counts, 1, 0).reshape(column.counts.shape[1], -1)
        levels = np.broadcast_to(np.tile(np.arange(256), len(weights)), counts.shape)
        # Of 26 bits each, so that their products with counts are exact.
        unit = np.ldexp(1.0, np.frexp(weights)[1] - 26)
        high = np.floor(weights / unit) * unit
        for part in (high, weights - high):
            yield levels, counts * np.repeat(part, 256)
        return
    values = column.values
    if column.missing is not None:
        values, weights = values[~column.missing], weights[~column.missing]
    kept = arrays.kept_axes(axis, values.ndim)
    flat = np.moveaxis(values, kept, range(len(kept)))
    channels = int(np.prod([values.shape[a] for a in kept]))
    flat = flat.reshape(channels, -1)
    yield flat, np.repeat(weights, flat.shape[1] // max(len(weights), 1))


def combined(
    one: Weighted | None, other: Weighted | None, operation: str
) -> Weighted | None:
    """Merges or subtracts, where rows have weights.

    Raises:
        StatisticsError: If they have weights on one side only.
    """
    if one is None and other is None:
        return None
    if one is None or other is None:
        raise errors.StatisticsError(
            "rows have weights on one side only. Take both with the same weight."
        )
    return getattr(one, operation)(other)


def over(
    weighted: Weighted | None, channels: Sequence[channel_lib.Channel]
) -> Sequence[channel_lib.Channel]:
    """The channels with weighted moments and quantiles, where rows have weights."""
    if weighted is None:
        return channels
    histograms: list = [None] * len(channels)
    if weighted.quantiles is not None:
        histograms = [one.histogram for one in weighted.quantiles]
    return tuple(
        dataclasses.replace(channel, moments=moments, quantiles=histogram)
        for channel, moments, histogram in zip(
            channels, weighted.moments, histograms, strict=True
        )
    )


def as_units(weights: np.ndarray) -> int:
    """The exact sum of weights, in units of 2**-1074."""
    return weighted_sums.exact_sums(np.zeros(len(weights)), weights)[0]


def as_float(units: int) -> float:
    """A weight in units of 2**-1074, correctly rounded."""
    return moments_lib.divide(units, 1 << weighted_sums.UNIT)
