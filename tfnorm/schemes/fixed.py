# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes whose constants are given, not fitted."""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base


@config.register
@dataclasses.dataclass(frozen=True)
class Affine(base.Scheme):
    """Subtracts `loc`, then divides by `scale`: both given.

    Args:
        loc: Number, or nested sequence of the kept shape.
        scale: The same, without 0.

    Example:

    >>> Affine(loc=32, scale=1.8).fit(None).forward([212.0]).round(5)
    array([100.])
    """

    loc: float | tuple = 0.0
    scale: float | tuple = 1.0

    requires: typing.ClassVar[tuple[str, ...]] = ()
    fitted_on_data: typing.ClassVar[bool] = False
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        object.__setattr__(self, "loc", numbers("loc", self.loc))
        object.__setattr__(self, "scale", numbers("scale", self.scale))
        self.fit(None)

    def fit(self, statistic):
        return bijectors.Affine(self.loc, self.scale)


@config.register
@dataclasses.dataclass(frozen=True)
class Rescale(base.Scheme):
    """Takes one given range to another.

    A value outside `input_range` lands outside `output_range`.

    Args:
        input_range: Lower and upper end of the data.
        output_range: Where they go.

    Example:

    >>> import numpy as np
    >>> Rescale((0, 256)).fit(None).forward(np.array([0, 64, 255], np.uint8))
    array([0.        , 0.25      , 0.99609375], dtype=float32)
    """

    input_range: tuple[float, float] = (0.0, 255.0)
    output_range: tuple[float, float] = (0.0, 1.0)

    requires: typing.ClassVar[tuple[str, ...]] = ()
    fitted_on_data: typing.ClassVar[bool] = False
    monotone: typing.ClassVar[bool] = True
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        for name in ("input_range", "output_range"):
            ends = base.pair(name, getattr(self, name))
            base.check_interval(name, ends)
            object.__setattr__(self, name, ends)
        self.fit(None)

    def fit(self, statistic):
        return bijectors.between(self.input_range, self.output_range)


def numbers(name: str, value: typing.Any) -> typing.Any:
    """Returns numbers as a float or nested tuples, or raises an error."""
    try:
        return _nested(np.asarray(value, np.float64).tolist())
    except (TypeError, ValueError) as error:
        raise errors.RecipeError(
            f"`{name}={value!r}` must be a number or a sequence of numbers: {error}."
        ) from error


def _nested(value):
    return tuple(map(_nested, value)) if isinstance(value, list) else value
