# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures tfnorm in tf.Transform beside its own z-scores, and its covariance.

    python -m benchmarks.transform

Every run is a process of its own, in turns with the others of its suite, on the same
rows.
"""

import json
import os
import pathlib

import click

from benchmarks import data as data_lib
from benchmarks import goals
from benchmarks import machine
from benchmarks import process
from benchmarks import table
from benchmarks import transform_suites


@click.command()
@click.option("--repeats", default=3, help="How often each contender runs.")
@click.option("--budget", default=60.0, help="Seconds after which none is repeated.")
@click.option("--only", multiple=True, type=click.Choice(list(transform_suites.SUITES)))
@click.option("--cache", default=os.fspath(process.ROOT / "output" / "benchmarks"))
@click.option("--out", default=os.fspath(table.TRANSFORM), help="File of the results.")
def main(repeats, budget, only, cache, out):
    """Measures z-scores of 10, 200 and 1,000 features, and covariances."""
    suites = transform_suites.SUITES
    chosen = {name: suites[name] for name in only or suites}
    about = {"machine": machine.describe(), "versions": machine.versions()}
    results = about | {"suites": {}, "runs": [], "failures": []}
    before = pathlib.Path(out)
    if only and before.exists():
        old = json.loads(before.read_text(encoding="utf-8"))
        if all(old[key] == value for key, value in about.items()):
            # The other suites' runs, of the same machine and packages, stay.
            results |= {
                key: [run for run in old[key] if run["suite"] not in chosen]
                for key in ("runs", "failures")
            }
            results["suites"] = old["suites"]
    results["suites"] |= {name: suite.title for name, suite in chosen.items()}
    for name, suite in chosen.items():
        click.echo(f"\n{suite.title}")
        data = data_lib.DataSet(cache, suite.rows, suite.columns)
        process.make(data)
        spent = dict.fromkeys(suite.entries, 0.0)
        for repeat in range(repeats):
            for label, contender in suite.entries.items():
                if spent[label] > budget:
                    continue
                run = {"suite": name, "label": label, "repeat": repeat}
                run |= {"rows": suite.rows, "columns": suite.columns}
                try:
                    run |= process.measure(contender, data)
                    spent[label] += run["seconds"]
                except process.Failure as failure:
                    run["error"] = str(failure)
                    spent[label] = float("inf")
                results["failures" if "error" in run else "runs"].append(run)
                table.write(results, pathlib.Path(out))
                told = run.get("error") or f"{run['seconds']:8.2f} s"
                click.echo(f"  {label:32} {told}")
    found: list[goals.Comparison] = transform_suites.comparisons()
    click.echo(f"\n{table.ratios(results, found)}")


if __name__ == "__main__":
    main()
