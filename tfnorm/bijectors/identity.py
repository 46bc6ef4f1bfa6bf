# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The map that changes nothing."""

import dataclasses
import typing

from tfnorm import config
from tfnorm.bijectors import base


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Identity(base.Bijector):
    """`y = x`, whatever the type of the elements.

    Example:

    >>> Identity().forward([1, 2])
    array([1, 2])
    """

    invertible: typing.ClassVar[bool] = True
    elementwise: typing.ClassVar[bool] = True

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        return x

    def inverse_with(self, y, constants):
        return y

    def along(self, axis, rank):
        return self
