# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""All statistics of one feature, element by element of the axes it keeps."""

import dataclasses
import functools
import typing
from collections.abc import Callable

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import comoments as comoments_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import extrema as extrema_lib
from tfnorm.statistics import pixels
from tfnorm.statistics import quantiles as quantiles_lib
from tfnorm.statistics import weighted as weighted_lib

_CACHE_BYTES = 1 << 18


@dataclasses.dataclass(frozen=True)
class FeatureStatistics:
    """Exact statistics of a feature: a commutative monoid, and its summary.

    Every property is an array of the kept shape, or a NumPy scalar where that is ().

    Args:
        rows: Number of rows, those without a value included.
        missing: Number of rows without a value.
        shape: Shape of the axes kept; `None` while there was no value yet.
        kind: "floating" or "integer"; `None` while there was no value yet.
        channels: One `Channel` for each element of `shape`, in C order.
        joint: Co-moments of these elements, if they were asked for.
        weighted: Sums and histograms of weights, where rows have any.

    Example:

    >>> moments = FeatureStatistics.of(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> moments.mean
    array([ 2., 20.])
    """

    rows: int = 0
    missing: int = 0
    shape: tuple[int, ...] | None = None
    kind: str | None = None
    channels: tuple[channel_lib.Channel, ...] = ()
    joint: comoments_lib.CoMoments | None = None
    weighted: weighted_lib.Weighted | None = None

    @classmethod
    def of(cls, values, axis=-1, missing=None, comoments=False) -> "FeatureStatistics":
        """The statistics of one array; see `add`."""
        column = arrays.Column(np.asarray(values), missing)
        return cls().add(column, axis=axis, comoments=comoments)

    def add(
        self, column, *, axis=-1, quantiles=True, comoments=False, weights=None
    ) -> "FeatureStatistics":
        """Takes in some rows.

        Args:
            column: `arrays.Column` of shape (rows, ...), of any float or integer type.
            axis: Axis or axes of the values to keep: each of their elements has
                statistics of its own. Rows with a single number keep none.
            quantiles: Whether to keep a histogram for quantiles.
            comoments: Whether to keep co-moments of all pairs of kept elements.
            weights: How much each row counts: float64 above 0, of shape (rows,).

        Raises:
            FeatureError: if the values are no numbers, or their kind or kept shape
                is not that of the rows before.
        """
        options = {"axis": axis, "quantiles": quantiles, "comoments": comoments}
        if weights is not None:
            return weighted_lib.add(self, column, weights, **options)
        if isinstance(column, arrays.ImageColumn):
            return pixels.add(self, column, **options)
        values, rows = column.values, len(column.values)
        if column.missing is not None and column.missing.any():
            values = values[~column.missing]
        missing = rows - len(values)
        if not len(values):
            return self.merge(FeatureStatistics(rows, missing))
        kind = "floating" if block_lib.is_floating(values.dtype) else "integer"
        try:
            kept = arrays.kept_axes(() if axis is None else axis, values.ndim)
        except ValueError as error:
            raise errors.FeatureError(str(error)) from error
        shape = tuple(values.shape[a] for a in kept)
        self._check(kind, shape, errors.FeatureError)
        flat = _by_channel(values, kept)
        empty = channel_lib.Channel.empty(kind == "floating", quantiles)
        channels = self.channels or (empty,) * len(flat)
        joint = self.joint
        if comoments and self.shape is None:
            joint = comoments_lib.CoMoments(len(flat))
        return FeatureStatistics(
            self.rows + rows,
            self.missing + missing,
            shape,
            kind,
            tuple(c.add(part) for c, part in zip(channels, flat, strict=True)),
            None if joint is None else joint.add(_by_row(values, kept, flat)),
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
        self._check(other.kind, other.shape, errors.StatisticsError)
        pairs = zip(self.channels, other.channels, strict=True)
        channels = tuple(getattr(a, combine)(b) for a, b in pairs)
        joint = None
        if self.joint is not None and other.joint is not None:
            joint = getattr(self.joint, combine)(other.joint)
        weighted = weighted_lib.combined(self.weighted, other.weighted, combine)
        return FeatureStatistics(
            rows, missing, self.shape, self.kind, channels, joint, weighted
        )

    def _check(self, kind, shape, error: type[errors.TfnormError]) -> None:
        if self.shape is not None and (kind, shape) != (self.kind, self.shape):
            raise error(
                f"got {kind} values of kept shape {shape}, where those before were "
                f"{self.kind} of kept shape {self.shape}."
            )

    def _array(self, of: Callable[[channel_lib.Channel], float]):
        if self.shape is None:
            return np.float64(np.nan)
        return np.array([of(c) for c in self.summaries]).reshape(self.shape)[()]

    @functools.cached_property
    def summaries(self) -> tuple[channel_lib.Channel, ...]:
        """The channels, with weighted moments and quantiles where rows have weights."""
        return weighted_lib.over(self.weighted, self.channels)

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
        table = {n: self._array(lambda c, n=n: getattr(c.counts, n)) for n in names}
        return channel_lib.CountArrays(**table, missing=self.missing)

    @property
    def mean(self):
        """The mean, correctly rounded; NaN of no values."""
        return self._array(lambda channel: channel.moments.mean)

    @property
    def variance(self):
        """The population variance (`ddof=0`), correctly rounded."""
        return self._array(lambda channel: channel.moments.variance)

    @property
    def std(self):
        """The population standard deviation, correctly rounded."""
        return self._array(lambda channel: channel.moments.std)

    @property
    def min(self):
        """The least finite value; NaN of no values.

        Raises:
            StatisticsError: if it was subtracted and is now unknown.
        """
        return self._array(lambda channel: _known(channel.extrema).low)

    @property
    def max(self):
        """The greatest finite value; NaN of no values. Raises as `min` does."""
        return self._array(lambda channel: _known(channel.extrema).high)

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

    def quantile(self, q: typing.Any) -> quantiles_lib.Interval:
        """The `q` quantile (0 to 1), with NumPy's default, linear definition.

        Args:
            q: A number, or an array of them.

        Returns:
            An `Interval` of three arrays: certain bounds, and an estimate. Where `q`
            is an array, its axes follow those that are kept.

        Raises:
            StatisticsError: if they were taken without quantiles.
        """
        shape = np.shape(q)
        if self.shape is None:
            return quantiles_lib.Interval(*[np.full(shape, np.nan)[()]] * 3)
        found = [h.quantile(q, c.extrema) for h, c in self._histograms()]
        arrays_of = (
            [getattr(i, n) for i in found] for n in ("lower", "value", "upper")
        )
        return quantiles_lib.Interval(
            *(np.reshape(values, (*self.shape, *shape))[()] for values in arrays_of)
        )

    def histograms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each channel the middles of its buckets, ascending, and their counts.

        While a channel has few distinct values, the middles are its values.

        Raises:
            StatisticsError: if they were taken without quantiles.
        """
        return [h.middles(c.extrema) for h, c in self._histograms()]

    def _histograms(self):
        if any(channel.quantiles is None for channel in self.summaries):
            raise errors.StatisticsError("quantiles were not asked for.")
        return [(channel.quantiles, channel) for channel in self.summaries]


def _by_channel(values: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    """Values as (channels, values of each), the values side by side in memory."""
    flat = np.moveaxis(values, kept, range(len(kept)))
    flat = flat.reshape(int(np.prod([values.shape[a] for a in kept])), -1)
    if flat.strides[1] == flat.itemsize or len(flat) == 1:
        return flat
    # By parts that fit the cache, so that every line of it is fetched once.
    step = max(1, _CACHE_BYTES // (len(flat) * flat.itemsize))
    result = np.empty(flat.shape, flat.dtype)
    for start in range(0, flat.shape[1], step):
        result[:, start : start + step] = flat[:, start : start + step]
    return result


def _by_row(values, kept: tuple[int, ...], flat: np.ndarray) -> np.ndarray:
    """Values as (values of each channel, channels)."""
    if kept == tuple(range(values.ndim - len(kept), values.ndim)):
        return values.reshape(-1, len(flat))
    return flat.T


def _known(extrema: extrema_lib.Extrema) -> extrema_lib.Extrema:
    if not extrema.known:
        raise errors.StatisticsError(
            "the extrema are unknown, since the rows that held one were subtracted; "
            "compute the statistics anew."
        )
    nan = float("nan")
    return extrema_lib.Extrema(nan, nan) if extrema.low is None else extrema
