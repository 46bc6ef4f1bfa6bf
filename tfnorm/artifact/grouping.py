# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""By which columns statistics were grouped: only those of the same fit together."""

import collections.abc
import typing

from tfnorm import errors
from tfnorm import statistics
from tfnorm.statistics import groups

# Of what feature, and by which columns; no feature where it is of all of them.
Grouping = tuple[str | None, tuple[str, ...]]


def check_same(one, other) -> None:
    """Checks that two `Statistics` are by the same keys and slices.

    It goes by what was asked for: rows that all lack a key have no groups. Only where
    nothing tells that, by the groups that there are.

    Raises:
        StatisticsError: If rows of only one of the two were grouped by some columns.
    """
    mine, theirs = _asked(one), _asked(other)
    if not (one.rows and other.rows) or mine == theirs:
        return
    if not (mine and theirs) and None in (one.recipe, other.recipe):
        # Made by hand, perhaps: features and groups without what asked for them.
        mine = {(None, columns) for _, columns in mine or _found(one)}
        theirs = {(None, columns) for _, columns in theirs or _found(other)}
    odd = sorted(mine ^ theirs, key=str)
    if odd:
        feature = next((name for name, _ in odd if name is not None), None)
        columns = ", ".join(dict.fromkeys(" and ".join(by) for _, by in odd))
        raise errors.StatisticsError(
            f"only one of the two has statistics of its rows by {columns}. Take both "
            "with the same slices, and by the same keys.",
            feature=feature,
        )


def _asked(found) -> set[Grouping]:
    """The slices that provenance names, and the keys that the recipe does."""
    asked: set[Grouping] = set()
    for slices in found.asked.get("slices", ()):
        asked.update((None, tuple(one)) for one in slices)
    recipe = found.recipe if isinstance(found.recipe, dict) else {}
    features = recipe.get("features")
    for name, feature in features.items() if isinstance(features, dict) else ():
        asked.update((name, (key,)) for key in _keys(feature))
    return asked


def _keys(encoded: typing.Any) -> collections.abc.Iterator[str]:
    """The columns of the schemes by key in what `config.encode` made of a feature."""
    if isinstance(encoded, dict):
        if encoded.get("type") == "PerKey":
            yield encoded["key"]
        for part in encoded.values():
            yield from _keys(part)
    elif isinstance(encoded, list):
        for part in encoded:
            yield from _keys(part)


def _found(found) -> set[Grouping]:
    """The columns of the groups that there are."""
    keyed = found.features.keyed.items()
    names = [*found.features.plain]
    names += [groups.whole(stem, next(iter(held))) for stem, held in keyed]
    bases = [name for name in names if not statistics.is_group(name)]
    columns: set[Grouping] = set()
    for name in filter(statistics.is_group, names):
        for base in bases:
            keys = statistics.group_keys(base, name)
            if keys:
                columns.add((None, tuple(column for column, _ in keys)))
    return columns
