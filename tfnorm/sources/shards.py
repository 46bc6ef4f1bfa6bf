# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every kind of shard shares: its fields, and the count of bad records."""

import abc
import dataclasses
from collections.abc import Iterator

from tfnorm import arrays
from tfnorm import errors


@dataclasses.dataclass(frozen=True)
class Shard(abc.ABC):
    """One file of a data set; small and picklable, so that a worker can get it.

    Args:
        path: Path of the file.
        features: Names of the features to read; `None` for all there are.
        max_bad_records: How many records of this file may be skipped and counted
            before the next bad one is an error.
    """

    path: str
    features: tuple[str, ...] | None = None
    max_bad_records: int = 0

    @abc.abstractmethod
    def read(self) -> Iterator[arrays.Batch]:
        """Yields the file's rows in their order.

        A last batch without rows carries bad records found behind the last row.
        """


class Tally:
    """Counts the bad records of one file, up to its limit."""

    def __init__(self, limit: int):
        self._limit = limit
        self._count = 0
        self._reported = 0

    def add(self, error: errors.DataError) -> None:
        """Counts one bad record, or raises `error` if that is one too many."""
        self._count += 1
        if self._count > self._limit:
            if self._limit:
                error.message = (
                    f"{error.message} (It is bad record number {self._count} of the "
                    f"file; `max_bad_records` is {self._limit}.)"
                )
                error.args = (error.message,)
            raise error

    @property
    def pending(self) -> int:
        """Number of bad records that no batch has reported yet."""
        return self._count - self._reported

    def report(self) -> int:
        """Returns `pending` and starts it again from zero."""
        pending, self._reported = self.pending, self._count
        return pending
