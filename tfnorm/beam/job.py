# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics job: from files to the artifact."""

import contextlib
import io
import os
import tempfile
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options import pipeline_options

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import failures

_IN_PROCESS = ("FnApiRunner", "DirectRunner", "BundleBasedDirectRunner")


def compute_statistics(
    pattern,
    recipe: recipe_lib.Recipe | None,
    out: str | os.PathLike,
    *,
    max_bad_records: int = 0,
    images: sources.Images | None = None,
    beam_args: Sequence[str] = (),
) -> artifact.Statistics:
    """Runs the statistics job and returns what it wrote.

    It is one pass over the data, and one more for each step of a `schemes.Chain` that
    is fitted to what a fitted one before it makes; the log says so.

    Args:
        pattern: Path or pattern of files that `tfnorm.sources.open` knows, or a list.
        recipe: What to take statistics of; `None` for every feature of numbers.
        out: Folder of the artifact to write.
        max_bad_records: How many unreadable records to leave out and count.
        images: How encoded images become pixels.
        beam_args: Beam's own options, such as `--runner=...`. By default, the job
            runs in this process.

    Raises:
        DataError: if the data are not what the recipe says.
        ArtifactError: if the artifact cannot be written.
        OptionsError: if Beam cannot run with the options.
    """
    features = None if recipe is None else recipe.columns()
    shards = sources.open(
        pattern, features, max_bad_records=max_bad_records, images=images
    )
    merge = compute.MergeStatistics(recipe, max_bad_records)
    if recipe is None or recipe.passes == 1:
        return _run(shards, compute.SummarizeBundles(recipe), merge, out, beam_args)
    # What one pass found is no artifact yet: it is kept beside it meanwhile.
    parent = os.path.dirname(os.path.abspath(out))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        path = os.path.join(folder, "statistics")
        found = _run(shards, compute.SummarizeBundles(recipe), merge, path, beam_args)
        merge = compute.MergeStatistics(None, max_bad_records)
        while views := analysis.later_pass(recipe, found):
            summarize = compute.SummarizeBundles(recipe, views)
            more = _run(shards, summarize, merge, path, beam_args)
            found = analysis.with_pass(found, more)
    found.save(out)
    return found


def _run(shards, summarize, merge, out, beam_args) -> artifact.Statistics:
    """One pass over the data."""
    with failures.typed_errors(), _pipeline(beam_args) as pipeline:
        _ = (
            pipeline
            | "ListShards" >> beam.Create(shards, reshuffle=False)
            | compute.ReadBatches()
            | summarize
            | merge
            | compute.WriteStatistics(os.fspath(out))
        )
    return artifact.load_statistics(out)


def _pipeline(beam_args: Sequence[str]) -> beam.Pipeline:
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
            return beam.Pipeline(options=options)
    except errors.OptionsError:
        raise
    except SystemExit as error:  # So argparse reports what it cannot read.
        reason = said.getvalue().strip().splitlines()[-1:]
        raise errors.OptionsError("".join(reason)) from error
    except Exception as error:
        raise errors.OptionsError(
            f"Beam cannot run with {' '.join(flags)}: {error}"
        ) from error


def _check_known(options: pipeline_options.PipelineOptions) -> None:
    runner = options.view_as(pipeline_options.StandardOptions).runner
    if runner not in _IN_PROCESS:
        return  # Others hand on what they do not know to where the job runs.
    with_unknown = options.get_all_options(retain_unknown_options=True)
    unknown = sorted(set(with_unknown) - set(options.get_all_options()))
    if unknown:
        raise errors.OptionsError(f"Beam knows no option --{unknown[0]}.")
