# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Columns of data in memory."""

import collections.abc
import dataclasses

import numpy as np

from tfnorm import errors


@dataclasses.dataclass(frozen=True)
class Column:
    """The values of one feature in some consecutive rows.

    Args:
        values: Array of shape (rows, ...).
        missing: Boolean array of shape (rows,), true where a row has no value
            (whatever `values` holds there is ignored); `None` if all have one.
    """

    values: np.ndarray
    missing: np.ndarray | None = None

    @property
    def ndim(self) -> int:
        """Number of axes of the rows together."""
        return self.values.ndim

    @property
    def size(self) -> int:
        """Number of values in all rows."""
        return self.values.size

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return self.values.nbytes

    @property
    def all_missing(self) -> bool:
        """Whether no row has a value."""
        return self.missing is not None and bool(self.missing.all())

    def take(self, rows: np.ndarray | slice) -> "Column":
        """Returns some rows, by their numbers, a slice or a boolean array."""
        missing = None if self.missing is None else self.missing[rows]
        return dataclasses.replace(self, values=self.values[rows], missing=missing)

    def joined(self, others: list["Column"]) -> "Column":
        """Returns these rows and those of others, of the same type and shape."""
        parts = [self, *others]
        missing = None
        if any(part.missing is not None for part in parts):
            missing = np.concatenate(
                [
                    np.zeros(len(p.values), bool) if p.missing is None else p.missing
                    for p in parts
                ]
            )
        values = np.concatenate([part.values for part in parts])
        return dataclasses.replace(self, values=values, missing=missing)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some consecutive rows of one source.

    Args:
        columns: Feature name to its `Column`.
        rows: Number of rows.
        file: Path of the file they come from, if any.
        first_record: Index in that file of the first row.
        bad_records: Number of unreadable records that were left out.
        records: Index in the file of each row, where they are not consecutive.
        provenance: How values were made of what the file holds, as JSON, if that is
            a choice: how images were decoded.
    """

    columns: dict[str, Column]
    rows: int
    file: str | None = None
    first_record: int = 0
    bad_records: int = 0
    records: np.ndarray | None = None
    provenance: tuple[str, ...] = ()

    def record(self, row: int) -> int:
        """Returns the index in the file of a row."""
        if self.records is not None:
            return int(self.records[row])
        return self.first_record + row

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return sum(column.nbytes for column in self.columns.values())


def column_of(columns: collections.abc.Mapping[str, Column], name: str) -> Column:
    """Returns a column by its name, or raises a FeatureError that lists all."""
    if name not in columns:
        raise errors.FeatureError(
            f"is not among the columns: {', '.join(columns)}.", feature=name
        )
    return columns[name]
