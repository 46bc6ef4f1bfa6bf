# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line of the benchmark: runs, checks, writes and prints."""

import os
import pathlib
import sys

import click

from benchmarks import goals
from benchmarks import machine
from benchmarks import process
from benchmarks import suites
from benchmarks import table

NAMES = ("tfrecord", "wide", "fixed", "shuffled", "parquet", "array", "memory")


@click.command()
@click.option("--rows", default=2_000_000, help="Rows of the largest data sets.")
@click.option("--repeats", default=5, help="How often each contender runs.")
@click.option(
    "--budget",
    default=180.0,
    help="Seconds after which a contender is not repeated any more.",
)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Suites to run.")
@click.option(
    "--cache",
    default=os.fspath(process.ROOT / "output" / "benchmarks"),
    help="Folder of the data sets, made at the first run: 5 GB.",
)
@click.option(
    "--out",
    default=os.fspath(table.RESULTS),
    help="File to write the results to, as JSON.",
)
def main(rows, repeats, budget, only, cache, out):
    """Measures tfnorm's full-data-set statistics beside those of its peers.

    Every contender runs in a fresh process, in turns with the others of its suite and
    on the same files.
    """
    chosen = [s for s in suites.suites(cache, rows) if s.name in (only or NAMES)]
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(),
        "rows": rows,
        "suites": {suite.name: suite.title for suite in chosen},
        "runs": [],
        "failures": [],
    }
    for suite in chosen:
        click.echo(f"\n{suite.title}")
        for data in dict.fromkeys(entry.data for entry in suite.entries):
            if not data.made:
                click.echo(f"  making {data.folder.name}")
                process.make(data)
        for run in _runs(suite, repeats, budget):
            results["failures" if "error" in run else "runs"].append(run)
            # Written after every run: an interrupted benchmark keeps what it has.
            table.write(results, pathlib.Path(out))
            click.echo(_line(run))
    click.echo(f"\n{table.render(results, goals.comparisons())}")
    differing = _differing_digests(results["runs"])
    for size in differing:
        click.echo(f"Statistics of the same {size} differ.", err=True)
    sys.exit(bool(differing or results["failures"]))


def _runs(suite: suites.Suite, repeats: int, budget: float):
    spent = dict.fromkeys(suite.entries, 0.0)
    for repeat in range(repeats):
        for entry in suite.entries:
            if spent[entry] > budget:
                continue
            run = {
                "suite": suite.name,
                "label": entry.label,
                "repeat": repeat,
                "rows": entry.data.rows,
                "columns": entry.data.columns,
                "load": os.getloadavg()[0],
            }
            try:
                run |= process.measure(entry.contender, entry.data, cores=entry.cores)
                spent[entry] += run["process_seconds"]
            except process.Failure as failure:
                run["error"] = str(failure)
                spent[entry] = float("inf")
            yield run


def _line(run: dict) -> str:
    if "error" in run:
        return f"  {run['label']:40} failed: {run['error']}"
    return (
        f"  {run['label']:40} {run['seconds']:8.2f} s {run['peak_mib']:8.0f} MiB"
        f"  (whole process {run['process_seconds']:.2f} s)"
    )


def _differing_digests(runs: list[dict]) -> list[str]:
    """Returns the sizes of which there is more than one digest.

    Rows and columns decide what the values are, whatever the format, the number of
    files and the order of the entries; so they must decide the digest too.
    """
    found: dict[str, set] = {}
    for run in runs:
        if "digest" in run:
            size = f"{run['rows']:,} rows of {run['columns']} columns"
            found.setdefault(size, set()).add(run["digest"])
    return [size for size, digests in found.items() if len(digests) > 1]
