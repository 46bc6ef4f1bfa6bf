# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""All statistics of one feature, element by element of the axes it keeps."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import extrema as extrema_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import quantiles as quantiles_lib

_CACHE_BYTES = 1 << 18


@dataclasses.dataclass(frozen=True)
class Channel:
    """The exact state of one channel."""

    counts: counts_lib.Counts
    extrema: extrema_lib.Extrema
    moments: moments_lib.Moments
    quantiles: quantiles_lib.Quantiles | None

    @classmethod
    def empty(cls, floating: bool, quantiles: bool = True) -> "Channel":
        """The identity of `merge`, with or without a histogram for quantiles."""
        return cls(
            counts_lib.Counts(),
            extrema_lib.Extrema(),
            moments_lib.Moments(floating),
            quantiles_lib.Quantiles(floating) if quantiles else None,
        )

    def add(self, values: np.ndarray) -> "Channel":
        """Takes in a flat array of values."""
        channel = self
        for block in block_lib.blocks(values):
            channel = Channel(
                channel.counts.add(block),
                channel.extrema.add(block),
                channel.moments.add(block),
                None if channel.quantiles is None else channel.quantiles.add(block),
            )
        return channel

    def merge(self, other: "Channel") -> "Channel":
        """The state over the values of both."""
        return Channel(
            self.counts.merge(other.counts),
            self.extrema.merge(other.extrema),
            self.moments.merge(other.moments),
            self._quantiles(other, quantiles_lib.Quantiles.merge),
        )

    def subtract(self, other: "Channel") -> "Channel":
        """The state without the values of `other`."""
        counts = self.counts.subtract(other.counts)
        return Channel(
            counts,
            self.extrema.subtract(other.extrema, counts.valid),
            self.moments.subtract(other.moments),
            self._quantiles(other, quantiles_lib.Quantiles.subtract),
        )

    def _quantiles(self, other: "Channel", combine):
        if self.quantiles is None or other.quantiles is None:
            return None
        return combine(self.quantiles, other.quantiles)


@dataclasses.dataclass(frozen=True)
class CountArrays:
    """Counts of a feature; each an int64 array of the kept shape, but `missing`.

    Args:
        valid: Finite values.
        zero: Values that are 0.
        nan: NaNs.
        positive_infinity: Values that are +inf.
        negative_infinity: Values that are -inf.
        missing: Rows without a value.
    """

    valid: np.ndarray
    zero: np.ndarray
    nan: np.ndarray
    positive_infinity: np.ndarray
    negative_infinity: np.ndarray
    missing: int


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

    Example:

    >>> moments = FeatureStatistics.of(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> moments.mean
    array([ 2., 20.])
    """

    rows: int = 0
    missing: int = 0
    shape: tuple[int, ...] | None = None
    kind: str | None = None
    channels: tuple[Channel, ...] = ()

    @classmethod
    def of(cls, values, axis=-1, missing=None) -> "FeatureStatistics":
        """The statistics of one array; see `add`."""
        return cls().add(arrays.Column(np.asarray(values), missing), axis=axis)

    def add(
        self, column: arrays.Column, *, axis=-1, quantiles=True
    ) -> "FeatureStatistics":
        """Takes in some rows.

        Args:
            column: Values of shape (rows, ...), of any float or integer type.
            axis: Axis or axes of the values to keep: each of their elements has
                statistics of its own. Rows with a single number keep none.
            quantiles: Whether to keep a histogram for quantiles.

        Raises:
            FeatureError: if the values are no numbers, or their kind or kept shape
                is not that of the rows before.
        """
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
        empty = Channel.empty(kind == "floating", quantiles)
        channels = self.channels or (empty,) * len(flat)
        return FeatureStatistics(
            self.rows + rows,
            self.missing + missing,
            shape,
            kind,
            tuple(c.add(part) for c, part in zip(channels, flat, strict=True)),
        )

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """The statistics over the rows of both."""
        rows, missing = self.rows + other.rows, self.missing + other.missing
        if self.shape is None or other.shape is None:
            one = other if self.shape is None else self
            return dataclasses.replace(one, rows=rows, missing=missing)
        return self._combine(other, rows, missing, Channel.merge)

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
        return self._combine(other, rows, missing, Channel.subtract)

    def _combine(self, other, rows, missing, combine) -> "FeatureStatistics":
        self._check(other.kind, other.shape, errors.StatisticsError)
        pairs = zip(self.channels, other.channels, strict=True)
        channels = tuple(combine(a, b) for a, b in pairs)
        return FeatureStatistics(rows, missing, self.shape, self.kind, channels)

    def _check(self, kind, shape, error: type[errors.TfnormError]) -> None:
        if self.shape is not None and (kind, shape) != (self.kind, self.shape):
            raise error(
                f"got {kind} values of kept shape {shape}, where those before were "
                f"{self.kind} of kept shape {self.shape}."
            )

    def _array(self, of: Callable[[Channel], float]):
        if self.shape is None:
            return np.float64(np.nan)
        return np.array([of(c) for c in self.channels]).reshape(self.shape)[()]

    @property
    def counts(self) -> CountArrays:
        """How many values are valid, zero, NaN, infinite or missing."""
        names = [field.name for field in dataclasses.fields(counts_lib.Counts)]
        if self.shape is None:
            return CountArrays(*[np.int64(0)] * len(names), missing=self.missing)
        table = {n: self._array(lambda c, n=n: getattr(c.counts, n)) for n in names}
        return CountArrays(**table, missing=self.missing)

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

    def quantile(self, q: float) -> quantiles_lib.Interval:
        """The `q` quantile (0 to 1), with NumPy's default, linear definition.

        Returns:
            An `Interval` of three arrays: certain bounds, and an estimate.

        Raises:
            StatisticsError: if they were taken without quantiles.
        """
        if any(channel.quantiles is None for channel in self.channels):
            raise errors.StatisticsError("quantiles were not asked for.")
        found = [c.quantiles.quantile(q, c.extrema) for c in self.channels]
        return quantiles_lib.Interval(
            *(
                np.array([getattr(i, name) for i in found], np.float64).reshape(
                    self.shape
                )[()]
                if found
                else np.float64(np.nan)
                for name in ("lower", "value", "upper")
            )
        )


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


def _known(extrema: extrema_lib.Extrema) -> extrema_lib.Extrema:
    if not extrema.known:
        raise errors.StatisticsError(
            "the extrema are unknown, since the rows that held one were subtracted; "
            "compute the statistics anew."
        )
    nan = float("nan")
    return extrema_lib.Extrema(nan, nan) if extrema.low is None else extrema
