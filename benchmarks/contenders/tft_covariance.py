# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Covariances of all pairs of columns on Beam's runner in this process."""

import abc
import tempfile
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options import pipeline_options
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio import tensor_adapter

import tfnorm
from benchmarks.contenders import base
from tfnorm import arrays
from tfnorm import recipe as recipe_lib
from tfnorm import schemes

# tf.Transform's own batches hold some 1,000 rows.
BATCH_ROWS = 1_000


class _Covariance(base.Contender):
    """From NumPy files, so that it is the covariances that are timed.

    The answer is the diagonal.
    """

    imports = base.BEAM

    @abc.abstractmethod
    def covariance(self, pipeline: beam.Pipeline, folder: str) -> None:
        """Writes the covariances below a folder."""

    @abc.abstractmethod
    def load(self, folder: str) -> np.ndarray:
        """Reads them."""

    def run(self):
        self._folder = tempfile.TemporaryDirectory()
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        with beam.Pipeline(options=options) as pipeline:
            self.covariance(pipeline, self._folder.name)
        return self._folder.name

    def answer(self, found):
        variances = np.diagonal(self.load(found)).tolist()
        return {"features": base.table(self.data.names, variance=variances)}


class Tft(_Covariance):
    """`tft.covariance` in float32, of Arrow's batches, its fastest input."""

    dtype = tf.float32

    def _preprocess(self, inputs):
        found = tft.covariance(tf.cast(inputs["x"], self.dtype), self.dtype)
        rows = tf.shape(inputs["x"])[0]
        # A transformed feature is float32 at most.
        return {"covariance": tf.repeat(tf.cast(found, tf.float32)[None], rows, 0)}

    def covariance(self, pipeline, folder):
        schema = _record_batch(np.zeros((1, self.data.columns), np.float32)).schema
        tensor = schema_pb2.TensorRepresentation()
        tensor.dense_tensor.column_name = "x"
        tensor.dense_tensor.shape.dim.add(size=self.data.columns)
        config = tensor_adapter.TensorAdapterConfig(schema, {"x": tensor})
        with tft_beam.Context(temp_dir=f"{folder}/temporary"):
            rows = (
                pipeline
                | beam.Create(self.data.files("npy"), reshuffle=False)
                | beam.FlatMap(_batches)
                | beam.Map(_record_batch)
            )
            _ = (
                (rows, config)
                | tft_beam.AnalyzeDataset(self._preprocess)
                | tft_beam.WriteTransformFn(f"{folder}/graph")
            )

    def load(self, folder):
        graph = tft.TFTransformOutput(f"{folder}/graph")
        row = tf.zeros((1, self.data.columns), tf.float32)
        made = graph.transform_raw_features({"x": row})
        return made["covariance"][0].numpy()


class Tft64(Tft):
    """The same in float64."""

    dtype = tf.float64


class TftOfRows(Tft):
    """The same in float32, of rows as dicts, the input of tf.Transform's own guide."""

    def covariance(self, pipeline, folder):
        spec = {"x": tf.io.FixedLenFeature([self.data.columns], tf.float32)}
        described = tft.DatasetMetadata.from_feature_spec(spec)
        with tft_beam.Context(temp_dir=f"{folder}/temporary"):
            rows = (
                pipeline
                | beam.Create(self.data.files("npy"), reshuffle=False)
                | beam.FlatMap(_batches)
                | beam.FlatMap(lambda batch: [{"x": row} for row in batch])
            )
            _ = (
                (rows, described)
                | tft_beam.AnalyzeDataset(self._preprocess)
                | tft_beam.WriteTransformFn(f"{folder}/graph")
            )


class Tfnorm(_Covariance):
    """tfnorm's exact co-moments, and all else that it takes of each column."""

    def covariance(self, pipeline, folder):
        recipe = recipe_lib.Recipe({"x": schemes.Whitening()})
        _ = (
            pipeline
            | beam.Create(self.data.files("npy"), reshuffle=False)
            | beam.FlatMap(_batches)
            | beam.Map(_batch)
            | tfnorm.beam.ComputeStatistics(recipe)
            | tfnorm.beam.WriteStatistics(f"{folder}/statistics")
        )

    def load(self, folder):
        return tfnorm.load_statistics(f"{folder}/statistics")["x"].covariance


def _batches(path: str) -> Iterator[np.ndarray]:
    values = np.load(path)
    for start in range(0, len(values), BATCH_ROWS):
        yield values[start : start + BATCH_ROWS]


def _record_batch(values: np.ndarray) -> pa.RecordBatch:
    offsets = np.arange(len(values) + 1) * values.shape[1]
    lists = pa.LargeListArray.from_arrays(offsets, values.reshape(-1))
    return pa.RecordBatch.from_arrays([lists], ["x"])


def _batch(values: np.ndarray) -> arrays.Batch:
    return arrays.Batch({"x": arrays.Column(values)}, len(values))
