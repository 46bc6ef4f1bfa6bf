# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which rows of some batches are in which slice, and have which key."""

import collections.abc

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.analysis import rows as rows_lib

# What a name goes on with, the column of the keys, which rows, and their keys.
Keyed = tuple[str, str, np.ndarray | None, arrays.Column]


class Slices:
    """The slices of some rows, by each tuple of columns.

    Args:
        columns: The tuples of columns.
        joined: Returns all rows of a column, by its name.
    """

    def __init__(
        self,
        columns: collections.abc.Iterable[tuple[str, ...]],
        joined: collections.abc.Callable[[str], arrays.Column],
    ):
        # The columns of each slice, and what the names of its statistics end in.
        self.names: set[tuple[tuple[str, ...], str]] = set()
        self._keyed: dict[tuple[str, ...], list[Keyed]] = {}
        for names in columns:
            held = {name: joined(name) for name in names}
            for keys in rows_lib.by_slice(held):
                self.names.add((names, rows_lib.slice_name("", names, keys)))
            *head, last = names
            parts: dict[tuple, np.ndarray | None] = {(): None}
            if head:
                parts = {**rows_lib.by_slice({name: held[name] for name in head})}
            self._keyed[names] = [
                (
                    rows_lib.slice_name("", tuple(head), keys),
                    last,
                    rows,
                    held[last] if rows is None else held[last].take(rows),
                )
                for keys, rows in parts.items()
            ]

    def by_key(
        self, key: str | None, keys: arrays.Column | None, where: slice, rows: int
    ) -> collections.abc.Iterator[Keyed]:
        """Yields the keys of rows, of which each is a group or a slice.

        Args:
            key: The column by which there are groups, if any.
            keys: Its rows.
            where: The consecutive rows that are asked for.
            rows: The number of all.
        """
        if key is not None and keys is not None:
            yield "", key, None, keys.take(where)
        for columns, parts in self._keyed.items():
            if columns == (key,):
                continue
            for prefix, last, chosen, values in parts:
                if chosen is None:
                    yield prefix, last, None, values.take(where)
                    continue
                inner = _within(chosen, where, rows)
                if inner.size:
                    start, _, _ = where.indices(rows)
                    held = values.take(np.isin(chosen, inner + start))
                    yield prefix, last, inner, held


def check_steps(column: arrays.Column, rows: int, what: str) -> None:
    """Raises a FeatureError if a column has not one value a row.

    Args:
        column: The column.
        rows: How many rows there are.
        what: What each row has one of: "key", or "weight".
    """
    if len(column.values) != rows:
        raise errors.FeatureError(
            f"has {len(column.values)} values in rows of {rows} {what}s: a feature "
            f"list has no {what} of each of its steps."
        )


def _within(chosen: np.ndarray, where: slice, rows: int) -> np.ndarray:
    """Those of the chosen rows that are asked for, counted from the first of these."""
    start, stop, _ = where.indices(rows)
    if stop - start == rows:
        return chosen
    return chosen[(start <= chosen) & (chosen < stop)] - start
