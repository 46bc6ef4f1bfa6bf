# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""All statistics of one feature, element by element of the axes it keeps."""

import collections.abc
import dataclasses

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import channel as channel_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import comoments as comoments_lib
from tfnorm.statistics import observed
from tfnorm.statistics import pixels
from tfnorm.statistics import shapes
from tfnorm.statistics import summary
from tfnorm.statistics import weighted as weighted_lib


@dataclasses.dataclass(frozen=True)
class FeatureStatistics(summary.Summary):
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
    channels: collections.abc.Sequence[channel_lib.Channel] = ()
    joint: comoments_lib.CoMoments | None = None
    weighted: weighted_lib.Weighted | None = None

    @classmethod
    def of(cls, values, axis=-1, missing=None, comoments=False) -> "FeatureStatistics":
        """The statistics of one array; see `add`."""
        column = arrays.Column(np.asarray(values), missing)
        return cls().add(column, axis=axis, comoments=comoments)

    def add(
        self,
        column,
        *,
        axis=-1,
        quantiles: bool | None = True,
        comoments: bool = False,
        weights: np.ndarray | None = None,
    ) -> "FeatureStatistics":
        """Takes in some rows.

        Args:
            column: `arrays.Column` of shape (rows, ...), of any float or integer type.
            axis: Axis or axes of the values to keep: each of their elements has
                statistics of its own. Rows with a single number keep none.
            quantiles: Whether to keep histograms for quantiles; `None` to keep them
                unless there are more than 4,096 elements.
            comoments: Whether to keep co-moments of all pairs of kept elements.
            weights: How much each row counts: float64 above 0, of shape (rows,).

        Raises:
            FeatureError: if the values are no numbers, or their kind or kept shape
                is not that of the rows before.
            StatisticsError: if only these rows have weights, or only those before.
        """
        options = {"axis": axis, "quantiles": quantiles, "comoments": comoments}
        if weights is not None:
            return weighted_lib.add(self, column, weights, **options)
        if self.weighted is not None:
            return self.merge(FeatureStatistics().add(column, **options))
        if isinstance(column, arrays.ImageColumn):
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

    @property
    def pairs(self) -> int:
        """How many co-moments there are."""
        columns = 0 if self.joint is None else self.joint.columns
        return columns * (columns + 1) // 2

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
        if not 0 <= missing <= rows or (self.shape is None and other.shape is not None):
            raise errors.never_merged()
        if other.shape is None:
            return dataclasses.replace(self, rows=rows, missing=missing)
        found = self._combine(other, rows, missing, "subtract")
        # No value is left: that is all there is to know of them.
        return FeatureStatistics(rows, missing) if rows == missing else found

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
        weighted = weighted_lib.combined(self.weighted, other.weighted, combine)
        return FeatureStatistics(
            rows, missing, self.shape, self.kind, channels, joint, weighted
        )
