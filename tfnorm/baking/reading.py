# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Training data from tf.Examples, by the parser that the baked model serves with."""

import collections.abc
import itertools

import keras
import tensorflow as tf

from tfnorm import errors
from tfnorm import recipe
from tfnorm.baking import examples
from tfnorm.baking import front as front_lib


def training_data(
    patterns: str | collections.abc.Iterable[str],
    model: keras.Model,
    fitted: recipe.FittedRecipe,
    *,
    target: str,
    batch_size: int,
    compression: str,
) -> tf.data.Dataset:
    """Reads what a model takes and its target; see `tfnorm.baking.training_data`."""
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    files = sorted({*itertools.chain.from_iterable(map(tf.io.gfile.glob, patterns))})
    if not files:
        raise errors.DataError(f"No file matches {', '.join(map(repr, patterns))}.")
    front = front_lib.of(model, fitted, target if target in fitted.maps else None)
    try:
        fields = examples.fields(front.inputs, fitted.kinds)
    except ValueError as error:
        raise errors.RecipeError(
            f"The model cannot take tf.Examples: {error}"
        ) from error
    # float64 holds integers up to 2**53, and NaN, which says that there is none.
    integer = fitted.kinds.get(target) == "integer"
    stored, dtype = ("int64", "float64") if integer else ("float32", "float32")
    fields[target] = examples.Field((), stored, dtype)

    def known(raw):
        return tf.math.is_finite(raw[target])

    def pairs(raw):
        wanted = raw[target]
        if target in fitted.maps:
            wanted = fitted.forward({target: wanted})[target]
        inputs = front.prepare({name: raw[name] for name in front.inputs})
        return inputs, tf.cast(wanted, tf.float32)

    records = tf.data.TFRecordDataset(files, compression_type=compression)
    raw = records.batch(batch_size).map(lambda batch: examples.parse(batch, fields))
    # Batches of the rows that have a target.
    kept = raw.unbatch().filter(known).batch(batch_size)
    return kept.map(pairs).prefetch(tf.data.AUTOTUNE)
