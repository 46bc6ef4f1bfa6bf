# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A centre and a scale that are trained, behind a fitted scheme."""

import dataclasses
import typing

from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base
from tfnorm.schemes import z_score


@config.register
@dataclasses.dataclass(frozen=True)
class Learned(base.Around):
    """Applies a scheme, then a centre and a scale that are trained from 0 and 1.

    They are in the unit of what the scheme makes, so that learning rates do not depend
    on that of the data. Elsewhere than in a layer it is the scheme alone.

    Args:
        initial: The scheme that is fitted to the data.

    Example:

    >>> Learned(z_score.ZScore()).requires
    ('moments',)
    """

    initial: base.Scheme = z_score.ZScore()

    trained: typing.ClassVar[bool] = True

    def __post_init__(self):
        if not isinstance(self.initial, base.Scheme):
            raise errors.RecipeError(f"`initial={self.initial!r}` must be a scheme.")
        if self.initial.key is not None:
            raise errors.RecipeError(
                "`initial` must not be a scheme by key: `PerKey(Learned(...), key)`."
            )

    @property
    def inner(self) -> base.Scheme:
        return self.initial

    def fit(self, statistic):
        return self.initial.fit(statistic)
