# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How many values are finite, zero, NaN or infinite."""

import dataclasses

import numpy as np

from tfnorm import errors
from tfnorm.statistics import block as block_lib


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of values by what they are: a commutative monoid.

    NaN, infinities and missing values are counted here and enter no other statistic.

    Args:
        valid: Number of finite values.
        zero: Number of finite values that are 0.
        nan: Number of NaNs.
        positive_infinity: Number of +inf.
        negative_infinity: Number of -inf.

    Example:

    >>> Counts.of(np.array([0.0, 1.0, np.nan]))
    Counts(valid=2, zero=1, nan=1, positive_infinity=0, negative_infinity=0)
    """

    valid: int = 0
    zero: int = 0
    nan: int = 0
    positive_infinity: int = 0
    negative_infinity: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> "Counts":
        """Counts all values of an array."""
        counts = cls()
        for block in block_lib.blocks(np.ravel(values)):
            counts = counts.add(block)
        return counts

    def add(self, block: block_lib.Block) -> "Counts":
        """Counts the values of a block, too."""
        zeros = block.values == 0
        if block.weights is None:
            zero = int(np.count_nonzero(zeros))
        else:
            zero = int(block.weights[zeros].sum())
        return self.merge(
            Counts(
                block.count,
                zero,
                block.nan,
                block.positive_infinity,
                block.negative_infinity,
            )
        )

    def merge(self, other: "Counts") -> "Counts":
        """The counts over both."""
        return Counts(*(a + b for a, b in zip(self.fields, other.fields, strict=True)))

    def subtract(self, other: "Counts") -> "Counts":
        """The counts without `other`, which must have been merged in."""
        rest = [a - b for a, b in zip(self.fields, other.fields, strict=True)]
        if min(rest) < 0:
            raise errors.never_merged()
        return Counts(*rest)

    @property
    def fields(self) -> tuple[int, ...]:
        """All counts, in the order of the arguments."""
        # `dataclasses.astuple` copies each number, at ten times the cost.
        return (
            self.valid,
            self.zero,
            self.nan,
            self.positive_infinity,
            self.negative_infinity,
        )
