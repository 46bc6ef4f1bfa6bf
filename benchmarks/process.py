# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures a contender from outside: its process, and whatever that starts."""

import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time

import psutil

from benchmarks import data as data_lib

ROOT = pathlib.Path(__file__).absolute().parents[1]
# Often enough for what grows over seconds, and too seldom to be felt: a sample takes
# 1 ms. Peaks in between are those of the process itself, which Linux keeps.
SAMPLE_SECONDS = 0.1


class Failure(Exception):
    """A contender ended with an error: its exit status, and the last it said."""


def make(data: data_lib.DataSet) -> None:
    """Makes the files of a data set, unless they are there."""
    if not data.made:
        fields = json.dumps(dataclasses.asdict(data))
        _run(["-m", "benchmarks.making", fields], {})


def measure(
    contender: str, data: data_lib.DataSet, *, cores: int | None = None
) -> dict[str, float]:
    """Runs a contender once in a fresh process.

    Args:
        contender: "module.Class" in `benchmarks.contenders`.
        data: What it works on.
        cores: How many cores it may use; all there are by default.

    Returns:
        Seconds, MiB, digest and errors by name. "seconds", "cpu_seconds" and
        "start_mib" are those of the computation alone, after imports; "process_..."
        and "peak_mib" those of the whole tree of processes.
    """
    module, _, name = contender.rpartition(".")
    fields = json.dumps(dataclasses.asdict(data))
    pinned = {} if cores is None else _pinned(cores)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "measured.json")
        command = ["-m", "benchmarks.worker", module, name, fields, os.fspath(out)]
        usage = _run(command, pinned)
        measured = json.loads(out.read_text(encoding="utf-8"))
    peaks = [measured["peak_mib"], usage["peak_mib"]]
    return measured | usage | {"peak_mib": max(p for p in peaks if p is not None)}


def _pinned(cores: int) -> dict[str, str]:
    # The worker restricts itself to so many cores; the others are for libraries that
    # count the cores of the machine all the same.
    names = ("BENCHMARK_CORES", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
    return dict.fromkeys(names, str(cores))


def _run(arguments: list[str], variables: dict[str, str]) -> dict[str, float]:
    before = _cpu_seconds()
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        peak = _Peak(process.pid)
        _, complaint = process.communicate()
        seconds = time.perf_counter() - start
    if process.returncode:
        status = f"exit status {process.returncode}"  # -9 where memory ran out.
        lines = [line for line in complaint.splitlines() if line.strip()]
        raise Failure(f"{status}: {lines[-1]}" if lines else status)
    return {
        "process_seconds": seconds,
        "process_cpu_seconds": _cpu_seconds() - before,
        "peak_mib": peak.stop(),
    }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Peak:
    """Samples the memory of a process and its descendants until it is stopped."""

    def __init__(self, pid: int):
        self._root = psutil.Process(pid)
        self._bytes = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Returns the largest sum seen, in MiB."""
        self._stopped.set()
        self._thread.join()
        return self._bytes / (1 << 20)

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                total = sum(process.memory_info().rss for process in tree)
            except psutil.Error:
                continue  # One ended meanwhile; the next sample leaves it out.
            self._bytes = max(self._bytes, total)
