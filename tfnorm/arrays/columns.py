# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Columns of data in memory."""

import dataclasses

import numpy as np


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


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some consecutive rows of one source.

    Args:
        columns: Feature name to its `Column`.
        rows: Number of rows.
        file: Path of the file they come from, if any.
        first_record: Index in that file of the first row.
        bad_records: Number of unreadable records that were left out.
    """

    columns: dict[str, Column]
    rows: int
    file: str | None = None
    first_record: int = 0
    bad_records: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return sum(column.values.nbytes for column in self.columns.values())
