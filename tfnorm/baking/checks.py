# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What was verified of a SavedModel."""

import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True)
class Report:
    """What was verified, all of it right.

    Args:
        path: The SavedModel.
        constants: How many constants are those that were baked, to the bit.
        rows: How many golden rows were run.
        differences: Signature to the greatest difference from the golden outputs.
        skipped: Signature that was not run, and why.
    """

    path: str
    constants: int
    rows: int
    differences: collections.abc.Mapping[str, float]
    skipped: collections.abc.Mapping[str, str]

    def __str__(self) -> str:
        run = ", ".join(
            f"{name} within {value:.2g}" for name, value in self.differences.items()
        )
        skipped = "".join(
            f"; {name} not run: {why}" for name, why in self.skipped.items()
        )
        return (
            f"{self.path}: {self.constants} constants as baked; {self.rows} golden "
            f"rows through {run}{skipped}."
        )
