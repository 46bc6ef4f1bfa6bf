# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics job: from files to the artifact."""

import os
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options import pipeline_options

from tfnorm import artifact
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import failures


def compute_statistics(
    pattern,
    recipe: recipe_lib.Recipe | None,
    out: str | os.PathLike,
    *,
    max_bad_records: int = 0,
    beam_args: Sequence[str] = (),
) -> artifact.Statistics:
    """Runs the statistics job and returns what it wrote.

    Args:
        pattern: Path or pattern of TFRecord, Parquet or CSV files, or a list.
        recipe: What to take statistics of; `None` for every feature of numbers.
        out: Folder of the artifact to write.
        max_bad_records: How many unreadable records to leave out and count.
        beam_args: Beam's own options, such as `--runner=...`. By default, the job
            runs in this process.

    Raises:
        DataError: if the data are not what the recipe says.
        ArtifactError: if the artifact cannot be written.
    """
    features = None if recipe is None else list(recipe.features)
    shards = sources.open(pattern, features, max_bad_records=max_bad_records)
    flags = list(beam_args)
    if not any(flag.startswith("--runner") for flag in flags):
        # The default, DirectRunner, looks for another runner to download first.
        flags.append("--runner=FnApiRunner")
    options = pipeline_options.PipelineOptions(flags)
    with failures.restored(), beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "ListShards" >> beam.Create(shards)
            | compute.ReadBatches()
            | compute.ComputeStatistics(recipe, max_bad_records)
            | compute.WriteStatistics(os.fspath(out))
        )
    return artifact.load_statistics(out)
