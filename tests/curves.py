# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How maps that are no straight lines round in float32, at a result of theirs."""

import numpy as np

from tfnorm import bijectors
from tfnorm.bijectors import power

KINDS = (
    bijectors.PiecewiseLinear | bijectors.Power | bijectors.Probit | bijectors.TukeyHH
)
# One unit in the last place of float32; a step is right to 4 of them.
_FEW = 4 * 2.0**-23


def forward_rounding(bijector):
    """The rounding of `forward` as a function of the result."""
    if isinstance(bijector, bijectors.PiecewiseLinear):
        return _of_lines(bijector.y)
    if isinstance(bijector, bijectors.Probit):
        # Polynomials of degree 7, a root and a logarithm.
        return lambda z: 4 * _FEW * np.abs(z)
    if isinstance(bijector, bijectors.TukeyHH):
        return lambda u: _FEW * np.abs(u) * (1 + _exponent(bijector, u))

    def of_power(y):
        logs, lmbda, below, own = _logarithms(bijector, bijector.inverse(y))
        # An exponent is rounded before the exponential.
        size = np.abs(y) + np.where(below, np.abs(own["level"]), 0.0)
        return _FEW * size * (1 + np.abs(lmbda * logs))

    return of_power


def inverse_rounding(bijector):
    """The rounding of `inverse` as a function of its result."""
    if isinstance(bijector, bijectors.PiecewiseLinear):
        return _of_lines(bijector.x)
    if isinstance(bijector, bijectors.Probit):
        return lambda p: 4 * _FEW * np.abs(p)
    if isinstance(bijector, bijectors.TukeyHH):
        return lambda x: (
            _FEW * np.abs(x) * (1 + _exponent(bijector, bijector.forward(x)))
        )

    def of_power(x):
        logs, lmbda, below, own = _logarithms(bijector, x)
        # Where the map saturates, much of the logarithm hangs on the last bit of y.
        moved = np.abs(logs) + np.abs(power.raised(np, -logs, lmbda))
        unit = np.where(below, own["room"], 1.0)
        return _FEW * (np.abs(x) + unit * np.exp(logs) * moved)

    return of_power


def _of_lines(knots):
    # A line adds to the knot where it begins.
    greatest = np.abs(knots).max(axis=-1)
    return lambda y: _FEW * np.maximum(np.abs(y), greatest)


def _exponent(bijector, u):
    return np.where(u < 0, bijector.left, bijector.right) * u * u


def _logarithms(bijector, x):
    own = bijector.constants()
    below = x < own["edge"]
    logs = np.log1p(np.where(below, (own["edge"] - x) * own["reach"], x))
    return logs, np.where(below, 2.0 - own["lmbda"], own["lmbda"]), below, own
