# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of what is new: files that changed, and days behind those before."""

import dataclasses
import glob
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import counting
from tfnorm.beam import failures
from tfnorm.beam import listing


@dataclasses.dataclass
class SummarizeFiles(beam.PTransform):
    """Reduces each shard to one `tfnorm.Statistics`, and keeps them in a folder.

    What was kept of a file is taken again while its path, size and times of change
    (and its checksum, if it is remote) are the same, and what is asked of it is; else
    the file is read, and takes the place of what was kept. Kept statistics that were
    damaged are computed again.

    Args:
        recipe: As of `ComputeStatistics`.
        cache: The folder, on a file system that all workers share, such as `gs://`.
            It may be deleted at any time.
        views: As of `SummarizeBundles`.
        rows: As of `ComputeStatistics`.
    """

    recipe: recipe_lib.Recipe | None
    cache: str | os.PathLike
    views: dict[str, recipe_lib.View] | None = None
    rows: analysis.Rows | None = None

    def __post_init__(self):
        super().__init__()

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        cache = os.fspath(self.cache).rstrip("/")
        summarize = _SummarizeFile(self.recipe, self.views, cache, self.rows)
        return (
            shards
            | listing.SpreadShards()
            | "SummarizeFiles"
            >> beam.ParDo(summarize).with_output_types(artifact.Statistics)
        )


def before(
    path: str | os.PathLike,
    recipe: recipe_lib.Recipe | None,
    shards: Sequence[sources.Shard],
    rows: analysis.Rows,
    split: str | None = None,
) -> artifact.Statistics:
    """Returns the statistics kept from before, after checking that these may join.

    Args:
        path: Folder of the artifact; there are none yet where it is not there.
        recipe: What the statistics to come are of.
        shards: The files that they are of.
        rows: Which of their rows count, how much, and in which slices.
        split: The split that they are of, if they are of one.

    Raises:
        ArtifactError: if it cannot be read.
        RecipeError: if it is of another recipe (its thresholds may differ: statistics
            have none), or of rows that were chosen otherwise, or the recipe takes
            several passes.
        DataError: if a file was counted before.
        StatisticsError: if images or audio were decoded otherwise.
    """
    check_passes(recipe)
    there = artifact.is_there if files.is_remote(os.fspath(path)) else files.exists
    if not there(os.fspath(path)):
        return artifact.Statistics()
    kept = artifact.load_statistics(path)
    said = None if recipe is None else config.encode(recipe)
    if _without_thresholds(kept.recipe) != _without_thresholds(said):
        raise errors.RecipeError(
            "is of another recipe. Update it with its own, or write to another folder; "
            "of a component of TFX, leave `statistics` out of one run.",
            file=os.fspath(path),
        )
    if split is None and "split" in kept.asked:
        of = ", ".join(map(repr, kept.asked["split"]))
        raise errors.RecipeError(
            f"is of split {of}, and these are of none. Add to all splits together, or "
            "take these apart and merge them with `tfnorm merge`.",
            file=os.fspath(path),
        )
    kept = dataclasses.replace(kept, recipe=said)
    chosen = {line for line in kept.provenance if analysis.chooses(line)}
    if split is not None:
        chosen -= {*analysis.named(artifact.Statistics(), split).provenance}
    if chosen != set(rows.provenance):
        raise errors.RecipeError(
            "is of rows that were chosen otherwise: weight, filters and slices must be "
            f"those of before: {', '.join(kept.provenance) or 'none'}.",
            file=os.fspath(path),
        )
    try:
        artifact.check_decoded(kept.provenance, sources.decoding(shards))
    except errors.StatisticsError as error:
        error.file = os.fspath(path)
        raise
    counted = {*sources.real_paths(kept.sources)}
    new = [(one, shard) for shard in shards for one in sources.recorded(shard)]
    real = sources.real_paths(one for one, _ in new)
    for (one, shard), place in zip(new, real, strict=True):
        if place in counted:
            raise errors.DataError(
                f"{_what(one, shard)} counted in {os.fspath(path)!r} already. Name new "
                "ones only; `tfnorm merge --subtract` takes old ones away.",
                file=one,
            )
    return kept


def check_passes(recipe: recipe_lib.Recipe | None) -> None:
    """Raises a RecipeError where statistics for a recipe cannot be added to."""
    if recipe is not None and recipe.passes > 1:
        raise errors.RecipeError(
            "A step that follows a fitted one is fitted to what that makes of all the "
            "data, so its statistics cannot be added to. Compute them anew; `cache` "
            "saves reading what is unchanged."
        )


def _without_thresholds(encoded: Any) -> Any:
    """What an encoded recipe says of the statistics to take."""
    if not isinstance(encoded, dict):
        return encoded
    left = {name: said for name, said in encoded.items() if name != "thresholds"}
    if isinstance(left.get("features"), dict):
        left["features"] = {
            feature: {name: said for name, said in one.items() if name != "thresholds"}
            for feature, one in left["features"].items()
        }
    return left


def _what(recorded: str, shard: sources.Shard) -> str:
    if recorded == shard.path:
        return "The file is"
    return "Of images and audio whole folders are recorded, and files of this one are"


def _kept(place: str) -> artifact.Statistics | None:
    """Returns the statistics in a folder of the cache, if they are there and whole."""
    if not files.is_remote(place) and not os.path.exists(place):
        return None
    try:
        return artifact.load_statistics(place)
    except errors.ArtifactError:
        files.remove(place)
        return None


class _SummarizeFile(failures.Step):
    def __init__(self, recipe, views, cache: str, rows):
        self._rows = rows
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
        place = os.path.join(self._cache, f"{question}-{state}")
        found = _kept(place)
        if found is not None:
            counting.add(files_unchanged=1)
            return found
        observer = analysis.Observer(self._recipe, views=self._views, rows=self._rows)
        for batch in shard.read():
            counting.count(batch)
            observer.add(batch)
        found = observer.result()
        if _state(shard) != state:
            raise errors.DataError(
                "The file was changed while it was read.", file=shard.path
            )
        found.save(place)
        for old in self._answers(question):
            if old != place:
                files.remove(old)
        return found

    def _answers(self, question: str) -> list[str]:
        """Returns the folders that hold answers to a question."""
        if not files.is_remote(self._cache):
            return glob.glob(f"{glob.escape(self._cache)}/{question}-*")
        pattern = f"{self._cache}/{question}-*/{artifact.SUMMARY}"
        return [os.path.dirname(entry.path) for entry in files.matches(pattern)]

    def _question(self, shard: sources.Shard) -> str:
        """Tells what is asked of which path, in any version and for any recipe."""
        recipe = None if self._recipe is None else self._recipe.digest
        views = None if self._views is None else sorted(self._views)
        path = shard.path
        path = path if files.is_remote(path) else os.path.realpath(path)
        decoded = sorted(sources.decoding([shard]))
        asked = [config.version(), path, repr(shard), decoded, repr(self._rows)]
        return _digest([*asked, recipe, views])


def _state(shard: sources.Shard) -> str:
    """Tells whether a file was written since; see `files.identity`."""
    # Of image files, a shard has several.
    paths = getattr(shard, "files", None) or (shard.path,)
    return _digest([files.identity(path) for path in paths])


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:40]
