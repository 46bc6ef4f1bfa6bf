# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures statistics of many keys, of wide vectors and of many columns.

    python -m benchmarks.wide
    python -m benchmarks.wide --case="100,000 keys"

Every case is a process of its own, so that its memory is its own.
"""

import argparse
import pickle
import resource
import subprocess
import sys
import time

import numpy as np

import tfnorm
from tfnorm import schemes

COLUMNS = (
    *("case", "rows/s", "values/s", "merge s", "digest s"),
    *("state MiB", "pickled MiB", "peak MiB"),
)


def keys(count: int, scheme: schemes.Scheme):
    """Rows of one number, by key."""
    rng = np.random.default_rng(0)
    columns = {
        "x": rng.normal(size=1_000_000).astype(np.float32),
        "key": rng.integers(0, count, 1_000_000),
    }
    return columns, tfnorm.Recipe({"x": schemes.PerKey(scheme, "key")})


def hot():
    """As many keys, of which one has nine of ten rows."""
    columns, recipe = keys(100_000, schemes.ZScore())
    rare = np.arange(1_000_000) % 10 == 0
    columns["key"] = np.where(rare, columns["key"], 0)
    return columns, recipe


def vector(rows: int, width: int, dtype: str, scheme: schemes.Scheme):
    """A vector of which each element has statistics of its own."""
    rng = np.random.default_rng(0)
    if dtype == "uint8":
        values = rng.integers(0, 256, (rows, width), np.uint8)
    else:
        values = rng.standard_normal((rows, width), np.float32)
    return {"x": values}, tfnorm.Recipe({"x": scheme})


def columns(count: int, rows: int):
    """Many features of one number."""
    rng = np.random.default_rng(0)
    names = [f"x{i}" for i in range(count)]
    found = {name: rng.standard_normal(rows, np.float32) for name in names}
    return found, tfnorm.Recipe(dict.fromkeys(names, schemes.ZScore()))


CASES = {
    "1,000 keys": lambda: keys(1_000, schemes.ZScore()),
    "100,000 keys": lambda: keys(100_000, schemes.ZScore()),
    "100,000 keys, one with 90% of rows": hot,
    "100,000 keys, quantiles": lambda: keys(100_000, schemes.Robust()),
    "150,528 bytes": lambda: vector(1_000, 150_528, "uint8", schemes.ZScore()),
    "150,528 floats": lambda: vector(1_000, 150_528, "float32", schemes.ZScore()),
    "150,528 floats, quantiles": lambda: vector(
        200, 150_528, "float32", schemes.Robust()
    ),
    "1,000 columns": lambda: columns(1_000, 20_000),
    "co-moments of 1,024": lambda: vector(
        20_000, 1_024, "float32", schemes.Whitening(shrinkage=0.1)
    ),
}


def measure(case: str) -> list[str]:
    """Runs one case in this process, and returns the cells of its row."""
    data, recipe = CASES[case]()
    start = _peak()
    begun = time.perf_counter()
    found = tfnorm.analyze(data, recipe)
    seconds = time.perf_counter() - begun
    peak = _peak() - start
    begun = time.perf_counter()
    found.merge(found)
    merging = time.perf_counter() - begun
    begun = time.perf_counter()
    found.digest  # noqa: B018
    hashing = time.perf_counter() - begun
    size = sum(np.size(column) for column in data.values())
    return [
        case,
        f"{found.rows / seconds:,.0f}",
        f"{size / seconds:,.0f}",
        f"{merging:.2f}",
        f"{hashing:.2f}",
        f"{found.nbytes / 2**20:.0f}",
        f"{len(pickle.dumps(found, protocol=5)) / 2**20:.0f}",
        f"{peak:.0f}",
    ]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: list[str] | None = None) -> None:
    """Runs all cases, or one, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES)
    options = parser.parse_args(argv)
    if options.case:
        print("| " + " | ".join(measure(options.case)) + " |", flush=True)
        return
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " + "| ---: " * (len(COLUMNS) - 1) + "|", flush=True)
    for case in CASES:
        command = [sys.executable, "-m", "benchmarks.wide", f"--case={case}"]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
