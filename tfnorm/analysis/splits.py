# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the statistics of several splits of the data in one pass."""

import collections.abc
import dataclasses
import json
import re
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.analysis import observer as observer_lib
from tfnorm.analysis import passes
from tfnorm.analysis import rows as rows_lib

MAX_SPLITS = 100
_OPTIONS = {"weight", "filters", "slices", "max_slices"}
_MEDIA = {"images", "audio"}
# They become names of folders, on any file system.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


class SplitObserver:
    """Gathers the statistics of batches, by split.

    Args:
        recipe: As of `Observer`.
        by: Column whose values name the split of each row; `None` where whole batches
            are of one.
        views: As of `Observer`, for each split; rows of others are left out.
        rows: As of `Observer`.
        features: Names of what to observe where there is neither recipe nor views.
    """

    def __init__(
        self,
        recipe: recipe_lib.Recipe | None,
        by: str | None,
        *,
        views: collections.abc.Mapping[str, dict] | None = None,
        rows: rows_lib.Rows | None = None,
        features: collections.abc.Iterable[str] | None = None,
    ):
        self._recipe = recipe
        self._named = None
        if features is not None:
            self._named = {name: recipe_lib.View(name, -1) for name in features}
        self._by = by
        self._views = views
        self._rows = rows_lib.Rows.of(recipe) if rows is None else rows
        self._observers: dict[str, observer_lib.Observer] = {}

    def add(self, batch: arrays.Batch, split: str = "") -> None:
        """Takes in some rows, of one split unless a column names it."""
        parts = iter([(split, batch)])
        if self._by is not None:  # Rows that do not count need no split.
            parts = _parts(self._rows.select(batch), self._by)
        for name, part in parts:
            if self._views is not None and name not in self._views:
                continue
            if name not in self._observers:
                views = self._named if self._views is None else self._views[name]
                self._observers[name] = observer_lib.Observer(
                    self._recipe, views=views, rows=self._rows
                )
                check_split_count(len(self._observers), self._by)
            self._observers[name].add(part, selected=self._by is not None)

    def results(self) -> dict[str, artifact.Statistics]:
        """The statistics of each split so far; their provenance names it."""
        return {
            name: named(observer.result(), name)
            for name, observer in sorted(self._observers.items())
        }


def check_name(name: str) -> str:
    """Returns the name of a split, or raises an OptionsError if it is none."""
    if not _NAME.fullmatch(name):
        raise errors.OptionsError(
            f"{name!r} cannot name a split: letters, digits and any of `_.+-` can."
        )
    return name


def check_mapping(inputs: typing.Any) -> None:
    """Raises an OptionsError where data are not by the names of splits."""
    if not isinstance(inputs, collections.abc.Mapping):
        raise errors.OptionsError(
            "Say which rows are of which split: by a column that names it, `by=`, or "
            "as a mapping of the names of splits to the data of each."
        )
    for name in inputs:
        check_name(name)


def check_split_count(splits: int, by: str | None) -> None:
    """Raises a DataError if so many splits are more than may be."""
    if splits > MAX_SPLITS:
        raise errors.DataError(
            f"there are more than {MAX_SPLITS} splits. Slice by such a column instead.",
            feature=by,
        )


def named(found: artifact.Statistics, split: str) -> artifact.Statistics:
    """Returns the statistics with the name of their split in the provenance."""
    line = json.dumps({"split": split})
    made = tuple(sorted({*found.provenance, line}))
    return dataclasses.replace(found, provenance=made)


def _parts(
    batch: arrays.Batch, by: str
) -> collections.abc.Iterator[tuple[str, arrays.Batch]]:
    try:
        column = arrays.column_of(batch.columns, by)
        if column.missing is not None and column.missing.any():
            row = int(np.flatnonzero(column.missing)[0])
            raise errors.DataError(
                "the row is in no split. Filter such rows out of the files, or fill "
                "the column in.",
                record=batch.record(row),
            )
        for key, rows in statistics.rows_by_key(column).items():
            yield check_name(str(key)), rows_lib.chosen(batch, rows)
    except errors.TfnormError as error:
        error.feature = error.feature or by
        error.file = error.file or batch.file
        raise


def analyze_splits(
    data: typing.Any,
    recipe: recipe_lib.Recipe | collections.abc.Mapping | None = None,
    *,
    by: str | None = None,
    **options: typing.Any,
) -> dict[str, artifact.Statistics]:
    """Computes the statistics of each split, reading the data once.

    They are those of each split alone, to the bit.

    Args:
        data: As of `analyze`, where `by` is given; else a mapping of the names of
            splits to the data of each.
        recipe: As of `analyze`.
        by: Column whose values, text or integers, name the split of each row.
        **options: As of `analyze`: `weight`, `filters`, `slices`, `max_slices`,
            `images`, `audio`; of a mapping of splits also the others.

    Returns:
        The names of the splits to their `Statistics`.

    Raises:
        DataError: As of `analyze`; also if a row has no split.
        OptionsError: If a name cannot be that of a split, or an option is none.

    Example:

    >>> data = {"x": np.array([1.0, 3.0, 9.0]), "of": np.array([0, 0, 1])}
    >>> found = analyze_splits(data, by="of", filters=[("x", ">", 0)])
    >>> {name: float(part["x"].mean) for name, part in found.items()}
    {'0': 2.0, '1': 9.0}
    """
    if by is None:
        check_mapping(data)
        return {
            name: named(passes.analyze(part, recipe, **options), name)
            for name, part in data.items()
        }
    if recipe is not None and not isinstance(recipe, recipe_lib.Recipe):
        recipe = recipe_lib.Recipe(recipe)
    odd = sorted(options.keys() - _OPTIONS - _MEDIA)
    if odd:
        raise errors.OptionsError(
            f"`{odd[0]}=` is no option where a column names the splits: there are "
            f"{', '.join(sorted(_OPTIONS | _MEDIA))}."
        )
    media = {name: options.pop(name, None) for name in _MEDIA}
    rows = rows_lib.Rows.of(recipe, **options)
    found = _read(data, recipe, by, None, rows, media)
    if not found:
        passes.check_complete(artifact.Statistics(provenance=rows.provenance), recipe)
    for part in found.values():
        passes.check_complete(part, recipe)
    rows_lib.log_empty_slices(found.values(), rows)
    while views := later_passes(recipe, found):
        for name, more in _read(data, recipe, by, views, rows, media).items():
            found[name] = passes.with_pass(found[name], more)
    return found


def later_passes(
    recipe: recipe_lib.Recipe | None,
    found: collections.abc.Mapping[str, artifact.Statistics],
) -> dict[str, dict[str, recipe_lib.View]]:
    """What each split needs of one more pass over the data; see `later_pass`."""
    every = {name: passes.later_pass(recipe, part) for name, part in found.items()}
    return {name: views for name, views in every.items() if views}


def _read(data, recipe, by: str, views, rows, media) -> dict[str, artifact.Statistics]:
    observer = SplitObserver(recipe, by, views=views, rows=rows)
    for batch in passes.batches_of(data, recipe, rows, media, more=(by,)):
        observer.add(batch)
    return observer.results()
