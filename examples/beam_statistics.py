# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Computes statistics of TFRecord files with Beam, inside a pipeline of your own."""

import pathlib
import tempfile

import apache_beam as beam
import numpy as np

import tfnorm
from tfnorm import schemes
from tfnorm.sources import write

recipe = tfnorm.Recipe({"height": schemes.ZScore(), "weight": schemes.Log("log")})
rng = np.random.default_rng(0)
people = {
    "height": rng.normal(170.0, 10.0, 20_000).astype(np.float32),
    "weight": rng.lognormal(4.2, 0.2, 20_000).astype(np.float32),
}

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    write.write_tfrecords(people, folder / "people", shards=4)
    shards = tfnorm.sources.open(folder / "people-*.tfrecord", list(recipe.features))
    # With `--runner=DataflowRunner` or another: the same bytes.
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(shards)
            | tfnorm.beam.ReadBatches()
            | tfnorm.beam.ComputeStatistics(recipe)
            | tfnorm.beam.WriteStatistics(str(folder / "statistics"))
        )
    found = tfnorm.load_statistics(folder / "statistics")

print("height", found["height"].mean.round(3), "+-", found["height"].std.round(3))
print("log of weight", found["log(weight)"].mean.round(4))
print("same as in memory", found.digest == tfnorm.analyze(people, recipe).digest)
