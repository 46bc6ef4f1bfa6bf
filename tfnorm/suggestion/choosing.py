# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Chooses a scheme for each feature, and writes down why."""

import collections.abc
import dataclasses
import re
import typing

from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.statistics import features as features_lib
from tfnorm.suggestion import evidence
from tfnorm.suggestion import result
from tfnorm.suggestion import rules
from tfnorm.suggestion import schemas

# Views, and what chains make of a feature, are of another: "log1p(distance)".
_VIEW = re.compile(r"[\w>-]+\((.+)\)(?: [0-9a-f]{16})?")
_LOGS = ("log1p", "log")
# They are for data whose mean a few values move: the median stands for the rest.
_MEDIAN = (schemes.Log, schemes.Power, schemes.Robust)


def suggest(
    source,
    *,
    schema=None,
    pins: recipe_lib.Recipe | None = None,
    exclude: collections.abc.Collection[str] = (),
    one_pass: bool = True,
) -> result.Suggestion:
    """Suggests a recipe by plain rules, and says of each feature why.

    The rules stand in one table, `tfnorm.suggestion.RULES`; the first that applies
    decides. Features without numbers, constants, booleans, categories and row numbers
    are left out. A feature that may lack values is imputed, and an indicator added.

    Args:
        source: `tfnorm.Statistics`, best taken without a recipe, or a `Schema` of
            TensorFlow Metadata.
        schema: A `Schema` beside statistics, for what it says of types, categories
            and bounds.
        pins: Features that are to be as this recipe has them, whatever the rules say;
            its weight and thresholds become those of the recipe. Its keys and its
            weight are no features, unless they are pinned too.
        exclude: Features to leave out, whatever the rules say.
        one_pass: Whether to suggest only what the statistics that there are suffice
            for. Else long tails get `schemes.Log`, whose statistics take one more
            pass over the data, in place of `schemes.Power`.

    Raises:
        RecipeError: if `pins` or `exclude` name a feature that is not there, or if no
            feature is left.

    Example:

    >>> import numpy as np
    >>> from tfnorm import analysis
    >>> data = {"height": np.arange(150.0, 200.0), "unit": np.ones(50)}
    >>> found = analysis.analyze(data)
    >>> print(suggest(found))
    height  ZScore: mean 174.5 and deviation 14.43, 0.7946 times that of its middle half
    unit    Left out: always 1, which tells nothing
    >>> suggest(found).recipe.fit(found).forward(data)["height"][:2]
    array([-1.69774932, -1.62845343])
    """
    found, schema = _sources(source, schema)
    known = _evidence(found, schema, one_pass)
    pinned = {} if pins is None else dict(pins.features)
    exclude = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    _check_known(known, pinned, exclude)
    axes = _axes(found)
    weight, thresholds = (pins.weight, pins.thresholds) if pins else (None, None)
    weight = weight or _weight(found)
    roles = _roles(pinned, weight)
    features, reasons = {}, {}
    for name, seen in sorted(known.items()):
        if name in exclude:
            reasons[name] = "Left out: excluded"
        elif name in pinned:
            features[name] = pinned[name]
            reasons[name] = f"{_called(pinned[name].scheme)}: pinned"
        elif name in roles:
            reasons[name] = f"Left out: {roles[name]}"
        else:
            feature, reasons[name] = _choose(name, seen, known, axes.get(name, -1))
            if feature is not None:
                features[name] = feature
    if not features:
        said = "; ".join(f"{name!r}: {why}" for name, why in reasons.items())
        raise errors.RecipeError(
            f"no feature is left to normalize ({said or 'there are none'}). Pin a "
            "scheme to those that are to be."
        )
    recipe = recipe_lib.Recipe(features, weight=weight, thresholds=thresholds)
    lacking = () if found is None else _lacking(recipe, found, axes)
    return result.Suggestion(recipe, reasons, lacking)


def _sources(source, schema) -> tuple[artifact.Statistics | None, typing.Any]:
    if schemas.is_schema(source) and schema is None:
        return None, source
    if not isinstance(source, artifact.Statistics):
        raise errors.RecipeError(
            "a recipe is suggested from `tfnorm.Statistics` or a `Schema` of "
            f"tensorflow_metadata, but `{type(source).__name__}` came."
        )
    if schema is not None and not schemas.is_schema(schema):
        raise errors.RecipeError(
            f"`schema` must be a `Schema` of tensorflow_metadata, but "
            f"`{type(schema).__name__}` came."
        )
    return source, schema


def _evidence(found, schema, one_pass: bool) -> dict[str, evidence.Evidence]:
    """What is known of each feature, by statistics and a schema."""
    said = {} if schema is None else schemas.of_schema(schema)
    if found is None:
        return said
    known = {}
    for name in _names(found):
        logs = tuple(
            kind for kind in _LOGS if not one_pass or f"{kind}({name})" in found
        )
        seen = evidence.of_statistics(found[name])
        known[name] = dataclasses.replace(seen, logs=logs)
        if name in said:
            known[name] = schemas.with_schema(known[name], said[name])
    for name, one in said.items():
        if name not in known:
            refused = one.refused or "the statistics hold none of its values"
            known[name] = dataclasses.replace(one, refused=refused)
    return known


def _names(found: artifact.Statistics) -> list[str]:
    """The features, without slices, groups by key and views of features."""
    names = [
        name
        for name in features_lib.of(found.features).plain
        if not statistics.is_group(name)
    ]
    views = {name: _VIEW.fullmatch(name) for name in names}
    return [name for name, view in views.items() if not (view and view[1] in views)]


def _axes(found: artifact.Statistics | None) -> dict:
    """The axes that the statistics keep, where a recipe asked for them."""
    if found is None or found.recipe is None:
        return {}
    asked = config.decode(found.recipe).features
    return {name: feature.axis for name, feature in asked.items()}


def _weight(found: artifact.Statistics | None) -> str | None:
    """The column by which the rows of the statistics are weighted."""
    if found is None or found.weight_units is None:
        return None
    return next(iter(found.asked.get("weight", ())), None)


def _roles(pinned, weight: str | None) -> dict[str, str]:
    """What columns are to the recipe that are no features of it, by name."""
    keyed: dict[str, list[str]] = {}
    for name, feature in sorted(pinned.items()):
        if feature.scheme.key is not None:
            keyed.setdefault(feature.scheme.key, []).append(repr(name))
    roles = {key: f"is the key of {', '.join(of)}" for key, of in keyed.items()}
    if weight is not None:
        roles.setdefault(weight, "is the weight")
    return roles


def _check_known(known, pinned, exclude) -> None:
    for what, names in (("pins", pinned), ("exclude", exclude)):
        for name in names:
            if name not in known:
                raise errors.RecipeError(
                    f"`{what}` names it, but it is not among "
                    f"{', '.join(sorted(known)[:100])}.",
                    feature=name,
                )
    for name in pinned:
        if name in exclude:
            raise errors.RecipeError(
                "is pinned and excluded. Take it out of one.", feature=name
            )


def _choose(name: str, seen: evidence.Evidence, known, axis):
    """The feature by the first rule that applies (`None` if left out), and why."""
    rule = next(rule for rule in rules.RULES if rule.applies(seen))
    if rule.scheme is None:
        return None, f"Left out: {rule.reason(seen)}"
    scheme = rule.scheme(seen)
    why = [f"{_called(scheme)}: {rule.reason(seen)}"]
    if seen.constants:
        why.append(f"{seen.constants} of {seen.elements} elements never vary")
    if seen.infinite:
        why.append(f"{seen.infinite:,} infinite ones are in no statistic")
    absent = seen.missing + seen.nan
    if not absent and not seen.optional:
        return recipe_lib.Feature(scheme, axis=axis), "; ".join(why)
    median = isinstance(scheme, _MEDIAN)
    # A column that is always 0 in training is one that no weight learns of.
    indicator = bool(absent) or not seen.held
    parts = [f"{seen.missing:,} rows have no value"] if seen.missing else []
    parts += [f"{seen.nan:,} values are NaN"] if seen.nan else []
    said = " and ".join(parts) or "the schema lets it have no value"
    said += f", imputed by the {'median' if median else 'mean'}"
    taken = recipe_lib.indicator_name(name)
    if indicator and taken in known:
        indicator = False
        said += f", without an indicator: {taken!r} is there already"
    elif indicator:
        said += f", with the indicator {taken!r}"
    feature = recipe_lib.Feature(
        scheme,
        axis=axis,
        missing="impute",
        impute_with="median" if median else "mean",
        indicator=indicator,
    )
    return feature, "; ".join([*why, said])


def _called(scheme: schemes.Scheme) -> str:
    kind = getattr(scheme, "kind", None) or getattr(scheme, "method", None)
    return " ".join([type(scheme).__name__, *([kind] if kind else [])])


def _lacking(
    recipe: recipe_lib.Recipe, found: artifact.Statistics, axes: dict
) -> tuple[str, ...]:
    """The features whose scheme needs statistics that are not there."""
    lacking = {view.feature for view in recipe.later_views(found).values()}
    for key, view in recipe.views().items():
        held = found.get(key)
        raw = found[view.feature] if view.feature in found else None
        if (
            held is None
            or (view.comoments and held.joint is None)
            or (view.quantiles and not held.has_quantiles)
            or (view.key and not features_lib.of(found.features).by_key(key, view.key))
            or (view.axis != axes.get(view.feature, -1) and raw and raw.shape)
        ):
            lacking.add(view.feature)
    return tuple(sorted(lacking))
