# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes one after the other."""

import collections.abc
import dataclasses
import typing

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base
from tfnorm.schemes import placeholder


@dataclasses.dataclass(frozen=True)
class Stages:
    """The statistics that the fitted steps of a `Chain` are fitted to, in order."""

    each: tuple


@config.register("schemes.Chain")
@dataclasses.dataclass(frozen=True)
class Chain(base.Scheme):
    """Applies schemes one after the other, each fitted to what those before it make.

    Every fitted step but the first takes one more pass over the data: its statistics
    are exact, as those of the first are. Statistics of other data cannot be merged
    with them, for other data make other maps before.

    Args:
        steps: The schemes, in the order in which they are applied.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> from tfnorm.schemes import fixed, robust, z_score
    >>> chain = Chain((robust.PercentileClip(then=fixed.Affine()), z_score.ZScore()))
    >>> values = np.array([1.0, 2.0, 3.0, 4.0, 90.0])
    >>> of = statistics.FeatureStatistics.of
    >>> first = of(values)
    >>> second = of(chain.map_to([first]).forward(values))
    >>> chain.fit(Stages((first, second))).forward(values).round(2)
    array([-0.54, -0.51, -0.49, -0.46,  2.  ])
    """

    steps: tuple[base.Scheme, ...]

    def __post_init__(self):
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise errors.RecipeError("`steps` must be schemes, and there are none.")
        for step in self.steps:
            if not isinstance(step, base.Scheme):
                raise errors.RecipeError(f"`steps` must be schemes, but {step!r} came.")
            if step.key is not None:
                raise errors.RecipeError(
                    f"{step} is fitted by key, which a step cannot be: normalize the "
                    "column by key first, and chain what comes out."
                )

    @property
    def fitted(self) -> tuple[base.Scheme, ...]:
        """The steps that are fitted to data."""
        return tuple(step for step in self.steps if step.fitted_on_data)

    @property
    def requires(self) -> tuple[str, ...]:
        needed = [part for step in self.steps for part in step.requires]
        return tuple(dict.fromkeys(needed))

    @property
    def fitted_on_data(self) -> bool:
        return bool(self.fitted)

    @property
    def monotone(self) -> bool:
        return all(step.monotone for step in self.steps)

    @property
    def trained(self) -> bool:
        return any(step.trained for step in self.steps)

    @property
    def view(self) -> bijectors.Bijector | None:
        return self.map_to(())

    def map_to(self, found: collections.abc.Sequence) -> bijectors.Bijector | None:
        """What the next fitted step is fitted to: a map of the data.

        Args:
            found: The statistics of the fitted steps before it.

        Returns:
            The map; `None` for the data themselves, or if no step is left.
        """
        given = iter(found)
        maps: list[bijectors.Bijector] = []
        for step in self.steps:
            if not step.fitted_on_data:
                maps.append(step.fit(None))
                continue
            statistic = next(given, None)
            if statistic is None:
                maps += [] if step.view is None else [step.view]
                return bijectors.Chain(tuple(maps)) if maps else None
            maps.append(step.fit(statistic))
        return None

    def fit(self, statistic):
        given = statistic.each if isinstance(statistic, Stages) else (statistic,)
        if self.fitted and len(given) != len(self.fitted):
            raise errors.RecipeError(
                f"`Chain` has {len(self.fitted)} fitted steps, but statistics of "
                f"{len(given)} came. `tfnorm.analyze` takes those of all."
            )
        left = iter(given)
        maps = [
            step.fit(next(left) if step.fitted_on_data else None) for step in self.steps
        ]
        return bijectors.Chain(tuple(maps))

    def template(self, shape: tuple[int, ...]) -> typing.Any:
        one = placeholder.Placeholder(tuple(shape))
        return self.fit(Stages((one,) * max(1, len(self.fitted))))
