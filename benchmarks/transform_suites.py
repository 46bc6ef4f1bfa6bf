# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What `benchmarks.transform` compares."""

import dataclasses
from collections.abc import Mapping

from benchmarks import goals

OURS = "tfnorm.tft.apply"
THEIRS = "tft.scale_to_z_score"
EXACT = "tfnorm.beam.ComputeStatistics"
OF_ROWS = "tft.covariance, float32, rows as dicts"
SINGLE = "tft.covariance, float32"
DOUBLE = "tft.covariance, float64"


@dataclasses.dataclass(frozen=True)
class Suite:
    """Contenders that are measured in turns.

    Args:
        title: What it is called in the table.
        rows: Rows of the data.
        columns: Their columns.
        entries: Label to "module.Class" in `benchmarks.contenders`.
    """

    title: str
    rows: int
    columns: int
    entries: Mapping[str, str]


def _z_scores(rows: int, columns: int) -> Suite:
    title = f"z-scores in tf.Transform, {rows:,} rows of {columns:,} features"
    names = {THEIRS: "tft_transform.ScaleToZScore", OURS: "tft_transform.Tfnorm"}
    return Suite(title, rows, columns, names)


def _covariance(rows: int, columns: int, more: Mapping[str, str]) -> Suite:
    title = f"covariances in Beam, {rows:,} rows of {columns:,} elements"
    names = {
        **more,
        SINGLE: "tft_covariance.Tft",
        DOUBLE: "tft_covariance.Tft64",
        EXACT: "tft_covariance.Tfnorm",
    }
    return Suite(title, rows, columns, names)


SUITES = {
    "z10": _z_scores(200_000, 10),
    "z200": _z_scores(20_000, 200),
    "z1000": _z_scores(10_000, 1_000),
    # Rows as dicts take tft minutes, where Arrow's batches leave mostly what every job
    # takes; of these there are more rows.
    "covariance64": _covariance(20_000, 64, {OF_ROWS: "tft_covariance.TftOfRows"}),
    "covariance256": _covariance(20_000, 256, {OF_ROWS: "tft_covariance.TftOfRows"}),
    "covariances": _covariance(400_000, 256, {}),
}


def comparisons() -> list[goals.Comparison]:
    """Returns every comparison, those of a suite together."""
    found = []
    for name in SUITES:
        if name.startswith("z"):
            found.append(goals.Comparison(name, OURS, THEIRS, goals.SPEED))
            found.append(goals.Comparison(name, OURS, THEIRS, goals.MEMORY))
        else:
            found += [
                goals.Comparison(name, EXACT, other, goals.SPEED, 50)
                for other in (OF_ROWS, SINGLE, DOUBLE)
                if other in SUITES[name].entries
            ]
    return found
