# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A scheme within each group of rows."""

import dataclasses
import types
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import per_key
from tfnorm.schemes import base
from tfnorm.schemes import chain
from tfnorm.schemes import placeholder
from tfnorm.schemes import z_score


@dataclasses.dataclass(frozen=True)
class Groups:
    """The statistics of all rows, and of those of each key.

    Args:
        every: Statistics of all rows.
        by_key: Key to the statistics of its rows.
    """

    every: typing.Any
    by_key: typing.Mapping[int | str, typing.Any]


@config.register
@dataclasses.dataclass(frozen=True)
class PerKey(base.Around):
    """Applies a scheme fitted to the rows that have the same key.

    A key without a valid value in the data is as one that was never seen.

    Args:
        scheme: What is fitted to each group, and to all rows for unseen keys.
        key: The column of the keys: integers, or text.
        unseen_key_policy: What becomes of rows of a key that the data lacked:
            "global" maps them as fitted to all rows, "nan" makes them NaN, "raise"
            is an error (of NumPy arrays; models cannot raise).
        shrinkage: As many rows of the distribution of all are added to each group
            before its scheme is fitted, so that rare keys get constants close to
            those of all; extremes and quantiles are averaged with the same weights.
            0 for none.

    Example:

    >>> from tfnorm import statistics
    >>> import numpy as np
    >>> of = statistics.FeatureStatistics.of
    >>> found = {"a": of(np.array([1.0, 3.0])), "b": of(np.array([10.0, 30.0]))}
    >>> fitted = PerKey(z_score.ZScore(), "shop").fit(
    ...     Groups(found["a"].merge(found["b"]), found)
    ... )
    >>> fitted.forward(np.array([1.0, 30.0]), keys=np.array(["a", "b"])).round(6)
    array([-1.,  1.])
    """

    scheme: base.Scheme = z_score.ZScore()
    key: str = ""
    _: dataclasses.KW_ONLY
    unseen_key_policy: str = "global"
    shrinkage: float = 0.0

    monotone: typing.ClassVar[bool] = False

    def __post_init__(self):
        if not isinstance(self.scheme, base.Scheme) or not self.scheme.fitted_on_data:
            raise errors.RecipeError(
                f"`scheme={self.scheme!r}` must be a scheme that is fitted to data."
            )
        if self.scheme.key is not None:
            raise errors.RecipeError("`scheme` is one by key already.")
        whole = "comoments" in self.scheme.requires
        view = self.scheme.view
        if (
            whole
            or isinstance(self.scheme, chain.Chain)
            or isinstance(view, bijectors.RowMoments)
        ):
            raise errors.RecipeError(
                f"`scheme={self.scheme}` cannot be fitted by key: it takes more than "
                "the statistics of single values, or more than one pass."
            )
        if not isinstance(self.key, str):
            raise errors.RecipeError(f"`key={self.key!r}` must be a column's name.")
        base.check_choice("unseen_key_policy", self.unseen_key_policy, per_key.UNSEEN)
        if not 0 <= self.shrinkage < np.inf:
            raise errors.RecipeError(
                f"`shrinkage={self.shrinkage!r}` must be a number of rows."
            )

    @property
    def inner(self) -> base.Scheme:
        return self.scheme

    @property
    def fitted_on_data(self) -> bool:
        return True

    def fit(self, statistic):
        if not isinstance(statistic, Groups):
            statistic = Groups(statistic, {})
        found = {
            key: group
            for key, group in statistic.by_key.items()
            if group.shape is not None and np.all(group.counts.valid > 0)
        }
        maps = []
        for key, group in found.items():
            if self.shrinkage:
                group = _Shrunk(group, statistic.every, self.shrinkage)
            try:
                maps.append(self.scheme.fit(group))
            except errors.TfnormError as error:
                error.message = f"Of key {key!r}: {error.message}"
                raise
        return bijectors.PerKey(
            tuple(found),
            tuple(maps),
            self.scheme.fit(statistic.every),
            unseen=self.unseen_key_policy,
        )


@dataclasses.dataclass(frozen=True)
class _Shrunk:
    """Statistics of a group, with some rows of the distribution of all added."""

    group: typing.Any
    every: typing.Any
    added: float

    @property
    def shape(self):
        return self.group.shape

    @property
    def kind(self):
        return self.group.kind

    @property
    def counts(self):
        own = self.group.counts
        return types.SimpleNamespace(**{**vars(own), "valid": own.valid + self.added})

    @property
    def _weight(self):
        return self.group.weight / (self.group.weight + self.added)

    def _mixed(self, own, common):
        return self._weight * own + (1.0 - self._weight) * common

    @property
    def mean(self):
        return self._mixed(self.group.mean, self.every.mean)

    @property
    def variance(self):
        apart = self.group.mean - self.every.mean
        weight = self._weight
        between = weight * (1.0 - weight) * apart * apart
        return self._mixed(self.group.variance, self.every.variance) + between

    @property
    def std(self):
        return np.sqrt(self.variance)

    @property
    def min(self):
        return self._mixed(self.group.min, self.every.min)

    @property
    def max(self):
        return self._mixed(self.group.max, self.every.max)

    def quantile(self, q: typing.Any) -> placeholder.Interval:
        own, common = (one.quantile(q).value for one in (self.group, self.every))
        weight = base.behind(self._weight, q)
        return placeholder.Interval(weight * own + (1.0 - weight) * common)

    def histograms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        pairs = zip(self.group.histograms(), self.every.histograms(), strict=True)
        found = []
        weights = np.ravel(self.group.weight)
        for weight, ((values, counts), (more, others)) in zip(
            weights, pairs, strict=True
        ):
            values = np.concatenate([values, more])
            counts = counts * (weight / max(counts.sum(), 1))
            counts = np.concatenate([counts, others * (self.added / others.sum())])
            order = np.argsort(values, kind="stable")
            found.append((values[order], counts[order]))
        return found
