# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What differs by chance between data that were drawn alike."""

import math

import numpy as np

# That of more than three standard errors of a normal mean, to one side.
RARE = 0.5 * math.erfc(3 / math.sqrt(2))

_log_factorial = np.vectorize(math.lgamma, otypes=[np.float64])


def outside(values) -> np.ndarray:
    """The share of other values to be expected outside of the range of some values.

    Of m values that are drawn alike, the next is as likely to be in each of the m + 1
    gaps between and around them, and two of these lie outside.

    Args:
        values: How many there are.

    Example:

    >>> print(outside(199))
    0.01
    """
    return 2.0 / (np.asarray(values, np.float64) + 1.0)


def outside_at_least(count, values, baseline) -> np.ndarray:
    """The probability that so many values are outside of the range of others.

    The n + m values are drawn alike, without ties, so that each order of them is as
    likely. As many lie outside at both ends as at one end before the second of the m,
    so that k or more do with the probability that of the first k + 1 in order one at
    most is of the m: (C(n, k + 1) + m C(n, k)) / C(n + m, k + 1). It is no binomial
    one, for the range is that of a sample, too: it scatters more.

    Args:
        count: How many are outside, k.
        values: How many there are, n.
        baseline: How many there are of the others, m.

    Returns:
        float64 of the arguments' shape; 1 of none outside.

    Example:

    >>> outside_at_least([0, 1, 2], 2, 3).round(3)
    array([1. , 0.7, 0.3])

    Reference:
        Gumbel and von Schelling, The Distribution of the Number of Exceedances, 1950.
        Wilks, Statistical Prediction with Special Reference to the Problem of
        Tolerance Limits, 1942.
    """
    k, n, m = np.broadcast_arrays(*(np.floor(x) for x in (count, values, baseline)))
    every = _log_choose(n + m, k + 1)
    one = np.exp(np.log(np.maximum(m, 1)) + _log_choose(n, k) - every)
    none = np.where(k < n, np.exp(_log_choose(n, np.minimum(k + 1, n)) - every), 0.0)
    return np.where((k > 0) & (m > 0), np.minimum(one + none, 1.0), 1.0)


def _log_choose(n, k) -> np.ndarray:
    parts = (_log_factorial(x + 1.0) for x in (n, k, n - k))
    whole, first, second = parts
    return whole - first - second
