# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs one contender once, in a process of its own, and writes what it took."""

import importlib
import json
import os
import pathlib
import sys
import time

from benchmarks import data as data_lib


def main(module: str, name: str, data: str, out: str) -> None:
    """Times a contender after its imports and preparations.

    Args:
        module: Module of `benchmarks.contenders`.
        name: Class in it.
        data: Fields of the `DataSet`, as JSON.
        out: File to write the measurements to, as JSON.
    """
    start = time.perf_counter()
    contender = getattr(
        importlib.import_module(f"benchmarks.contenders.{module}"), name
    )
    imports = time.perf_counter() - start
    data_set = data_lib.DataSet(**json.loads(data))
    contender = contender(data_set)
    before = memory("VmRSS")
    cpu, start = time.process_time(), time.perf_counter()
    found = contender.run()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "import_seconds": imports,
        "start_mib": before,
        "peak_mib": memory("VmHWM"),
    }
    measured |= judge(contender.answer(found), data_set)
    pathlib.Path(out).write_text(json.dumps(measured), encoding="utf-8")


def memory(field: str) -> float | None:
    """Returns what Linux says of this process's memory, in MiB."""
    try:
        status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def judge(answer: dict, data: data_lib.DataSet) -> dict:
    """Returns the digest, and how far the answer is off in the worst column.

    Columns that miss values are left out: not every contender knows missing.
    """
    features, truth = answer.get("features", {}), data.truth()
    if answer.get("rows", data.rows) != data.rows:
        raise ValueError(f"{answer['rows']} rows were read, of {data.rows}.")
    told = ("digest", "state_bytes", "merge_seconds")
    judged = {key: answer[key] for key in told if key in answer}
    for name in ("variance", "mean", "min", "max", "quantiles"):
        errors = [
            _error(name, features[column][name], truth[column])
            for column in data.complete
            if name in features.get(column, {})
        ]
        if errors:
            judged[f"{name}_error"] = max(errors)
    return judged


def _error(name: str, found, truth: dict) -> float:
    if name == "variance":
        return abs(found / truth["variance"] - 1)
    # In deviations: a mean or a quantile may be 0.
    deviation = truth["variance"] ** 0.5
    if name == "quantiles":
        pairs = zip(found, truth[name], strict=True)
        return max(abs(f - t) for f, t in pairs) / deviation
    return abs(found - truth[name]) / deviation


if __name__ == "__main__":
    if cores := os.environ.get("BENCHMARK_CORES"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    main(*sys.argv[1:])
