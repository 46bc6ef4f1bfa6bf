# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures layers within a network beside their peers, on every backend in turns.

python -m benchmarks.batchnorm

Keras has one backend a process, so there is a process for each, which waits while
another runs.
"""

import gc
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from benchmarks import machine
from benchmarks import network_layers
from benchmarks import table

PACKAGES = ("jax", "keras", "numpy", "tensorflow", "tfnorm", "torch")


@click.command()
@click.option("--repeats", default=15, help="How often each contender runs.")
@click.option("--only", multiple=True, type=click.Choice(list(network_layers.SUITES)))
@click.option("--out", default=os.fspath(table.BATCHNORM), help="File of the results.")
@click.option("--worker", is_flag=True, hidden=True)
def main(repeats, only, out, worker):
    """Times layers within a network and what does the same elsewhere."""
    if worker:
        work()
        return
    suites = network_layers.SUITES
    chosen = {k: v for k, v in suites.items() if k in (only or suites)}
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(PACKAGES),
        "suites": {name: suite.title for name, suite in chosen.items()},
        "runs": [],
        "failures": [],
    }
    for name, suite in chosen.items():
        click.echo(f"\n{suite.title}")
        results["runs"] += _runs(name, suite, repeats)
        for label in suite.entries:
            seconds = [
                run["seconds"]
                for run in results["runs"]
                if (run["suite"], run["label"]) == (name, label)
            ]
            click.echo(f"  {label:30} {1e3 * min(seconds):9.2f} ms")
        table.write(results, pathlib.Path(out))
    click.echo(f"\n{table.ratios(results, network_layers.comparisons())}")


def _runs(name: str, suite, repeats: int) -> list[dict]:
    runs = []
    workers = {backend: _Worker(backend) for backend in network_layers.BACKENDS}
    try:
        # The first call compiles, and warms caches.
        for repeat in range(-1, repeats):
            for label in suite.entries:
                worker = workers[network_layers.backend_of(label)]
                run = {"suite": name, "label": label, "repeat": repeat}
                run["seconds"] = worker.seconds(name, label)
                runs += [run] if repeat >= 0 else []
    finally:
        for worker in workers.values():
            worker.stop()
    return runs


class _Worker:
    """A process of one backend, which times what it is asked to."""

    def __init__(self, backend: str):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.batchnorm", "--worker"],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, suite: str, label: str) -> float:
        print(json.dumps([suite, label]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise click.ClickException(f"{label!r} of {suite!r} failed: see above.")
        return float(answer)

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def work() -> None:
    """Answers each line of a suite and a label with the seconds that it took."""
    functions = {}
    # What libraries print must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        suite, label = json.loads(line)
        if label not in functions:
            functions[label] = network_layers.SUITES[suite].entries[label]()
        gc.collect()
        gc.disable()
        start = time.perf_counter()
        result = functions[label]()
        seconds = time.perf_counter() - start
        gc.enable()
        del result
        print(seconds, file=answers, flush=True)


if __name__ == "__main__":
    main()
