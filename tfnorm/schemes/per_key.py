# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A scheme within each group of rows."""

import dataclasses
import itertools
import types
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm import statistics
from tfnorm.bijectors import per_key
from tfnorm.bijectors import stacking
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

    A key without a valid value in the data is as one that was never seen, and so is
    the key of a row that has none.

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
        by_key = statistic.by_key
        if self.scheme.separable and isinstance(by_key, statistics.KeyedStatistics):
            keys, maps = self._of_arrays(by_key, statistic.every)
        else:
            keys, maps = self._of_each(by_key, statistic.every)
        return bijectors.PerKey(
            keys,
            maps,
            self.scheme.fit(statistic.every),
            unseen=self.unseen_key_policy,
        )

    def _of_arrays(self, by_key: statistics.KeyedStatistics, every):
        """The maps of all keys, fitted as those of one feature with an axis more."""
        found = by_key.take(by_key.has_values)
        if not len(found):
            return (), ()
        try:
            fitted = self._of_group(found.stacked(), every)
        except errors.TfnormError:
            # One by one, to tell of which key it is.
            self._of_each(found, every)
            raise
        return tuple(found), stacking.unstacked(fitted, len(found))

    def _of_each(self, by_key, every):
        """The maps of the groups of any mapping, fitted one by one."""
        found = {
            key: group
            for key, group in by_key.items()
            if group.shape is not None and np.all(group.counts.valid > 0)
        }
        # Where keys share their statistics, they share the map.
        maps: dict[int, bijectors.Bijector] = {}
        for key, group in found.items():
            if id(group) not in maps:
                try:
                    maps[id(group)] = self._of_group(group, every)
                except errors.TfnormError as error:
                    error.message = f"Of key {key!r}: {error.message}"
                    raise
        return tuple(found), tuple(maps[id(group)] for group in found.values())

    def _of_group(self, group, every) -> bijectors.Bijector:
        if self.shrinkage:
            group = _Shrunk(group, every, self.shrinkage)
        return self.scheme.fit(group)


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
        # Of many keys together, the channels of one follow those of another.
        pairs = zip(self.group.histograms(), itertools.cycle(self.every.histograms()))
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
