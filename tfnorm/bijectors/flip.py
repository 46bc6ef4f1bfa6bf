# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reverses channels: RGB to BGR."""

import dataclasses
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm.bijectors import base


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Flip(base.Bijector):
    """`y = flip(x, axis)`, whatever the type of the elements.

    Args:
        axis: Axis whose order is reversed.

    Example:

    >>> Flip().forward([[1, 2, 3]])
    array([[3, 2, 1]])
    """

    axis: int = -1

    invertible: typing.ClassVar[bool] = True

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        return arrays.flip(x, self.axis)

    def inverse_with(self, y, constants):
        return arrays.flip(y, self.axis)

    def along(self, axis, rank):
        # The channels are the last of the kept axes.
        return Flip(arrays.kept_axes(axis, rank)[-1])
