# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures tfnorm in tf.Transform beside its own z-scores, and its covariance.

    python -m benchmarks.transform --rows=200000 --columns=10,200
    python -m benchmarks.transform --of=covariance --rows=20000 --columns=64,256

Every run is a process of its own; the files are made first, and nothing is kept of
what is printed.
"""

import argparse
import statistics
import tempfile

from benchmarks import data as data_lib
from benchmarks import process

CONTENDERS = {
    "z-scores": {
        "tft.scale_to_z_score": "tft_transform.ScaleToZScore",
        "tfnorm.tft.apply": "tft_transform.Tfnorm",
    },
    "covariance": {
        "tft.covariance, float32": "tft_covariance.Tft",
        "tft.covariance, float64": "tft_covariance.Tft64",
        "tfnorm.beam.ComputeStatistics": "tft_covariance.Tfnorm",
    },
}
COLUMNS = ("columns", "", "seconds", "CPU seconds", "peak MiB", "worst std")


def main(argv: list[str] | None = None) -> None:
    """Runs all contenders, and prints a table of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--of", choices=list(CONTENDERS), default="z-scores")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", default="10,200", help="numbers, with commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", help="folder for the files, to keep them")
    options = parser.parse_args(argv)
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- | --- " + "| ---: " * (len(COLUMNS) - 2) + "|")
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or temporary
        for columns in map(int, options.columns.split(",")):
            data = data_lib.DataSet(cache, options.rows, columns)
            process.make(data)
            for name, contender in CONTENDERS[options.of].items():
                try:
                    runs = [
                        process.measure(contender, data) for _ in range(options.runs)
                    ]
                except process.Failure as failure:
                    print(f"| {columns} | `{name}` | {failure} |", flush=True)
                    continue
                print(_row(columns, name, runs), flush=True)


def _row(columns: int, name: str, runs: list[dict[str, float]]) -> str:
    def median(field: str) -> float:
        return statistics.median(run[field] for run in runs)

    # Half of the variance's error, which is relative.
    error = max(run["variance_error"] for run in runs) / 2
    cells = [
        str(columns),
        f"`{name}`",
        f"{median('seconds'):.1f}",
        f"{median('cpu_seconds'):.1f}",
        f"{median('peak_mib'):.0f}",
        f"off by {error:.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
