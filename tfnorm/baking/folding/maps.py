# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Affine maps in float64, which is what there is to fold."""

import collections.abc
import dataclasses

import numpy as np

from tfnorm.baking.folding import report


@dataclasses.dataclass(frozen=True, eq=False)
class Map:
    """`y = factor * (x - loc) + offset`, of the vectors along some axes.

    Args:
        factor: Float64 array of shape (c,), or a matrix of shape (c, c) that the
            vectors are multiplied by.
        loc: Of shape (c,).
        offset: Of shape (c,).
        axes: The axes of the batched data whose c elements make a vector, in C order;
            none if one number serves all elements.
        reach: How far 0 lies from what becomes `offset`, in units of what is mapped
            to 1 before any gain: folded, about log2 of it bits of the data are lost.
    """

    factor: np.ndarray
    loc: np.ndarray
    offset: np.ndarray
    axes: tuple[int, ...]
    reach: float = 0.0

    @property
    def mixes(self) -> bool:
        """Whether elements of the result depend on several elements."""
        return self.factor.ndim == 2

    @property
    def size(self) -> int:
        """How many elements a vector has."""
        return self.loc.size

    @property
    def shift(self) -> np.ndarray:
        """What becomes of 0."""
        return self.of(np.zeros_like(self.loc))

    def of(self, x: np.ndarray) -> np.ndarray:
        """What becomes of a vector."""
        return times(self.factor, x - self.loc) + self.offset

    def origin(self, y: np.ndarray) -> np.ndarray:
        """The vector that becomes another.

        Raises:
            NotFoldable: If there is none.
        """
        y = np.broadcast_to(y, self.loc.shape)
        if np.array_equal(y, self.offset):
            return self.loc
        if self.mixes:
            raise report.NotFoldable("no padding is exact behind a matrix and a shift")
        flat = self.factor == 0
        if np.any(flat & (y != self.offset)):
            raise report.NotFoldable(
                "it makes a channel constant, so that no padding before it becomes 0"
            )
        return self.loc + np.where(
            flat, 0.0, (y - self.offset) / np.where(flat, 1, self.factor)
        )

    def after(self, other: "Map") -> "Map":
        """This map of what another makes."""
        size = max(self.size, other.size)
        mine, first = self.sized(size), other.sized(size)
        return Map(
            product(mine.factor, first.factor),
            first.loc,
            mine.of(first.offset),
            self.axes or other.axes,
            max(self.reach, other.reach),
        )

    def sized(self, size: int) -> "Map":
        """This map, of vectors of so many elements if one number serves all."""
        if self.axes or self.size == size:
            return self
        return self._with(
            np.broadcast_to(one.reshape(-1), (size,))
            for one in (self.factor, self.loc, self.offset)
        )

    def at(self, axes: tuple[int, ...]) -> "Map":
        """This map, where the vectors lie along other axes."""
        return dataclasses.replace(self, axes=axes)

    def part(self, start: int, stop: int) -> "Map":
        """This map of some elements; it must not mix them."""
        return self._with(
            one[start:stop] for one in (self.factor, self.loc, self.offset)
        )

    def among(self, start: int, size: int) -> "Map":
        """The map of longer vectors that leaves other elements alone."""
        rest = (1.0, 0.0, 0.0)
        whole = [np.full(size, value) for value in rest]
        for to, value in zip(whole, (self.factor, self.loc, self.offset), strict=True):
            to[start : start + self.size] = value
        return self._with(whole)

    def repeated(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> "Map":
        """This map of all elements of arrays of some shape, in C order.

        Args:
            axes: All axes of the arrays, as axes of the batched data.
            shape: Their sizes.
        """
        if self.axes == axes:
            return self
        if self.mixes:
            raise report.NotFoldable("it mixes elements that are then told apart")
        kept = [shape[axes.index(axis)] if axis in self.axes else 1 for axis in axes]
        arrays = [
            np.broadcast_to(one.reshape(kept), shape).ravel()
            for one in (self.factor, self.loc, self.offset)
        ]
        return self._with(arrays).at(axes)

    def _with(self, arrays: collections.abc.Iterable[np.ndarray]) -> "Map":
        """This map with another factor, location and offset."""
        factor, loc, offset = arrays
        return dataclasses.replace(self, factor=factor, loc=loc, offset=offset)


def times(factor: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Returns a vector multiplied by a matrix, or by a vector element by element."""
    return factor @ x if factor.ndim == 2 else factor * x


def product(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Returns the factor of two, matrices or vectors, one after the other."""
    if second.ndim == 2:
        return second @ first if first.ndim == 2 else second * first
    return second[:, None] * first if first.ndim == 2 else second * first
