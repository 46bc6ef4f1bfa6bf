# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What was folded into what, and what was not, and why."""

import dataclasses


class NotFoldable(Exception):
    """A map cannot be folded there; says why."""


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one normalization.

    Args:
        layer: Its name; within a model in the model, behind that one's name.
        kind: Its class.
        into: The layers that it was folded into; none if it was not.
        reason: Why it was not folded; "" if it was.
    """

    layer: str
    kind: str
    into: tuple[str, ...] = ()
    reason: str = ""

    @property
    def folded(self) -> bool:
        """Whether the layer is gone."""
        return not self.reason

    def __str__(self) -> str:
        what = f"{self.layer} ({self.kind})"
        if self.folded:
            return f"{what} -> {', '.join(self.into)}"
        return f"{what} stays: {self.reason}"


@dataclasses.dataclass(frozen=True)
class FoldReport:
    """What became of every normalization by constants in a model.

    Args:
        rows: One for each call of such a layer, in the order in which they run; then
            one for each that is within another layer, such as a wrapper.
    """

    rows: tuple[Row, ...]

    @property
    def folded(self) -> tuple[Row, ...]:
        """Those that were folded."""
        return tuple(row for row in self.rows if row.folded)

    @property
    def left(self) -> tuple[Row, ...]:
        """Those that were not."""
        return tuple(row for row in self.rows if not row.folded)

    def __str__(self) -> str:
        count = f"{len(self.folded)} of {len(self.rows)} normalizations folded"
        return "\n".join([count, *(f"  {row}" for row in self.rows)])
