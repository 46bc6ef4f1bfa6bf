# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a contender does, and which part of it is timed."""

import abc
import importlib
import typing

from benchmarks import data as data_lib

BEAM = ("apache_beam.runners.portability.fn_api_runner",)


class Contender(abc.ABC):
    """Computes the statistics of a data set in its own way.

    Args:
        data: What to compute the statistics of. Whatever `__init__` does is not
            timed.
    """

    # Modules that `run` would import at its first call. Nobody's imports are timed.
    imports: tuple[str, ...] = ()

    def __init__(self, data: data_lib.DataSet):
        self.data = data
        for name in self.imports:
            importlib.import_module(name)

    @abc.abstractmethod
    def run(self) -> typing.Any:
        """Computes; this is what is timed."""

    @abc.abstractmethod
    def answer(self, found: typing.Any) -> dict:
        """Tells what `run` returned; not timed.

        Returns:
            Any of "digest", "state_bytes", "merge_seconds", "rows" and "features", the
            latter a dict of the name of a column to any of "mean", "variance", "min",
            "max" and "quantiles".
        """


def table(names, **statistics) -> dict[str, dict]:
    """Returns `features` of an answer from a sequence per statistic.

    Args:
        names: Names of the columns.
        **statistics: For each statistic what it is of each column.
    """
    rows = zip(*statistics.values(), strict=True)
    keys = list(statistics)
    return {
        name: dict(zip(keys, row, strict=True))
        for name, row in zip(names, rows, strict=True)
    }
