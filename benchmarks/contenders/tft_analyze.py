# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tf.Transform on Beam's runner in this process, one worker."""

import abc
import tempfile

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options import pipeline_options
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio import tf_example_record

from benchmarks import data as data_lib
from benchmarks.contenders import base

# 4 buckets have 3 boundaries: the quartiles.
QUANTILES = {"num_buckets": 4, "epsilon": 0.01}
STATISTICS = ("mean", "variance", "min", "max", "quantiles")


class _Analyze(base.Contender):
    """From TFRecord files, through tfx_bsl's decoder, to the written graph."""

    imports = base.BEAM

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._folder = tempfile.TemporaryDirectory()

    @abc.abstractmethod
    def schema(self) -> schema_pb2.Schema:
        """Returns how the columns are to be decoded."""

    @abc.abstractmethod
    def analyze(self, inputs: dict) -> list:
        """Returns `STATISTICS` over the columns, the last of shape (columns, 3)."""

    @abc.abstractmethod
    def row(self) -> dict:
        """Returns one row of inputs, such as the graph takes."""

    def preprocess(self, inputs: dict) -> dict:
        found = self.analyze(inputs)
        rows = tf.shape(inputs[self.data.complete[0]])[0]
        return {
            name: tf.repeat(statistic[tf.newaxis], rows, axis=0)
            for name, statistic in zip(STATISTICS, found, strict=True)
        }

    def run(self):
        options = pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        reader = tf_example_record.TFExampleRecord(
            # A pattern: a list of files takes 1.4 times as long and 4 GiB.
            f"{self.data.folder}/*.tfrecord",
            schema=self.schema(),
            telemetry_descriptors=["benchmark"],
        )
        folder = self._folder.name
        with (
            beam.Pipeline(options=options) as pipeline,
            tft_beam.Context(temp_dir=f"{folder}/temporary"),
        ):
            # In tfx_bsl's own batches, of some 1,000 rows: with 5,000 the stacked
            # form takes 10% less time, but its variance of columns of mean 1e6 and
            # deviation 1 is 1,300 times too large.
            rows = pipeline | "Read" >> reader.BeamSource()
            _ = (
                (rows, reader.TensorAdapterConfig())
                | "Analyze" >> tft_beam.AnalyzeDataset(self.preprocess)
                | "Write" >> tft_beam.WriteTransformFn(f"{folder}/graph")
            )
        return f"{folder}/graph"

    def answer(self, found):
        graph = tft.TFTransformOutput(found)
        output = graph.transform_raw_features(self.row())
        return {
            "features": base.table(
                self.data.names,
                **{name: output[name][0].numpy().tolist() for name in STATISTICS},
            )
        }


class PerFeature(_Analyze):
    """Five analyzers for each column, the way most people write it."""

    def schema(self):
        schema = schema_pb2.Schema()
        for name in self.data.names:
            feature = schema.feature.add(name=name, type=schema_pb2.FLOAT)
            if name in self.data.complete:
                feature.presence.min_fraction = 1
                feature.shape.SetInParent()
        return schema

    def row(self):
        dense, sparse = tf.constant([1.0]), tf.sparse.from_dense([[1.0]])
        complete = self.data.complete
        return {name: dense if name in complete else sparse for name in self.data.names}

    def analyze(self, inputs):
        columns = [inputs[name] for name in self.data.names]
        # tft.quantiles wants the values of a sparse tensor, the others the tensor.
        values = [x.values if isinstance(x, tf.SparseTensor) else x for x in columns]
        return [
            tf.stack([tft.mean(x) for x in columns]),
            tf.stack([tft.var(x) for x in columns]),
            tf.stack([tft.min(x) for x in columns]),
            tf.stack([tft.max(x) for x in columns]),
            tf.concat([tft.quantiles(x, **QUANTILES) for x in values], axis=0),
        ]


class Stacked(_Analyze):
    """Five analyzers in all, of all columns in one tensor: tft at its fastest.

    What is missing counts as 0, filled in by the decoder.
    """

    def schema(self):
        schema = schema_pb2.Schema()
        group = schema.tensor_representation_group[""].tensor_representation
        for name in self.data.names:
            schema.feature.add(name=name, type=schema_pb2.FLOAT)
            dense = group[name].dense_tensor
            dense.column_name = name
            dense.shape.SetInParent()
            dense.default_value.float_value = 0
        return schema

    def row(self):
        return {name: tf.constant([1.0]) for name in self.data.names}

    def analyze(self, inputs):
        x = tf.stack([inputs[name] for name in self.data.names], axis=1)
        return [
            tft.mean(x, reduce_instance_dims=False),
            tft.var(x, reduce_instance_dims=False),
            tft.min(x, reduce_instance_dims=False),
            tft.max(x, reduce_instance_dims=False),
            tft.quantiles(x, **QUANTILES, reduce_instance_dims=False),
        ]
