# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Serialized tf.Example protos, to and from the columns that a model takes."""

import collections.abc
import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfnorm.baking import front

# An absent integer, where the model's input is a float and can say so. No int64
# beside it is that rare and that useless.
_ABSENT = -(2**63)
_DEFAULTS = {"float32": math.nan, "int64": _ABSENT, "string": ""}


@dataclasses.dataclass(frozen=True)
class Field:
    """One input of a model as a feature of tf.Example.

    Args:
        shape: Shape of one row.
        stored: Type in the proto: float32, int64 or string.
        dtype: Type that the model takes.
    """

    shape: tuple[int, ...]
    stored: str
    dtype: str

    @property
    def may_be_absent(self) -> bool:
        """Whether a row may lack it."""
        return self.stored != "int64" or self.dtype.startswith(("float", "bfloat"))


def fields(
    inputs: dict[str, front.Input], kinds: collections.abc.Mapping[str, str]
) -> dict[str, Field]:
    """Says how each input is stored.

    Args:
        inputs: What the model takes.
        kinds: Feature to "floating" or "integer": what its data were.

    Raises:
        ValueError: If an input has no fixed shape.
    """
    found = {}
    for name, given in inputs.items():
        shape = tuple(size for size in given.shape if size is not None)
        if shape != given.shape:
            raise ValueError(f"input {name!r} of shape {given.shape} may vary in size")
        stored = "float32"
        if given.dtype == "string":
            stored = "string"
        elif not given.dtype.startswith(("float", "bfloat")):
            stored = "int64"
        elif given.feature is not None and kinds.get(given.feature) == "integer":
            stored = "int64"
        found[name] = Field(shape, stored, given.dtype)
    return found


def parse(
    examples: tf.Tensor, wanted: collections.abc.Mapping[str, Field]
) -> dict[str, tf.Tensor]:
    """Decodes serialized protos into columns.

    A feature with no values is absent, as one is that is not there: TFX's CsvExampleGen
    writes an empty cell so.
    """
    spec = {name: _spec(field) for name, field in wanted.items()}
    parsed = tf.io.parse_example(examples, spec)
    return {
        name: _column(_dense(name, parsed[name], field), field)
        for name, field in wanted.items()
    }


def serialize(
    columns: dict[str, np.ndarray], wanted: collections.abc.Mapping[str, Field]
) -> list[bytes]:
    """Encodes columns, one proto a row; what is NaN as a whole is left out.

    Raises:
        ValueError: If a proto cannot hold a value.
    """
    rows = len(next(iter(columns.values())))
    return [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    name: _feature(name, columns[name][row], field)
                    for name, field in wanted.items()
                    if not _is_absent(columns[name][row], field)
                }
            )
        ).SerializeToString()
        for row in range(rows)
    ]


def _spec(field: Field) -> tf.io.FixedLenFeature | tf.io.RaggedFeature:
    if field.may_be_absent:
        # One of fixed length would take no feature that is there with no values.
        return tf.io.RaggedFeature(field.stored, row_splits_dtype=tf.int64)
    return tf.io.FixedLenFeature(field.shape, field.stored)


def _dense(name: str, parsed: tf.Tensor | tf.RaggedTensor, field: Field) -> tf.Tensor:
    if not isinstance(parsed, tf.RaggedTensor):
        return parsed
    size = math.prod(field.shape)
    lengths = parsed.row_lengths()
    wrong = tf.logical_and(lengths != 0, lengths != size)
    expected = f"Feature {name!r} must have {size} values, or none."
    with tf.control_dependencies(
        [tf.debugging.Assert(tf.logical_not(tf.reduce_any(wrong)), [expected])]
    ):
        filled = parsed.to_tensor(_DEFAULTS[field.stored], shape=[None, size])
    return tf.reshape(filled, [-1, *field.shape])


def _column(parsed: tf.Tensor, field: Field) -> tf.Tensor:
    if field.stored == field.dtype:
        return parsed
    column = tf.cast(parsed, field.dtype)
    if field.stored == "int64" and field.may_be_absent:
        absent = tf.constant(math.nan, field.dtype)
        return tf.where(parsed == _ABSENT, absent, column)
    return column


def _is_absent(value: np.ndarray, field: Field) -> bool:
    floating = np.asarray(value).dtype.kind == "f"
    return field.may_be_absent and floating and bool(np.isnan(value).all())


def _feature(name: str, value: np.ndarray, field: Field) -> tf.train.Feature:
    flat = np.ravel(value)
    if field.stored == "string":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=flat.tolist()))
    with np.errstate(all="ignore"):
        stored = flat.astype(field.stored)
    if not np.array_equal(
        stored.astype(flat.dtype), flat, equal_nan=flat.dtype.kind == "f"
    ):
        raise ValueError(f"a tf.Example cannot hold {flat[0]} of {name!r}")
    if field.stored == "int64":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=stored.tolist()))
    return tf.train.Feature(float_list=tf.train.FloatList(value=stored.tolist()))
