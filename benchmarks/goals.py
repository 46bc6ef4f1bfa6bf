# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What tfnorm is to reach, as ratios of measurements of one run."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

from benchmarks import suites


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to compare two entries.

    Args:
        name: What the ratio is called.
        field: Which measurement is compared.
        more_is_better: Whether the ratio is theirs / ours, else ours / theirs.
    """

    name: str
    field: str
    more_is_better: bool


SPEED = Kind("speed", "seconds", more_is_better=True)
TIME = Kind("time", "seconds", more_is_better=False)
PROCESS = Kind("speed of the whole process", "process_seconds", more_is_better=True)
MEMORY = Kind("peak memory", "peak_mib", more_is_better=False)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One entry of a suite compared with another.

    Args:
        suite: Name of the suite.
        ours: Label of the entry that is to be good.
        theirs: Label of the entry that it is compared with; `None` for none: the
            ratio is then our measurement itself.
        kind: What is compared.
        goal: Bound that the ratio is to keep; `None` if it is for information.
    """

    suite: str
    ours: str
    theirs: str | None
    kind: Kind
    goal: float | None = None

    def ratio(self, runs: Sequence[dict], reduce: Callable = min) -> float | None:
        """Returns the ratio of what the repeats reduce to; `None` if there are none."""
        ours = measurements(runs, self.suite, self.ours, self.kind.field)
        if self.theirs is None:
            return reduce(ours) if ours else None
        theirs = measurements(runs, self.suite, self.theirs, self.kind.field)
        if not (ours and theirs):
            return None
        ratio = reduce(ours) / reduce(theirs)
        return 1 / ratio if self.kind.more_is_better else ratio

    def reached(self, ratio: float) -> bool:
        """Whether a ratio keeps the bound."""
        if self.kind.more_is_better:
            return ratio >= self.goal
        return ratio <= self.goal


def measurements(
    runs: Sequence[dict], suite: str, label: str, field: str
) -> list[float]:
    """Returns what the repeats of one entry measured."""
    return [
        run[field]
        for run in runs
        if (run["suite"], run["label"]) == (suite, label) and field in run
    ]


def comparisons() -> list[Comparison]:
    """Returns every comparison, those of a suite together."""
    beam, analyze, adapt = suites.BEAM, suites.ANALYZE, suites.ADAPT
    one_core = suites.ONE_CORE
    part, *_, whole = suites.PARTS
    return [
        *_against_tft("tfrecord"),
        *_against_tft("wide"),
        Comparison("fixed", beam, None, TIME, 1),
        Comparison("fixed", beam, suites.PER_FEATURE, SPEED),
        Comparison("fixed", beam, suites.STACKED, SPEED),
        Comparison("fixed", beam, suites.STACKED, PROCESS),
        Comparison("shuffled", beam, suites.STACKED, SPEED, 6),
        Comparison("shuffled", beam, suites.DECODE, TIME, 1.25),
        *[
            Comparison("parquet", analyze + cores, peer + cores, SPEED, 1)
            for cores in ("", one_core)
            for peer in (suites.POLARS, suites.DUCKDB)
        ],
        Comparison("array", adapt, suites.STANDARD, SPEED, 1),
        Comparison("array", analyze, suites.ROBUST, SPEED),
        Comparison("array", adapt, suites.KERAS, SPEED),
        Comparison("memory", whole, part, MEMORY, 1.05),
    ]


def _against_tft(suite: str) -> list[Comparison]:
    beam = suites.BEAM
    return [
        Comparison(suite, beam, suites.PER_FEATURE, SPEED, 10),
        Comparison(suite, beam, suites.STACKED, SPEED, 6),
        Comparison(suite, beam, suites.DECODE, TIME, 1.25),
        Comparison(suite, beam, suites.PER_FEATURE, MEMORY, 0.4),
        Comparison(suite, beam, suites.STACKED, MEMORY, 0.4),
        Comparison(suite, beam, suites.STACKED, PROCESS),
    ]
