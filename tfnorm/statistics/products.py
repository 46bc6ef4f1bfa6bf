# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact sums of products of columns, by float64 matrix products.

Each column is cut into slices of few bits, on one power-of-two grid for many rows,
so that no sum within a matrix product of slices rounds. Rows that have bits below
the last slice are set aside, and taken with more slices.

The product of two different slices comes from the square of their sum: `A'B + B'A =
(A + B)'(A + B) - A'A - B'B`, and a square takes half the work of a product.

Reference:
    Ozaki, Ogita, Oishi and Rump, Error-free transformations of matrix
    multiplication by using fast routines of matrix multiplication, 2012.
"""

import numpy as np

from tfnorm.statistics import pair_sums

# About so many values make a block, the rows of one matrix product.
_BLOCK_VALUES = 1 << 21
# With fewer columns, each lies by itself in memory: NumPy's loops want to be long.
_FEW_COLUMNS = 16
# So many blocks share their grids, and their sums fit int64.
_BLOCKS = 32
# Rows of float64 that are cut at a time, so that they stay in the cache.
_TILE_VALUES = 1 << 15
# Where more than this share of rows has bits left, all get one slice more: it
# costs what a few slices more for these rows alone would.
_MANY = 0.25
# Slices of 20 bits and more: all of float32. What is left is taken row by row.
_MOST_SLICES = 16
# Scales stay normal numbers.
_LEAST_EXPONENT = -900


def exact_sums(values: np.ndarray) -> tuple[pair_sums.PairSums, int]:
    """The sums over all rows that are finite, and how many those are.

    Args:
        values: Numbers of shape (rows, c).

    Returns:
        The `PairSums`, and the number of rows.
    """
    size = _block_rows(values.shape[1])
    found, count = None, 0
    for start in range(0, len(values), size * _BLOCKS):
        part, ends = _complete(values[start : start + size * _BLOCKS])
        count += len(part)
        if len(part):
            sums = _chunk(part, ends, size)
            found = sums if found is None else found.plus(sums)
    return found or pair_sums.none(values.shape[1]), count


def _complete(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The finite rows, and exponents so that `abs(column) < 2**exponent`."""
    if values.shape[1] < _FEW_COLUMNS:
        values = np.asfortranarray(values)
    if values.dtype.kind in "iub":
        if values.dtype.kind == "b":
            values = values.view(np.uint8)
    elif values.dtype.itemsize == 2:
        values = values.astype(np.float32)
    low, high = values.min(axis=0), values.max(axis=0)
    if values.dtype.kind == "f" and not np.isfinite([low, high]).all():
        values = values[np.isfinite(values).all(axis=1)]
        if not len(values):
            return values, low
        low, high = values.min(axis=0), values.max(axis=0)
    greatest = np.maximum(-low.astype(np.float64), high.astype(np.float64))
    return values, np.maximum(np.frexp(greatest)[1], _LEAST_EXPONENT).astype(np.int64)


def _block_rows(columns: int) -> int:
    # Enough rows that the products cost more than adding up their results.
    rows = min(max(_BLOCK_VALUES // columns, 1 << 11), 1 << 13)
    return 1 << (rows.bit_length() - 1)


def _chunk(values: np.ndarray, ends: np.ndarray, size: int) -> pair_sums.PairSums:
    """The sums over finite rows, few enough for int64."""
    slicer = _Slicer(values.shape[1], ends, size)
    found = slicer.add(values)
    while slicer.left:
        rest, slicer.left = np.concatenate(slicer.left), []
        if slicer.count == _MOST_SLICES:
            return found.plus(_by_rows(rest))
        slicer.count += 1
        found = found.plus(slicer.add(rest))
    return found


class _Slicer:
    """Cuts rows into slices and adds up the products of those.

    Args:
        columns: Number of columns.
        ends: Exponents so that `abs(column) < 2**exponent`.
        size: Rows of a block, a power of two.
    """

    def __init__(self, columns: int, ends: np.ndarray, size: int):
        self.count = 1
        self.left: list[np.ndarray] = []
        self._ends = ends
        self._size = size
        # Sums of two slices are below 2**bits: squares of a whole block, 2**53.
        self._bits = (53 - (size - 1).bit_length()) // 2
        self._scale = np.ldexp(1.0, self._bits - 1 - ends)
        self._slices: list[np.ndarray] = []
        self._pair = _empty(size, columns)
        self._rest = _empty(max(1, _TILE_VALUES // columns), columns)

    def add(self, values: np.ndarray) -> pair_sums.PairSums:
        """The sums over those rows that have no bits left, and sets others aside."""
        columns = values.shape[1]
        totals: list[np.ndarray] = []
        digits: list[np.ndarray] = []
        for start in range(0, len(values), self._size):
            block = values[start : start + self._size]
            odd = self._cut(block)
            while odd.sum() > _MANY * len(block) and self.count < _MOST_SLICES:
                self.count += 1
                odd = self._cut(block)
            slices = [one[: len(block)] for one in self._slices[: self.count]]
            if odd.any():
                self.left.append(block[odd])
                for one in slices:
                    one[odd] = 0.0
            # Slices that came late stand behind: earlier blocks have none of them.
            while len(totals) < self.count:
                totals.append(np.zeros(columns, np.int64))
            while len(digits) < 2 * self.count - 1:
                digits.append(np.zeros((columns, columns), np.int64))
            for total, one in zip(totals, slices, strict=True):
                total += one.sum(axis=0).astype(np.int64)
            self._multiply(slices, digits)
        first = self._bits - 1 - self._ends
        exponents = -first - self._bits * (self.count - 1)
        upper = np.triu_indices(columns)
        return pair_sums.PairSums(
            exponents,
            _number(totals, self._bits),
            _number([digit[upper] for digit in digits], self._bits),
        )

    def _cut(self, block: np.ndarray) -> np.ndarray:
        """Fills the slices; returns which rows have bits left."""
        while len(self._slices) < self.count:
            self._slices.append(_empty(*self._pair.shape))
        step = len(self._rest)
        odd = np.empty(len(block), bool)
        for start in range(0, len(block), step):
            part = slice(start, min(start + step, len(block)))
            rest = self._rest[: part.stop - start]
            tail, lost = self._scale_into(rest, block[part])
            for index, one in enumerate(self._slices[: self.count]):
                if index:
                    rest *= 2.0**self._bits
                leading = np.rint(rest, out=one[part])
                rest -= leading
                if index == 0 and tail is not None:
                    rest += tail
            odd[part] = rest.any(axis=1)
            if lost is not None:
                odd[part] |= lost
        return odd

    def _scale_into(self, rest: np.ndarray, part: np.ndarray):
        """Fills `rest` with values below 2**(bits - 1) in magnitude.

        Returns:
            What is to be added once the first slice is gone, or `None`; and which
            rows cannot be scaled exactly, or `None`.
        """
        if part.dtype.kind in "iu" and self._ends.max() > 53:
            # Float64 does not hold the last 11 of 64 bits beside the others.
            low = part & np.where(self._ends > 53, 0x7FF, 0).astype(part.dtype)
            np.multiply(part - low, self._scale, out=rest)
            return low * self._scale, None
        np.multiply(part, self._scale, out=rest)
        if part.dtype == np.float64 and self._scale.min() < 1:
            return None, ((rest == 0) & (part != 0)).any(axis=1)
        return None, None

    def _multiply(self, slices: list[np.ndarray], digits: list[np.ndarray]) -> None:
        squares = [one.T @ one for one in slices]
        for index, square in enumerate(squares):
            digits[2 * index] += square.astype(np.int64)
        for second, two in enumerate(slices):
            for first, one in enumerate(slices[:second]):
                pair = np.add(one, two, out=self._pair[: len(one)])
                product = pair.T @ pair
                product -= squares[first]
                product -= squares[second]
                digits[first + second] += product.astype(np.int64)


def _empty(rows: int, columns: int) -> np.ndarray:
    if columns < _FEW_COLUMNS:
        return np.empty((columns, rows)).T
    return np.empty((rows, columns))


def _number(digits: list[np.ndarray], bits: int) -> np.ndarray:
    """Python integers of int64 digits, the highest first, `bits` bits apart."""
    digits = digits[::-1]
    for low, high in zip(digits, digits[1:], strict=False):
        high += low >> bits
        low &= (1 << bits) - 1
    *rest, highest = digits
    number = highest.astype(object)
    while rest:
        # As many at once as fit int64.
        taken, rest = rest[-(63 // bits) :], rest[: -(63 // bits)]
        joined = sum(digit << (bits * index) for index, digit in enumerate(taken))
        number = (number << bits * len(taken)) + joined.astype(object)
    return number


def _by_rows(values: np.ndarray) -> pair_sums.PairSums:
    """The sums over rows of finite float64, in Python's integers."""
    fractions, powers = np.frexp(values.astype(np.float64))
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    powers = np.where(mantissas == 0, np.iinfo(np.int32).max, powers.astype(np.int64))
    exponents = powers.min(axis=0)
    powers = np.where(mantissas == 0, exponents, powers)
    numbers = mantissas.astype(object) << (powers - exponents).astype(object)
    first, second = np.triu_indices(values.shape[1])
    products = np.zeros(len(first), object)
    for row in numbers:
        products += row[first] * row[second]
    empty = exponents == np.iinfo(np.int32).max
    exponents = np.where(empty, 0, exponents - 53)
    return pair_sums.PairSums(exponents, numbers.sum(axis=0), products)
