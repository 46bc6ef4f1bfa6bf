# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Stock tf.Transform pipelines on columns in memory."""

import pathlib
import tempfile

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

import tfnorm

# Rows may come out in another order.
ROW = "row"


def rows(columns: dict[str, np.ndarray]) -> list[dict]:
    """The columns as one dict a row."""
    count = len(next(iter(columns.values())))
    columns = {ROW: np.arange(count), **columns}
    return [
        {key: _value(values[i]) for key, values in columns.items()}
        for i in range(count)
    ]


def _value(value):
    return value.encode() if isinstance(value, str) else value


def metadata(columns: dict[str, np.ndarray]) -> tft.DatasetMetadata:
    """What the columns are: dense features."""
    kinds = {"f": tf.float32, "i": tf.int64, "U": tf.string, "O": tf.string}
    spec = {
        name: tf.io.FixedLenFeature(values.shape[1:], kinds[values.dtype.kind])
        for name, values in columns.items()
    }
    spec[ROW] = tf.io.FixedLenFeature([], tf.int64)
    return tft.DatasetMetadata.from_feature_spec(spec)


def transform(preprocessing_fn, columns, folder, **options) -> dict[str, np.ndarray]:
    """Analyzes and transforms; the `transform_fn` is written to the folder.

    Args:
        preprocessing_fn: What to do with the columns.
        columns: Name to array.
        folder: Where to write.
        **options: Of tf.Transform's context.
    """
    with (
        tfnorm.beam.typed_errors(),
        tempfile.TemporaryDirectory() as temp,
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=temp, **options),
    ):
        data = pipeline | beam.Create(rows(columns), reshuffle=False)
        (transformed, _), transform_fn = (
            data,
            metadata(columns),
        ) | tft_beam.AnalyzeAndTransformDataset(_with_rows(preprocessing_fn))
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder))
        path = pathlib.Path(folder, "transformed")
        _ = (
            transformed
            | beam.combiners.ToList()
            | beam.Map(lambda found: np.save(path, np.array(found, object)))
        )
    made = sorted(
        np.load(f"{path}.npy", allow_pickle=True).tolist(), key=lambda row: row[ROW]
    )
    names = made[0].keys() - {ROW}
    return {name: np.array([row[name] for row in made]) for name in names}


def _with_rows(preprocessing_fn):
    def with_rows(inputs):
        inputs = dict(inputs)
        row = inputs.pop(ROW)
        return {**preprocessing_fn(inputs), ROW: row}

    return with_rows


def load(folder, columns) -> dict[str, np.ndarray]:
    """What the `transform_fn` in a folder makes of columns: with TensorFlow alone."""
    loaded = tf.saved_model.load(f"{folder}/transform_fn")
    made = loaded.transform_fn(tensors(columns))
    return {name: value.numpy() for name, value in made.items()}


def tensors(columns) -> dict[str, tf.Tensor]:
    """The columns as tensors, with the number of each row."""
    count = len(next(iter(columns.values())))
    return {ROW: tf.range(count, dtype=tf.int64)} | {
        name: tf.constant(values) for name, values in columns.items()
    }
