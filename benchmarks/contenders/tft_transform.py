# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Z-scores of every column in tf.Transform: its own analyzers, and tfnorm's one."""

import abc
import math
import tempfile

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options import pipeline_options
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio import tf_example_record

import tfnorm
from benchmarks import data as data_lib
from benchmarks.contenders import base
from tfnorm import schemes


class _ZScores(base.Contender):
    """From TFRecord files, through tfx_bsl's decoder, to the written graph.

    Where a value is missing, the decoder writes NaN, which enters no statistic.
    """

    imports = (*base.BEAM, "tfnorm.tft")

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._folder = tempfile.TemporaryDirectory()

    @abc.abstractmethod
    def preprocess(self, inputs: dict) -> dict:
        """Returns the normalized columns."""

    def _schema(self) -> schema_pb2.Schema:
        schema = schema_pb2.Schema()
        group = schema.tensor_representation_group[""].tensor_representation
        for name in self.data.names:
            schema.feature.add(name=name, type=schema_pb2.FLOAT)
            dense = group[name].dense_tensor
            dense.column_name = name
            dense.shape.SetInParent()
            dense.default_value.float_value = math.nan
        return schema

    def run(self):
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        reader = tf_example_record.TFExampleRecord(
            f"{self.data.folder}/*.tfrecord",
            schema=self._schema(),
            telemetry_descriptors=["benchmark"],
        )
        folder = self._folder.name
        with (
            beam.Pipeline(options=options) as pipeline,
            tft_beam.Context(temp_dir=f"{folder}/temporary"),
        ):
            rows = pipeline | "Read" >> reader.BeamSource()
            _ = (
                (rows, reader.TensorAdapterConfig())
                | "Analyze" >> tft_beam.AnalyzeDataset(self.preprocess)
                | "Write" >> tft_beam.WriteTransformFn(f"{folder}/graph")
            )
        return f"{folder}/graph"

    def answer(self, found):
        # Undone from what the graph makes of two numbers.
        graph = tft.TFTransformOutput(found)
        truth = self.data.truth()
        means = {
            name: truth.get(name, {"mean": 0.0})["mean"] for name in self.data.names
        }
        rows = {
            name: tf.constant([mean, mean + 1.0], tf.float32)
            for name, mean in means.items()
        }
        made = graph.transform_raw_features(rows)
        found = {}
        for name in self.data.names:
            low, high = (float(x) for x in rows[name])
            at_low, at_high = (float(y) for y in made[name])
            deviation = (high - low) / (at_high - at_low)
            mean = low - at_low * deviation
            found[name] = {"mean": mean, "variance": deviation**2}
        return {"features": found}


class ScaleToZScore(_ZScores):
    """`tft.scale_to_z_score` of each column, the way everyone writes it."""

    def preprocess(self, inputs):
        return {name: tft.scale_to_z_score(x) for name, x in inputs.items()}


class Tfnorm(_ZScores):
    """`tfnorm.tft.apply`: one analyzer, of all statistics that tfnorm knows."""

    def preprocess(self, inputs):
        recipe = {name: schemes.ZScore() for name in self.data.names}
        return tfnorm.tft.apply(recipe)(inputs)
