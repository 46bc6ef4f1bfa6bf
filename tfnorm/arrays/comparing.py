# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares whole numbers with floats exactly."""

import math


def below(value: int | float, floating: bool) -> int | float:
    """The greatest float64 or else whole number that is no greater."""
    if not floating:
        if value in (math.inf, -math.inf):  # Beyond all that 64 bits hold.
            return int(math.copysign(2**65, value))
        return math.floor(value)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf if value > 0 else -math.inf
    return math.nextafter(found, -math.inf) if found > value else found
