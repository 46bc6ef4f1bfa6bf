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


def transform(
    preprocessing_fn, columns, folder, *, flags=(), **options
) -> dict[str, np.ndarray]:
    """Analyzes and transforms; the `transform_fn` is written to the folder.

    Args:
        preprocessing_fn: What to do with the columns.
        columns: Name to array.
        folder: Where to write.
        flags: Of Beam.
        **options: Of tf.Transform's context.
    """
    with (
        tfnorm.beam.typed_errors(),
        tempfile.TemporaryDirectory() as temp,
        beam.Pipeline(argv=["--runner=FnApiRunner", *flags]) as pipeline,
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


def analyze_spans(preprocessing_fn, spans, cache: str, folder) -> None:
    """Analyzes spans of data, with tf.Transform's cache in a folder.

    Args:
        preprocessing_fn: What to do with the columns.
        spans: Name of each span to its columns.
        cache: Where the cache is, and will be.
        folder: Where to write the `transform_fn`.
    """
    keys = {name: tft_beam.analyzer_cache.DatasetKey(name) for name in spans}
    with (
        tfnorm.beam.typed_errors(),
        tempfile.TemporaryDirectory() as temp,
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=temp),
    ):
        data = {
            keys[name]: pipeline
            | f"Create {name}" >> beam.Create(rows(columns), reshuffle=False)
            for name, columns in spans.items()
        }
        known = pipeline | tft_beam.analyzer_cache.ReadAnalysisCacheFromFS(
            cache, list(keys.values())
        )
        described = metadata(next(iter(spans.values())))
        transform_fn, found = (
            data,
            known,
            described,
        ) | tft_beam.AnalyzeDatasetWithCache(_with_rows(preprocessing_fn))
        _ = found | tft_beam.analyzer_cache.WriteAnalysisCacheToFS(pipeline, cache)
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder))
