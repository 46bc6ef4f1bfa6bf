# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures layers beside their peers, all in one process and in turns.

python -m benchmarks.layers
"""

import gc
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from benchmarks import layer_suite
from benchmarks import layer_suites
from benchmarks import machine
from benchmarks import table

PACKAGES = (
    "albumentations",
    "jax",
    "keras",
    "librosa",
    "numpy",
    "scikit-learn",
    "tensorflow",
    "tfnorm",
    "torch",
    "torchaudio",
)


@click.command()
@click.option("--repeats", default=15, help="How often each contender runs.")
@click.option("--budget", default=20.0, help="Seconds after which one stops repeating.")
@click.option("--only", multiple=True, type=click.Choice(list(layer_suites.SUITES)))
@click.option("--out", default=os.fspath(table.LAYERS), help="File of the results.")
def main(repeats, budget, only, out):
    """Times layers and what does the same elsewhere, on the same data."""
    chosen = {
        k: v
        for k, v in layer_suites.SUITES.items()
        if k in (only or layer_suites.SUITES)
    }
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(PACKAGES),
        "suites": {name: suite.title for name, suite in chosen.items()},
        "runs": [],
        "failures": [],
    }
    for name, suite in chosen.items():
        click.echo(f"\n{suite.title}")
        for run in _runs(name, suite, repeats, budget):
            results["runs"].append(run)
        for label in suite.entries:
            seconds = [r["seconds"] for r in results["runs"] if r["label"] == label]
            click.echo(f"  {label:45} {1e3 * min(seconds):9.2f} ms")
        table.write(results, pathlib.Path(out))
    click.echo(f"\n{table.ratios(results, layer_suites.comparisons())}")


def _runs(name: str, suite: layer_suite.Suite, repeats: int, budget: float):
    functions = {label: make() for label, make in suite.entries.items()}
    for function in functions.values():
        function()  # Compiles, and warms caches.
    spent = dict.fromkeys(functions, 0.0)
    gc.disable()
    for repeat in range(repeats):
        for label, function in functions.items():
            if spent[label] > budget:
                continue
            start = time.perf_counter()
            result = function()
            seconds = time.perf_counter() - start
            del result
            spent[label] += seconds
            yield {"suite": name, "label": label, "repeat": repeat, "seconds": seconds}
    gc.enable()


if __name__ == "__main__":
    main()
