# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of the statistics of one channel."""

import dataclasses

import numpy as np

from tfnorm.statistics import block as block_lib
from tfnorm.statistics import counts as counts_lib
from tfnorm.statistics import extrema as extrema_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import quantiles as quantiles_lib


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
            channel = channel.add_block(block)
        return channel

    def add_block(self, block: block_lib.Block) -> "Channel":
        """Takes in values that were made ready."""
        return Channel(
            self.counts.add(block),
            self.extrema.add(block),
            self.moments.add(block),
            None if self.quantiles is None else self.quantiles.add(block),
        )

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
