# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The constants of all maps as one vector, out of an analyzer and into its graph."""

import collections.abc
import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from tfnorm import bijectors
from tfnorm.bijectors import per_key

Maps = collections.abc.Mapping[str, bijectors.Bijector]


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The constants of one map in the graph.

    Args:
        constants: Those of the map, by name.
        keys: The keys that have a map of their own, ascending; text by its
            fingerprint. `None` where there is one map for all rows.
    """

    constants: dict[str, tf.Tensor]
    keys: tf.Tensor | None = None


def pack(maps: Maps) -> np.ndarray:
    """Writes the constants of fitted maps one after the other.

    tf.Transform caches analyzers of one output only, and each further output would be
    some more stages of the pipeline. So all is one vector, of the bits of float32
    numbers; the constants that there are for each key come last, each map's behind
    the number of its keys and these.

    Args:
        maps: The maps by feature, for data of the axes that they will have.

    Returns:
        int32 array of shape (words,).
    """
    plain, keyed = [np.zeros(0, np.float32)], [np.zeros(0, np.int32)]
    for bijector in maps.values():
        constants = bijector.constants()
        tables = _tables(bijector)
        plain += [np.ravel(v) for key, v in constants.items() if key not in tables]
        if tables:
            keys, order = _known(_per_key(bijector).keys)
            rows = [*order, len(order)]
            table = [constants[key].reshape(len(rows), -1)[rows] for key in tables]
            keyed += [np.array([len(keys)], np.int32), keys.view(np.int32)]
            keyed.append(_bits(np.concatenate(table, axis=1).ravel()))
    return np.concatenate([_bits(np.concatenate(plain)), *keyed])


def unpack(words: tf.Tensor, templates: Maps) -> dict[str, Tensors]:
    """Finds the constants of each map.

    Args:
        words: What `pack` made.
        templates: Maps of the structures of those that were packed.
    """
    sizes = [size for bijector in templates.values() for size in _sizes(bijector)]
    at: typing.Any = sum(sizes)
    parts = iter(tf.split(tf.bitcast(words[:at], tf.float32), sizes) if sizes else ())
    found = {}
    for name, bijector in templates.items():
        constants = bijector.constants()
        tables = _tables(bijector)
        tensors = {
            key: tf.reshape(next(parts), value.shape)
            for key, value in constants.items()
            if key not in tables
        }
        keys = None
        if tables:
            count = words[at]
            start = at + 1 + 2 * count
            keys = tf.bitcast(tf.reshape(words[at + 1 : start], [-1, 2]), tf.int64)
            widths = [math.prod(constants[key].shape[1:]) for key in tables]
            at = start + (count + 1) * sum(widths)
            table = tf.bitcast(words[start:at], tf.float32)
            columns = tf.split(tf.reshape(table, [-1, sum(widths)]), widths, axis=1)
            for key, column in zip(tables, columns, strict=True):
                shape = [-1, *constants[key].shape[1:]]
                tensors[key] = tf.reshape(column, shape)
        found[name] = Tensors(tensors, keys)
    return found


def constants(bijector: bijectors.Bijector) -> Tensors:
    """The constants that a map has of itself."""
    own = bijector.constants()
    return Tensors({key: tf.constant(value) for key, value in own.items()})


def places(known: tf.Tensor, keys: tf.Tensor) -> bijectors.Places:
    """Finds rows' keys among those that have a map of their own."""
    keys = tf.reshape(keys, [-1])
    if keys.dtype == tf.string:
        keys = tf.strings.to_hash_bucket_fast(keys, per_key.FINGERPRINTS)
    keys = tf.cast(keys, tf.int64)
    count = tf.size(known)
    place = tf.searchsorted(known, keys)
    # One more, for there is something to compare with where no key is greater.
    nearest = tf.gather(tf.concat([known, [0]], 0), place)
    found = tf.logical_and(place < count, tf.equal(nearest, keys))
    return bijectors.Places(tf.where(found, place, count), count)


def _known(keys: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Keys as ascending int64, and where each stood."""
    if keys and isinstance(keys[0], str):
        with tf.init_scope():
            numbers = per_key.fingerprints(keys).numpy()
    else:
        numbers = np.array(keys, np.int64)
    order = np.argsort(numbers)
    return numbers[order], order


def _bits(numbers: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(numbers, np.float32).view(np.int32)


def _sizes(bijector: bijectors.Bijector) -> list[int]:
    """How many numbers each constant is that there is once."""
    tables = _tables(bijector)
    constants = bijector.constants().items()
    return [value.size for key, value in constants if key not in tables]


def _tables(bijector: bijectors.Bijector, prefix: str = "") -> list[str]:
    """The names of the constants of which there is one for each key."""
    if isinstance(bijector, bijectors.PerKey):
        return [f"{prefix}{key}" for key in bijector.constants()]
    parts = bijector.parts if isinstance(bijector, bijectors.Chain) else ()
    inner = [_tables(part, f"{prefix}{i}.") for i, part in enumerate(parts)]
    return [key for keys in inner for key in keys]


def _per_key(bijector: typing.Any) -> typing.Any:
    """The map by key in a map that holds one."""
    if isinstance(bijector, bijectors.PerKey):
        return bijector
    return next(_per_key(part) for part in bijector.parts if _tables(part))
