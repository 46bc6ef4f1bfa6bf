# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures how statistics grow with rows and with columns, beside other engines.

    python -m benchmarks.scale

Every run is a process of its own, in turns with the others of its size, on the same
rows: as TFRecord files for tf.Transform, as Parquet files for Dask and Spark, and for
tfnorm as both.
"""

import math
import os
import pathlib

import click

from benchmarks import data as data_lib
from benchmarks import growth
from benchmarks import machine
from benchmarks import process
from benchmarks import table

ROWS = (100_000, 1_000_000, 10_000_000)
COLUMNS = (10, 100, 1_000)
PACKAGES = (*machine.PACKAGES, "dask", "pyspark")
# Label to the suffix of what it reads, and the class that does.
CONTENDERS = {
    growth.OURS: ("tfrecord", "tfnorm_beam.ComputeStatistics"),
    "tft, features stacked": ("tfrecord", "tft_analyze.Stacked"),
    growth.OURS_PARQUET: ("parquet", "tfnorm_beam.ComputeOfParquet"),
    "Dask": ("parquet", "dask_scan.Scan"),
    "Spark": ("parquet", "spark_scan.Scan"),
}
SUITES = {
    "rows": f"{COLUMNS[0]} columns, more and more rows",
    "columns": f"{ROWS[0]:,} rows, more and more columns",
}


@click.command()
@click.option("--repeats", default=3, help="How often each contender runs.")
@click.option(
    "--budget",
    default=60.0,
    help="Seconds after which none is repeated, or given more.",
)
@click.option("--only", multiple=True, type=click.Choice(list(CONTENDERS)))
@click.option("--most-rows", default=ROWS[-1], help="Leave out larger data sets.")
@click.option("--most-columns", default=COLUMNS[-1], help="Leave out wider ones.")
@click.option(
    "--cache",
    default=os.fspath(process.ROOT / "output" / "benchmarks"),
    help="Folder of the data sets, made at the first run: 8 GB.",
)
@click.option("--out", default=os.fspath(table.SCALE), help="File of the results.")
def main(repeats, budget, only, most_rows, most_columns, cache, out):
    """Measures growth from 10^5 to 10^7 rows, and from 10 to 1,000 columns."""
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(PACKAGES),
        "suites": SUITES,
        "runs": [],
        "failures": [],
    }
    sizes = [
        *[("rows", rows, COLUMNS[0]) for rows in ROWS if rows <= most_rows],
        *[("columns", ROWS[0], n) for n in COLUMNS if n <= most_columns],
    ]
    took: dict[tuple, float] = {}
    for suite, rows, columns in sizes:
        data = data_lib.DataSet(cache, rows, columns)
        click.echo(f"{rows:,} rows of {columns} columns")
        process.make(data)
        # What took long on less is left out, and said to be.
        slow = {label for (s, label), t in took.items() if s == suite and t > budget}
        for label in sorted(slow):
            click.echo(f"  {label:26} left out: it took {took[suite, label]:.0f} s")
        labels = [one for one in only or CONTENDERS if one not in slow]
        for run in _runs(suite, data, labels, repeats, budget):
            results["failures" if "error" in run else "runs"].append(run)
            table.write(results, pathlib.Path(out))
            took[suite, run["label"]] = run.get("seconds", math.inf)
            told = run.get("error") or f"{run['seconds']:8.2f} s"
            click.echo(f"  {run['label']:26} {told}")
    click.echo(table.growth_of(results))


def _runs(suite: str, data: data_lib.DataSet, labels, repeats: int, budget: float):
    spent = dict.fromkeys(labels, 0.0)
    for repeat in range(repeats):
        for label in labels:
            if spent[label] > budget:
                continue
            suffix, contender = CONTENDERS[label]
            run = {"suite": suite, "label": label, "repeat": repeat}
            run |= {"rows": data.rows, "columns": data.columns}
            run["bytes"] = sum(map(os.path.getsize, data.files(suffix)))
            try:
                run |= process.measure(contender, data)
                spent[label] += run["seconds"]
            except process.Failure as failure:
                run["error"] = str(failure)
                spent[label] = math.inf
            yield run


if __name__ == "__main__":
    main()
