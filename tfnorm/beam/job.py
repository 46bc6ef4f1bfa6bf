# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics job: from files to the artifact."""

import contextlib
import functools
import io
import os
from collections.abc import Iterable
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import failures
from tfnorm.beam import incremental

_IN_PROCESS = ("FnApiRunner", "DirectRunner", "BundleBasedDirectRunner")


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
    options_of(beam_args)  # The file systems need them first.
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
    kept = None if update is None else incremental.before(update, recipe, shards, rows)
    run = functools.partial(_run, shards, max_bad_records, cache, beam_args, rows)
    if recipe is None or recipe.passes == 1:
        return run(recipe, recipe, None, out, kept)
    # What one pass found is no artifact yet: it is kept beside it meanwhile.
    with files.scratch(out) as folder:
        path = os.path.join(folder, "statistics")
        found = run(recipe, recipe, None, path)
        while views := analysis.later_pass(recipe, found):
            more = run(recipe, None, views, path)
            found = analysis.with_pass(found, more)
    found.save(out)
    return found


def _run(
    shards: Sequence[sources.Shard],
    max_bad_records: int,
    cache: str | os.PathLike | None,
    beam_args: Sequence[str],
    rows: analysis.Rows,
    recipe: recipe_lib.Recipe | None,
    complete: recipe_lib.Recipe | None,
    views: dict[str, recipe_lib.View] | None,
    out: str | os.PathLike,
    kept: artifact.Statistics | None = None,
) -> artifact.Statistics:
    """One pass over the data, of which `complete` says what must have values."""
    summarize: beam.PTransform
    if cache is None:
        summarize = compute.SummarizeBundles(recipe, views, rows)
    else:
        summarize = incremental.SummarizeFiles(recipe, cache, views, rows)
    kept = artifact.Statistics() if kept is None else kept
    allowed = max_bad_records + kept.bad_records
    with failures.typed_errors(), pipeline_of(beam_args) as pipeline:
        listed = pipeline | "ListShards" >> beam.Create(shards, reshuffle=False)
        if cache is None:
            listed |= compute.ReadBatches()
        found = listed | summarize
        if kept.rows or kept.bad_records:
            old = pipeline | "OfBefore" >> beam.Create([kept], reshuffle=False)
            found = (found, old) | "AddToThoseBefore" >> beam.Flatten()
        merge = compute.MergeStatistics(complete, allowed, rows)
        _ = found | merge | compute.WriteStatistics(os.fspath(out))
    return artifact.load_statistics(out)


def options_of(beam_args: Sequence[str]) -> pipeline_options.PipelineOptions:
    """Returns Beam's options, after telling its file systems of them.

    Without any, the job runs in this process.

    Raises:
        OptionsError: if Beam does not know an option.
    """
    flags = list(beam_args)
    if not any(flag.startswith("--runner") for flag in flags):
        # The default, DirectRunner, looks for another runner to download first.
        flags.append("--runner=FnApiRunner")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = pipeline_options.PipelineOptions(flags)
            if beam_args:
                _check_known(options)
    except errors.OptionsError:
        raise
    except SystemExit as error:  # So argparse reports what it cannot read.
        reason = said.getvalue().strip().splitlines()[-1:]
        raise errors.OptionsError("".join(reason)) from error
    except Exception as error:
        raise _unusable(flags, error) from error
    filesystems.FileSystems.set_options(options)
    direct = options.view_as(pipeline_options.DirectOptions)
    if direct.direct_running_mode == "multi_processing":
        files.tell_children(flags)
    return options


def pipeline_of(beam_args: Sequence[str]) -> beam.Pipeline:
    """Returns a pipeline with Beam's options; without any, it runs in this process.

    Raises:
        OptionsError: if Beam cannot run with the options.
    """
    options = options_of(beam_args)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return beam.Pipeline(options=options)
    except (Exception, SystemExit) as error:
        raise _unusable(beam_args, error) from error


def _unusable(flags: Sequence[str], error: BaseException) -> errors.OptionsError:
    return errors.OptionsError(f"Beam cannot run with {' '.join(flags)}: {error}")


def _check_known(options: pipeline_options.PipelineOptions) -> None:
    runner = options.view_as(pipeline_options.StandardOptions).runner
    if runner not in _IN_PROCESS:
        return  # Others hand on what they do not know to where the job runs.
    with_unknown = options.get_all_options(retain_unknown_options=True)
    unknown = sorted(set(with_unknown) - set(options.get_all_options()))
    if unknown:
        raise errors.OptionsError(f"Beam knows no option --{unknown[0]}.")
