# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact sums of values and of their squares, as unbounded integers.

Vectorised float64 sums, arranged so that not one addition rounds: each pass takes
the leading bits of every value, on one power-of-two grid that leaves room for the
sum of all of them, and leaves the rest to the next pass.

Reference:
    Demmel and Nguyen, Parallel Reproducible Summation, 2015; Ogita, Rump and Oishi,
    Accurate sum and dot product, 2005 (error-free transformations).
"""

import collections.abc
import math

import numpy as np

from tfnorm.statistics import block as block_lib

# Every float64 is a multiple of 2**-1074, its square one of 2**-2148.
UNIT = 1074

# So many sums are kept apart: numbers are added a few at a time, so that a pass
# takes more bits of each.
_PARTS = 1 << 9
_LOW_22_BITS = np.int64((1 << 22) - 1)
_SPLITTER = float((1 << 27) + 1)


def exact_sums(block: block_lib.Block) -> tuple[int, int]:
    """Sum of a block's values and of their squares.

    Returns:
        Integers, in units of 2**-1074 and 2**-2148 for floats, of 1 for integers.
    """
    values = block.values
    if not values.size:
        return 0, 0
    if block.weights is not None:
        weighted = block.weights * values
        return int(weighted.sum()), int((weighted * values).sum())
    if not block.floating:
        return _integer_sums(values, *block.extrema)
    least, greatest = block.magnitudes
    if least < 2.0**-480 or greatest >= 2.0**500:
        return float_sum(values), _scaled_square_sum(values)
    # In this range no square, nor its rounding error, over- or underflows.
    bits = 24 if is_narrow(values) else 53
    unit = math.frexp(least)[1] - bits
    total = _grid_sum(values, greatest, unit)
    if bits == 24:
        squares = _grid_sum(values * values, greatest**2, 2 * unit)
    else:
        squares = sum(map(float_sum, two_square(values)))
    return total, squares << UNIT


def float_sum(values: np.ndarray) -> int:
    """The exact sum of finite float64 values, in units of 2**-1074."""
    greatest = np.abs(values).max(initial=0.0).item()
    if greatest < 2.0**900:
        return _grid_sum(values, greatest, -UNIT)
    big = np.abs(values) >= 2.0**800
    # A power of two is exact here: nothing that big gets subnormal.
    scaled = _grid_sum(values[big] * 2.0**-200, greatest * 2.0**-200, -UNIT) << 200
    return scaled + float_sum(values[~big])


def _grid_sum(values: np.ndarray, greatest: float, finest: int) -> int:
    """The exact sum of float64 values, in units of 2**-1074.

    Args:
        values: Multiples of 2**finest.
        greatest: No magnitude is greater; at most 2**900 or so.
        finest: Where to stop, or a lower bound: it ends when nothing is left.
    """
    if values.size > _PARTS and values.size % _PARTS:
        values = np.concatenate([values, np.zeros(-values.size % _PARTS)])
    # A pass adds `values.size / _PARTS` numbers at a time in float64.
    terms = values.size // _PARTS
    return sum(_units(*part) for part in passes(values, greatest, finest, terms))


def passes(
    values: np.ndarray, greatest: float, finest: int, terms: int
) -> collections.abc.Iterator[tuple[np.ndarray, int]]:
    """Yields parts that add up to float64 values, and the unit of each part.

    No sum of `terms` numbers of one part rounds, nor is it greater than 2**53 units.
    What is yielded is overwritten when the next is asked for.

    Args:
        values: Multiples of 2**finest.
        greatest: No magnitude is greater; at most 2**900 or so.
        finest: As of `_grid_sum`.
        terms: How many numbers are added.
    """
    room = max(2, (terms - 1).bit_length())
    exponent = math.frexp(greatest)[1]
    finest = max(finest, -UNIT)
    while True:
        # Grid of 2**unit: so many numbers of up to 2**exponent fit 53 bits.
        unit = exponent + room - 53
        if unit <= finest:
            yield values, finest
            return
        anchor = math.ldexp(1.5, unit + 52)
        leading = values + anchor
        leading -= anchor
        yield leading, unit
        values = np.subtract(values, leading, out=leading)
        exponent = unit  # Half a unit is left of each at most.
        if finest == -UNIT and not values.any():
            return


def _units(values: np.ndarray, unit: int) -> int:
    """The sum of multiples of 2**unit, of which `_grid_sum` tells how great."""
    if values.size > _PARTS:
        values = values.reshape(-1, _PARTS).sum(axis=0)
    # Up to 2**53 each, and so many of those fit int64.
    return int(in_units(values, unit).sum()) << (unit + UNIT)


def in_units(values: np.ndarray, unit: int) -> np.ndarray:
    """Multiples of 2**unit of up to 2**53 units, as int64."""
    # Two steps, since 2.0**1074 is too great; each is exact.
    half = -unit // 2
    return (values * 2.0**half * 2.0 ** (-unit - half)).astype(np.int64)


def is_narrow(values: np.ndarray) -> bool:
    """Whether all have at most 24 significant bits, as float32 values do."""
    return not np.bitwise_or.reduce(values.view(np.int64)) << 35


def _scaled_square_sum(values: np.ndarray) -> int:
    magnitudes = np.abs(values)
    big, small = magnitudes >= 2.0**400, magnitudes < 2.0**-400
    result = 0
    for part, shift in ((big, -600), (small, 600), (~(big | small), 0)):
        scaled = sum(map(float_sum, two_square(np.ldexp(values[part], shift)))) << UNIT
        result += scaled >> (2 * shift) if shift > 0 else scaled << (-2 * shift)
    return result


def two_square(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`values**2` rounded, and what the rounding left out, exactly (Dekker)."""
    product = values * values
    high, low = _halves(values)
    error = high * high
    error -= product
    error += 2.0 * high * low
    error += low * low
    return product, error


def two_product(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`x * y` rounded, and what the rounding left out, exactly (Dekker)."""
    product = x * y
    (a, b), (c, d) = _halves(x), _halves(y)
    error = a * c
    error -= product
    error += a * d
    error += b * c
    error += b * d
    return product, error


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    split = x * _SPLITTER
    high = split - (split - x)
    return high, x - high


def _integer_sums(values: np.ndarray, low: int, high: int) -> tuple[int, int]:
    if high - low >= 1 << 22:
        return _wide_integer_sums(values)
    # Below 2**22, squares have 44 bits: int64 holds the sum of 2**17 of them.
    rest = values - low
    total, squares = int(rest.sum()), int((rest * rest).sum())
    count = values.size
    return total + count * low, squares + 2 * low * total + count * low * low


def _wide_integer_sums(values: np.ndarray) -> tuple[int, int]:
    # Three parts of 20, 22 and 22 bits: products of 44 bits, sums of 61.
    parts = (values >> 44, (values >> 22) & _LOW_22_BITS, values & _LOW_22_BITS)
    total = squares = 0
    for i, left in enumerate(parts):
        total += int(left.sum()) << (22 * (2 - i))
        for j, right in enumerate(parts[i:], start=i):
            product = int((left * right).sum()) << (22 * (4 - i - j))
            squares += product if i == j else 2 * product
    return total, squares
