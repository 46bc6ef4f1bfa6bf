# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Least and greatest value."""

import dataclasses

import numpy as np

from tfnorm.statistics import block as block_lib


@dataclasses.dataclass(frozen=True)
class Extrema:
    """Least and greatest finite value: a commutative monoid.

    Args:
        low: The least value; `None` of no values, or if it is unknown.
        high: The greatest value, likewise.
        known: False after subtracting values that held an extremum: what is left
            may not reach it, and only the data could tell.

    Example:

    >>> Extrema.of(np.array([3, 1])).merge(Extrema.of(np.array([2, 9])))
    Extrema(low=1, high=9, known=True)
    """

    low: float | None = None
    high: float | None = None
    known: bool = True

    @classmethod
    def of(cls, values: np.ndarray) -> "Extrema":
        """The extrema of all finite values of an array."""
        extrema = cls()
        for block in block_lib.blocks(np.ravel(values)):
            extrema = extrema.add(block)
        return extrema

    def add(self, block: block_lib.Block) -> "Extrema":
        """Takes the values of a block into account, too."""
        return self.merge(Extrema(*block.extrema)) if block.values.size else self

    def merge(self, other: "Extrema") -> "Extrema":
        """The extrema over both."""
        if not (self.known and other.known):
            return Extrema(known=False)
        if self.low is None or other.low is None:
            return other if self.low is None else self
        return Extrema(min(self.low, other.low), max(self.high, other.high))

    def subtract(self, other: "Extrema", left: int) -> "Extrema":
        """The extrema of the `left` values that remain without those of `other`."""
        if not left:
            return Extrema()
        if other.known and other.low is None:
            return self
        if self.known and other.known:
            if self.low < other.low and other.high < self.high:
                return self
        return Extrema(known=False)
