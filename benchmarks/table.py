# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Renders the results as Markdown, and puts them into the READMEs.

python -m benchmarks.table
"""

import json
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from benchmarks import goals

HERE = pathlib.Path(__file__).absolute().parent
RESULTS = HERE / "results" / "statistics.json"
START, END = "<!-- benchmark:statistics -->", "<!-- /benchmark -->"


def readmes(results: dict) -> dict[pathlib.Path, str]:
    """Returns what is to stand in each README."""
    return {
        HERE.parent / "README.md": f"{ratios(results)}\n\n{machine(results)}",
        HERE / "README.md": render(results),
    }


def render(results: dict) -> str:
    """Returns the ratios with their goals, and what was measured, as Markdown."""
    parts = [ratios(results)]
    for suite, title in results["suites"].items():
        parts.append(f"**{title}**\n\n{measured(results, suite)}")
    return "\n\n".join([*parts, machine(results)])


def machine(results: dict) -> str:
    """Returns where it was measured, and with what."""
    host, versions = results["machine"], results["versions"]
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{host['processor']}, {host['cores']} cores, {host['memory_gib']} GiB, "
        f"{host['system']}; {names}."
    )


def ratios(results: dict) -> str:
    """Returns the table of ratios."""
    rows = []
    for comparison in goals.comparisons():
        best = comparison.ratio(results["runs"])
        if best is None:
            continue
        middle = comparison.ratio(results["runs"], np.median)
        title = results["suites"][comparison.suite]
        kind, theirs = comparison.kind, comparison.theirs
        unit = "x" if theirs else " s"
        goal = reached = ""
        if comparison.goal is not None:
            bound = "at least" if kind.more_is_better else "at most"
            goal = f"{bound} {comparison.goal:g}{unit}"
            reached = "yes" if comparison.reached(best) else "**no**"
        ours = f"{comparison.ours}: {kind.name}"
        rows.append(
            [
                title,
                ours,
                theirs or "",
                f"{_short(best)}{unit}",
                f"{_short(middle)}{unit}",
                goal,
                reached,
            ]
        )
    header = ["data", "what", "beside", "best", "median", "goal", "reached"]
    return _table(header, rows)


def measured(results: dict, suite: str) -> str:
    """Returns the table of what each contender of a suite took."""
    rows = []
    runs = [run for run in results["runs"] if run["suite"] == suite]
    for label in dict.fromkeys(run["label"] for run in runs):
        of = [run for run in runs if run["label"] == label]
        seconds = [run["seconds"] for run in of]
        rows.append(
            [
                label,
                _short(min(seconds)),
                _short(np.median(seconds)),
                str(len(of)),
                _short(of[0]["rows"] / min(seconds) / 1000),
                _short(min(run["cpu_seconds"] for run in of)),
                _short(min(run["process_seconds"] for run in of)),
                f"{min(run['peak_mib'] for run in of):.0f}",
                _error(of, "variance_error"),
                _error(of, "quantiles_error"),
            ]
        )
    for run in results["failures"]:
        if run["suite"] == suite:
            rows.append([run["label"], "failed", *[""] * 8])
    header = [
        "contender",
        "seconds",
        "median",
        "runs",
        "1,000 rows/s",
        "CPU s",
        "whole process s",
        "peak MiB",
        "variance error",
        "quantile error",
    ]
    return _table(header, rows)


def update(path: pathlib.Path, text: str) -> None:
    """Replaces what stands between the markers of a file; without them nothing."""
    old = path.read_text(encoding="utf-8")
    new = re.sub(
        f"(?<={START}\n).*?(?={END})", lambda _: f"{text}\n", old, flags=re.DOTALL
    )
    if new != old:
        path.write_text(new, encoding="utf-8")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Padded, so that it reads well in a terminal too.
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        )
        + " |"
        for line in lines
    )


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _error(runs: Sequence[dict], field: str) -> str:
    errors = [run[field] for run in runs if field in run]
    return f"{max(errors):.1g}" if errors else ""


if __name__ == "__main__":
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    for readme, rendered in readmes(found).items():
        update(readme, rendered)
