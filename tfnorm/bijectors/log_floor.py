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
from tfnorm.bijectors import per_sample

# The length of a decade in each unit.
UNITS = {"log10": 1.0, "log": math.log(10.0), "db": 10.0}


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class LogFloor(base.Bijector):
    """`y = unit * max(z, max(z) - span)` of `z = log10(max(x, least))`, per sample.

    The greatest `z` is that of each row (all axes but the first). What lies
    below the floor is lost, so there is no inverse. NaN stays NaN, and is not the
    greatest.

    Args:
        span: Decades kept below the greatest value of the sample; inf for all.
        least: Smaller energies count as this one.
        unit: "log10", "log" (natural) or "db" (decibels).
        relative: Whether the greatest `z` is subtracted, so that it becomes 0.

    Example:

    >>> LogFloor().forward([[1.0, 1e-3, 1e-9]])
    array([[ 0., -3., -8.]])
    """

    span: float = 8.0
    least: float = 1e-10
    _: dataclasses.KW_ONLY
    unit: str = "log10"
    relative: bool = False

    invertible: typing.ClassVar[bool] = False
    context: typing.ClassVar[tuple[str, ...]] = ("mask",)

    def __post_init__(self):
        if not (self.span > 0 and 1e-37 <= self.least < math.inf):
            raise errors.RecipeError(
                f"`span={self.span}` must be positive, and `least={self.least}` a "
                "normal float32 above 0."
            )
        if self.unit not in UNITS:
            raise errors.RecipeError(f"`unit={self.unit!r}` is none of {tuple(UNITS)}.")

    @property
    def decade(self) -> float:
        """How long a decade is in the unit of the results."""
        return UNITS[self.unit]

    @property
    def label(self):
        return f"{self.unit}_floor"

    def constants(self):
        return {}

    def forward_with(self, x, constants, mask=None):
        """Maps a tensor.

        Args:
            x: Energies, of shape (rows, ...).
            constants: None are needed.
            mask: Boolean tensor of the first axes of `x`; what is false there is not
                the loudest point, and becomes 0.
        """
        xp = arrays.namespace(x)
        x = arrays.cast(x, arrays.compute_dtype(x))
        part = per_sample.Part(x, tuple(range(1, arrays.rank(x))), mask)
        least = arrays.full(self.least, like=x)
        z = xp.log10(part.selected(xp.where(x < self.least, least, x), self.least))
        if self.relative or self.span < math.inf:
            top = self._top(part, z)
            if self.span < math.inf:
                z = xp.where(z < top - self.span, top - self.span, z)
            z = z - top if self.relative else z
        z = z if self.unit == "log10" else z * self.decade
        return part.selected(z, 0.0)

    def _top(self, part, z):
        """The loudest point of each sample; 0 where there is none."""
        xp = arrays.namespace(z)
        nothing = arrays.full(-math.inf, like=z)
        heard = part.selected(xp.where(xp.isnan(z), nothing, z), -math.inf)
        top = arrays.reduce("max", heard, tuple(range(1, arrays.rank(z))))
        return xp.where(arrays.equal(top, -math.inf), arrays.full(0.0, like=z), top)

    def inverse_with(self, y, constants):
        raise errors.NotInvertible(
            "`LogFloor` cuts what is quieter than its floor; nothing can restore it."
        )

    def along(self, axis, rank):
        return self
