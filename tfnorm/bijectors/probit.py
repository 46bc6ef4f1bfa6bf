# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From probabilities to deviations of the standard normal distribution."""

import dataclasses
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm.bijectors import base

# As scikit-learn clips: the quantile of 1e-7 less one unit in the last place of 1,
# so that the inverse of what was clipped is below 1e-7.
_LEAST = 1e-7 - 2.0**-52
_LIMIT = 5.199337582605575

# Wichura's rational functions, ascending: near the median, and of the tail.
_CENTRAL = (
    (
        3.3871328727963666080,
        133.14166789178437745,
        1971.5909503065514427,
        13731.693765509461125,
        45921.953931549871457,
        67265.770927008700853,
        33430.575583588128105,
        2509.0809287301226727,
    ),
    (
        1.0,
        42.313330701600911252,
        687.18700749205790830,
        5394.1960214247511077,
        21213.794301586595867,
        39307.895800092710610,
        28729.085735721942674,
        5226.4952788528545610,
    ),
)
_TAIL = (
    (
        1.42343711074968357734,
        4.63033784615654529590,
        5.76949722146069140550,
        3.64784832476320460504,
        1.27045825245236838258,
        0.241780725177450611770,
        0.0227238449892691845833,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187,
        1.67638483018380384940,
        0.689767334985100004550,
        0.148103976427480074590,
        0.0151986665636164571966,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
# Cody's, ascending: of the square near the mean, and of the deviation beyond.
_CENTRAL_DISTRIBUTION = (
    (
        18154.981253343561249,
        1067.6894854603709582,
        161.02823106855587881,
        2.2352520354606839287,
        0.065682337918207449113,
    ),
    (
        45507.789335026729956,
        10260.932208618978205,
        976.09855173777669322,
        47.20258190468824187,
        1.0,
    ),
)
_TAIL_DISTRIBUTION = (
    (
        9842.7148383839780218,
        11602.651437647350124,
        6848.1904505362823326,
        2494.5375852903726711,
        597.27027639480026226,
        93.506656132177855979,
        8.8831497943883759412,
        0.39894151208813466764,
        1.0765576773720192317e-8,
    ),
    (
        19685.429676859990727,
        38912.003286093271411,
        34900.952721145977266,
        18615.571640885098091,
        6485.558298266760755,
        1519.377599407554805,
        235.38790178262499861,
        22.266688044328115691,
        1.0,
    ),
)
# Up to here the functions near the centre hold.
_CENTRAL_PART = 0.425
_CENTRAL_DEVIATION = 0.67448975


@config.register
@dataclasses.dataclass(frozen=True)
class Probit(base.Bijector):
    """`z` of which `p` is the normal distribution function, elementwise.

    Probabilities below 1e-7 and above 1 - 1e-7 become -5.1993 and 5.1993, as in
    scikit-learn's `QuantileTransformer`; these and what is beyond come back as 0 and
    1. NaN stays NaN, and the gradient is finite everywhere.

    Right to some units in the last place. But float32 has no numbers between 1 and
    1 - 2**-24: above 4 deviations `z` moves in steps of up to 0.1, though not below
    -4.

    Example:

    >>> Probit().forward([0.0, 0.5, 0.975]).round(4)
    array([-5.1993,  0.    ,  1.96  ])

    Reference:
        M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988) 477. W. J. Cody,
        Rational Chebyshev approximations for the error function, Mathematics of
        Computation 23 (1969) 631.
    """

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        p = arrays.cast(x, arrays.compute_dtype(x))
        xp = arrays.namespace(p)
        q = p - 0.5
        # Of the nearer tail, exactly.
        tail = xp.where(q < 0, p, 1.0 - p)
        clipped = tail <= _LEAST
        central = xp.abs(q) <= _CENTRAL_PART
        # Each function gets arguments of its own part, so that gradients are finite.
        q_central = xp.where(central, q, arrays.full(0.0, like=q))
        inner = arrays.full(0.01, like=p)
        tail = xp.where(central | clipped, inner, tail)
        r = xp.sqrt(-xp.log(tail)) - 1.6
        # Used once: XLA would compute what leads here anew for a comparison.
        size = xp.where(clipped, arrays.full(_LIMIT, like=p), _ratio(_TAIL, r))
        z = q_central * _ratio(_CENTRAL, 0.180625 - q_central * q_central)
        return xp.where(central, z, xp.where(q < 0, -size, size))

    def inverse_with(self, y, constants):
        z = arrays.cast(y, arrays.compute_dtype(y))
        xp = arrays.namespace(z)
        size = xp.abs(z)
        limit = arrays.full(_LIMIT, like=z)
        beyond = size >= limit
        central = size <= _CENTRAL_DEVIATION
        z_central = xp.where(central, z, arrays.full(0.0, like=z))
        near = 0.5 + z_central * _ratio(_CENTRAL_DISTRIBUTION, z_central * z_central)
        size = xp.where(central | beyond, arrays.full(1.0, like=z), size)
        # The square in two parts, of which the first is exact in float32.
        coarse = arrays.rounded(size * 16.0) * 0.0625
        rest = (size - coarse) * (size + coarse)
        density = xp.exp(coarse * coarse * -0.5) * xp.exp(rest * -0.5)
        tail = density * _ratio(_TAIL_DISTRIBUTION, size)
        tail = xp.where(beyond, arrays.full(0.0, like=z), tail)
        return xp.where(central, near, xp.where(z < 0, tail, 1.0 - tail))

    def along(self, axis, rank):
        return self


def _ratio(functions, x):
    """The quotient of two polynomials, of ascending coefficients."""
    numerator, denominator = (_polynomial(own, x) for own in functions)
    return numerator / denominator


def _polynomial(coefficients, x):
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value
