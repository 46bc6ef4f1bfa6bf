# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of a NumPy array within a remote file, read when they are asked for."""

import dataclasses
from typing import Any
from typing import BinaryIO

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ranges:
    """An array in C order that lies in a remote file; slices of rows are read.

    Args:
        file: The open file.
        start: Byte of the file with which the array begins.
        row: The type of the array's items.
        shape: Shape of the array.
        field: Name of the field to take of a structured type; `None` for all.
    """

    file: BinaryIO
    start: int
    row: np.dtype
    shape: tuple[int, ...]
    field: str | None = None

    @property
    def dtype(self) -> np.dtype:
        """The type of what slices hold."""
        return self.row if self.field is None else self.row[self.field]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes that it takes in the file."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.row.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Reads a slice of rows, or names a field.

        Raises:
            EOFError: The file ends before.
            DataError: The file cannot be read.
        """
        if isinstance(key, str):
            return dataclasses.replace(self, field=key)
        first, stop, _ = key.indices(len(self))
        width = self.nbytes // max(1, len(self))
        self.file.seek(self.start + first * width)
        data = self.file.read((stop - first) * width)
        if len(data) < (stop - first) * width:
            raise EOFError(f"it ends before row {stop}")
        found = np.frombuffer(data, self.row).reshape(stop - first, *self.shape[1:])
        return found if self.field is None else found[self.field]
