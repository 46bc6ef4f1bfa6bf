# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""All statistics of one feature, element by element of the axes it keeps."""

import collections.abc
import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import comoments as comoments_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import observed
from tfnorm.statistics import pixels
from tfnorm.statistics import ranks
from tfnorm.statistics import shapes


@dataclasses.dataclass(frozen=True)
class FeatureStatistics:
    """Exact statistics of a feature: a commutative monoid, and its summary.

    Every property is an array of the kept shape, or a NumPy scalar where that is ().

    Args:
        rows: Number of rows, those without a value included.
        missing: Number of rows without a value.
        shape: Shape of the axes kept; `None` while there was no value yet.
        kind: "floating" or "integer"; `None` while there was no value yet.
        channels: One `Channel` for each element of `shape`, in C order: a tuple, or
            `Channels` of more than 4,096.
        joint: Co-moments of these elements, if they were asked for.

    Example:

    >>> moments = FeatureStatistics.of(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> moments.mean
    array([ 2., 20.])
    """

    rows: int = 0
    missing: int = 0
    shape: tuple[int, ...] | None = None
    kind: str | None = None
    channels: collections.abc.Sequence[channel_lib.Channel] = ()
    joint: comoments_lib.CoMoments | None = None

    @classmethod
    def of(cls, values, axis=-1, missing=None, comoments=False) -> "FeatureStatistics":
        """The statistics of one array; see `add`."""
        column = arrays.Column(np.asarray(values), missing)
        return cls().add(column, axis=axis, comoments=comoments)

    def add(
        self,
        column: arrays.Column,
        *,
        axis=-1,
        quantiles: bool | None = True,
        comoments: bool = False,
    ) -> "FeatureStatistics":
        """Takes in some rows.

        Args:
            column: Values of shape (rows, ...), of any float or integer type.
            axis: Axis or axes of the values to keep: each of their elements has
                statistics of its own. Rows with a single number keep none.
            quantiles: Whether to keep histograms for quantiles; `None` to keep them
                unless there are more than 4,096 elements.
            comoments: Whether to keep co-moments of all pairs of kept elements.

        Raises:
            FeatureError: if the values are no numbers, or their kind or kept shape
                is not that of the rows before.
        """
        if isinstance(column, arrays.ImageColumn):
            options = {"axis": axis, "quantiles": quantiles, "comoments": comoments}
            return pixels.add(self, column, **options)
        values, rows = column.values, len(column.values)
        if column.missing is not None and column.missing.any():
            values = values[~column.missing]
        missing = rows - len(values)
        if not len(values):
            return self.merge(FeatureStatistics(rows, missing))
        kind, kept, shape = shapes.kept_of(values, axis)
        if self.shape is not None:
            shapes.check_same(self, kind, shape, errors.FeatureError)
        size = int(np.prod(shape, dtype=int))
        if quantiles is None:
            quantiles = size <= channels_lib.WIDE
        channels: collections.abc.Sequence[channel_lib.Channel]
        if size > channels_lib.WIDE:
            flat = shapes.by_row(values, kept, size)
            seen = observed.of_columns(flat, quantiles)
            held = channels_lib.of(self.channels)
            channels = held.merge(seen) if self.channels else seen
        else:
            flat = shapes.by_channel(values, kept)
            empty = channel_lib.Channel.empty(kind == "floating", quantiles)
            before = self.channels or (empty,) * size
            channels = tuple(c.add(p) for c, p in zip(before, flat, strict=True))
        joint = self.joint
        if comoments and self.shape is None:
            joint = comoments_lib.CoMoments(size)
        if joint is not None:
            joint = joint.add(shapes.by_row(values, kept, size))
        return FeatureStatistics(
            self.rows + rows, self.missing + missing, shape, kind, channels, joint
        )

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """The statistics over the rows of both."""
        rows, missing = self.rows + other.rows, self.missing + other.missing
        if self.shape is None or other.shape is None:
            one = other if self.shape is None else self
            return dataclasses.replace(one, rows=rows, missing=missing)
        return self._combine(other, rows, missing, "merge")

    def subtract(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """The statistics without the rows of `other`, which must be among them.

        Counts and moments are exactly those of the rows that are left. Quantiles
        keep the resolution of before; extrema are unknown if they were subtracted.
        """
        rows, missing = self.rows - other.rows, self.missing - other.missing
        if min(rows, missing) < 0 or (self.shape is None and other.shape is not None):
            raise errors.StatisticsError("What is subtracted was never merged in.")
        if other.shape is None:
            return dataclasses.replace(self, rows=rows, missing=missing)
        return self._combine(other, rows, missing, "subtract")

    def _combine(self, other, rows, missing, combine) -> "FeatureStatistics":
        shapes.check_same(self, other.kind, other.shape)
        mine, theirs = self.channels, other.channels
        channels: collections.abc.Sequence[channel_lib.Channel]
        if isinstance(mine, tuple) and isinstance(theirs, tuple):
            pairs = zip(mine, theirs, strict=True)
            channels = tuple(getattr(a, combine)(b) for a, b in pairs)
        else:
            channels = getattr(channels_lib.of(mine), combine)(channels_lib.of(theirs))
        joint = None
        if self.joint is not None and other.joint is not None:
            joint = getattr(self.joint, combine)(other.joint)
        return FeatureStatistics(rows, missing, self.shape, self.kind, channels, joint)

    def _array(self, values: collections.abc.Sequence | np.ndarray):
        if self.shape is None:
            return np.float64(np.nan)
        return np.asarray(values).reshape(self.shape)[()]

    def _moments(self) -> collections.abc.Iterable[moments_lib.Moments]:
        if isinstance(self.channels, channels_lib.Channels):
            return self.channels.moments()
        return [channel.moments for channel in self.channels]

    @property
    def counts(self) -> channel_lib.CountArrays:
        """How many values are valid, zero, NaN, infinite or missing."""
        names = [field.name for field in dataclasses.fields(counts_lib.Counts)]
        if self.shape is None:
            return channel_lib.CountArrays(
                *[np.int64(0)] * len(names), missing=self.missing
            )
        table = channels_lib.of(self.channels).counts
        found = map(self._array, table)
        return channel_lib.CountArrays(*found, missing=self.missing)

    @property
    def mean(self):
        """The mean, correctly rounded; NaN of no values."""
        return self._array([moments.mean for moments in self._moments()])

    @property
    def variance(self):
        """The population variance (`ddof=0`), correctly rounded."""
        return self._array([moments.variance for moments in self._moments()])

    @property
    def std(self):
        """The population standard deviation, correctly rounded."""
        return self._array([moments.std for moments in self._moments()])

    @property
    def min(self):
        """The least finite value; NaN of no values.

        Raises:
            StatisticsError: if it was subtracted and is now unknown.
        """
        return self._extremum("low")

    @property
    def max(self):
        """The greatest finite value; NaN of no values. Raises as `min` does."""
        return self._extremum("high")

    def _extremum(self, name: str):
        if self.shape is None:
            return np.float64(np.nan)
        held = channels_lib.of(self.channels)
        if not held.known.all():
            raise errors.StatisticsError(
                "the extrema are unknown, since the rows that held one were "
                "subtracted; compute the statistics anew."
            )
        values, none = getattr(held, name), held.counts[0] == 0
        return self._array(np.where(none, np.nan, values) if none.any() else values)

    @property
    def comoments(self) -> comoments_lib.CoMoments:
        """Means and covariances of the kept elements, in C order, over complete rows.

        Raises:
            StatisticsError: if they were taken without co-moments.
        """
        if self.joint is None:
            raise errors.StatisticsError(
                "co-moments were not asked for: analyze with a recipe whose scheme "
                "needs them, or say `comoments=True`."
            )
        return self.joint

    @property
    def covariance(self) -> np.ndarray:
        """The population covariances over complete rows, correctly rounded: (c, c).

        Raises as `comoments` does.
        """
        return self.comoments.covariance

    def quantile(self, q: typing.Any) -> ranks.Interval:
        """The `q` quantile (0 to 1), with NumPy's default, linear definition.

        Args:
            q: A number, or an array of them.

        Returns:
            An `Interval` of three arrays: certain bounds, and an estimate. Where `q`
            is an array, its axes follow those that are kept.

        Raises:
            StatisticsError: if they were taken without quantiles.
        """
        q = np.asarray(q, np.float64)
        if self.shape is None:
            return ranks.Interval(*[np.full(q.shape, np.nan)[()]] * 3)
        found = self._buckets().quantile(q)
        shape = (*self.shape, *q.shape)
        parts = (found.lower, found.value, found.upper)
        return ranks.Interval(*(part.reshape(shape)[()] for part in parts))

    def histograms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each channel the middles of its buckets, ascending, and their counts.

        While a channel has few distinct values, the middles are its values.

        Raises:
            StatisticsError: if they were taken without quantiles.
        """
        if self.shape is None:
            return []
        buckets = self._buckets()
        ends = np.cumsum(buckets.sizes)[:-1]
        columns = (np.split(row, ends) for row in (buckets.middles(), buckets.counts))
        return list(zip(*columns, strict=True))

    @property
    def known(self) -> bool:
        """Whether the extrema are known."""
        return bool(channels_lib.of(self.channels).known.all())

    @property
    def has_quantiles(self) -> bool:
        """Whether there are histograms to take quantiles of."""
        if isinstance(self.channels, channels_lib.Channels):
            return self.channels.histograms is not None
        return all(channel.quantiles is not None for channel in self.channels)

    @property
    def nbytes(self) -> int:
        """About the bytes of histograms and co-moments; of wide features, of all."""
        pairs = 0 if self.joint is None else self.joint.nbytes
        if isinstance(self.channels, channels_lib.Channels):
            return pairs + self.channels.nbytes
        held = (channel.quantiles for channel in self.channels)
        return pairs + sum(2 * one.keys.nbytes for one in held if one is not None)

    def _buckets(self) -> ranks.Buckets:
        return channels_lib.of(self.channels).buckets()
