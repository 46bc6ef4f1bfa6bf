# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The least value of a function of one number."""

import collections.abc
import math

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_DOUBLINGS = 64


def minimum(
    function: collections.abc.Callable[[float], float],
    start: float,
    step: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> float:
    """Returns where a function that first falls, then rises is least.

    Found within `2**-30` of the steps that enclose it: closer than that, float64
    values of the function do not differ.

    Args:
        function: The function.
        start: Where to begin, between `low` and `high`.
        step: How far to go first; each further step is twice as long.
        low: The function is not asked for less than this.
        high: Nor for more than this.

    Example:

    >>> round(minimum(lambda x: (x - 100.0) ** 2, 0.0, 1.0), 5)
    100.0
    """
    left = max(_rise(function, start, -step), low)
    right = min(_rise(function, start, step), high)
    width = right - left
    inner = [right - _GOLDEN * width, left + _GOLDEN * width]
    values = [function(point) for point in inner]
    while right - left > width * 2.0**-30:
        if values[0] <= values[1]:
            right = inner[1]
            inner = [right - _GOLDEN * (right - left), inner[0]]
            values = [function(inner[0]), values[0]]
        else:
            left = inner[0]
            inner = [inner[1], left + _GOLDEN * (right - left)]
            values = [values[1], function(inner[1])]
    return (left + right) / 2.0


def _rise(function, point: float, step: float) -> float:
    """A place beyond which the function rises."""
    value = function(point)
    for _ in range(_DOUBLINGS):
        beyond = function(point + step)
        if not beyond <= value:
            break
        point, value, step = point + step, beyond, step * 2.0
    return point + step
