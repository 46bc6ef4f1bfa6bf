# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares the statistics of two data sets, feature by feature."""

import collections.abc
import dataclasses

from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.comparison import by_key
from tfnorm.comparison import measures
from tfnorm.comparison import report
from tfnorm.statistics import features as features_lib
from tfnorm.statistics import groups

_Mapping = collections.abc.Mapping[str, statistics.FeatureStatistics]


def compare(
    found: _Mapping,
    baseline: _Mapping,
    *,
    recipe: recipe_lib.Recipe | None = None,
    thresholds: recipe_lib.Thresholds | None = None,
    exclude: collections.abc.Collection[str] = (),
) -> report.Comparison:
    """Compares new data with a baseline, such as those that a model was trained on.

    Of each feature, and element by element, it measures what `Thresholds` lists, and
    tells of the worst element. It is no test of significance, but for keys and values
    out of range: few values scatter more than many, so each finding says how many there
    were. Policies:

    * NaN count as missing. Infinities are out of range, unless the baseline has some
      of that sign.
    * Of m values of the baseline and others drawn alike, a share of 2 / (m + 1) is out
      of its range. A share is a breach if it is more than the threshold above that,
      and no chance: as many are so with odds below 1 in 741, those of three standard
      errors (Gumbel and von Schelling, The Distribution of the Number of Exceedances,
      1950; see `chance.outside_at_least`), divided among the elements.
    * Of a baseline that never varies every change is infinite, of mean and deviation.
    * A feature that the new data lack, or have in another type (floating, integer) or
      kept shape, is a finding. One that only the new data have is not compared.
    * Of features without histograms (those of more than 4,096 elements) there is no
      stability index, and only the extrema are known to be out of range. A note says
      so, as of all that cannot be measured.
    * Of views (as "log1p(distance)") that both data have, the same is measured; and the
      shift and the ratio of deviations of views alone, which schemes are fitted to.
    * Where a scheme is fitted to quantiles, as `Power` and `Robust`, these two are of the
      middle half of the values, its deviation over 0.378, which is that of a normal
      feature of deviation 1: a long tail moves other means and deviations by chance.
      Elements of which one value is a twentieth of the baseline keep these, since their
      middle half may be that value alone.
    * Keys are those of groups by one column, of `PerKey` or slices. Within each key that
      both have, with 30 values or more, the shift and the ratio of deviations are
      measured, too, as a feature such as "delay | carrier", which tells of the worst
      key. Of many keys some are off by chance, which is no breach; see
      `by_key.compare`.

    Args:
        found: Statistics of the new data, such as `tfnorm.analyze` returns.
        baseline: Those to compare with.
        recipe: Which features to compare, and with which thresholds. By default that
            which the baseline was taken for; or else all of the baseline's.
        thresholds: For all features, in place of the recipe's.
        exclude: Features that are not compared, nor their views; such as the label,
            which a server's logs lack.

    Raises:
        EmptyDataError: if one of the two has no rows.
        RecipeError: if there is no feature of a name to exclude, or no list of them.

    Example:

    >>> import numpy as np
    >>> of = statistics.FeatureStatistics.of
    >>> train = {"age": of(np.arange(20, 60))}
    >>> compared = compare({"age": of(np.arange(40, 80))}, train)
    >>> print(compared.findings[0])
    feature 'age': the mean is off by +1.73 deviations, beyond 0.5 (40 values, 40 in the baseline).
    >>> compare(train, train).passed
    True
    """  # noqa: E501
    rows, baseline_rows = _rows(found, "new data"), _rows(baseline, "baseline")
    if recipe is None and getattr(baseline, "recipe", None) is not None:
        recipe = config.decode(baseline.recipe)  # type: ignore[attr-defined]
    held = [features_lib.of(getattr(one, "features", one)) for one in (found, baseline)]
    names = _names(held[0], held[1], recipe)
    _check_excluded(exclude, names)
    features = {}
    for name, (base, needed) in names.items():
        if base in exclude:
            continue
        limits = thresholds or recipe_lib.Thresholds()
        if recipe is not None and thresholds is None:
            limits = recipe.thresholds_of(base)
        absent = [name not in one for one in held]
        if any(absent):
            if needed:
                features[name] = _absent(name, held, absent)
            continue
        scheme = None if recipe is None else recipe.features[base].scheme
        viewed = _viewed(name, base, names, held)
        middle = scheme is not None and "quantiles" in scheme.requires
        compared = measures.compare(
            held[0][name],
            held[1][name],
            limits,
            centre=not viewed,
            middle=middle,
        )
        key = None if scheme is None else scheme.key
        columns = _key_columns(held[1], name) if key is None else [key]
        if viewed and key is not None:
            columns = []  # The groups are the view's.
        features[name] = _with_keys(compared, held, name, columns, limits)
        if compared.faults or viewed:
            continue
        for column in columns:
            mine, theirs = (one.by_key(name, column) for one in held)
            if mine and theirs:
                within = by_key.compare(mine, theirs, column, limits, middle)
                features[f"{name} | {column}"] = within
    digest, before = (getattr(one, "digest", None) for one in (found, baseline))
    notes = tuple(f"{name!r} was excluded." for name in sorted(set(exclude)))
    return report.Comparison(features, rows, baseline_rows, digest, before, notes)


def _rows(of: _Mapping, which: str) -> int:
    rows = getattr(of, "rows", None)
    if rows is None:
        rows = max((feature.rows for feature in of.values()), default=0)
    if not rows:
        raise errors.EmptyDataError(f"The {which} have no rows to compare.")
    return rows


def _names(found, baseline, recipe) -> dict[str, tuple[str, bool]]:
    """What to compare, of which feature it is, and whether both must have it."""
    if recipe is None:
        plain = [n for n in baseline.plain if not groups.is_group(n)]
        return {name: (name, True) for name in sorted(plain)}
    names = {}
    for name, view in recipe.views().items():
        names[name] = (view.feature, name == view.feature)
    return names


def _check_excluded(exclude, names: dict[str, tuple[str, bool]]) -> None:
    if isinstance(exclude, str):
        raise errors.RecipeError(
            f"`exclude={exclude!r}` must be a list of features: `[{exclude!r}]`."
        )
    known = sorted({base for base, _ in names.values()})
    for name in exclude:
        if name not in known:
            raise errors.RecipeError(
                f"cannot be excluded: what is compared is {', '.join(known)}.",
                feature=name,
            )


def _viewed(name: str, base: str, names, held) -> bool:
    """Whether a feature has a view, which is what its scheme is fitted to."""
    views = (one for one, (feature, _) in names.items() if feature == base != one)
    return name == base and any(all(view in one for one in held) for view in views)


def _absent(name, held, absent) -> report.FeatureComparison:
    found, baseline = (
        0 if gone else one[name].rows - one[name].missing
        for one, gone in zip(held, absent, strict=True)
    )
    where = "both" if all(absent) else "the new data" if absent[0] else "the baseline"
    fault = f"it is absent from {where}."
    return report.FeatureComparison(found, baseline, faults=(fault,))


def _key_columns(held: statistics.Features, name: str) -> list[str]:
    """The columns by which a feature has groups, one column each."""
    stems = {*held.keyed, *held.stems}
    samples = (groups.whole(s, "" if s.endswith('"') else 0) for s in stems)
    found = [groups.group_keys(name, sample) for sample in samples]
    return sorted({keys[0][0] for keys in found if len(keys) == 1})


def _with_keys(
    compared: report.FeatureComparison, held, name: str, columns, limits
) -> report.FeatureComparison:
    """Adds the share of rows of new keys: of the column that has most."""
    worst, notes = None, list(compared.notes)
    for column in columns:
        mine, theirs = (one.by_key(name, column) for one in held)
        if not theirs or not mine:
            which = "the new data" if theirs else "the baseline"
            notes.append(f"no new keys: {which} have no groups by {column!r}.")
            continue
        one = measures.new_keys(mine, theirs, column, limits)
        if worst is None or one.value > worst.value:
            worst = one
    found = {**compared.measures, **({} if worst is None else {"new_keys": worst})}
    return dataclasses.replace(compared, measures=found, notes=tuple(notes))
