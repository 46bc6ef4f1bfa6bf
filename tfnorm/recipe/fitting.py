# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From a recipe and statistics to maps."""

import itertools
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm.recipe import features
from tfnorm.recipe import fitted as fitted_lib
from tfnorm.statistics import features as features_lib

# Rows that describe a feature: they become golden inputs of a baked model.
_EXAMPLE_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def fit(recipe: features.Recipe, statistics) -> fitted_lib.FittedRecipe:
    """The maps of a recipe; see `Recipe.fit`."""
    _check_weight(recipe.weight, statistics)
    maps, examples, kinds = {}, {}, {}
    for name, feature in recipe.features.items():
        try:
            seen = statistics_for(statistics, name, feature.scheme)
            raw = statistics[name]
            maps[name] = _fit(feature, raw, seen)
            examples[name] = _examples(raw)
            kinds[name] = raw.kind or "floating"
        except errors.TfnormError as error:
            error.feature = error.feature or name
            raise
    digest = getattr(statistics, "digest", None)
    return fitted_lib.FittedRecipe(recipe, maps, examples, kinds, digest)


def _check_weight(weight: str | None, statistics) -> None:
    """Checks that statistics of a data set are weighted as a recipe says, if it does.

    A recipe without a weight is fitted to those of any, as whoever took them asked.
    """
    if weight is None or not hasattr(statistics, "weight_units"):
        return
    names = {*statistics.asked.get("weight", ())}
    if statistics.weight_units is None or names - {weight}:
        by = f"by {', '.join(map(repr, sorted(names)))}" if names else "by nothing"
        raise errors.RecipeError(
            f"the recipe's rows are weighted by {weight!r}, but the statistics are "
            f"weighted {by}. Take statistics with this recipe."
        )


def statistics_for(statistics, name: str, scheme: schemes.Scheme):
    """What a scheme is fitted from: the statistics of a feature, or of its view.

    Args:
        statistics: Mapping of names to `FeatureStatistics`.
        name: The feature.
        scheme: The scheme, of which some need statistics by key.

    Raises:
        RecipeError: if the statistics lack it.
    """
    key = features.view_key(name, scheme)
    for needed in (name, key):
        if needed not in statistics:
            raise errors.RecipeError(
                f"the statistics hold no {needed!r}; they hold "
                f"{', '.join(sorted(itertools.islice(statistics, 100)))}."
            )
    seen = statistics[key]
    if isinstance(scheme, schemes.Chain) and scheme.fitted:
        found, after = features.stages(statistics, name, scheme)
        if after is not None:
            raise errors.RecipeError(
                f"the statistics hold no {features.stage_key(name, after)!r}: those of "
                "one pass alone. `tfnorm.analyze` and the Beam job run them all."
            )
        return schemes.Stages(tuple(found))
    if scheme.key is not None:
        # Of statistics of a data set the groups are arrays already.
        held = features_lib.of(getattr(statistics, "features", statistics))
        found_keys = held.by_key(key, scheme.key)
        if not found_keys:
            raise errors.RecipeError(
                f"the statistics hold no groups of {key!r} by {scheme.key!r}: no row "
                "had such a key, or they were taken for another recipe."
            )
        seen = schemes.Groups(seen, found_keys)
    return seen


def _fit(feature: features.Feature, raw, seen) -> bijectors.Bijector:
    not_a_number = raw.counts.nan
    if feature.nan_policy == "raise" and np.any(not_a_number):
        raise errors.DataError(
            f"{int(np.sum(not_a_number))} values are NaN, and `nan_policy='raise'`."
        )
    return _whole(feature, raw, feature.scheme.fit(seen))


def template(feature: features.Feature, shape: tuple[int, ...]) -> bijectors.Bijector:
    """The map of a feature before there are data, of the structure of a fitted one.

    Args:
        feature: The feature.
        shape: The kept shape of its data.
    """
    none: typing.Any = schemes.Placeholder(tuple(shape))
    return _whole(feature, none, feature.scheme.template(tuple(shape)))


def _whole(feature: features.Feature, raw, fitted) -> bijectors.Bijector:
    """The map of a scheme, with those that the policies put around it."""
    if feature.nan_policy == "propagate":
        not_a_number = raw.counts.nan
        if "comoments" in feature.scheme.requires:
            # Every element has a part in every result.
            not_a_number = np.full_like(not_a_number, np.any(not_a_number))
        # There without NaN, too: what it is made of must not depend on the data.
        spoiled = np.where(not_a_number, np.nan, 0.0)
        fitted = bijectors.Chain((fitted, bijectors.Affine(spoiled, 1.0)))
    if feature.missing == "keep":
        return fitted
    if feature.impute_with == "mean":
        value = raw.mean
    elif feature.impute_with == "median":
        value = raw.quantile(0.5).value
    else:
        value = feature.impute_with
    return bijectors.Chain((bijectors.Impute(value), fitted))


def _examples(raw) -> tuple:
    if raw.shape is None:
        return ()
    if getattr(raw, "has_quantiles", True):
        rows = [np.asarray(raw.quantile(q).value) for q in _EXAMPLE_QUANTILES]
    else:
        least, mean, most = (np.asarray(row) for row in (raw.min, raw.mean, raw.max))
        rows = [least, (least + mean) / 2, mean, (mean + most) / 2, most]
    if raw.kind == "integer":
        rows = [np.rint(row).astype(np.int64) for row in rows]
    return config.decode(config.encode(rows))  # As tuples, as when it is read.
