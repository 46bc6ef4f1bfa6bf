# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which scheme normalizes which feature, and under which policies."""

import collections.abc
import dataclasses
import hashlib
import numbers
import os
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm.recipe import disk
from tfnorm.recipe import thresholds as thresholds_lib

_POLICIES = {
    "nan_policy": ("omit", "raise", "propagate"),
    "missing": ("keep", "impute"),
}


@config.register
@dataclasses.dataclass(frozen=True)
class Feature:
    """How one feature is normalized.

    Args:
        scheme: The scheme, such as `schemes.ZScore()`.
        axis: The axes of the batched values to keep: each of their elements has
            statistics and constants of its own. Features of one number a row have
            none to keep; `None` pools all values of a row.
        nan_policy: What NaN in the fitted data means: "omit" leaves it out,
            "raise" refuses to fit, "propagate" makes every output NaN. Missing
            values are no NaN: they are always left out, and counted.
        missing: What becomes of NaN and missing values: "keep" lets them be NaN,
            "impute" fills them. Networks need the latter: a NaN makes all of their
            output NaN, or is swallowed unseen (TensorFlow's ReLU may make it 0).
        impute_with: "mean", "median" or a number, in the feature's own unit.
        indicator: Whether `<feature>_missing` is added: 1.0 where there was no
            value, else 0.0.
        thresholds: How far new data may be from those that were fitted, in place of
            the recipe's.
    """

    scheme: schemes.Scheme
    _: dataclasses.KW_ONLY
    axis: int | tuple[int, ...] | None = -1
    nan_policy: str = "omit"
    missing: str = "keep"
    impute_with: str | float = "mean"
    indicator: bool = False
    thresholds: thresholds_lib.Thresholds | None = config.added(None)

    def __post_init__(self):
        if not isinstance(self.scheme, schemes.Scheme):
            raise errors.RecipeError(
                f"`{self.scheme!r}` is not a scheme; use one of `tfnorm.schemes`, "
                "such as `schemes.ZScore()`."
            )
        for name, choices in _POLICIES.items():
            if getattr(self, name) not in choices:
                raise errors.RecipeError(
                    f"`{name}={getattr(self, name)!r}` is none of {choices}."
                )
        thresholds_lib.check(self.thresholds)
        object.__setattr__(self, "axis", _axes(self.axis))
        if self.impute_with not in ("mean", "median") and not (
            isinstance(self.impute_with, numbers.Real) and np.isfinite(self.impute_with)
        ):
            raise errors.RecipeError(
                f"`impute_with={self.impute_with!r}` is neither 'mean', 'median' nor "
                "a finite number."
            )


def _axes(axis) -> int | tuple[int, ...] | None:
    several = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if axis is not None and not all(type(one) is int for one in several):
        raise errors.RecipeError(
            f"`axis={axis!r}` must be an integer, a tuple of integers, or None."
        )
    return several if isinstance(axis, list | tuple) else axis


@dataclasses.dataclass(frozen=True)
class View:
    """What statistics are taken of: a feature, or a fixed map of it.

    Args:
        feature: The feature.
        axis: The axes to keep.
        bijector: The map, if any.
        key: By which column there are groups, if any.
        comoments: Whether co-moments are needed.
        quantiles: Whether quantiles are needed, however many elements are kept.
    """

    feature: str
    axis: int | tuple[int, ...] | None
    bijector: bijectors.Bijector | None = None
    key: str | None = None
    comoments: bool = False
    quantiles: bool = False


@config.register
@dataclasses.dataclass(frozen=True)
class Recipe:
    """Maps feature names to how they are normalized.

    Args:
        features: Feature name to a scheme, or to a `Feature` where it needs an axis
            or a policy.
        weight: Column that says how much each row of the fitted data counts: a weight
            of 2 is the row twice, 0 leaves it out. For sample and frequency weights.
        thresholds: How far new data may be from those that were fitted, for
            `tfnorm.compare`; by default as `Thresholds()` says.

    Example:

    >>> Recipe({"distance": schemes.Log("log1p")}).views().keys()
    dict_keys(['distance', 'log1p(distance)'])
    """

    features: collections.abc.Mapping[str, Feature]
    weight: str | None = config.added(None)
    thresholds: thresholds_lib.Thresholds | None = config.added(None)

    def __post_init__(self):
        if not isinstance(self.features, collections.abc.Mapping) or not self.features:
            raise errors.RecipeError(
                "A recipe needs at least one feature: `Recipe({'age': ZScore()})`."
            )
        features = {}
        for name, entry in self.features.items():
            try:
                is_feature = isinstance(entry, Feature)
                features[name] = entry if is_feature else Feature(entry)
            except errors.RecipeError as error:
                error.feature = error.feature or name
                raise
            if not isinstance(name, str):
                raise errors.RecipeError(
                    f"A feature's name must be a string, but {name!r} came."
                )
        _check_names(features)
        if self.weight is not None:
            _check_weight(features, self.weight)
        thresholds_lib.check(self.thresholds)
        object.__setattr__(self, "features", features)

    def views(self) -> dict[str, View]:
        """What statistics the recipe needs, by their key in the statistics."""
        views = {}
        for name, feature in self.features.items():
            scheme = feature.scheme
            median = feature.missing == "impute" and feature.impute_with == "median"
            views[name] = View(name, feature.axis, quantiles=median)
            key = view_key(name, scheme)
            needed = "quantiles" in scheme.requires or (median and key == name)
            pairs = "comoments" in scheme.requires
            views[key] = View(
                name, feature.axis, scheme.view, scheme.key, pairs, needed
            )
        return views

    def later_views(self, statistics) -> dict[str, View]:
        """What statistics it needs of one more pass, given those that there are.

        They are of what the fitted steps of a `schemes.Chain` make of the data.
        """
        views = {}
        for name, feature in self.features.items():
            scheme = feature.scheme
            if (
                isinstance(scheme, schemes.Chain)
                and view_key(name, scheme) in statistics
            ):
                found, after = stages(statistics, name, scheme)
                if after is not None and len(found) < len(scheme.fitted):
                    pairs = "comoments" in scheme.requires
                    key = stage_key(name, after)
                    needed = "quantiles" in scheme.requires
                    views[key] = View(name, feature.axis, after, None, pairs, needed)
        return views

    @property
    def passes(self) -> int:
        """How often the data are read, to fit all steps."""
        schemes_ = (feature.scheme for feature in self.features.values())
        chains = (len(s.fitted) for s in schemes_ if isinstance(s, schemes.Chain))
        return max([1, *chains])

    def thresholds_of(self, name: str) -> thresholds_lib.Thresholds:
        """How far new data of a feature may be from those that were fitted."""
        own = self.features[name].thresholds
        return own or self.thresholds or thresholds_lib.Thresholds()

    def columns(self) -> list[str]:
        """The columns it reads: its features, and the keys of those fitted by key."""
        keys = (feature.scheme.key for feature in self.features.values())
        return list(dict.fromkeys([*self.features, *(k for k in keys if k)]))

    def fit(self, statistics):
        """The `FittedRecipe` for data with these statistics.

        Args:
            statistics: Mapping of the keys of `views` to `FeatureStatistics`, such
                as `tfnorm.analyze` returns.

        Raises:
            RecipeError: if the statistics lack a feature.
            DataError: if a policy of the recipe refuses the data.
        """
        from tfnorm.recipe import fitting

        return fitting.fit(self, statistics)

    def check_columns(self, names: collections.abc.Collection[str]) -> None:
        """Raises a RecipeError where a column has the name of an indicator to add."""
        for name, feature in self.features.items():
            if feature.indicator and name in names and indicator_name(name) in names:
                raise errors.RecipeError(
                    f"is among the columns already, so `indicator=True` of {name!r} "
                    "cannot add it. Rename the column.",
                    feature=indicator_name(name),
                )

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe's JSON: equal recipes have equal digests."""
        return hashlib.sha256(config.dumps(self).encode()).hexdigest()

    def save(self, path: str | os.PathLike) -> None:
        """Writes the recipe as JSON."""
        disk.save(self, path)


def indicator_name(name: str) -> str:
    """Name of the column that tells where `name` had no value."""
    return f"{name}_missing"


def _check_names(features: dict[str, Feature]) -> None:
    for name, feature in features.items():
        made = [view_key(name, feature.scheme)] if feature.scheme.view else []
        made += [indicator_name(name)] if feature.indicator else []
        for taken in made:
            if taken in features:
                raise errors.RecipeError(
                    f"has the name that {name!r} needs for what is made of it. Rename "
                    "the column.",
                    feature=taken,
                )


def _check_weight(features: dict[str, Feature], weight) -> None:
    if not isinstance(weight, str):
        raise errors.RecipeError(f"`weight={weight!r}` must be a column's name.")
    for name, feature in features.items():
        if "comoments" in feature.scheme.requires:
            raise errors.RecipeError(
                f"{type(feature.scheme).__name__} needs co-moments, which have no "
                "weighted form. Put the feature into a recipe without `weight`.",
                feature=name,
            )


def stages(statistics, name: str, chain: schemes.Chain):
    """The statistics of the fitted steps so far, and the map to those that lack."""
    found = [statistics[view_key(name, chain)]]
    while len(found) < len(chain.fitted):
        after = typing.cast(bijectors.Bijector, chain.map_to(found))
        key = stage_key(name, after)
        if key not in statistics:
            return found, after
        found.append(statistics[key])
    return found, None


def stage_key(name: str, after: bijectors.Bijector) -> str:
    """Key of the statistics of what a fitted map makes of a feature.

    It tells the map by its digest, so that statistics of what other maps make, fitted
    to other data, are never merged with them.
    """
    digest = hashlib.sha256(config.dumps(after).encode()).hexdigest()
    return f"{after.label}({name}) {digest[:16]}"


def view_key(name: str, scheme: schemes.Scheme) -> str:
    """Key of the statistics that `scheme` is fitted from, for a feature."""
    return name if scheme.view is None else f"{scheme.view.label}({name})"
