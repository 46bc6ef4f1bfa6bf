# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact sums of weights, and of values and squares times weights.

The products are error-free: each is the float64 nearest to it and what its rounding
left out, and both are summed exactly.

Reference:
    Dekker, A floating-point technique for extending the available precision, 1971.
"""

from collections.abc import Iterator

import numpy as np

from tfnorm.statistics import sums

UNIT = sums.UNIT

# Of numbers in this range, no product of three over- or underflows, nor its errors.
_LEAST, _GREATEST = 2.0**-200, 2.0**200
# Whole numbers up to here are exact as float64, and their parts below are 32 bits.
_WHOLE = 1 << 53
_HALF = 32
# So many values at once that the parts of their products stay in the cache.
_VALUES = 1 << 14
# So many of several groups, so that groups cost Python's time seldom.
_GROUPED = 1 << 19


def exact_sums(values: np.ndarray, weights: np.ndarray) -> tuple[int, int, int]:
    """Sums of the weights, of values times weights, of squares times weights.

    Args:
        values: Finite float64, or int64.
        weights: Finite float64 above 0, one for each value.

    Returns:
        Integers, in units of 2**-1074 for whole values; for floats in units of
        2**-1074, 2**-2148 and 2**-3222.
    """
    found = (0, 0, 0)
    for start in range(0, values.size, _VALUES):
        some = slice(start, start + _VALUES)
        more = _exact_sums(values[some], weights[some])
        found = tuple(a + b for a, b in zip(found, more, strict=True))
    return found


def grouped_sums(
    values: np.ndarray, weights: np.ndarray, owners: np.ndarray, count: int
) -> list[tuple[int, int, int]]:
    """The `exact_sums` of each of several groups of values.

    Args:
        values: As of `exact_sums`.
        weights: Likewise.
        owners: Which group each value is of, from 0 on.
        count: How many groups there are.
    """
    found = [[0] * count for _ in range(3)]
    for start in range(0, values.size, _GROUPED):
        some = slice(start, start + _GROUPED)
        present, own = np.unique(owners[some], return_inverse=True)
        parts = _grouped_sums(values[some], weights[some], own, len(present))
        for sums_, part in zip(found, parts, strict=True):
            for i, more in zip(present.tolist(), part, strict=True):
                sums_[i] += more
    return list(zip(*found, strict=True))


def _grouped_sums(values, weights, owners, count: int) -> list[list[int]]:
    units = (0, 0, 0)
    if values.dtype == np.int64:
        if values.min() <= -_WHOLE or values.max() >= _WHOLE:
            order = np.argsort(owners, kind="stable")
            ends = np.cumsum(np.bincount(owners, minlength=count))[:-1]
            each = np.split(order, ends)
            every = [exact_sums(values[one], weights[one]) for one in each]
            return [list(column) for column in zip(*every, strict=True)]
        values, units = values.astype(np.float64), (0, UNIT, 2 * UNIT)
    found = [[0] * count for _ in range(3)]
    for part, (power, other) in _moderate(values, weights):
        x, w = np.ldexp(values[part], -power), np.ldexp(weights[part], -other)
        for degree, factors in enumerate(((w,), (x, w), (x, x, w))):
            held = _sums_by(owners[part], count, *factors)
            bits = degree * (UNIT + power) + other
            for i, more in enumerate(held):
                if more:
                    found[degree][i] += _shifted(more, bits)
    return [[n >> u for n in one] for one, u in zip(found, units, strict=True)]


def _exact_sums(values: np.ndarray, weights: np.ndarray) -> tuple[int, int, int]:
    total = sums.float_sum(weights)
    if values.dtype != np.int64:
        return total, *_products(values, weights)
    if -_WHOLE < values.min() and values.max() < _WHOLE:
        first, second = _products(values.astype(np.float64), weights)
    else:
        first, second = _wide_products(values, weights)
    return total, first >> UNIT, second >> (2 * UNIT)


def _products(values, weights) -> tuple[int, int]:
    """Sums of values and squares times weights, in units of 2**-2148 and 2**-3222."""
    first = second = 0
    for part, (power, other) in _moderate(values, weights):
        x, w = np.ldexp(values[part], -power), np.ldexp(weights[part], -other)
        first += _shifted(_sum(x, w), UNIT + power + other)
        second += _shifted(_sum(x, x, w), 2 * UNIT + 2 * power + other)
    return first, second


def _wide_products(values, weights) -> tuple[int, int]:
    """The same of whole numbers of up to 64 bits."""
    high = (values >> _HALF).astype(np.float64)
    low = (values & ((1 << _HALF) - 1)).astype(np.float64)
    first = second = 0
    for part, (power,) in _moderate(weights):
        h, b, w = high[part], low[part], np.ldexp(weights[part], -power)
        total = (_sum(h, w) << _HALF) + _sum(b, w)
        squares = (_sum(h, h, w) << (2 * _HALF)) + _sum(b, b, w)
        squares += _sum(h, b, w) << (_HALF + 1)
        first += _shifted(total, UNIT + power)
        second += _shifted(squares, 2 * UNIT + power)
    return first, second


def _sum(*factors: np.ndarray) -> int:
    """The exact sum of products of two or three numbers, in units of 2**-1074."""
    return sum(map(sums.float_sum, _exact_products(*factors)))


def _sums_by(owners: np.ndarray, count: int, *factors: np.ndarray) -> list[int]:
    """The same of up to three numbers, of each group by itself."""
    found = [0] * count
    terms = int(np.bincount(owners).max())
    for product in _exact_products(*factors):
        greatest = np.abs(product).max().item()
        for part, unit in sums.passes(product, greatest, -UNIT, terms):
            held = np.bincount(owners, part, minlength=count)
            whole = np.ldexp(held, -unit).astype(np.int64)
            some = np.flatnonzero(whole)
            for i, more in zip(some.tolist(), whole[some].tolist(), strict=True):
                found[i] += more << (unit + UNIT)
    return found


def _exact_products(*factors: np.ndarray) -> list[np.ndarray]:
    """Numbers whose sum is the product, of each row of factors."""
    products = [factors[0]]
    for factor in factors[1:]:
        pairs = [sums.two_product(one, factor) for one in products]
        products = [part for pair in pairs for part in pair if part.any()]
    return products


def _moderate(*factors: np.ndarray) -> Iterator[tuple]:
    """Yields what to select of the factors, and powers of 2 to divide them by."""
    if all(map(_is_moderate, factors)):
        yield slice(None), (0,) * len(factors)
        return
    classes = np.stack([np.frexp(factor)[1] >> 8 for factor in factors])
    for one in np.unique(classes, axis=1).T:
        powers = tuple(256 * int(c) for c in one)
        yield (classes == one[:, None]).all(axis=0), powers


def _is_moderate(factor: np.ndarray) -> bool:
    sizes = np.abs(factor)
    return sizes.max() < _GREATEST and not ((0 < sizes) & (sizes < _LEAST)).any()


def _shifted(number: int, bits: int) -> int:
    return number << bits if bits >= 0 else number >> -bits
