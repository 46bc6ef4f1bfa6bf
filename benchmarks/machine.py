# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What the benchmark ran on. Nothing here names the machine."""

import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Sequence

import psutil

PACKAGES = (
    "apache-beam",
    "duckdb",
    "keras",
    "numpy",
    "polars",
    "pyarrow",
    "scikit-learn",
    "tensorflow",
    "tensorflow-transform",
    "tfnorm",
    "tfx-bsl",
)


def describe() -> dict:
    """Returns processor, cores, memory and operating system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Returns the versions of Python and of what is measured; absent ones lack."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except FileNotFoundError:
        return platform.processor()
    models = [line for line in text.splitlines() if line.startswith("model name")]
    return models[0].partition(":")[2].strip() if models else platform.processor()
