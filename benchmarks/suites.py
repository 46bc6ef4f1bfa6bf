# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Who is compared with whom, and on which data."""

import dataclasses

from benchmarks import data as data_lib

BEAM = "tfnorm in Beam"
DECODE = "tfnorm, decoding only"
PER_FEATURE = "tft, analyzers per feature"
STACKED = "tft, features stacked"
ANALYZE = "tfnorm.analyze"
ADAPT = "tfnorm ZScore.adapt"
POLARS = "polars, exact quantiles"
DUCKDB = "DuckDB, exact quantiles"
STANDARD = "StandardScaler.fit"
ROBUST = "RobustScaler.fit"
KERAS = "Keras Normalization.adapt"
ONE_CORE = ", one core"
PARTS = {
    "tfnorm in Beam, 1/8 of the rows": 8,
    "tfnorm in Beam, 1/4 of the rows": 4,
    "tfnorm in Beam, 1/2 of the rows": 2,
    "tfnorm in Beam, all rows": 1,
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a suite.

    Args:
        label: What the line is called.
        contender: "module.Class" in `benchmarks.contenders`.
        data: What it works on.
        cores: How many cores it may use; all there are by default.
    """

    label: str
    contender: str
    data: data_lib.DataSet
    cores: int | None = None


@dataclasses.dataclass(frozen=True)
class Suite:
    """Entries that are measured in turns.

    Args:
        name: What it is called on the command line and in the results.
        title: What it is called in the table.
        entries: What is compared.
    """

    name: str
    title: str
    entries: tuple[Entry, ...]


def suites(cache: str, rows: int) -> list[Suite]:
    """Returns every suite.

    Args:
        cache: Folder of the data sets.
        rows: Rows of the largest data sets; the others have a part of them.
    """
    narrow = data_lib.DataSet(cache, rows)
    wide = data_lib.DataSet(cache, rows // 10, columns=200)
    tiny = data_lib.DataSet(cache, min(rows, 2_000), shards=1)
    shuffled = data_lib.DataSet(cache, rows // 4, writer="shuffled")
    size = f"{rows:,} rows of 20 columns"
    return [
        Suite("tfrecord", f"TFRecord, {size}", _records(narrow)),
        Suite("wide", f"TFRecord, {wide.rows:,} rows of 200 columns", _records(wide)),
        Suite("fixed", f"TFRecord, {tiny.rows:,} rows of 20 columns", _records(tiny)),
        Suite(
            "shuffled",
            f"TFRecord, entries in random order, {shuffled.rows:,} rows of 20 columns",
            tuple(e for e in _records(shuffled) if e.label != PER_FEATURE),
        ),
        Suite("parquet", f"Parquet, {size}", _tables(narrow)),
        Suite("array", f"NumPy array, {size}", _arrays(narrow)),
        Suite(
            "memory",
            f"TFRecord, a single file of up to {size}",
            tuple(
                Entry(
                    label,
                    "tfnorm_beam.ComputeStatistics",
                    data_lib.DataSet(cache, rows // part, shards=1),
                )
                for label, part in PARTS.items()
            ),
        ),
    ]


def _records(data: data_lib.DataSet) -> tuple[Entry, ...]:
    return (
        Entry(BEAM, "tfnorm_beam.ComputeStatistics", data),
        Entry(DECODE, "tfnorm_local.DecodeTFRecord", data),
        Entry(STACKED, "tft_analyze.Stacked", data),
        Entry(PER_FEATURE, "tft_analyze.PerFeature", data),
    )


def _tables(data: data_lib.DataSet) -> tuple[Entry, ...]:
    contenders = {
        ANALYZE: "tfnorm_local.AnalyzeParquet",
        POLARS: "polars_scan.Exact",
        "polars, approximate quantiles": "polars_scan.Approximate",
        DUCKDB: "duckdb_scan.Exact",
        "DuckDB, approximate quantiles": "duckdb_scan.Approximate",
    }
    return tuple(
        Entry(label + suffix, contender, data, cores)
        for suffix, cores in (("", None), (ONE_CORE, 1))
        for label, contender in contenders.items()
    )


def _arrays(data: data_lib.DataSet) -> tuple[Entry, ...]:
    return (
        Entry(ADAPT, "tfnorm_layers.AdaptZScore", data),
        Entry(ANALYZE, "tfnorm_local.AnalyzeArray", data),
        Entry(STANDARD, "sklearn_fit.Standard", data),
        Entry(ROBUST, "sklearn_fit.Robust", data),
        Entry(KERAS, "keras_adapt.Normalization", data),
    )
