# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a comparison found."""

import collections.abc
import dataclasses
import os

from tfnorm import config
from tfnorm import files

# The heading of each measure, what it is called in a sentence, and how it is written.
_WORDS = {
    "mean_shift": ("mean shift", "the mean is off by {} deviations", "{:+.3g}"),
    "deviation_ratio": ("deviation", "the deviation is {} times as large", "{:.3g}"),
    "stability_index": ("stability", "the stability index is {}", "{:.3g}"),
    "out_of_range": ("out of range", "{} of the values are out of range", "{:.3%}"),
    "missing_rate": ("missing", "the missing values are {} more", "{:+.3%}"),
    "new_keys": ("new keys", "{} of the rows have new keys", "{:.3%}"),
}


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measure of a feature, where it is worst.

    Args:
        value: How much it is there; may be infinite, of a constant that changed.
        threshold: How much is let pass; `None` is any.
        element: Which element of the kept axes it is.
        detail: What else is to say.
        breached: Whether it is more than is let pass.
    """

    value: float
    threshold: float | None
    element: tuple[int, ...] = ()
    detail: str = ""
    breached: bool = False

    def text(self, name: str) -> str:
        """The value, as it is written for a measure of this name."""
        return _WORDS[name][2].format(self.value)

    def sentence(self, name: str) -> str:
        """What a breach says."""
        said = _WORDS[name][1].format(self.text(name))
        where = f"of element {list(self.element)}, " if self.element else ""
        detail = f" ({self.detail})" if self.detail else ""
        limit = _WORDS[name][2].replace("+", "").format(self.threshold)
        return f"{where}{said}{detail}, beyond {limit}"


@dataclasses.dataclass(frozen=True)
class FeatureComparison:
    """How one feature compares.

    Args:
        values: How many rows of the new data have a value.
        baseline_values: How many of the baseline have.
        measures: Name of each measure that could be taken to it.
        faults: What keeps the two from being compared; each is a finding.
        notes: What could not be measured, and why.
    """

    values: int
    baseline_values: int
    measures: collections.abc.Mapping[str, Measure] = dataclasses.field(
        default_factory=dict
    )
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def findings(self) -> list[str]:
        """A sentence for each fault and each breach, without the feature's name."""
        counts = f"({self.values:,} values, {self.baseline_values:,} in the baseline)"
        breaches = [
            f"{measure.sentence(name)} {counts}."
            for name, measure in self.measures.items()
            if measure.breached
        ]
        return [*self.faults, *breaches]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How new data compare with a baseline, feature by feature.

    Printed, it is a table and the findings.

    Args:
        features: Name to how it compares.
        rows: Rows of the new data.
        baseline_rows: Rows of the baseline.
        digest: Digest of the statistics of the new data, if known.
        baseline_digest: That of the baseline, likewise.
        notes: What was not compared at all, and why.
    """

    features: collections.abc.Mapping[str, FeatureComparison]
    rows: int
    baseline_rows: int
    digest: str | None = None
    baseline_digest: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """Each way in which the new data are too far from the baseline, a sentence."""
        return tuple(
            f"feature {name!r}: {finding}"
            for name, feature in self.features.items()
            for finding in feature.findings()
        )

    @property
    def passed(self) -> bool:
        """Whether there is no finding."""
        return not self.findings

    def to_dict(self) -> dict:
        """All of it in dicts, lists, strings and numbers, as JSON has them."""
        fields = dataclasses.asdict(self)
        verdict = {"passed": self.passed, "findings": self.findings}
        return config.encode({**verdict, **fields})

    def save(self, path: str | os.PathLike) -> None:
        """Writes it as JSON, whole or not at all."""
        with files.whole_file(path) as temporary:
            temporary.write_text(config.dumps(self.to_dict()), encoding="utf-8")

    def __str__(self) -> str:
        heads = [head for head, _, _ in _WORDS.values()]
        table = [["feature", "values", *heads]]
        for name, feature in self.features.items():
            cells = [_cell(feature.measures.get(key), key) for key in _WORDS]
            table.append([name, f"{feature.values:,}", *cells])
        lines = _aligned(table)
        rows = f"{self.rows:,} rows, {self.baseline_rows:,} in the baseline"
        found = self.findings
        plural = "" if len(found) == 1 else "s"
        verdict = f"{len(found)} finding{plural}" if found else "passed"
        lines += [f"{rows}: {verdict}"]
        lines += [f"  {finding}" for finding in found]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [
            f"  note on {name!r}: {note}"
            for name, feature in self.features.items()
            for note in feature.notes
        ]
        return "\n".join(lines)


def _cell(measure: Measure | None, name: str) -> str:
    if measure is None:
        return "-"
    where = str(list(measure.element)) if measure.element else ""
    return f"{'! ' if measure.breached else ''}{measure.text(name)}{where}"


def _aligned(table: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = [
        [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in table
    ]
    return ["  ".join(row) for row in rows]
