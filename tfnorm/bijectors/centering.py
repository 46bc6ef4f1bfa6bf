# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Subtracts a centre of 53 bits from data of any type, in float32 parts."""

import typing

import numpy as np

from tfnorm import arrays


def split(value: typing.Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits float64 numbers into three float32 whose sum they are.

    Parts below the smallest normal float32 become 0: compiled code flushes them
    to 0, and every place must give the same numbers.

    Returns:
        Parts of falling size, each of the shape of `value`.

    Example:

    >>> [float(part) for part in split(1_700_000_000.25)]
    [1700000000.0, 0.25, 0.0]
    """
    value = np.asarray(value, np.float64)
    leading = _flushed(value)
    trailing = _flushed(value - leading)
    return leading, trailing, _flushed(value - leading - trailing)


def _flushed(value: np.ndarray) -> np.ndarray:
    narrow = np.asarray(value, np.float32)
    normal = np.abs(narrow) >= np.finfo(np.float32).tiny
    return np.where(normal | np.isnan(narrow), narrow, np.float32(0))


def centered(x: typing.Any, leading: typing.Any, trailing: typing.Any, rest):
    """`d = x - (leading + trailing + rest)`, in float64 for float64, else in float32.

    Wide integers are centered as integers, before the cast: Unix timestamps in
    microseconds that lie a second apart stay apart. Of 8-bit integers `leading` is
    subtracted alone: what it leaves is below a 100,000th of their step, and images
    are worth the pass over them that it saves.

    Args:
        x: Array or tensor of numbers.
        leading: The centre, float32; it broadcasts against `x`.
        trailing: What float32 leaves of the centre, at most half a unit in the
            last place of `leading`.
        rest: What both leave of it; narrow data have no digits as fine as that.
    """
    bits = arrays.integer_bits(x)
    if bits > 16:
        return _centered_integers(x, leading, trailing, rest, bits)
    dtype = arrays.compute_dtype(x)
    x = arrays.cast(x, dtype)
    difference = x - arrays.cast(leading, dtype)
    if 0 < bits <= 8:
        return difference
    if dtype == "float32":
        # In float64 the sum of the parts is exact: let compilers add them.
        difference = arrays.fence(difference, x)
        return difference - arrays.cast(trailing, dtype)
    return difference - arrays.cast(trailing, dtype) - arrays.cast(rest, dtype)


def _centered_integers(x, leading, trailing, rest, bits):
    xp = arrays.namespace(x)
    kind = f"int{bits}"
    leading, trailing, rest = (
        arrays.cast(part, "float32") for part in (leading, trailing, rest)
    )
    estimate = arrays.cast(x, "float32") - leading
    # The integer nearest to the centre, up to 2: a quarter of it fits the type
    # even where the centre of unsigned data does not, and four quarters wrap
    # around as the subtraction does.
    quarter = arrays.rounded(_limited(leading, 2.0**bits) * 0.25)
    step = arrays.rounded(_limited(trailing, 2.0 ** (bits - 2)))
    last = arrays.rounded(_limited(rest, 2.0 ** (bits - 2)))
    whole = arrays.cast(quarter, kind) * 4 + arrays.cast(step, kind)
    whole = whole + arrays.cast(last, kind)
    fraction = (leading - quarter * 4.0) + (trailing - step) + (rest - last)
    exact = arrays.cast(arrays.cast(x, kind) - whole, "float32") - fraction
    # The wrapped difference is right where the true one fits the type. Where it
    # is nearly too large to, its float32 estimate is right to the last place.
    return xp.where(xp.abs(estimate) < 2.0 ** (bits - 2), exact, estimate)


def _limited(x, limit):
    xp = arrays.namespace(x)
    largest = arrays.full(limit, like=x)
    return xp.where(x > limit, largest, xp.where(x < -limit, -largest, x))
