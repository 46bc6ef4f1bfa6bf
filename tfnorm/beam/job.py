# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics job: from files to the artifact."""

import itertools
import os
from collections.abc import Iterable
from collections.abc import Sequence

import apache_beam as beam

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import failures
from tfnorm.beam import incremental
from tfnorm.beam import listing
from tfnorm.beam import runners


def compute_statistics(
    pattern,
    recipe: recipe_lib.Recipe | None,
    out: str | os.PathLike,
    *,
    max_bad_records: int = 0,
    images: sources.Images | None = None,
    audio: sources.Audio | None = None,
    update: str | os.PathLike | None = None,
    cache: str | os.PathLike | None = None,
    weight: str | None = None,
    filters=None,
    slices: Iterable[str | tuple[str, ...]] = (),
    max_slices: int = analysis.MAX_SLICES,
    beam_args: Sequence[str] = (),
) -> artifact.Statistics:
    """Runs the statistics job and returns what it wrote.

    It is one pass over the data, and one more for each step of a `schemes.Chain` that
    is fitted to what a fitted one before it makes; the log says so.

    Args:
        pattern: Path or pattern of files that `tfnorm.sources.open` knows, or a list.
            It, `out`, `update` and `cache` may be on any file system that Beam knows.
        recipe: What to take statistics of; `None` for every feature of numbers.
        out: Folder of the artifact to write.
        max_bad_records: How many unreadable records to leave out and count.
        images: How encoded images become pixels.
        audio: How audio becomes features.
        update: Folder of statistics of other files, kept from before, that these are
            to be merged with: `out` itself, to add day after day (one job at a time).
            There are none yet where it is not there.
        cache: Folder in which to keep the statistics of each file, so that only files
            that are new or changed since are read. The result is the same.
        weight: As of `tfnorm.analyze`, and so are the next three.
        filters: Which rows count.
        slices: Columns by whose values there are statistics, too.
        max_slices: How many slices there may be.
        beam_args: Beam's own options, such as `--runner=...`. By default, the job
            runs in this process.

    Raises:
        DataError: if the data are not what the recipe says.
        ArtifactError: if the artifact cannot be written.
        OptionsError: if Beam cannot run with the options.
    """
    runners.options_of(beam_args)  # The file systems need them first.
    rows = analysis.Rows.of(
        recipe, weight=weight, filters=filters, slices=slices, max_slices=max_slices
    )
    shards = sources.open(
        pattern,
        rows.with_columns(None if recipe is None else recipe.columns()),
        max_bad_records=max_bad_records,
        images=images,
        audio=audio,
        filters=rows.filters,
    )
    kept = artifact.Statistics()
    if update is not None:
        kept = incremental.before(update, recipe, shards, rows)
    artifact.check_writable(out)

    def run(views: dict | None, path: str) -> artifact.Statistics:
        """One pass over the data; the first also checks that all have values."""
        first = views is None
        old = kept if first else artifact.Statistics()
        summarize: beam.PTransform = compute.SummarizeBundles(recipe, views, rows)
        if cache is not None:
            summarize = incremental.SummarizeFiles(recipe, cache, views, rows)
        with failures.typed_errors(), runners.pipeline_of(beam_args) as pipeline:
            listed = pipeline | "ListShards" >> listing.ListShards(shards)
            if cache is None:
                listed |= compute.ReadBatches()
            found = listed | summarize
            if old.rows or old.bad_records:
                before = pipeline | "OfBefore" >> beam.Create([old], reshuffle=False)
                found = (found, before) | "AddToThoseBefore" >> beam.Flatten()
            merge = compute.MergeStatistics(
                recipe if first else None,
                max_bad_records + old.bad_records,
                rows,
                compute.fanout(len(shards)),
            )
            _ = found | merge | compute.WriteStatistics(path, staged=True)
        return artifact.load_statistics(path)

    # Workers write beside the artifact, and this process puts it in its place. So one
    # that comes too late, of a job that is over, changes nothing; and what one of
    # several passes found is no artifact yet.
    with files.scratch(out) as folder:
        # Of each pass elsewhere: a late write of one is not read as the next one's.
        places = (os.path.join(folder, f"pass-{n}") for n in itertools.count(1))
        found = run(None, next(places))
        analysis.log_empty_slices([found], rows)
        while views := analysis.later_pass(recipe, found):
            found = analysis.with_pass(found, run(views, next(places)))
    found.save(out)
    return found
