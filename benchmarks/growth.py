# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What `benchmarks.scale` measured, how it grows, and where that leads."""

import math

OURS = "tfnorm in Beam, TFRecord"
OURS_PARQUET = "tfnorm in Beam, Parquet"

# A table: its header, and its rows.
Cells = tuple[list[str], list[list[str]]]


def tables(results: dict) -> list[tuple[str, Cells]]:
    """Returns tables with titles: what was measured, and how it grows."""
    found = []
    header = ["rows", "columns", "engine", "s", "rows/s", "MB/s", "MiB", "state"]
    for suite, title in results["suites"].items():
        runs = [run for run in _best(results) if run["suite"] == suite]
        failed = [run for run in results["failures"] if run["suite"] == suite]
        rows = [_cells(run) for run in runs] + [_failed(run) for run in failed]
        found.append((title, (header, rows)))
        found.append((f"Growth with {suite}", _growth(suite, runs)))
    return found


def road(results: dict, rows: float = 1e12, cores: int = 1_000) -> Cells:
    """Returns the measured slopes of tfnorm, extended to many rows."""
    cells = []
    for label in (OURS, OURS_PARQUET):
        # The slope beyond what every job takes once.
        *_, first, last = _sizes(results, label, "rows")
        more = last["rows"] - first["rows"]
        core_seconds = (last["cpu_seconds"] - first["cpu_seconds"]) / more
        hours = core_seconds * rows / 3600
        cells.append(
            [
                label,
                f"{last['bytes'] / last['rows'] * rows / 1e12:,.0f} TB",
                f"{core_seconds * 1e6:.2f} us",
                f"{hours:,.0f}",
                f"{hours / cores * 60:,.0f} min",
            ]
        )
    header = ["files", "read", "core time a row", "core hours"]
    return [*header, f"on {cores:,} cores"], cells


def shuffle(results: dict, bundles: int = 100_000) -> Cells:
    """Returns what travels between workers, and what merging it takes."""
    cells = []
    for run in _sizes(results, OURS, "columns"):
        size, merge = run["state_bytes"], run["merge_seconds"]
        some = math.isqrt(bundles)
        cells.append(
            [
                f"{run['columns']:,}",
                f"{size / 1e6:.2f} MB",
                f"{merge * 1e3:.1f} ms",
                f"{size * bundles / 1e9:,.0f} GB",
                f"{merge * bundles:,.0f} s",
                f"{2 * merge * some:,.0f} s",
            ]
        )
    header = ["columns", "a state", "merging two", f"{bundles:,} states"]
    return [*header, "merged by one worker", "in two steps"], cells


def _sizes(results: dict, label: str, suite: str) -> list[dict]:
    """The runs of one engine, the least first."""
    wanted = (label, suite)
    found = [r for r in _best(results) if (r["label"], r["suite"]) == wanted]
    return sorted(found, key=lambda run: run[suite])


def _best(results: dict) -> list[dict]:
    """The fastest run of each engine on each size, in the order of the results."""
    found: dict[tuple, dict] = {}
    for run in results["runs"]:
        key = (run["suite"], run["rows"], run["columns"], run["label"])
        if key not in found or run["seconds"] < found[key]["seconds"]:
            found[key] = run
    return list(found.values())


def _cells(run: dict) -> list[str]:
    state = run.get("state_bytes")
    return [
        f"{run['rows']:,}",
        f"{run['columns']:,}",
        run["label"],
        f"{run['seconds']:.2f}",
        f"{run['rows'] / run['seconds']:,.0f}",
        f"{run['bytes'] / run['seconds'] / 1e6:.0f}",
        f"{run['peak_mib']:,.0f}",
        "" if state is None else f"{state / 1e6:.2f} MB",
    ]


def _failed(run: dict) -> list[str]:
    size = [f"{run['rows']:,}", f"{run['columns']:,}", run["label"]]
    return [*size, "failed", "", "", "", ""]


def _growth(suite: str, runs: list[dict]) -> Cells:
    """How seconds and memory of each engine grow from its least size to its most."""
    rows = []
    for label in dict.fromkeys(run["label"] for run in runs):
        own = sorted((r for r in runs if r["label"] == label), key=lambda r: r[suite])
        least, most = own[0], own[-1]
        if least is most:
            continue
        cells = [label, f"{most[suite] / least[suite]:,.0f}x {suite}"]
        cells += [f"{most[f] / least[f]:.2f}x" for f in ("seconds", "peak_mib")]
        more = (most["peak_mib"] - least["peak_mib"]) / (most[suite] - least[suite])
        cells.append(f"{more * (1 << 20):,.0f} bytes")
        rows.append(cells)
    one = suite.removesuffix("s")
    return ["engine", "growth", "seconds", "peak memory", f"memory a {one}"], rows
