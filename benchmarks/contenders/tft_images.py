# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tf.Transform's mean and variance of the channels of JPEG files."""

import pathlib
import tempfile
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata


def analyze(
    paths: Sequence[str], dct_method: str, size: tuple[int, int]
) -> dict[str, list[float]]:
    """Returns the mean and the variance of each channel.

    Args:
        paths: JPEG files of colour.
        dct_method: How TensorFlow decodes them.
        size: Height and width of all.
    """
    rows = [{"image": pathlib.Path(path).read_bytes()} for path in paths]
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    metadata = dataset_metadata.DatasetMetadata.from_feature_spec(spec)

    def decode(data: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(data, channels=3, dct_method=dct_method)
        return tf.ensure_shape(pixels, (*size, 3))

    def preprocess(inputs: dict) -> dict:
        images = tf.map_fn(decode, inputs["image"], fn_output_signature=tf.uint8)
        pixels = tf.reshape(tf.cast(images, tf.float32), (-1, 3))
        found = {
            "mean": tft.mean(pixels, reduce_instance_dims=False),
            "variance": tft.var(pixels, reduce_instance_dims=False),
        }
        count = tf.shape(images)[0]
        return {
            name: tf.repeat(statistic[tf.newaxis], count, axis=0)
            for name, statistic in found.items()
        }

    with tempfile.TemporaryDirectory() as folder:
        with (
            beam.Pipeline("FnApiRunner") as pipeline,
            tft_beam.Context(temp_dir=f"{folder}/temporary"),
        ):
            listed = pipeline | beam.Create(rows, reshuffle=False)
            _ = (
                (listed, metadata)
                | "Analyze" >> tft_beam.AnalyzeDataset(preprocess)
                | "Write" >> tft_beam.WriteTransformFn(f"{folder}/graph")
            )
        graph = tft.TFTransformOutput(f"{folder}/graph")
        made = graph.transform_raw_features({"image": tf.constant([rows[0]["image"]])})
        return {name: values[0].numpy().tolist() for name, values in made.items()}
