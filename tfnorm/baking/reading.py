# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Training data from tf.Examples, by the parser that the baked model serves with."""

import collections.abc
import itertools
import math

import keras
import tensorflow as tf

from tfnorm import errors
from tfnorm import recipe
from tfnorm.baking import examples
from tfnorm.baking import front as front_lib

# So many records are looked at for one that has the target. ExampleGen shuffles them,
# so one of a thousand would do.
_LOOKED_AT = 10_000
# float64 holds integers up to 2**53, and NaN, which says that there is none.
_FIELDS = {
    "int64_list": examples.Field((), "int64", "float64"),
    "float_list": examples.Field((), "float32", "float32"),
}


def training_data(
    patterns: str | collections.abc.Iterable[str],
    model: keras.Model,
    fitted: recipe.FittedRecipe,
    *,
    target: str,
    batch_size: int,
    compression: str,
    shuffle: int,
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
    records = tf.data.TFRecordDataset(files, compression_type=compression)
    fields[target] = _stored(records, target, files[0])

    def known(batch):
        raw = examples.parse(batch, fields)
        kept = tf.math.is_finite(raw[target])
        return {name: tf.boolean_mask(column, kept) for name, column in raw.items()}

    def pairs(raw):
        wanted = raw[target]
        if target in fitted.maps:
            wanted = fitted.forward({target: wanted})[target]
        inputs = front.prepare({name: raw[name] for name in front.inputs})
        return inputs, tf.cast(wanted, tf.float32)

    if shuffle:
        records = records.shuffle(shuffle)
    # Whole batches are masked: rows one by one would take five times as long.
    kept = records.batch(batch_size).map(known).rebatch(batch_size)
    return kept.map(pairs).prefetch(tf.data.AUTOTUNE)


def _stored(records: tf.data.Dataset, target: str, file: str) -> examples.Field:
    """Says how the target is stored, by the first record that has one."""
    there: set[str] = set()
    count = 0
    for record in records.take(_LOOKED_AT).as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        count += 1
        there.update(found)
        kind = found[target].WhichOneof("kind") if target in found else None
        if kind == "bytes_list" and found[target].bytes_list.value:
            raise errors.RecipeError(
                "The target is text, and a model is trained on numbers. Write it as "
                "integers, one for each word, or keep it an input and look it up in "
                "the model.",
                feature=target,
                file=file,
            )
        if kind in _FIELDS and any(
            map(math.isfinite, getattr(found[target], kind).value)
        ):
            return _FIELDS[kind]
    if not count:
        raise errors.DataError("The files hold no records.", file=file)
    raise errors.DataError(
        f"None of the first {count} records has a number as the target. They hold "
        f"{', '.join(map(repr, sorted(there))) or 'no features'}.",
        feature=target,
        file=file,
    )
