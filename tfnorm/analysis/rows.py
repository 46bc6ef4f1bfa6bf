# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which rows count, how much each counts, and in which slices they are seen."""

import collections.abc
import dataclasses
import itertools
import json
import logging
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import statistics

MAX_SLICES = 10_000
# Up to here whole numbers are exact as float64.
_WHOLE = 1 << 53
_LOG = logging.getLogger("tfnorm")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which rows count, how much, and in which slices; picklable.

    Args:
        weight: Column that says how much each row counts: numbers, 0 or more. A row of
            weight 0 is left out.
        filters: Conditions of which a row must meet one list of; see `arrays.Filters`.
        slices: Columns, or tuples of columns, by whose values rows have statistics of
            their own beside those of all.
        max_slices: How many slices there may be, of all columns together.

    Example:

    >>> Rows.of(filters=[("age", ">", 3)], slices=["carrier"]).columns
    ('age', 'carrier')
    """

    weight: str | None = None
    filters: arrays.Filters | None = None
    slices: tuple[tuple[str, ...], ...] = ()
    max_slices: int = MAX_SLICES

    @classmethod
    def of(
        cls,
        recipe: recipe_lib.Recipe | None = None,
        *,
        weight: str | None = None,
        filters: typing.Any = None,
        slices: collections.abc.Iterable[str | tuple[str, ...]] = (),
        max_slices: int = MAX_SLICES,
    ) -> "Rows":
        """Returns what a user asked for, in one form.

        Args:
            recipe: The recipe, which may name a weight, too.
            weight: As of `Rows`.
            filters: As of `arrays.Filters.of`.
            slices: Names of columns, or tuples of such.
            max_slices: As of `Rows`.

        Raises:
            RecipeError: If the recipe has another weight, if its schemes need what has
                no weighted form, or if the filters or slices are none.
        """
        named = None if recipe is None else recipe.weight
        if weight is not None and named is not None and weight != named:
            raise errors.RecipeError(
                f"`weight={weight!r}`, but the recipe's rows are weighted by {named!r}."
            )
        weight = named if weight is None else weight
        if recipe is not None and weight is not None:
            dataclasses.replace(recipe, weight=weight)  # Raises where it cannot be.
        if isinstance(slices, str):
            raise errors.RecipeError(f"`slices={slices!r}` must be a list of columns.")
        tuples = [one if isinstance(one, list | tuple) else (one,) for one in slices]
        for one in tuples:
            if not one or not all(isinstance(c, str) for c in one):
                raise errors.RecipeError(f"`slices` must be columns, but {one!r} came.")
            if len(set(one)) < len(one):
                raise errors.RecipeError(f"`slices` names a column twice: {one!r}.")
        unique = tuple(dict.fromkeys(map(tuple, tuples)))
        return cls(weight, arrays.Filters.of(filters), unique, max_slices)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs beside those of the recipe."""
        weight = () if self.weight is None else (self.weight,)
        filters = () if self.filters is None else self.filters.columns
        every = itertools.chain(weight, filters, *self.slices)
        return tuple(dict.fromkeys(every))

    def with_columns(self, names: list[str] | None) -> list[str] | None:
        """Returns the columns to read, given those of the recipe; `None` for all."""
        return None if names is None else list(dict.fromkeys([*names, *self.columns]))

    @property
    def provenance(self) -> tuple[str, ...]:
        """What the artifact says of it, a line of JSON for each thing asked for."""
        filters = None if self.filters is None else self.filters.as_json()
        slices = [list(one) for one in self.slices]
        asked = {"weight": self.weight, "filters": filters, "slices": slices}
        return tuple(json.dumps({name: of}) for name, of in asked.items() if of)

    def select(self, batch: arrays.Batch) -> arrays.Batch:
        """Returns the rows of a batch that count.

        Raises:
            DataError: If a row has no weight, or a wrong one.
            FeatureError: If a column cannot choose rows, or weigh them.
        """
        mask = np.ones(batch.rows, bool)
        try:
            if self.filters is not None:
                mask = self.filters.mask(batch.columns, batch.rows)
            if self.weight is not None:
                mask &= self._weighs(batch, mask)
        except errors.TfnormError as error:
            error.file = error.file or batch.file
            raise
        return chosen(batch, np.flatnonzero(mask))

    def _weighs(self, batch: arrays.Batch, counted: np.ndarray) -> np.ndarray:
        """Which rows have a weight above 0, after a check of those that count."""
        name = typing.cast(str, self.weight)
        column = arrays.column_of(batch.columns, name)
        if len(column.values) != batch.rows or column.values.size != batch.rows:
            raise errors.FeatureError(
                "cannot weigh rows: it has several values a row.", feature=name
            )
        values = column.values.reshape(-1)
        missing = np.zeros(batch.rows, bool)
        if column.missing is not None:
            missing = column.missing
        if values.dtype.kind in "OSUMm" and not missing.all():
            raise errors.FeatureError(
                f"cannot weigh rows: it holds {values.dtype.name}.", feature=name
            )
        if missing.all():
            values = np.zeros(batch.rows)
        weights = values.astype(np.float64)
        wrong = ~(weights >= 0) | np.isinf(weights)
        if values.dtype.kind in "iu":
            wrong |= weights > _WHOLE
        wrong = (wrong | missing) & counted
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = "missing" if missing[row] else values[row]
            raise errors.DataError(
                f"a weight must be a number from 0, at most 2**53 if it is an integer, "
                f"but it is {found}. Mend it, or filter such rows out.",
                feature=name,
                file=batch.file,
                record=batch.record(row),
            )
        return weights > 0

    def weights(self, column: arrays.Column) -> np.ndarray:
        """Returns the weights of rows that count, from the column of the name."""
        return column.values.reshape(-1).astype(np.float64)


def chosen(batch: arrays.Batch, rows: np.ndarray) -> arrays.Batch:
    """Returns some rows of a batch, by their numbers, in ascending order.

    Raises:
        FeatureError: If a column has several steps a row.
    """
    if len(rows) == batch.rows:
        return batch
    for name, column in batch.columns.items():
        if len(column.values) != batch.rows:
            raise errors.FeatureError(
                "has several steps a row, so that rows cannot be left out of it: "
                "filters, weights and splits are not for feature lists.",
                feature=name,
                file=batch.file,
            )
    records = rows + batch.first_record
    if batch.records is not None:
        records = batch.records[rows]
    return dataclasses.replace(
        batch,
        columns={name: column.take(rows) for name, column in batch.columns.items()},
        rows=len(rows),
        records=records,
    )


def chooses(line: str) -> bool:
    """Whether a line of provenance is of those that `Rows` writes."""
    return json.loads(line).keys() <= {"weight", "filters", "slices", "split"}


def by_slice(
    columns: collections.abc.Mapping[str, arrays.Column],
) -> dict[tuple[int | str, ...], np.ndarray]:
    """Returns the numbers of the rows of each combination of keys.

    Raises:
        FeatureError: If a column is neither integers nor text.
    """
    found: dict[tuple, np.ndarray] | None = None
    for name, column in columns.items():
        try:
            if found is None:
                whole = statistics.rows_by_key(column).items()
                found = {(key,): rows for key, rows in whole}
                continue
            found = {
                (*keys, key): rows[inner]
                for keys, rows in found.items()
                for key, inner in statistics.rows_by_key(column.take(rows)).items()
            }
        except errors.TfnormError as error:
            error.feature = error.feature or name
            raise
    return found or {}


def slice_name(name: str, columns: tuple[str, ...], keys: tuple[int | str, ...]) -> str:
    """The name of the statistics of a slice: that of groups by one column, repeated.

    Example:

    >>> slice_name("delay", ("carrier", "month"), ("UA", 5))
    'delay | carrier="UA" | month=5'
    """
    for column, key in zip(columns, keys, strict=True):
        name = statistics.group_name(name, column, key)
    return name


def check_slices(found: artifact.Statistics, rows: Rows | None) -> None:
    """Raises a DataError if there are more slices than may be."""
    if rows is None or not rows.slices:
        return
    check_count(sum(columns in rows.slices for columns in _sliced(found)), rows)


def _sliced(found: artifact.Statistics) -> collections.abc.Iterator[tuple[str, ...]]:
    """Yields the columns of each group of the first feature, which has all slices."""
    base = next((name for name in found if not statistics.is_group(name)), "")
    seen = (statistics.group_keys(base, name) for name in found)
    return (tuple(column for column, _ in keys) for keys in seen if keys)


def log_empty_slices(
    parts: collections.abc.Iterable[artifact.Statistics], rows: Rows
) -> None:
    """Says in the log by which columns there is no slice in any of the statistics."""
    if not rows.slices:
        return
    there = {columns for found in parts for columns in _sliced(found)}
    for columns in rows.slices:
        if columns not in there:
            _LOG.warning(
                "No row has a value of %s, so there is no such slice. Check the name.",
                " and ".join(columns),
            )


def check_count(slices: int, rows: Rows) -> None:
    """Raises a DataError if so many slices are more than may be."""
    if slices > rows.max_slices:
        names = ", ".join(" and ".join(one) for one in rows.slices)
        raise errors.DataError(
            f"there are more than {rows.max_slices:,} slices by {names}. Slice by "
            "columns of fewer values, or say `max_slices=`."
        )
