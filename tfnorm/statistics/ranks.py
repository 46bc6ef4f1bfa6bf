# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From counts of values in buckets to quantiles, of many channels at once."""

import dataclasses
import functools
import typing

import numpy as np

from tfnorm.statistics import block as block_lib
from tfnorm.statistics import extrema as extrema_lib

# The keys of the greatest float64 and of the least: beyond are infinity and NaN.
_GREATEST = np.float64(np.finfo(np.float64).max).view(np.int64)
# int64 holds no more; half of it is left for rounding.
_MOST = 2.0**62


@dataclasses.dataclass(frozen=True)
class Interval:
    """Quantiles: a certain interval around each true one, and a best guess.

    Args:
        lower: Greatest known lower bound, a number or an array.
        value: Estimate, by linear interpolation of ranks; exact if the bounds meet.
        upper: Least known upper bound.
    """

    lower: typing.Any
    value: typing.Any
    upper: typing.Any


@dataclasses.dataclass(frozen=True)
class Buckets:
    """Buckets of channels, one channel after the other.

    Args:
        floating: Whether the values are floats (else integers).
        dropped: How many low bits of their sort keys the buckets of each channel leave
            out: int64 of shape (channels,).
        sizes: How many buckets each channel has, likewise.
        keys: The sort keys without these bits, int64 of shape (buckets,), ascending
            within each channel.
        counts: How many values each bucket holds, likewise.
        low: Least value of each channel, of shape (channels,), where `known`.
        high: Greatest value, likewise.
        known: Whether these are known, likewise.
    """

    floating: bool
    dropped: np.ndarray
    sizes: np.ndarray
    keys: np.ndarray
    counts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    known: np.ndarray

    def quantile(self, q: np.ndarray) -> Interval:
        """Bounds of NumPy's default ("linear") quantile of each channel's values.

        Args:
            q: Between 0 and 1, of any shape.

        Returns:
            Arrays of shape (channels, *q.shape); NaN where a channel has no value.
        """
        if not np.all((q >= 0) & (q <= 1)):
            raise ValueError(f"`q` must lie between 0 and 1, got {q}.")
        nan = np.full((len(self.sizes), *q.shape), np.nan)
        found = Interval(nan, nan.copy(), nan.copy())
        channels = np.flatnonzero(self.sizes)
        if not channels.size:
            return found
        firsts = np.cumsum(self.sizes)[channels] - self.sizes[channels]
        before = (self._ends[firsts] - self.counts[firsts]).reshape(-1, *(1,) * q.ndim)
        values = np.add.reduceat(self.counts, firsts).reshape(before.shape)
        owners = channels.reshape(before.shape)
        last = values - 1
        position = q * last
        ranks = np.minimum(position.astype(np.int64), last)
        share = position - ranks
        one = self._order_statistics(before, ranks, owners)
        two = self._order_statistics(before, np.minimum(ranks + 1, last), owners)
        for name, a, b in zip(("lower", "value", "upper"), one, two, strict=True):
            getattr(found, name)[channels] = _interpolate(a, b, share)
        return found

    def middles(self) -> np.ndarray:
        """The middle of each bucket."""
        lower, upper = self.bounds()
        return lower + (upper - lower) * 0.5

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest value that each bucket may hold."""
        owners = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return self._bounds(np.arange(self.keys.size), owners)

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.counts)

    def _order_statistics(self, before, ranks, owners) -> tuple[np.ndarray, ...]:
        if np.sum(self.counts, dtype=np.float64) < _MOST:
            buckets = np.searchsorted(self._ends, before + ranks, side="right")
        else:
            # Of many channels with weights, ends wrap around; their differences within
            # a channel do not.
            every = np.repeat(np.arange(len(self.sizes)), self.sizes)
            starts = np.zeros(len(self.sizes), np.int64)
            starts[np.ravel(owners)] = np.ravel(before)
            wanted = np.broadcast_to(owners, ranks.shape).ravel(), ranks.ravel() + 1
            buckets = below((every, self._ends - starts[every]), wanted)
            buckets = buckets.reshape(ranks.shape)
        inside = self.counts[buckets]
        place = before + ranks - (self._ends[buckets] - inside)
        lower, upper = self._bounds(buckets, owners)
        value = lower + (upper - lower) * ((place + 0.5) / inside)
        return lower, np.minimum(np.maximum(value, lower), upper), upper

    def _bounds(self, buckets, owners) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest value that each bucket may hold."""
        dropped = self.dropped[owners]
        lowest = self.keys[buckets] << dropped
        highest = lowest | ((np.int64(1) << dropped) - 1)
        if self.floating:
            lowest = np.maximum(lowest, ~_GREATEST)
            highest = np.minimum(highest, _GREATEST)
        lower, upper = (
            block_lib.key_values(keys, self.floating).astype(np.float64)
            for keys in (lowest, highest)
        )
        known = self.known[owners]
        lower = np.where(known, np.maximum(lower, self.low[owners]), lower)
        upper = np.where(known, np.minimum(upper, self.high[owners]), upper)
        return lower, upper


def of_channel(quantiles, extrema: extrema_lib.Extrema | None) -> Buckets:
    """The buckets of the histogram of one channel."""
    known = extrema is not None and extrema.low is not None
    low, high = (extrema.low, extrema.high) if known else (0.0, 0.0)
    return Buckets(
        quantiles.floating,
        *(np.array([n], np.int64) for n in (quantiles.dropped, quantiles.keys.size)),
        quantiles.keys,
        quantiles.counts,
        *(np.array([number]) for number in (low, high, known)),
    )


def below(among, wanted) -> np.ndarray:
    """How many pairs of channel and number are less than each of those wanted.

    Args:
        among: Channels and numbers, int64 of shape (n,).
        wanted: Likewise, of shape (m,).

    Returns:
        int64 of shape (m,).
    """
    pairs = (np.concatenate(columns) for columns in zip(among, wanted, strict=True))
    channels, numbers = pairs
    counted = np.repeat([True, False], [len(among[0]), len(wanted[0])])
    order = np.lexsort((counted, numbers, channels))
    found = np.empty(len(order), np.int64)
    found[order] = np.cumsum(counted[order])
    return found[len(among[0]) :]


def _interpolate(a, b, share) -> np.ndarray:
    # From the nearer end, as NumPy does, so that equal ends give themselves.
    step = b - a
    return np.where(share < 0.5, a + step * share, b - step * (1 - share))
