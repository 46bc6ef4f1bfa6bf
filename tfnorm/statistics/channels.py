# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of the statistics of many channels, as arrays over them."""

import collections.abc
import dataclasses
import typing

import numpy as np

from tfnorm import errors
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import extrema as extrema_lib
from tfnorm.statistics import histograms as histograms_lib
from tfnorm.statistics import limbs
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import quantiles as quantiles_lib
from tfnorm.statistics import ranks

# A feature of more kept elements has its state in arrays, and histograms only where
# they are asked for.
WIDE = 1 << 12


@dataclasses.dataclass(frozen=True, eq=False)
class Channels(collections.abc.Sequence):
    """As many `Channel`s, which are made where one is asked for.

    The state is that of the single ones, and so is every result: only the work on
    many is that of a few calls of NumPy.

    Args:
        floating: Whether the values are floats (else integers).
        counts: The fields of `Counts`, int64 of shape (5, channels).
        low: Least value, float64 or int64 of shape (channels,); 0 where there is none.
        high: Greatest value, likewise.
        known: Whether these are known, likewise.
        totals: Sums, in the units of `Moments`.
        squares: Sums of squares, likewise.
        histograms: For quantiles, if they were asked for.
    """

    floating: bool
    counts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    known: np.ndarray
    totals: limbs.Limbs
    squares: limbs.Limbs
    histograms: histograms_lib.Histograms | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Channels) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            if isinstance(getattr(self, field.name), np.ndarray)
            else getattr(self, field.name) == getattr(other, field.name)
            for field in dataclasses.fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.counts.tobytes(), self.totals, self.squares))

    def __len__(self) -> int:
        return self.counts.shape[1]

    @typing.overload
    def __getitem__(self, index: int) -> channel_lib.Channel: ...

    @typing.overload
    def __getitem__(self, index: slice) -> "Channels": ...

    def __getitem__(self, index):
        places = np.arange(len(self))[index]
        found = self.take(np.atleast_1d(places))
        return found if isinstance(index, slice) else next(iter(found))

    def __iter__(self) -> collections.abc.Iterator[channel_lib.Channel]:
        parts = zip(
            self.counts.T.tolist(),
            self.low.tolist(),
            self.high.tolist(),
            self.known.tolist(),
            self.moments(),
            self._quantiles(),
            strict=True,
        )
        for counts, low, high, known, moments, quantiles in parts:
            bounds = (low, high) if known and counts[0] else ()
            yield channel_lib.Channel(
                counts_lib.Counts(*counts),
                extrema_lib.Extrema(*bounds, known=known),
                moments,
                quantiles,
            )

    def moments(self) -> list[moments_lib.Moments]:
        """The moments of each channel."""
        counts = self.counts[0].tolist()
        sums = zip(counts, self.totals.integers(), self.squares.integers(), strict=True)
        return [moments_lib.Moments(self.floating, *of) for of in sums]

    def _quantiles(self) -> collections.abc.Iterable[quantiles_lib.Quantiles | None]:
        held = self.histograms
        if held is None:
            return [None] * len(self)
        ends = np.cumsum(held.sizes).tolist()
        return [
            quantiles_lib.Quantiles(
                self.floating, dropped, held.keys[start:end], held.counts[start:end]
            )
            for dropped, start, end in zip(
                held.dropped.tolist(), [0, *ends], ends, strict=False
            )
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        held = 0 if self.histograms is None else self.histograms.nbytes
        arrays = (self.counts, self.low, self.high, self.known)
        sums = self.totals.nbytes + self.squares.nbytes
        return held + sums + sum(array.nbytes for array in arrays)

    def buckets(self) -> ranks.Buckets:
        """The histograms within the extrema, to take quantiles of.

        Raises:
            StatisticsError: if they were not asked for.
        """
        if self.histograms is None:
            raise errors.StatisticsError(
                f"quantiles were not taken of these {len(self)} elements. Of more than "
                f"{WIDE:,} they are taken where a recipe has a scheme that needs them, "
                "or fills in the median; and never where `quantiles=False`."
            )
        known = self.known & (self.counts[0] > 0)
        return self.histograms.buckets(self.low, self.high, known)

    def merge(self, other: "Channels") -> "Channels":
        """The state over the values of both, channel by channel."""
        known = self.known & other.known
        mine, theirs = self.counts[0] > 0, other.counts[0] > 0
        low = np.where(mine & theirs, np.minimum(self.low, other.low), 0)
        high = np.where(mine & theirs, np.maximum(self.high, other.high), 0)
        for only, one in ((mine & ~theirs, self), (theirs & ~mine, other)):
            low, high = np.where(only, one.low, low), np.where(only, one.high, high)
        return Channels(
            self.floating,
            self.counts + other.counts,
            np.where(known, low, 0),
            np.where(known, high, 0),
            known,
            self.totals.plus(other.totals),
            self.squares.plus(other.squares),
            self._combined(other, histograms_lib.Histograms.merge),
        )

    def subtract(self, other: "Channels") -> "Channels":
        """The state without the values of `other`, channel by channel."""
        counts = self.counts - other.counts
        squares = self.squares.plus(other.squares, sign=-1)
        none = counts[0] == 0
        if (
            (counts < 0).any()
            or squares.negative.any()
            or squares.take(none).digits.any()
        ):
            raise errors.never_merged()
        inside = (self.low < other.low) & (other.high < self.high)
        same = other.known & (other.counts[0] == 0)
        known = none | np.where(same, self.known, self.known & other.known & inside)
        held = known & ~none
        return Channels(
            self.floating,
            counts,
            np.where(held, self.low, 0),
            np.where(held, self.high, 0),
            known,
            self.totals.plus(other.totals, sign=-1),
            squares,
            self._combined(other, histograms_lib.Histograms.subtract),
        )

    def _combined(self, other: "Channels", combine):
        if self.histograms is None or other.histograms is None:
            return None
        return combine(self.histograms, other.histograms)

    def take(self, index: np.ndarray) -> "Channels":
        """Some channels, by their numbers."""
        return self._mapped(lambda part: part.take(index), lambda row: row[..., index])

    def placed(self, index: np.ndarray, count: int) -> "Channels":
        """These at ascending places among `count`, of which the others are empty."""

        def spread(row: np.ndarray) -> np.ndarray:
            found = np.full((*row.shape[:-1], count), row.dtype == bool, row.dtype)
            found[..., index] = row
            return found

        return self._mapped(lambda part: part.placed(index, count), spread)

    def _mapped(self, change, change_row) -> "Channels":
        held = None if self.histograms is None else change(self.histograms)
        rows = (self.counts, self.low, self.high, self.known)
        sums = (change(self.totals), change(self.squares))
        return Channels(self.floating, *map(change_row, rows), *sums, held)


def empty(floating: bool, count: int, quantiles: bool) -> Channels:
    """The identity of `merge`."""
    zero = np.zeros(count, np.float64 if floating else np.int64)
    return Channels(
        floating,
        np.zeros((5, count), np.int64),
        zero,
        zero,
        np.ones(count, bool),
        limbs.zeros(count),
        limbs.zeros(count),
        histograms_lib.empty(floating, count) if quantiles else None,
    )


def of(channels: collections.abc.Sequence[channel_lib.Channel]) -> Channels:
    """Single channels, all of floats or all of integers, as arrays."""
    if isinstance(channels, Channels):
        return channels
    floating = bool(channels) and channels[0].moments.floating
    number = np.float64 if floating else np.int64
    taken = bool(channels) and all(c.quantiles is not None for c in channels)
    none = np.zeros(0, np.int64)
    held: typing.Any = [c.quantiles for c in channels] if taken else []
    histograms = histograms_lib.Histograms(
        floating,
        np.array([q.dropped for q in held], np.int64),
        np.array([q.keys.size for q in held], np.int64),
        np.concatenate([none, *(q.keys for q in held)]),
        np.concatenate([none, *(q.counts for q in held)]),
    )
    return Channels(
        floating,
        np.array([c.counts.fields for c in channels], np.int64).reshape(-1, 5).T,
        np.array([c.extrema.low or 0 for c in channels], number),
        np.array([c.extrema.high or 0 for c in channels], number),
        np.array([c.extrema.known for c in channels], bool),
        limbs.of([c.moments.total for c in channels]),
        limbs.of([c.moments.squares for c in channels]),
        histograms if taken else None,
    )


def joined(parts: collections.abc.Sequence[Channels]) -> Channels:
    """The channels of all parts, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    held = [part.histograms for part in parts if part.histograms is not None]

    def row(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts], axis=-1)

    return Channels(
        parts[0].floating,
        *map(row, ("counts", "low", "high", "known")),
        limbs.joined([part.totals for part in parts]),
        limbs.joined([part.squares for part in parts]),
        histograms_lib.joined(held) if len(held) == len(parts) else None,
    )


def settled(
    channels: Channels,
) -> collections.abc.Sequence[channel_lib.Channel]:
    """Channels as a feature of so many holds them."""
    return channels if len(channels) > WIDE else tuple(channels)
