# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of splits that were kept from before, for new files to join."""

import json
import os
from collections.abc import Mapping
from collections.abc import Sequence

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import incremental


def kept(
    update: str | os.PathLike | Sequence[str | os.PathLike],
    recipe: recipe_lib.Recipe | None,
    shards: Mapping[str, Sequence[sources.Shard]],
    by: str | None,
    rows: analysis.Rows,
) -> dict[str, artifact.Statistics]:
    """Returns the statistics of each split there was, of one folder or of several.

    Args:
        update: As of `compute_splits`.
        recipe: What the statistics to come are of.
        shards: The files that they are of, by split; under "" where `by` is given.
        by: As of `compute_splits`.
        rows: Which of their rows count, how much, and in which slices.

    Raises:
        ArtifactError: if a folder holds something else, or cannot be read.
        RecipeError: as of `incremental.before`.
        DataError: if a file was counted before, or by two of the folders.
        StatisticsError: if images or audio were decoded otherwise.
    """
    incremental.check_passes(recipe)
    folders = [update] if isinstance(update, str | os.PathLike) else list(update)
    found: dict[str, artifact.Statistics] = {}
    for folder in [os.fspath(folder) for folder in folders]:
        for split in _names(folder):
            # Of rows that say their split themselves, a file may have any.
            new = shards.get(split if by is None else "", ())
            path = os.path.join(folder, artifact.SPLIT + split)
            part = incremental.before(path, recipe, new, rows, split)
            if not part.rows:
                raise errors.ArtifactError(
                    f"is not there, though {artifact.SPLITS} names it.", file=path
                )
            merged = found.get(split, artifact.Statistics())
            twice = sorted({*merged.sources} & {*part.sources})
            if twice:
                raise errors.DataError(
                    f"The file is counted in {path!r} and in statistics of before "
                    "that are to be merged with it. Name one of the two.",
                    file=twice[0],
                )
            with errors.naming_file(path):
                found[split] = merged.merge(part)
    return found


def _names(folder: str) -> list[str]:
    """The splits that a folder holds; none where it is not there, or empty."""
    path = os.path.join(folder, artifact.SPLITS)
    if not files.exists(path):
        if files.is_remote(folder):
            other = bool(files.matches(f"{folder.rstrip('/')}/**"))
        else:
            other = os.path.exists(folder) and (
                not os.path.isdir(folder) or bool(os.listdir(folder))
            )
        if other:
            raise errors.ArtifactError(
                f"holds no {artifact.SPLITS}, so it is none of statistics of splits. "
                "Name the folder that `Split-...` are in.",
                file=folder,
            )
        return []
    try:
        return sorted(map(analysis.check_name, json.loads(files.read(path))["splits"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.ArtifactError(
            f"does not tell which splits there are ({error}).", file=path
        ) from error
