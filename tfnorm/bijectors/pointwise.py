# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Fixed functions of one number that tame long tails."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base

_FORWARD = {
    "log": lambda xp, x: xp.log(x),
    "log1p": lambda xp, x: xp.log1p(x),
    "signed": lambda xp, x: xp.sign(x) * xp.log1p(xp.abs(x)),
    "asinh": lambda xp, x: xp.arcsinh(x),
}
_INVERSE = {
    "log": lambda xp, y: xp.exp(y),
    "log1p": lambda xp, y: xp.expm1(y),
    "signed": lambda xp, y: xp.sign(y) * xp.expm1(xp.abs(y)),
    "asinh": lambda xp, y: xp.sinh(y),
}

KINDS = tuple(sorted(_FORWARD))
# At these, a function reaches -inf; below, it has no value.
EDGES = {"log": 0.0, "log1p": -1.0}
OUTSIDE = ("nan", "-inf")


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Pointwise(base.Bijector):
    """`y = f(x)`, elementwise: log, log1p, sign(x) * log1p(abs(x)) or asinh.

    "log" of 0 and "log1p" of -1 are -inf. NaN stays NaN.

    `inverse(forward(x))` is `x` within `(2 + abs(y)) * 2**-22` times `abs(x)` in
    float32: a logarithm keeps fewer relative digits the longer the tail was.

    Args:
        kind: "log", "log1p", "signed" or "asinh".
        outside: What "log" is of numbers below 0, and "log1p" of those below -1:
            "nan", or "-inf" to tell them from NaN in the data.

    Example:

    >>> Pointwise("signed").forward([-1.0, 0.0, 1.0])
    array([-0.69314718,  0.        ,  0.69314718])
    """

    kind: str
    _: dataclasses.KW_ONLY
    outside: str = "nan"

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        if self.kind not in KINDS:
            raise errors.RecipeError(
                f"`kind={self.kind!r}` is not one of {', '.join(KINDS)}."
            )
        if self.outside not in OUTSIDE:
            raise errors.RecipeError(
                f"`outside={self.outside!r}` is not one of {', '.join(OUTSIDE)}."
            )

    @property
    def label(self):
        return self.kind

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        x = arrays.cast(x, arrays.compute_dtype(x))
        xp = arrays.namespace(x)
        y = _FORWARD[self.kind](xp, x)
        if self.outside == "nan" or self.kind not in EDGES:
            return y
        lowest = arrays.full(-np.inf, like=x)
        return xp.where(x < EDGES[self.kind], lowest, y)

    def inverse_with(self, y, constants):
        y = arrays.cast(y, arrays.compute_dtype(y))
        return _INVERSE[self.kind](arrays.namespace(y), y)

    def along(self, axis, rank):
        return self
