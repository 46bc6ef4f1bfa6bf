# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes within a tf.Transform pipeline, and serves its graph by TensorFlow."""

import pathlib
import tempfile

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

import tfnorm
from tfnorm import schemes

rng = np.random.default_rng(0)
flights = {
    "delay": rng.normal(8.0, 30.0, 2_000).astype(np.float32),
    "distance": rng.lognormal(6.5, 0.7, 2_000).astype(np.float32),
    "carrier": rng.choice(["AA", "UA"], 2_000),
}
flights["delay"][::50] = np.nan
spec = {
    "delay": tf.io.FixedLenFeature([], tf.float32),
    "distance": tf.io.FixedLenFeature([], tf.float32),
    "carrier": tf.io.FixedLenFeature([], tf.string),
}
recipe = tfnorm.Recipe(
    {
        "delay": tfnorm.Feature(
            schemes.PerKey(schemes.Robust(), "carrier"), missing="impute"
        ),
        "distance": schemes.Log("log1p"),
    }
)


rows = [{name: flights[name][i] for name in flights} for i in range(2_000)]


def transform(columns, folder: pathlib.Path):
    """Analyzes the flights, and loads the graph and the statistics."""
    # One analyzer for the whole recipe; it writes the statistics, too.
    normalize = tfnorm.tft.apply(recipe, statistics_path=folder / "statistics")
    described = tft.DatasetMetadata.from_feature_spec(spec)
    with (
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=str(folder / "temp")),
    ):
        data = pipeline | beam.Create(rows)
        found = (data, described) | tft_beam.AnalyzeDataset(normalize)
        _ = found | tft_beam.WriteTransformFn(str(folder / "transform"))
    # The graph, wherever there is TensorFlow.
    served = tf.saved_model.load(str(folder / "transform" / "transform_fn"))
    there = served.transform_fn(columns)
    return there, tfnorm.load_statistics(folder / "statistics")


raw = {key: tf.constant(values) for key, values in flights.items()}
# In a function: scripts with a pipeline of tf.Transform 1.21 at their top level were
# seen to crash when Python exits, with or without tfnorm.
with tempfile.TemporaryDirectory() as name:
    there, statistics = transform(raw, pathlib.Path(name))

print("delay of UA", statistics['delay | carrier="UA"'].quantile(0.5).value.round(2))
print("statistics as in memory", statistics == tfnorm.analyze(flights, recipe))
layer = tf.function(tfnorm.layers.Features(recipe.fit(statistics)))
here = layer(raw)
for key in recipe.features:
    print(key, "as the Keras layer", np.array_equal(there[key], here[key]))
