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
from benchmarks import growth
from benchmarks import image_suites
from benchmarks import layer_suites
from benchmarks import network_layers
from benchmarks import schemes
from benchmarks import transform_suites

HERE = pathlib.Path(__file__).absolute().parent
RESULTS = HERE / "results" / "statistics.json"
LAYERS = HERE / "results" / "layers.json"
BATCHNORM = HERE / "results" / "batchnorm.json"
TRANSFORM = HERE / "results" / "transform.json"
IMAGES = HERE / "results" / "images.json"
SCALE = HERE / "results" / "scale.json"
# What examples/schemes_compared.py writes.
SCHEMES = HERE / "results" / "schemes.json"
# Of which the project's README tells what had a goal.
SHORT = ("statistics", "layers")
END = "<!-- /benchmark -->"
# Name to where its results lie, and what is compared in them.
BENCHMARKS = {
    "statistics": (RESULTS, goals.comparisons),
    "layers": (LAYERS, layer_suites.comparisons),
    "batchnorm": (BATCHNORM, network_layers.comparisons),
    "images": (IMAGES, image_suites.comparisons),
    "transform": (TRANSFORM, transform_suites.comparisons),
}


def write(results: dict, path: pathlib.Path) -> None:
    """Writes results whole, so that an interrupted benchmark keeps what it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def render(results: dict, comparisons: Sequence[goals.Comparison]) -> str:
    """Returns the ratios with their goals, and what was measured, as Markdown."""
    parts = [ratios(results, comparisons)]
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


def ratios(results: dict, comparisons: Sequence[goals.Comparison]) -> str:
    """Returns the table of ratios."""
    rows = []
    for comparison in comparisons:
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
    return of(header, rows)


def measured(results: dict, suite: str) -> str:
    """Returns the table of what each contender of a suite took."""
    runs = [run for run in results["runs"] if run["suite"] == suite]
    labels = dict.fromkeys(run["label"] for run in runs)
    groups = [[run for run in runs if run["label"] == label] for label in labels]
    columns = {n: c for n, (field, c) in _COLUMNS.items() if field in runs[0]}
    rows = [[column(of) for column in columns.values()] for of in groups]
    for run in results["failures"]:
        if run["suite"] == suite:
            rows.append([run["label"], "failed", *[""] * (len(columns) - 2)])
    return of(list(columns), rows)


def growth_of(results: dict) -> str:
    """Returns what `benchmarks.scale` measured, as Markdown."""
    titled = growth.tables(results)
    parts = [f"**{title}**\n\n{of(*cells)}" for title, cells in titled]
    return "\n\n".join([*parts, machine(results)])


def update(path: pathlib.Path, name: str, text: str) -> None:
    """Replaces what stands between the markers of a benchmark in a file."""
    old = path.read_text(encoding="utf-8")
    start = f"<!-- benchmark:{name} -->"
    pattern = f"(?<={start}\n).*?(?={END})"
    new = re.sub(pattern, lambda _: f"{text}\n", old, count=1, flags=re.DOTALL)
    if new != old:
        path.write_text(new, encoding="utf-8")


def rendered() -> dict[tuple[pathlib.Path, str], str]:
    """Returns what is to stand where, by README and name of the benchmark."""
    found = {}
    for name, (path, comparisons) in BENCHMARKS.items():
        results = json.loads(path.read_text(encoding="utf-8"))
        found[HERE / "README.md", name] = render(results, comparisons())
        if name in SHORT:
            told = [one for one in comparisons() if one.goal is not None]
            text = f"{ratios(results, told)}\n\n{machine(results)}"
            found[HERE.parent / "README.md", name] = text
    results = json.loads(SCHEMES.read_text(encoding="utf-8"))
    text = f"{of(*schemes.cells(results))}\n\n{schemes.note(results)}"
    found[HERE / "README.md", "schemes"] = text
    scale = json.loads(SCALE.read_text(encoding="utf-8"))
    page = HERE.parent / "docs" / "scale.md"
    found[page, "scale"] = growth_of(scale)
    found[page, "road"] = of(*growth.road(scale))
    found[page, "shuffle"] = of(*growth.shuffle(scale))
    return found


def of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table as Markdown."""
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


def _least(field: str, form=lambda number: _short(number)):
    return field, lambda of: form(min(run[field] for run in of))


# Header to the measurement that it takes, and the text for the runs of a contender.
_COLUMNS = {
    "contender": ("label", lambda of: of[0]["label"]),
    "seconds": _least("seconds"),
    "median": ("seconds", lambda of: _short(np.median([r["seconds"] for r in of]))),
    "runs": ("label", lambda of: str(len(of))),
    "1,000 rows/s": (
        "rows",
        lambda of: _short(of[0]["rows"] / min(r["seconds"] for r in of) / 1000),
    ),
    "CPU s": _least("cpu_seconds"),
    "whole process s": _least("process_seconds"),
    "peak MiB": _least("peak_mib", "{:.0f}".format),
    "variance error": ("peak_mib", lambda of: _error(of, "variance_error")),
    "quantile error": ("peak_mib", lambda of: _error(of, "quantiles_error")),
}


if __name__ == "__main__":
    for (readme, benchmark), text in rendered().items():
        update(readme, benchmark, text)
