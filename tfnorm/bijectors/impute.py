# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Fills what is not a number."""

import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import centering


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Impute(base.Bijector):
    """`y = value where x is NaN, else x`, elementwise.

    The inverse changes nothing: a filled value is a value from then on.
    Integers hold no NaN and stay integers, exact for the map that follows.

    Args:
        value: What fills: array of the kept shape. Float64 data get 48 bits of
            it, all other data a float32.

    Example:

    >>> Impute(7.0).forward([1.0, float("nan")])
    array([1., 7.])
    """

    # A float64 array once made; a number or a sequence will do.
    value: typing.Any

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        value = np.asarray(self.value, np.float64)
        if not np.all(np.abs(value) <= np.finfo(np.float32).max):
            raise errors.RecipeError(f"`value={value}` is not a float32 number.")
        object.__setattr__(self, "value", base.frozen_array(value))

    def constants(self):
        leading, trailing, _ = centering.split(self.value)
        return {"value_hi": leading, "value_lo": trailing}

    def forward_with(self, x, constants):
        if arrays.integer_bits(x):
            return x
        xp = arrays.namespace(x)
        dtype = arrays.compute_dtype(x)
        x = arrays.cast(x, dtype)
        value = arrays.cast(constants["value_hi"], dtype)
        value = value + arrays.cast(constants["value_lo"], dtype)
        return xp.where(xp.isnan(x), value, x)

    def inverse_with(self, y, constants):
        return y

    def along(self, axis, rank):
        return base.reshaped(self, axis, rank)
