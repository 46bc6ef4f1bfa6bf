# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of what is new: files that changed, and days behind those before."""

import dataclasses
import glob
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Sequence

import apache_beam as beam

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import counting
from tfnorm.beam import failures


@dataclasses.dataclass
class SummarizeFiles(beam.PTransform):
    """Reduces each shard to one `tfnorm.Statistics`, and keeps them in a folder.

    What was kept of a file is taken again while its path, size and times of change are
    the same, and what is asked of it is; else the file is read, and takes the place of
    what was kept. Kept statistics that were damaged are computed again.

    Args:
        recipe: As of `ComputeStatistics`.
        cache: The folder, on a file system that all workers share. It may be deleted
            at any time.
        views: As of `SummarizeBundles`.
    """

    recipe: recipe_lib.Recipe | None
    cache: str | os.PathLike
    views: dict[str, recipe_lib.View] | None = None

    def __post_init__(self):
        super().__init__()

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        summarize = _SummarizeFile(self.recipe, self.views, os.fspath(self.cache))
        return (
            shards
            | "NameShards"
            >> beam.Map(_named).with_output_types(tuple[str, sources.Shard])
            | "SpreadShards" >> beam.GroupByKey()
            | "SummarizeFiles"
            >> beam.ParDo(summarize).with_output_types(artifact.Statistics)
        )


def before(
    path: str | os.PathLike,
    recipe: recipe_lib.Recipe | None,
    shards: Sequence[sources.Shard],
) -> artifact.Statistics:
    """Returns the statistics kept from before, after checking that these may join.

    Args:
        path: Folder of the artifact; there are none yet where it is not there.
        recipe: What the statistics to come are of.
        shards: The files that they are of.

    Raises:
        ArtifactError: if it cannot be read.
        RecipeError: if it is of another recipe, or the recipe takes several passes.
        DataError: if a file was counted before.
    """
    if recipe is not None and recipe.passes > 1:
        raise errors.RecipeError(
            "A step that follows a fitted one is fitted to what that makes of all the "
            "data, so its statistics cannot be added to. Compute them anew; `cache` "
            "saves reading what is unchanged."
        )
    if not os.path.lexists(path):
        return artifact.Statistics()
    kept = artifact.load_statistics(path)
    if kept.recipe != (None if recipe is None else config.encode(recipe)):
        raise errors.RecipeError(
            "is of another recipe. Update it with its own, or write to another folder.",
            file=os.fspath(path),
        )
    for shard in shards:
        if shard.path in kept.sources:
            raise errors.DataError(
                f"The file is counted in {os.fspath(path)!r} already. Name new files "
                "only; `tfnorm merge --subtract` takes old ones away.",
                file=shard.path,
            )
    return kept


def _named(shard: sources.Shard) -> tuple[str, sources.Shard]:
    return repr(shard), shard


class _SummarizeFile(beam.DoFn):
    def __init__(self, recipe, views, cache: str):
        self._recipe = recipe
        self._views = views
        self._cache = cache

    def process(self, named):
        _, shards = named
        for shard in shards:
            with failures.carried():
                yield self._summary(shard)

    def _summary(self, shard: sources.Shard) -> artifact.Statistics:
        question = self._question(shard)
        state = _state(shard)
        place = pathlib.Path(self._cache, f"{question}-{state}")
        if place.exists():
            try:
                found = artifact.load_statistics(place)
            except errors.ArtifactError:
                shutil.rmtree(place, ignore_errors=True)
            else:
                counting.add(files_unchanged=1)
                return found
        observer = analysis.Observer(self._recipe, views=self._views)
        for batch in shard.read():
            counting.count(batch)
            observer.add(batch)
        found = observer.result()
        if _state(shard) != state:
            raise errors.DataError(
                "The file was changed while it was read.", file=shard.path
            )
        found.save(place)
        for old in glob.glob(f"{glob.escape(self._cache)}/{question}-*"):
            if old != os.fspath(place):
                shutil.rmtree(old, ignore_errors=True)
        return found

    def _question(self, shard: sources.Shard) -> str:
        """Tells what is asked of which path, in any version and for any recipe."""
        recipe = None if self._recipe is None else self._recipe.digest
        views = None if self._views is None else sorted(self._views)
        asked = [config.version(), os.path.realpath(shard.path), repr(shard)]
        return _digest([*asked, recipe, views])


def _state(shard: sources.Shard) -> str:
    """Tells whether a file was written since: its size and times of change."""
    # Of image files, a shard has several.
    found = [os.stat(path) for path in getattr(shard, "files", (shard.path,))]
    return _digest([[f.st_size, f.st_mtime_ns, f.st_ctime_ns] for f in found])


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:40]
