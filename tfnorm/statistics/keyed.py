# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of one feature within each group of rows."""

import collections.abc
import dataclasses
import functools
import math

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import feature as feature_lib
from tfnorm.statistics import groups
from tfnorm.statistics import observed
from tfnorm.statistics import shapes

# So many values at a time, so that what is made of them does not fill the memory.
_VALUES = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class KeyedStatistics(collections.abc.Mapping):
    """Maps keys to the `FeatureStatistics` of their rows: a commutative monoid.

    The state is kept as arrays over all keys, and that of one key made when it is
    asked for, so that 100,000 keys are a few calls of NumPy.

    Args:
        key_array: The keys, ascending: int64, or text as objects, (keys,).
        rows: Number of rows of each key, int64 of shape (keys,).
        missing: Number of these without a value, likewise.
        shape: As of `FeatureStatistics`.
        kind: Likewise.
        channels: Those of the first key, then those of the next, and so on.
    """

    key_array: np.ndarray
    rows: np.ndarray
    missing: np.ndarray
    shape: tuple[int, ...] | None = None
    kind: str | None = None
    channels: channels_lib.Channels | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyedStatistics):
            return NotImplemented
        mine, theirs = (
            (one.key_array.tolist(), one.rows.tolist(), one.missing.tolist(), one.shape)
            for one in (self, other)
        )
        return mine == theirs and self.channels == other.channels

    def __hash__(self) -> int:
        return hash((self.rows.tobytes(), self.channels))

    def __len__(self) -> int:
        return len(self.key_array)

    def __iter__(self) -> collections.abc.Iterator[int | str]:
        return iter(self.key_array.tolist())

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __getitem__(self, key: int | str) -> feature_lib.FeatureStatistics:
        return self._one(self._places[key])

    @functools.cached_property
    def _places(self) -> dict[int | str, int]:
        return {key: place for place, key in enumerate(self.key_array.tolist())}

    def __getstate__(self) -> dict:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    @property
    def key_type(self) -> type:
        """`int` or `str`."""
        return int if self.key_array.dtype == np.int64 else str

    @property
    def valued(self) -> np.ndarray:
        """Whether a key has a row with a value, by key."""
        return self.rows > self.missing

    @property
    def width(self) -> int:
        """How many channels each key has."""
        return math.prod(self.shape or ())

    def _one(self, place: int) -> feature_lib.FeatureStatistics:
        rows, missing = int(self.rows[place]), int(self.missing[place])
        if rows == missing:
            return feature_lib.FeatureStatistics(rows, missing)
        own = self.channels[place * self.width : (place + 1) * self.width]
        channels = channels_lib.settled(own)
        shape, kind = self.shape, self.kind
        return feature_lib.FeatureStatistics(rows, missing, shape, kind, channels)

    @property
    def nbytes(self) -> int:
        """About so many bytes does it take."""
        held = 0 if self.channels is None else self.channels.nbytes
        return held + 3 * self.rows.nbytes + 16 * len(self)

    @property
    def has_values(self) -> np.ndarray:
        """Whether each kept element of a key has a finite value, by key."""
        if self.channels is None:
            return self.valued
        counts = self.channels.counts[0].reshape(len(self), self.width)
        return self.valued & (counts > 0).all(axis=1)

    def take(self, which: np.ndarray) -> "KeyedStatistics":
        """Some of the keys, by a boolean array."""
        channels = self.channels
        if channels is not None:
            channels = channels.take(np.flatnonzero(np.repeat(which, self.width)))
        return KeyedStatistics(
            self.key_array[which],
            self.rows[which],
            self.missing[which],
            self.shape,
            self.kind,
            channels,
        )

    def stacked(self) -> feature_lib.FeatureStatistics:
        """The statistics of all keys as those of one feature, whose axis 0 are keys.

        Its counts of missing values are those of all together.
        """
        assert self.shape is not None and self.channels is not None
        rows, missing = int(self.rows.sum()), int(self.missing.sum())
        shape = (len(self), *self.shape)
        return feature_lib.FeatureStatistics(
            rows, missing, shape, self.kind, self.channels
        )

    def merge(self, other: "KeyedStatistics") -> "KeyedStatistics":
        """The statistics over the rows of both."""
        return self._combine(other, 1)

    def subtract(self, other: "KeyedStatistics") -> "KeyedStatistics":
        """The statistics without the rows of `other`; keys without rows are gone."""
        found = self._combine(other, -1)
        if (found.missing < 0).any() or (found.rows < found.missing).any():
            raise errors.never_merged()
        return found.take(found.rows > 0)._settled()

    def _settled(self) -> "KeyedStatistics":
        """The same, where of keys without a value nothing else is known."""
        valued = self.valued
        if self.channels is None or valued.all():
            return self
        if not valued.any():
            return KeyedStatistics(self.key_array, self.rows, self.missing)
        index = np.flatnonzero(np.repeat(valued, self.width))
        channels = self.channels.take(index).placed(index, len(self.channels))
        return dataclasses.replace(self, channels=channels)

    def _combine(self, other: "KeyedStatistics", sign: int) -> "KeyedStatistics":
        if self.shape is not None and other.shape is not None:
            shapes.check_same(self, other.kind, other.shape)
        one = other if self.shape is None else self
        keys = _union(self.key_array, other.key_array)
        places = [np.searchsorted(keys, part.key_array) for part in (self, other)]
        rows, missing = np.zeros((2, len(keys)), np.int64)
        for part, place, factor in zip((self, other), places, (1, sign), strict=True):
            rows[place] += factor * part.rows
            missing[place] += factor * part.missing
        own: list = [None, None]
        for i, part in enumerate((self, other)):
            if part.channels is not None:
                width = part.width
                index = (places[i][:, None] * width + np.arange(width)).ravel()
                own[i] = part.channels.placed(index, len(keys) * width)
        first, second = own
        if first is None and second is not None and sign < 0:
            raise errors.never_merged()
        channels = second if first is None else first
        if first is not None and second is not None:
            channels = first.merge(second) if sign > 0 else first.subtract(second)
        return KeyedStatistics(keys, rows, missing, one.shape, one.kind, channels)


def of(
    column: arrays.Column,
    keys: arrays.Column,
    *,
    axis=-1,
    quantiles: bool | None = True,
) -> KeyedStatistics:
    """The statistics of the rows of each key; rows without a key are in none.

    Args:
        column: Values, as `FeatureStatistics.add` takes them.
        keys: One key for each row: integers, or text.
        axis: As of `FeatureStatistics.add`.
        quantiles: As of `FeatureStatistics.add`.

    Raises:
        FeatureError: if the keys or the values are not what they must be.
    """
    if isinstance(column, arrays.ImageColumn):
        rows = groups.rows_by_key(keys).items()
        taken = {"axis": axis, "quantiles": quantiles}
        none = feature_lib.FeatureStatistics()
        return gathered({key: none.add(column.take(at), **taken) for key, at in rows})
    named, which, codes = groups.coded(keys)
    values = column.values
    count = len(named)
    rows = np.bincount(codes, minlength=count)
    gone = np.zeros(len(which), bool)
    if column.missing is not None:
        gone = column.missing[which]
    missing = np.bincount(codes[gone], minlength=count)
    found = KeyedStatistics(named, rows, missing)
    which, codes = which[~gone], codes[~gone]
    if not len(which):
        return found
    kind, kept, shape = shapes.kept_of(values, axis)
    width = math.prod(shape)
    if quantiles is None:
        quantiles = width <= channels_lib.WIDE
    state = None
    step = max(1, _VALUES // max(1, values[0].size))
    for start in range(0, len(which), step):
        part = slice(start, start + step)
        present, own = np.unique(codes[part], return_inverse=True)
        flat = np.moveaxis(values[which[part]], kept, range(-len(kept), 0))
        flat = flat.reshape(len(own), -1, width)
        owners = own[:, None, None] * width + np.arange(width)
        owners = np.broadcast_to(owners, flat.shape).reshape(-1)
        size = len(present) * width
        seen = observed.of_codes(flat.reshape(-1), owners, size, quantiles)
        if len(present) < count:
            index = (present[:, None] * width + np.arange(width)).ravel()
            seen = seen.placed(index, count * width)
        state = seen if state is None else state.merge(seen)
    return dataclasses.replace(found, shape=shape, kind=kind, channels=state)


def gathered(
    by_key: collections.abc.Mapping[int | str, feature_lib.FeatureStatistics],
) -> KeyedStatistics:
    """The statistics of each key as arrays over all keys.

    Raises:
        StatisticsError: if they are of different kinds or shapes.
    """
    if isinstance(by_key, KeyedStatistics):
        return by_key
    keys = sorted(by_key)
    parts = [by_key[key] for key in keys]
    rows, missing = ([getattr(p, name) for p in parts] for name in ("rows", "missing"))
    named = array_of(keys)
    counts = (np.array(column, np.int64) for column in (rows, missing))
    found = KeyedStatistics(named, *counts)
    own = [part for part in parts if part.shape is not None]
    if not own:
        return found
    for part in own[1:]:
        shapes.check_same(own[0], part.kind, part.shape)
    if all(isinstance(part.channels, tuple) for part in own):
        channels = channels_lib.of([c for part in own for c in part.channels])
    else:
        channels = channels_lib.joined([channels_lib.of(p.channels) for p in own])
    width = math.prod(own[0].shape or ())
    if len(own) < len(parts):
        index = np.flatnonzero(np.repeat(found.valued, width))
        channels = channels.placed(index, len(parts) * width)
    shape, kind = own[0].shape, own[0].kind
    return dataclasses.replace(found, shape=shape, kind=kind, channels=channels)


def array_of(keys: collections.abc.Sequence[int | str]) -> np.ndarray:
    """Keys as an array: int64, or text as objects."""
    return np.array(keys, np.int64 if not keys or isinstance(keys[0], int) else object)


def _union(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if len(one) == len(other) and (one == other).all():
        return one
    if one.dtype == other.dtype == np.int64:
        return np.union1d(one, other)
    # A set of text is sorted ten times as fast as NumPy sorts objects.
    return np.array(sorted({*one.tolist(), *other.tolist()}), object)
