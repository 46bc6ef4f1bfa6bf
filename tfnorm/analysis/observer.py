# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the statistics of batches of rows, in one pass."""

import collections.abc
import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.analysis import rows as rows_lib
from tfnorm.analysis import seen as seen_lib
from tfnorm.analysis import slices as slices_lib
from tfnorm.statistics import features as features_lib
from tfnorm.statistics import groups
from tfnorm.statistics import keyed as keyed_lib
from tfnorm.statistics import weighted_groups

# Rows that are taken in at once, so that NumPy's calls cost little beside its work;
# fewer where they would hold more values than this.
_ROWS = 1 << 17
_VALUES = 1 << 24
_NOTHING = statistics.FeatureStatistics()


class Observer:
    """Gathers the statistics of batches.

    Small batches are kept until there are enough rows to be worth NumPy's calls.

    Args:
        recipe: What to observe; `None` for every feature that holds numbers.
        views: Of the recipe what to observe, by the key of its statistics: those of
            `recipe.views()`, unless given.
        quantiles: Whether to take quantiles, too.
        rows: Which rows count, how much, and in which slices: all, by the recipe's
            weight, unless given.
    """

    def __init__(
        self,
        recipe: recipe_lib.Recipe | None = None,
        *,
        views: collections.abc.Mapping[str, recipe_lib.View] | None = None,
        quantiles: bool = True,
        rows: rows_lib.Rows | None = None,
    ):
        arrays.keep_freed_memory()
        self.bad_records = 0
        self._quantiles = quantiles
        self._recipe = recipe
        self._views = views
        if views is None and recipe is not None:
            self._views = recipe.views()
        self._rows = rows_lib.Rows.of(recipe) if rows is None else rows
        self._slices: set[tuple] = set()
        self._found = artifact.Statistics(
            recipe=None if recipe is None else config.encode(recipe)
        )
        # Without groups, which are kept in parts until they are asked for.
        self._groups: dict[str, list[statistics.KeyedStatistics]] = {}
        self._waiting: list[arrays.Batch] = []
        self._waiting_rows = self._values = 0

    def add(self, batch: arrays.Batch, *, selected: bool = False) -> None:
        """Takes in some rows.

        Args:
            batch: The rows.
            selected: Whether those that do not count were left out already.

        Raises:
            FeatureError: if a feature is not there or is not what it was before.
        """
        self.bad_records += batch.bad_records
        there = batch.rows
        batch = batch if selected else self._rows.select(batch)
        if there and not batch.rows:
            self._found = self._with(self._found.features, [batch], None)
            return
        if self._waiting and not _alike(self._waiting[0], batch):
            self._flush()
        self._waiting.append(batch)
        self._waiting_rows += batch.rows
        self._values += sum(c.size for c in batch.columns.values())
        if self._waiting_rows >= _ROWS or self._values >= _VALUES:
            self._flush()

    def result(self) -> artifact.Statistics:
        """The statistics of all batches so far."""
        self._flush()
        keyed = {}
        for stem, parts in self._groups.items():
            while len(parts) > 1:
                last = parts.pop()
                parts[-1] = parts[-1].merge(last)
            if len(parts[0]):
                keyed[stem] = parts[0]
        # Of groups these are features whose names are like those of groups.
        found = features_lib.of(self._found.features)
        held = statistics.Features(found.plain, {**found.keyed, **keyed})
        return dataclasses.replace(self._found, features=held)

    def _flush(self) -> None:
        if self._waiting:
            batches, self._waiting = self._waiting, []
            self._waiting_rows = self._values = 0
            self._found = self._observe(batches)

    def _observe(self, batches: list[arrays.Batch]) -> artifact.Statistics:
        first = batches[0]
        rows = sum(batch.rows for batch in batches)
        known = self._found.features
        views = self._views or _numbers(first, self._rows.weight)
        weights = None
        if self._rows.weight is not None:
            weights = self._rows.weights(seen_lib.joined(batches, self._rows.weight))
        try:
            slices = slices_lib.Slices(
                self._rows.slices, lambda name: seen_lib.joined(batches, name)
            )
        except errors.TfnormError as error:
            error.file = error.file or first.file
            raise
        self._slices.update(slices.names)
        rows_lib.check_count(len(self._slices), self._rows)
        named, wanted = (_not_groups(names) for names in (known, views))
        if self._views is None and named and wanted != named:
            raise _changed(wanted, named, first)
        features = dict(known)
        pairs: dict[str, int] = {}
        for key, view in views.items():
            try:
                column = seen_lib.joined(batches, view.feature)
                keys = None if view.key is None else seen_lib.joined(batches, view.key)
                axis = seen_lib.kept(view, column.ndim)
                options: dict[str, typing.Any] = {"axis": axis}
                options["quantiles"] = self._quantiles and (view.quantiles or None)
                for where, seen in seen_lib.seen(column, view):
                    own = None if weights is None else weights[where]
                    if own is not None:
                        slices_lib.check_steps(seen, len(own), "weight")
                    before = features.get(key, _NOTHING)
                    features[key] = before.add(
                        seen, comoments=view.comoments, weights=own, **options
                    )
                    pairs[key] = features[key].pairs * len(self._slices)
                    features_lib.check_pairs(sum(pairs.values()))
                    of = (view.key, keys, where, rows)
                    for suffix, by, chosen, values in slices.by_key(*of):
                        part = seen if chosen is None else seen.take(chosen)
                        if view.comoments:
                            name = key + suffix
                            _add_singly(features, name, by, part, values, options)
                            continue
                        if own is None:
                            self._add_groups(key + suffix, by, part, values, options)
                            continue
                        weight = own if chosen is None else own[chosen]
                        held = options
                        # Where only a scheme asks for the groups, it says if of
                        # histograms, too: they take most of time and memory.
                        if not suffix and (by,) not in self._rows.slices:
                            held = options | {"quantiles": view.quantiles}
                        _add_weighted(
                            features, key + suffix, by, part, values, weight, held
                        )
            except errors.TfnormError as error:
                error.feature = error.feature or view.feature
                error.file = error.file or first.file
                if error.record is None and first.file is not None:
                    error.record = first.first_record
                raise
        if weights is not None:
            weighted_groups.check_buckets(features)
        return self._with(features, batches, weights)

    def _with(self, features, batches: list[arrays.Batch], weights):
        """What was found, of such features, and where these batches come from."""
        files = {batch.file for batch in batches if batch.file is not None}
        files.update(self._found.sources)
        made = {*self._found.provenance, *self._rows.provenance}
        total = self._found.weight_units
        if self._rows.weight is not None:
            added = np.zeros(0) if weights is None else weights
            total = (total or 0) + statistics.as_units(added)
        return artifact.Statistics(
            features,
            self._found.rows + sum(batch.rows for batch in batches),
            self._found.bad_records + sum(batch.bad_records for batch in batches),
            self._found.recipe,
            tuple(sorted(files)),
            tuple(sorted(made.union(*(b.provenance for b in batches)))),
            total,
        )

    def _add_groups(self, name: str, by: str, column, keys: arrays.Column, options):
        slices_lib.check_steps(column, len(keys.values), "key")
        found = keyed_lib.of(column, keys, **options)
        stem = groups.stem(name, by, found.key_type)
        parts = self._groups.setdefault(stem, [])
        parts.append(found)
        # Parts of about one size, so that many keys are not merged at each step.
        while len(parts) > 1 and parts[-2].nbytes <= 2 * parts[-1].nbytes:
            last = parts.pop()
            parts[-1] = parts[-1].merge(last)


def _add_singly(features, name: str, by: str, column, keys, options):
    """Adds slices with co-moments, of which there are no arrays over keys."""
    slices_lib.check_steps(column, len(keys.values), "key")
    for key, rows in statistics.rows_by_key(keys).items():
        whole = groups.group_name(name, by, key)
        features[whole] = features.get(whole, _NOTHING).add(
            column.take(rows), comoments=True, **options
        )


def _add_weighted(features, name: str, by: str, column, keys, weights, options):
    slices_lib.check_steps(column, len(keys.values), "key")
    found = weighted_groups.of(column, keys, weights, **options)
    for key, one in found.items():
        whole = groups.group_name(name, by, key)
        features[whole] = features.get(whole, _NOTHING).merge(one)
    weighted_groups.check_count(features)


def _alike(one: arrays.Batch, other: arrays.Batch) -> bool:
    """Whether two batches may be joined: same features, types and shapes."""
    if one.columns.keys() != other.columns.keys():
        return False
    for name, column in one.columns.items():
        values = other.columns[name].values
        if column.values.dtype != values.dtype:
            return False
        if column.values.shape[1:] != values.shape[1:]:
            return False
        if type(column) is not type(other.columns[name]):
            return False
    return True


def _numbers(batch: arrays.Batch, weight: str | None) -> dict[str, recipe_lib.View]:
    """Views of the columns that hold numbers, beside the weight."""
    return {
        name: recipe_lib.View(name, -1)
        for name, column in batch.columns.items()
        if name != weight
        and (
            isinstance(column, arrays.ImageColumn)
            or column.values.dtype.kind not in "OSUMm"
        )
    }


def _not_groups(names: collections.abc.Iterable[str]) -> set[str]:
    return {name for name in names if not statistics.is_group(name)}


def _changed(
    wanted: set[str], known: set[str], batch: arrays.Batch
) -> errors.FeatureError:
    name = min(wanted ^ known)
    earlier, now = ("had", "has none") if name in known else ("had none", "has")
    return errors.FeatureError(
        f"earlier rows {earlier} numbers of this feature, and this batch {now}. Name "
        "the features in a recipe: then a value that is absent counts as missing.",
        feature=name,
        file=batch.file,
        record=None if batch.file is None else batch.first_record,
    )
