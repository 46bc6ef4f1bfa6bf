# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The histograms of many channels, one channel after the other."""

import collections.abc
import dataclasses

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import quantiles
from tfnorm.statistics import ranks

# Most buckets of all channels together: 64 MiB.
BUCKETS = 1 << 22
_MOST_DROPPED = 63


@dataclasses.dataclass(frozen=True, eq=False)
class Histograms:
    """`Quantiles` of many channels, with a bound on the buckets of all.

    Each channel drops the bits that `Quantiles` would: until it has at most 8,192
    buckets. Where all together then take more than `BUCKETS`, every channel drops
    `common` bits at least: the fewest with which they fit, counting 8,192 for each
    channel that had to drop more than that by itself. How many these are depends on
    the values of each channel alone, so this is a commutative monoid, too. Two buckets
    are left to a channel in any case, for its negative and its other values.

    Args:
        floating: Whether the values are floats (else integers).
        dropped: How many low bits each channel leaves out, int64 of shape (channels,).
        sizes: How many buckets each channel has, likewise.
        keys: As of `Quantiles`, of all channels: int64 of shape (buckets,).
        counts: Likewise.
        common: How many bits every channel leaves out at least.
    """

    floating: bool
    dropped: np.ndarray
    sizes: np.ndarray
    keys: np.ndarray
    counts: np.ndarray
    common: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histograms) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple:
        arrays = (self.dropped, self.sizes, self.keys, self.counts)
        return self.floating, self.common, *(array.tobytes() for array in arrays)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def owners(self) -> np.ndarray:
        """The channel of each bucket."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return self.keys.nbytes + self.counts.nbytes + 16 * len(self)

    def merge(self, other: "Histograms") -> "Histograms":
        """The histograms over the values of both, channel by channel."""
        common = max(self.common, other.common)
        dropped = np.maximum(np.maximum(self.dropped, other.dropped), common)
        parts = [one._at(dropped) for one in (self, other)]
        return _counted(self.floating, dropped, *_joined(parts), common)

    def subtract(self, other: "Histograms") -> "Histograms":
        """Removes values that were merged in, if not coarser than these histograms."""
        if (other.dropped > self.dropped).any():
            raise errors.StatisticsError(
                "What is subtracted has a coarser histogram, so it was never merged in."
            )
        owners, keys, counts = other._at(self.dropped)
        parts = [self._at(self.dropped), (owners, keys, -counts)]
        owners, keys, counts = _runs(*_joined(parts))
        if counts.size and counts.min() < 0:
            raise errors.never_merged()
        kept = counts > 0
        sizes = np.bincount(owners[kept], minlength=len(self))
        return dataclasses.replace(
            self, sizes=sizes, keys=keys[kept], counts=counts[kept]
        )

    def take(self, index: np.ndarray) -> "Histograms":
        """Those of some channels, by their numbers."""
        sizes = self.sizes[index]
        starts = (np.cumsum(self.sizes) - self.sizes)[index]
        if not (np.diff(index) == 1).all():
            places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
            places += np.arange(places.size)
        else:  # Side by side.
            first = int(starts[0]) if starts.size else 0
            places = slice(first, first + int(sizes.sum()))
        return Histograms(
            self.floating,
            self.dropped[index],
            sizes,
            self.keys[places],
            self.counts[places],
            self.common,
        )

    def placed(self, index: np.ndarray, count: int) -> "Histograms":
        """These at ascending places among `count`, of which the others are empty."""
        dropped, sizes = np.full(count, self.common), np.zeros(count, np.int64)
        dropped[index], sizes[index] = self.dropped, self.sizes
        return dataclasses.replace(self, dropped=dropped, sizes=sizes)

    def buckets(self, low, high, known) -> ranks.Buckets:
        """These with the extrema of each channel, to take quantiles of."""
        fields = (self.dropped, self.sizes, self.keys, self.counts)
        return ranks.Buckets(self.floating, *fields, low, high, known)

    def coarser(self, dropped: np.ndarray) -> tuple[np.ndarray, ...]:
        """Channels, keys and counts of buckets that leave out so many low bits."""
        return _runs(*self._at(dropped), ordered=True)

    def _at(self, dropped: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        more = dropped - self.dropped
        keys = self.keys
        if more.any():
            keys = keys >> np.repeat(more, self.sizes)
        return self.owners, keys, self.counts


def empty(floating: bool, channels: int) -> Histograms:
    """Those of no values."""
    zero, none = np.zeros(channels, np.int64), np.zeros(0, np.int64)
    return Histograms(floating, zero, zero, none, none)


def of(
    values: np.ndarray, codes: np.ndarray, channels: int, common: int = 0
) -> Histograms:
    """Those of finite values.

    Args:
        values: float64 or int64 of shape (n,), without -0.0.
        codes: The channel of each.
        channels: Number of channels.
        common: How many low bits all are known to leave out at least.
    """
    floating = values.dtype == np.float64
    keys = block_lib.order_keys(values) >> common
    dropped = np.full(channels, common)
    return _counted(floating, dropped, codes, keys, None, common)


def joined(parts: collections.abc.Sequence[Histograms]) -> Histograms:
    """Those of the channels of all parts, one part after the other."""
    common = max(part.common for part in parts)
    dropped = np.concatenate([part.dropped for part in parts])
    sizes = np.concatenate([part.sizes for part in parts])
    keys = np.concatenate([part.keys for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    floating = parts[0].floating
    found = Histograms(floating, dropped, sizes, keys, counts, common)
    higher = np.maximum(dropped, common)
    return _counted(floating, higher, *found._at(higher), common, ordered=True)


def _counted(
    floating, dropped, owners, keys, counts, common: int, ordered: bool = False
) -> Histograms:
    """The histograms of counted keys in any order, within the bounds on buckets."""
    owners, keys, counts = _runs(owners, keys, counts, ordered)
    sizes = np.bincount(owners, minlength=len(dropped))
    own = np.zeros(len(dropped), np.int64)
    ends = np.cumsum(sizes)
    for channel in np.flatnonzero(sizes > quantiles.CAPACITY):
        part = keys[ends[channel] - sizes[channel] : ends[channel]]
        own[channel] = quantiles.bits_to_drop(part, quantiles.CAPACITY)
    if own.any():
        dropped = dropped + own
        keys = keys >> np.repeat(own, sizes)
        owners, keys, counts = _runs(owners, keys, counts, ordered=True)
        sizes = np.bincount(owners, minlength=len(dropped))
    alone = dropped > common
    if len(keys) + (quantiles.CAPACITY - sizes[alone]).sum() > BUCKETS:
        common = _bits_for_all(dropped, sizes, owners, keys, common)
        more = np.maximum(common - dropped, 0)
        dropped = dropped + more
        keys = keys >> np.repeat(more, sizes)
        owners, keys, counts = _runs(owners, keys, counts, ordered=True)
        sizes = np.bincount(owners, minlength=len(dropped))
    return Histograms(floating, dropped, sizes, keys, counts, common)


def _bits_for_all(dropped, sizes, owners, keys, common: int) -> int:
    """Fewest low bits that all channels must drop so that they fit together."""
    within = owners[1:] == owners[:-1]
    # Keys of unlike sign differ in all bits.
    lengths = np.minimum(quantiles.apart(keys) + dropped[owners[1:]], 64)[within]
    neighbours = np.bincount(lengths, minlength=_MOST_DROPPED + 2)
    # A channel that dropped more by itself would fill its capacity with less.
    alone = dropped > common
    surplus = quantiles.CAPACITY - sizes[alone]
    filled = np.bincount(dropped[alone], surplus, minlength=_MOST_DROPPED + 2)
    # At index d + 1: what is more than d.
    more = np.cumsum((neighbours + filled.astype(np.int64))[::-1])[::-1]
    total = np.count_nonzero(sizes) + more[1:]
    fits = np.flatnonzero(total <= BUCKETS)
    found = int(fits[0]) if fits.size else _MOST_DROPPED
    return min(max(common, found), _MOST_DROPPED)


def _runs(owners, keys, counts, ordered: bool = False):
    """Distinct pairs of channel and key, ascending, and how much each holds."""
    if not keys.size:
        return owners, keys, np.zeros(0, np.int64)
    if not ordered:
        packing = _Packing(owners, keys)
        if packing.fits and counts is None:
            owners, keys = packing.unpack(np.sort(packing.pairs))
        else:
            order = packing.order()
            owners, keys = owners[order], keys[order]
            counts = None if counts is None else counts[order]
    changes = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    starts = np.concatenate(([True], changes)).nonzero()[0]
    if counts is None:
        counts = np.diff(starts, append=keys.size)
    elif starts.size < keys.size:
        counts = np.add.reduceat(counts, starts)
    return owners[starts], keys[starts], counts


class _Packing:
    """Pairs of channel and key as single integers, where they fit."""

    def __init__(self, owners: np.ndarray, keys: np.ndarray):
        self._owners, self._keys = owners, keys
        low, high = int(keys.min()), int(keys.max())
        # Narrow floats have zeros below, and coarse buckets are few.
        used = int(np.bitwise_or.reduce(keys ^ low))
        self._spare = max((used & -used).bit_length() - 1, 0)
        self._low = low >> self._spare
        self._rest = low - (self._low << self._spare)
        self._bits = ((high >> self._spare) - self._low).bit_length()
        self.fits = self._bits + int(owners.max()).bit_length() <= 63

    @property
    def pairs(self) -> np.ndarray:
        pairs = self._keys >> self._spare
        pairs -= self._low
        pairs |= self._owners << self._bits
        return pairs

    def unpack(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Channels and keys of such integers."""
        keys = pairs & ((1 << self._bits) - 1)
        keys += self._low
        keys <<= self._spare
        keys += self._rest
        return pairs >> self._bits, keys

    def order(self) -> np.ndarray:
        """What sorts the pairs."""
        if self.fits:
            return np.argsort(self.pairs, kind="stable")
        return np.lexsort((self._keys, self._owners))


def _joined(parts: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
