# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A function that tames a long tail, then another scheme."""

import dataclasses

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import pointwise
from tfnorm.schemes import base
from tfnorm.schemes import z_score


@config.register
@dataclasses.dataclass(frozen=True)
class Log(base.Around):
    """Maps each number by a logarithm, then applies a scheme fitted to the result.

    "signed" is `sign(x) * log1p(abs(x))`; it and "asinh" take any number. "log"
    needs all values above 0, "log1p" above -1: fitting to others is an error, and
    so a value unseen in training that lies outside becomes NaN (or -inf at the
    edge). NaN stays NaN.

    Args:
        kind: "log1p", "log", "signed" or "asinh".
        then: Scheme of the mapped data.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> scheme = Log("log")
    >>> values = np.array([1.0, 10.0, 1000.0])
    >>> statistic = statistics.FeatureStatistics.of(scheme.view.forward(values))
    >>> scheme.fit(statistic).forward(values).round(4)
    array([-1.069 , -0.2673,  1.3363])
    """

    kind: str = "log1p"
    _: dataclasses.KW_ONLY
    then: base.Scheme = z_score.ZScore()

    def __post_init__(self):
        bijectors.Pointwise(self.kind)
        if not isinstance(self.then, base.Scheme):
            raise errors.RecipeError(f"`then={self.then!r}` must be a scheme.")
        if self.then.view is not None:
            raise errors.RecipeError(
                f"`then={self.then}` has a function of its own. One is enough: `then` "
                "takes the others, such as `ZScore`."
            )

    @property
    def inner(self) -> base.Scheme:
        return self.then

    @property
    def view(self) -> bijectors.Pointwise:
        # So that -inf, not NaN, counts what lies outside the domain: a NaN in
        # the data is no such value.
        return bijectors.Pointwise(self.kind, outside="-inf")

    def fit(self, statistic):
        outside = np.sum(statistic.counts.negative_infinity)
        edge = pointwise.EDGES.get(self.kind)
        if edge is not None and outside:
            raise errors.RecipeError(
                f"`Log({self.kind!r})` needs values above {edge:g}, but {outside} are "
                "not. `Log('signed')` and `Log('asinh')` take any number."
            )
        then = self.then.fit(statistic)
        return bijectors.Chain((bijectors.Pointwise(self.kind), then))
