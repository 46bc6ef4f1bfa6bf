# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables and progress on the terminal."""

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Literal
from typing import TextIO

import numpy as np
import rich.console
import rich.progress
import rich.table
import rich.text

from tfnorm.statistics import features as features_lib
from tfnorm.statistics import groups

_MOST_CHANNELS = 8


@contextlib.contextmanager
def quiet() -> Iterator[TextIO]:
    """Silences what libraries below write to stderr, their C++ parts included.

    What tfnorm itself logs still reaches the terminal.

    Yields:
        A stream that still reaches the terminal.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    log = logging.getLogger("tfnorm")
    sys.stderr.flush()
    with open(os.dup(2), "w") as terminal, open(os.devnull, "w") as nowhere:
        handler = logging.StreamHandler(terminal)
        log.addHandler(handler)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(terminal.fileno(), 2)
            log.removeHandler(handler)


class Rows(rich.progress.ProgressColumn):
    """How many rows were read so far, and how many a second."""

    def __init__(self):
        super().__init__()
        self._count: Callable[[], int] = int
        self._before = 0
        self._started = 0.0

    def watch(self, count: Callable[[], int]) -> None:
        """Begins to show a number that grows, and asks for it now and then."""
        self._before, self._started = count(), time.monotonic()
        self._count = count

    def render(self, task) -> rich.text.Text:
        rows = self._count() - self._before
        rate = rows / max(time.monotonic() - self._started, 1e-3)
        text = f"{rows:,} rows, {rate:,.0f} rows/s" if rows > 0 else ""
        return rich.text.Text(text, no_wrap=True)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Rows]:
    """Shows that something is going on, and for how long; nothing else is said.

    It is drawn on stderr, where that is a terminal, and goes when it is done.

    Yields:
        What shows rows, too, once it has something to watch.
    """
    rows = Rows()
    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}"),
        rich.progress.TimeElapsedColumn(),
        rows,
    )
    with quiet() as terminal:
        console = rich.console.Console(file=terminal)
        bar = rich.progress.Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar:
            bar.add_task(what, total=None)
            yield rows


def statistics(found) -> None:
    """Prints statistics as a table, a line for each feature and channel."""
    table = _table("feature", "mean", "std", "min", "median", "max", "missing", "NaN")
    names, many = features_lib.of(found.features).few()
    for name in names:
        feature = found[name]
        if feature.shape is None:
            table.add_row(name, *["-"] * 5, str(feature.missing), "-")
            continue
        for index in list(np.ndindex(feature.shape))[:_MOST_CHANNELS]:
            channel = feature.summaries[_flat(index, feature.shape)]
            median = None
            if channel.quantiles is not None:
                median = channel.quantiles.quantile(0.5, channel.extrema).value
            table.add_row(
                f"{name}{list(index) if index else ''}",
                _number(channel.moments.mean),
                _number(channel.moments.std),
                _number(channel.extrema.low),
                _number(median),
                _number(channel.extrema.high),
                str(feature.missing),
                str(channel.counts.nan),
            )
    _print(table)
    for stem, counts in many.items():
        keys, rows = counts["keys"], counts["rows"]
        _say(f"{groups.label(stem)}: {keys:,} keys, {rows:,} rows")
    weight = "" if found.weight is None else f" of weight {found.weight:,.6g}"
    line = f"{found.rows:,} rows{weight}, digest {found.digest[:16]}"
    if found.bad_records:
        line += f", {found.bad_records} bad records left out"
    rich.console.Console().print(line, highlight=False)
    for made in found.provenance:
        said = json.loads(made)
        _say(("Decoded: " if "feature" in said else "Rows: ") + _items(said))


def splits(found) -> None:
    """Prints the statistics of each split."""
    for name, part in found.items():
        _say(f"Split {name}:")
        statistics(part)


def _items(said: dict) -> str:
    return ", ".join(
        f"{k} {v if isinstance(v, str) else json.dumps(v)}" for k, v in said.items()
    )


def difference(one, other) -> None:
    """Prints how the statistics of two data sets differ."""
    if one.digest == other.digest:
        _say(f"Equal: {one.rows:,} rows, digest {one.digest[:16]}")
        return
    table = _table("feature", "rows", "mean shift (std)", "std ratio", "missing rate")
    both = [features_lib.of(found.features) for found in (one, other)]
    (mine, many), (theirs, others) = (held.few() for held in both)
    for name in sorted({*mine, *theirs}):
        if groups.parted(name)[0] in many | others:
            continue
        if name not in one or name not in other:
            table.add_row(name, f"only in the {'first' if name in one else 'second'}")
            continue
        a, b = one[name], other[name]
        with np.errstate(all="ignore"):
            shift = (np.asarray(b.mean) - a.mean) / np.asarray(a.std)
            ratio = np.asarray(b.std) / np.asarray(a.std)
        table.add_row(
            name,
            f"{a.rows:,} -> {b.rows:,}",
            _widest(shift, 0.0),
            _widest(ratio, 1.0),
            f"{_share(a):.2%} -> {_share(b):.2%}",
        )
    _print(table)
    for stem in many | others:
        keys = [len(h.keyed.get(stem, h.stems.get(stem, ()))) for h in both]
        _say(f"{groups.label(stem)}: {keys[0]:,} -> {keys[1]:,} keys")
    _say(f"Digests {one.digest[:16]} and {other.digest[:16]} differ.")


def comparison(found) -> None:
    """Prints how new data compare with a baseline."""
    # Neither wrapped nor torn apart where there is no terminal to fit.
    print(found)


def fitted(found) -> None:
    """Prints the maps of a fitted recipe."""
    table = _table("feature", "scheme", "map")
    for name, bijector in found.maps.items():
        table.add_row(name, repr(found.recipe.features[name].scheme), repr(bijector))
    _print(table)


def manifest(found) -> None:
    """Prints what a SavedModel says of its normalization."""
    _say(str(found))


def _table(*columns: str) -> rich.table.Table:
    table = rich.table.Table()
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if index else "left"
        table.add_column(column, justify=justify, no_wrap=not index, overflow="fold")
    return table


def _print(table: rich.table.Table) -> None:
    # Numbers are not torn apart where there is no terminal to fit.
    width = None if sys.stdout.isatty() else 120
    rich.console.Console(width=width).print(table)


def _say(text: str) -> None:
    rich.console.Console().print(text, highlight=False, markup=False)


def _number(value) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _widest(values, neutral: float) -> str:
    flat = np.ravel(values)
    return f"{flat[np.argmax(np.abs(flat - neutral))]:.4g}" if flat.size else "-"


def _share(feature) -> float:
    return feature.missing / feature.rows if feature.rows else 0.0


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if index else 0
