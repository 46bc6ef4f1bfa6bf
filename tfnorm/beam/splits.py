# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The job that takes the statistics of several splits at once."""

import glob
import itertools
import json
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import counting
from tfnorm.beam import failures
from tfnorm.beam import listing
from tfnorm.beam import runners
from tfnorm.beam import splits_before

# Beside the artifacts: what splits there are. A folder that holds it may be replaced.
SUMMARY = artifact.SPLITS
# What that says they lie in where no folder can be renamed.
_PART = "splits-{}"


def compute_splits(
    inputs: Any,
    recipe: recipe_lib.Recipe | None,
    out: str | os.PathLike,
    *,
    by: str | None = None,
    max_bad_records: int = 0,
    images: sources.Images | None = None,
    audio: sources.Audio | None = None,
    update: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    features: Sequence[str] | None = None,
    file_format: str | None = None,
    beam_args: Sequence[str] = (),
    **chosen: Any,
) -> dict[str, artifact.Statistics]:
    """Writes an artifact of each split, reading the data once, and returns them.

    Each is that of a job over the split alone, by digest. They stand in folders as TFX
    names them, `Split-train` and so on, written all together or not at all. Where no
    folder can be renamed, they lie in a part of `out` that `splits.json` names;
    `load_statistics("<out>/Split-train")`, and all that reads, follows it.

    Args:
        inputs: Path or pattern of files, or a list, where `by` is given; else a mapping
            of the names of splits to those of each.
        recipe: As of `compute_statistics`.
        out: Folder of the artifacts' folders.
        by: Column whose values, text or integers, name the split of each row.
        max_bad_records: As of `compute_statistics`, for each split. Unreadable records
            have no split, so with `by` there may be none.
        images: As of `compute_statistics`.
        audio: As of `compute_statistics`.
        update: Folder of statistics of splits of other files, kept from before, that
            these are to be merged with, each with that of its name: `out` itself, to
            add day after day (one job at a time), or several folders. A split that is
            not there yet starts anew, and one without new files stays as it is.
        features: Without a recipe, names of the features of numbers to take statistics
            of, even where no row has a value; all that hold numbers by default.
        file_format: As of `tfnorm.sources.open`.
        beam_args: Beam's own options, such as `--runner=...`.
        **chosen: `weight`, `filters`, `slices`, `max_slices`, as of
            `compute_statistics`.

    Raises:
        DataError: If the data are not what the recipe says, a row has no split, or a
            file was counted before.
        EmptyDataError: If a split has no row.
        ArtifactError: If the artifacts cannot be written, or those of before be read.
        RecipeError: If those of before are of another recipe or of rows that were
            chosen otherwise, or the recipe takes several passes.
        OptionsError: If Beam cannot run with the options, or a name cannot be that of
            a split.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from tfnorm.sources import write
    >>> data = {"x": np.array([1.0, 3.0, 9.0]), "of": np.array([0, 0, 1])}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write.write_parquet(data, f"{folder}/data")
    ...     found = compute_splits(paths, None, f"{folder}/out", by="of")
    ...     sorted(os.listdir(f"{folder}/out"))
    ['Split-0', 'Split-1', 'splits.json']
    >>> {name: float(part["x"].mean) for name, part in found.items()}
    {'0': 2.0, '1': 9.0}
    """
    if by is not None and max_bad_records:
        raise errors.OptionsError(
            "An unreadable record has no split: `max_bad_records` must be 0 with `by`."
        )
    if by is None:
        analysis.check_mapping(inputs)
    runners.options_of(beam_args)  # The file systems need them first.
    rows = analysis.Rows.of(recipe, **chosen)
    if recipe is not None:
        features = None
    wanted = features if recipe is None else recipe.columns()
    names = rows.with_columns(None if wanted is None else list(wanted))
    if by is not None and names is not None:
        names = list(dict.fromkeys([*names, by]))
    listed = {
        split: sources.open(
            pattern,
            names,
            max_bad_records=max_bad_records,
            images=images,
            audio=audio,
            filters=rows.filters,
            file_format=file_format,
        )
        for split, pattern in (inputs if by is None else {"": inputs}).items()
    }
    shards = [(split, shard) for split, found in listed.items() for shard in found]
    kept: dict[str, artifact.Statistics] = {}
    if update is not None:
        kept = splits_before.kept(update, recipe, listed, by, rows)
    allowed = {split: max_bad_records + old.bad_records for split, old in kept.items()}

    def run(views: dict | None, folder: str) -> dict[str, artifact.Statistics]:
        complete = recipe if views is None else None
        summarize = _Summarize(recipe, by, views, rows, features)
        merge = beam.CombinePerKey(compute.MergeParts())
        if (fanout := compute.fanout(len(shards))) > 1:
            merge = merge.with_hot_key_fanout(fanout)
        write = _Write(complete, features, max_bad_records, allowed, rows, folder)
        with failures.typed_errors(), runners.pipeline_of(beam_args) as pipeline:
            parts = (
                pipeline
                | "ListShards" >> listing.ListShards(shards)
                | listing.SpreadShards()
                | "SummarizeSplits" >> beam.ParDo(summarize)
            )
            if kept:
                old = pipeline | "OfBefore" >> beam.Create(
                    [*kept.items()], reshuffle=False
                )
                parts = (parts, old) | "AddToThoseBefore" >> beam.Flatten()
            _ = parts | "MergeStatistics" >> merge | "WriteSplits" >> beam.ParDo(write)
        return _load(folder)

    place = os.fspath(out)
    if files.is_remote(place):
        files.check_publishable(place, SUMMARY, artifact.part_of, _PART)
    else:
        files.check_replaceable(place, SUMMARY)
    with files.scratch(out) as folder:
        # Of each pass elsewhere: a late write of one is not read as the next one's.
        places = (os.path.join(folder, f"pass-{n}") for n in itertools.count(1))
        found = run(None, next(places))
        _check_splits(found, inputs if by is None else (), rows)
        analysis.check_split_count(len(found), by)  # Of all bundles together.
        analysis.log_empty_slices(found.values(), rows)
        while views := analysis.later_passes(recipe, found):
            for split, more in run(views, next(places)).items():
                if split in views:
                    found[split] = analysis.with_pass(found[split], more)
    if files.is_remote(place):
        with files.published(place, SUMMARY, artifact.part_of, _PART) as made:
            _save(found, made.path)
            made.summary = _summary(found, folder=made.part).encode()
        return found
    with files.whole_folder(out, SUMMARY) as fresh:
        _save(found, os.fspath(fresh))
        (fresh / SUMMARY).write_text(_summary(found), encoding="utf-8")
    return found


def _save(found: dict[str, artifact.Statistics], folder: str) -> None:
    for split, part in found.items():
        part.save(f"{folder}/{_folder(split)}")


def _summary(found: dict[str, artifact.Statistics], **where: str) -> str:
    described = {split: part.digest for split, part in found.items()}
    return json.dumps({"splits": described, **where}, indent=2) + "\n"


def _check_splits(found, expected, rows: analysis.Rows) -> None:
    for split in expected:
        if split not in found:
            given = expected[split]
            several = isinstance(given, list | tuple)
            raise errors.EmptyDataError(
                f"Split {split!r} has not one row in "
                f"{', '.join(map(str, given)) if several else given}. Leave the split "
                "out (in TFX by `exclude_splits`), or correct its files."
            )
    if not found:
        none = artifact.Statistics(provenance=rows.provenance)
        analysis.check_complete(none, None)


def _folder(split: str) -> str:
    return artifact.SPLIT + split


def _load(folder: str) -> dict[str, artifact.Statistics]:
    start = _folder("")
    within = f"{start}*/{artifact.SUMMARY}"
    if files.is_remote(folder):
        paths = [entry.path for entry in files.matches(f"{folder}/{within}")]
    else:
        paths = glob.glob(f"{glob.escape(folder)}/{within}")
    folders = sorted(map(os.path.dirname, paths))
    return {
        os.path.basename(path).removeprefix(start): artifact.load_statistics(path)
        for path in folders
    }


class _Summarize(failures.Step):
    """Reads shards, and reduces each bundle to the statistics of each split."""

    def __init__(self, recipe, by: str | None, views: Mapping | None, rows, features):
        self._recipe = recipe
        self._by = by
        self._asked = {"views": views, "rows": rows, "features": features}

    def start_bundle(self):
        self._observer = analysis.SplitObserver(self._recipe, self._by, **self._asked)

    def process(self, named):
        _, shards = named
        with failures.carried():
            for split, shard in shards:
                for batch in shard.read():
                    counting.count(batch)
                    self._observer.add(batch, split)

    def finish_bundle(self) -> Iterator[beam.utils.windowed_value.WindowedValue]:
        with failures.carried():
            found = self._observer.results()
        for named in found.items():
            yield beam.transforms.window.GlobalWindows.windowed_value(named)


class _Write(failures.Step):
    """Checks the statistics of a split and writes them into its folder."""

    def __init__(
        self, recipe, features, max_bad_records: int, allowed, rows, folder: str
    ):
        self._recipe = recipe
        self._values = features is None
        self._max_bad_records = max_bad_records
        self._allowed = allowed
        self._rows = rows
        self._folder = folder

    def process(self, named):
        split, found = named
        with failures.carried():
            try:
                allowed = self._allowed.get(split, self._max_bad_records)
                analysis.check_bad_records(found.bad_records, allowed)
                analysis.check_slices(found, self._rows)
                analysis.check_complete(found, self._recipe, values=self._values)
            except errors.TfnormError as error:
                error.message = f"Of split {split!r}: {error.message}"
                error.args = (error.message,)
                raise
            listing.check_not_over(os.path.dirname(self._folder))
            found.save(os.path.join(self._folder, _folder(split)))
        yield split
