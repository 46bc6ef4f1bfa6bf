# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The logarithm of a spectrogram, floored below each sample's loudest point."""

import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class LogFloor(base.Bijector):
    """`y = max(z, max(z) - span)` of `z = log10(max(x, least))`, per sample.

    The greatest `z` is that of each row (all axes but the first). What lies
    below the floor is lost, so there is no inverse.

    Args:
        span: Decades kept below the greatest value of the sample.
        least: Smaller energies count as this one.

    Example:

    >>> LogFloor().forward([[1.0, 1e-3, 1e-9]])
    array([[ 0., -3., -8.]])
    """

    span: float = 8.0
    least: float = 1e-10

    invertible: typing.ClassVar[bool] = False

    def __post_init__(self):
        if not (self.span > 0 and 1e-37 <= self.least < math.inf):
            raise errors.RecipeError(
                f"`span={self.span}` must be positive, and `least={self.least}` a "
                "normal float32 above 0."
            )

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        z = xp.log10(xp.where(x < self.least, arrays.full(self.least, like=x), x))
        samples = tuple(range(1, arrays.rank(z)))
        floor = arrays.reduce("max", z, samples) - self.span
        return xp.where(z < floor, floor, z)

    def inverse_with(self, y, constants):
        raise errors.NotInvertible(
            "`LogFloor` cuts what is quieter than its floor; nothing can restore it."
        )

    def along(self, axis, rank):
        return self
