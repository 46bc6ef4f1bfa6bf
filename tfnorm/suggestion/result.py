# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A suggested recipe with its reasons, in memory and on disk."""

import collections.abc
import dataclasses
import json
import os

from tfnorm import config
from tfnorm import files
from tfnorm import recipe as recipe_lib

RECIPE = "recipe.json"
REASONS = "reasons.json"


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A recipe, and why each feature is in it or left out.

    Args:
        recipe: The recipe.
        reasons: A sentence for each feature, those left out too, with the numbers
            that decided.
        another_pass: Features whose scheme is fitted from statistics that the source
            does not hold: take statistics with the recipe. Empty if the source was a
            schema alone, when none were taken.
    """

    recipe: recipe_lib.Recipe
    reasons: collections.abc.Mapping[str, str]
    another_pass: tuple[str, ...] = ()

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `recipe.json` and `reasons.json` to a folder, whole or not at all.

        On a file system where no folder can be renamed (`gs://`, `s3://`), each file
        is whole or not there, and the recipe comes last.

        Args:
            folder: A new or empty folder, or one with another suggestion.

        Raises:
            ArtifactError: if it cannot be written, or holds something else.
        """
        recipe, reasons = config.dumps(self.recipe), _json(self.reasons)
        if files.is_remote(folder):
            where = os.fspath(folder).rstrip("/")
            for name, text in ((REASONS, reasons), (RECIPE, recipe)):
                with files.whole_file(f"{where}/{name}") as temporary:
                    temporary.write_text(text, encoding="utf-8")
            return
        # Not the recipe's name: that may stand among files of somebody's own.
        with files.whole_folder(folder, REASONS) as fresh:
            (fresh / RECIPE).write_text(recipe, encoding="utf-8")
            (fresh / REASONS).write_text(reasons, encoding="utf-8")

    def __str__(self) -> str:
        width = max(len(name) for name in self.reasons)
        lines = (f"{name:<{width}}  {why}" for name, why in self.reasons.items())
        return "\n".join(lines)


def _json(reasons: collections.abc.Mapping[str, str]) -> str:
    return json.dumps(reasons, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
