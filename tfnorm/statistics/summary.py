# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What the exact state of a feature says: means, deviations, quantiles."""

import collections.abc
import dataclasses
import functools
import typing

import numpy as np

from tfnorm import errors
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import comoments as comoments_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import ranks
from tfnorm.statistics import weighted as weighted_lib


class Summary:
    """The properties of a `FeatureStatistics`, which has the fields."""

    missing: int
    shape: tuple[int, ...] | None
    channels: collections.abc.Sequence[channel_lib.Channel]
    joint: comoments_lib.CoMoments | None
    weighted: weighted_lib.Weighted | None

    def _array(self, values: collections.abc.Sequence | np.ndarray):
        if self.shape is None:
            return np.float64(np.nan)
        return np.asarray(values).reshape(self.shape)[()]

    @functools.cached_property
    def summaries(self) -> collections.abc.Sequence[channel_lib.Channel]:
        """The channels, with weighted moments and quantiles where rows have weights."""
        return weighted_lib.over(self.weighted, self.channels)

    def _moments(self) -> collections.abc.Iterable[moments_lib.Moments]:
        if self.weighted is not None:
            return self.weighted.moments
        if isinstance(self.channels, channels_lib.Channels):
            return self.channels.moments()
        return [channel.moments for channel in self.channels]

    @property
    def weight(self):
        """The weight of the valid values: their number, where rows have no weights."""
        valid = self.counts.valid
        return valid if self.weighted is None else self.weighted.weight_of(valid)

    @property
    def counts(self) -> channel_lib.CountArrays:
        """How many values are valid, zero, NaN, infinite or missing."""
        names = [field.name for field in dataclasses.fields(counts_lib.Counts)]
        if self.shape is None:
            zeros = [np.int64(0)] * len(names)
            return channel_lib.CountArrays(*zeros, missing=self.missing)
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
        held = self.summaries
        if isinstance(held, channels_lib.Channels):
            return held.histograms is not None
        return all(channel.quantiles is not None for channel in held)

    @property
    def nbytes(self) -> int:
        """About the bytes of histograms and co-moments; of wide features, of all."""
        parts = (self.joint, self.weighted)
        total = sum(part.nbytes for part in parts if part is not None)
        if isinstance(self.channels, channels_lib.Channels):
            return total + self.channels.nbytes
        held = (channel.quantiles for channel in self.channels)
        return total + sum(2 * one.keys.nbytes for one in held if one is not None)

    def _buckets(self) -> ranks.Buckets:
        return channels_lib.of(self.summaries).buckets()
