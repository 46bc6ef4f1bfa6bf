# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of no data, for maps of the structure of a fitted one."""

import dataclasses
import math
import types
import typing

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
    """A quantile that is known exactly."""

    value: np.ndarray

    @property
    def lower(self) -> np.ndarray:
        return self.value

    @property
    def upper(self) -> np.ndarray:
        return self.value


@dataclasses.dataclass(frozen=True)
class Placeholder:
    """Statistics of no data, of mean 0, deviation 1 and values in [0, 1]."""

    shape: tuple[int, ...]

    kind: typing.ClassVar[str] = "floating"

    @property
    def mean(self):
        return np.zeros(self.shape)

    @property
    def variance(self):
        return np.ones(self.shape)

    @property
    def std(self):
        return np.ones(self.shape)

    @property
    def min(self):
        return np.zeros(self.shape)

    @property
    def max(self):
        return np.ones(self.shape)

    @property
    def comoments(self):
        columns = int(np.prod(self.shape, dtype=int))
        return types.SimpleNamespace(
            count=2,
            mean=np.zeros(columns),
            covariance_with=lambda ddof: np.eye(columns),
        )

    @property
    def counts(self):
        zero = np.zeros(self.shape, np.int64)
        names = ("nan", "positive_infinity", "negative_infinity", "missing", "zero")
        return types.SimpleNamespace(valid=zero + 1, **dict.fromkeys(names, zero))

    @property
    def weight(self):
        return self.counts.valid

    def quantile(self, q: typing.Any) -> Interval:
        return Interval(np.broadcast_to(q, (*self.shape, *np.shape(q))))

    def histograms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        ends = np.array([0.0, 1.0]), np.array([1, 1])
        return [ends] * math.prod(self.shape)
