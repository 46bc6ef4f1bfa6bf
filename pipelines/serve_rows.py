# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Serves raw rows from a SavedModel with nothing but TensorFlow and NumPy.

python serve_rows.py SAVED_MODEL RAW_ROWS.npz ANSWERS.npz
"""

import sys

# What a serving host need not have: to this process, none of it is installed.
ABSENT = {
    "apache_beam",
    "click",
    "jax",
    "keras",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "tensorflow_metadata",
    "tensorflow_transform",
    "tf_keras",
    "tfnorm",
    "torch",
}


class _Without:
    """Finds what another finder finds, but for what is absent."""

    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return None
        return self._finder.find_spec(name, path, target)


sys.meta_path[:] = [_Without(finder) for finder in sys.meta_path]

# Below the hook, so that it applies to what TensorFlow itself imports.
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def serve(saved_model: str, given: str, answers: str) -> None:
    """Runs every signature on the raw rows and writes what each gives."""
    rows = dict(np.load(given))
    loaded = tf.saved_model.load(saved_model)
    served = loaded.signatures["serving_default"](
        **{name: tf.constant(values) for name, values in rows.items()}
    )
    examples = tf.constant([_example(rows, i) for i in range(len(rows["distance"]))])
    parsed = loaded.signatures["serve_examples"](examples=examples)
    undone = loaded.signatures["denormalize"](normalized=served["normalized"])
    np.savez(
        answers,
        serving_default=served["prediction"],
        normalized=served["normalized"],
        serve_examples=parsed["prediction"],
        denormalize=undone["prediction"],
    )


def _example(rows: dict[str, np.ndarray], index: int) -> bytes:
    features = {}
    for name, values in rows.items():
        value = values[index]
        if value.dtype.kind == "S":
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif value.dtype.kind == "i":
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        elif np.isnan(value):
            continue  # What is missing is left out.
        else:
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        features[name] = feature
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString()


if __name__ == "__main__":
    serve(*sys.argv[1:])
