# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""One map for each key, chosen row by row."""

import collections.abc
import copy
import dataclasses
import functools
import math
import sys
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import stacking

# How many fingerprints of text there are.
FINGERPRINTS = 2**63 - 1
UNSEEN = ("global", "nan", "raise")
_CANNOT_RAISE = (
    "`unseen_key_policy='raise'` is for NumPy arrays: a compiled model cannot raise. "
    "Use 'nan' or 'global' there."
)


@dataclasses.dataclass(frozen=True)
class Places:
    """Which map each row takes, found already.

    Args:
        index: int32 tensor of shape (rows,): the place of the row's key.
        count: How many keys there are, and so the place of other keys.
    """

    index: typing.Any
    count: typing.Any


@config.register("bijectors.PerKey")
@dataclasses.dataclass(frozen=True, eq=False)
class PerKey(base.Bijector):
    """`y = maps[key](x)`, row by row; rows of other keys by `otherwise`.

    Its constants are those of all maps, stacked, with those of `otherwise` last. Rows
    are mapped by the tensors that come in their place, which may be of other keys, if
    `Places` come for keys.

    Args:
        keys: Distinct integers, or distinct strings, ascending.
        maps: The map of each key, all of one structure.
        otherwise: The map of other keys, of the same structure.
        unseen: What becomes of rows of other keys: "global" maps them by
            `otherwise`, "nan" makes them NaN, "raise" is an error, which only NumPy
            arrays can raise.
        axis: The kept axes, in data whose rows are axis 0.

    Example:

    >>> from tfnorm import bijectors
    >>> maps = (bijectors.Affine(0.0, 1.0), bijectors.Affine(10.0, 2.0))
    >>> PerKey(("a", "b"), maps, maps[0]).forward([12.0, 12.0], keys=["a", "b"])
    array([12.,  1.])
    """

    keys: tuple
    maps: tuple[base.Bijector, ...]
    otherwise: base.Bijector
    _: dataclasses.KW_ONLY
    unseen: str = "global"
    axis: tuple[int, ...] = (-1,)

    context: typing.ClassVar[tuple[str, ...]] = ("keys",)

    def __post_init__(self):
        if self.unseen not in UNSEEN:
            raise errors.RecipeError(f"`unseen={self.unseen!r}` is none of {UNSEEN}.")
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "maps", tuple(self.maps))
        if len({type(key) for key in self.keys}) > 1 or not all(
            isinstance(key, int | str) for key in self.keys
        ):
            raise errors.RecipeError("`keys` must all be integers, or all strings.")
        if list(self.keys) != sorted(set(self.keys)):
            raise errors.RecipeError("`keys` must be distinct and ascending.")
        if len(self.keys) != len(self.maps):
            raise errors.RecipeError(
                f"{len(self.keys)} `keys` came with {len(self.maps)} `maps`."
            )
        whole = [k for k in self._own() if self.otherwise.extra_axes(k) is None]
        if whole or self.otherwise.context:
            raise errors.RecipeError(
                f"{type(self.otherwise).__name__} cannot be chosen by key: it does not "
                "map each element by itself."
            )

    @property
    def invertible(self) -> bool:
        return self.otherwise.invertible

    def constants(self):
        return dict(self._constants)

    @functools.cached_property
    def _constants(self) -> dict[str, np.ndarray]:
        every = (*self.maps, self.otherwise)
        together = stacking.stacked(every) if self.otherwise.elementwise else None
        if together is not None:
            found = together.constants()
            shapes = {key: (len(every), *c.shape) for key, c in self._own().items()}
            if all(found[key].shape == shapes[key] for key in shapes):
                return found
        # Once for each map, of which a vocabulary may hold the same many times.
        own = {id(one): one.constants() for one in every}
        return {
            key: np.stack([own[id(one)][key] for one in every]) for key in self._own()
        }

    @functools.cached_property
    def places(self) -> dict[int | str, int]:
        """The place of each key."""
        return {key: place for place, key in enumerate(self.keys)}

    @functools.cached_property
    def integers(self) -> np.ndarray:
        """The keys, where they are integers, as int64."""
        return np.array(self.keys, np.int64)

    def extra_axes(self, key):
        return None

    @property
    def kept_shape(self):
        return self.otherwise.kept_shape

    def forward_with(self, x, constants, keys):
        places = self._places(x, keys)
        y = self._map().forward_with(x, self._rows(x, constants, places.index))
        return self._checked(y, places)

    def inverse_with(self, y, constants, keys):
        places = self._places(y, keys)
        x = self._map().inverse_with(y, self._rows(y, constants, places.index))
        return self._checked(x, places)

    def along(self, axis, rank):
        # A copy, so that what was made of many maps is not made anew.
        whole = copy.copy(self)
        object.__setattr__(whole, "axis", arrays.kept_axes(axis, rank))
        return whole

    def _own(self) -> dict[str, np.ndarray]:
        return self.otherwise.constants()

    def _map(self) -> base.Bijector:
        # Of its fields only the options are read: the constants are given.
        return self.otherwise

    def _rows(self, x, constants, index) -> dict:
        """The constants of each row, so that they broadcast against `x`."""
        rank = arrays.rank(x)
        kept = arrays.kept_axes(self.axis, rank)
        rows = {}
        for key, table in constants.items():
            found = arrays.take(table, index)
            extra = self.otherwise.extra_axes(key) or 0
            sizes = tuple(table.shape[1:])
            own, more = sizes[: len(sizes) - extra], sizes[len(sizes) - extra :]
            # One number is one number: a column of shape (rows,) or (rows, 1).
            at = dict(zip(kept, own, strict=True)) if math.prod(own) > 1 else {}
            target = tuple(at.get(axis, 1) for axis in range(1, rank))
            shape = (-1, *target, *more)
            rows[key] = arrays.namespace(found).reshape(found, shape)
        return rows

    def _checked(self, y, places: Places):
        if self.unseen == "global":
            return y
        xp = arrays.namespace(y)
        unseen = xp.reshape(places.index, (-1, *(1,) * (arrays.rank(y) - 1)))
        absent = arrays.equal(unseen, places.count)
        return xp.where(absent, arrays.full(np.nan, like=y), y)

    def _places(self, x, keys) -> Places:
        """Which map each row takes, in the framework of `x`."""
        if not isinstance(keys, Places):
            return Places(self._index(x, keys), len(self.keys))
        if self.unseen == "raise":
            raise errors.RecipeError(_CANNOT_RAISE)
        return keys

    def _index(self, x, keys):
        if not isinstance(keys, arrays.Column):
            keys = arrays.asarray(keys)
        if isinstance(keys, arrays.Column) or arrays.framework(keys) == "numpy":
            return arrays.constants(self._seen(keys), like=x)
        if self.unseen == "raise":
            raise errors.RecipeError(_CANNOT_RAISE)
        keys = arrays.namespace(keys).reshape(keys, (-1,))
        if not self.keys:
            return arrays.cast(keys * 0, "int32")
        if arrays.dtype_name(keys) == "string":
            return _hashed(self.keys, keys)
        return _searched(self.keys, keys)

    def _seen(self, keys) -> np.ndarray:
        """Which map each row takes, by keys in NumPy, of which some may be missing."""
        column = keys if isinstance(keys, arrays.Column) else arrays.Column(keys)
        index = np.full(column.size, len(self.keys), np.int32)
        there = slice(None) if column.missing is None else ~column.missing
        # What stands where no key is may be of any type, and the key of others.
        if not column.all_missing:
            index[there] = _in_numpy(self, column.values[there])
        if self.unseen == "raise" and np.any(index == len(self.keys)):
            row = int(np.argmax(index == len(self.keys)))
            gone = column.missing is not None and column.missing[row]
            key = "A missing key" if gone else f"The key {column.values.flat[row]!r}"
            raise errors.DataError(
                f"{key} was not in the data that were fitted, and "
                "`unseen_key_policy='raise'`."
            )
        return index


def _in_numpy(known: PerKey, keys: np.ndarray) -> np.ndarray:
    keys, count = np.ravel(keys), len(known.keys)
    if keys.dtype.kind in "OSU":
        found = [known.places.get(k, count) for k in arrays.text(keys.tolist())]
        return np.array(found, np.int32)
    _check_integers(known.keys, keys)
    if not count:
        return np.zeros(len(keys), np.int32)
    sorted_keys = known.integers
    index = np.minimum(np.searchsorted(sorted_keys, keys), count - 1)
    return np.where(sorted_keys[index] == keys, index, count).astype(np.int32)


def fingerprints(keys: collections.abc.Iterable[str]):
    """TensorFlow's 63-bit fingerprints of text, as a tensor of int64."""
    tf = sys.modules["tensorflow"]
    encoded = tf.constant(arrays.encoded(keys), tf.string)
    return tf.strings.to_hash_bucket_fast(encoded, FINGERPRINTS)


def _hashed(known: tuple, keys):
    """TensorFlow's strings, by their fingerprints: no table to track or to save."""
    tf = sys.modules["tensorflow"]
    table = fingerprints(known)
    order = tf.argsort(table)
    hashes = tf.strings.to_hash_bucket_fast(keys, FINGERPRINTS)
    place = _lower_bound(tf.gather(table, order), hashes, len(known))
    places = tf.concat([order, [len(known)]], 0)
    return tf.gather(places, place)


def _searched(known: tuple, keys):
    _check_integers(known, keys)
    kind = "int64"
    if arrays.framework(keys) == "jax" and not sys.modules["jax"].config.jax_enable_x64:
        kind = "int32"
        if max(map(abs, known)) > np.iinfo(np.int32).max:
            raise errors.RecipeError(
                "There are keys beyond 32 bits, and JAX has no wider integers. Give "
                "NumPy arrays, enable `jax_enable_x64`, or number the keys anew."
            )
    table = arrays.constants(np.array(known, kind), like=keys)
    return _lower_bound(table, arrays.cast(keys, kind), len(known))


def _lower_bound(table, keys, count: int):
    """Where each key stands in an ascending table, or `count` if it does not."""
    xp = arrays.namespace(keys)
    index = arrays.cast(keys * 0, "int32")
    step = 1 << (count.bit_length() - 1)
    while step:
        # How many keys of the table are known to be below; steps stay within.
        probe = xp.where(index + step > count, index * 0 + count, index + step)
        below = (arrays.take(table, probe - 1) < keys) & (index + step <= count)
        index = xp.where(below, probe, index)
        step >>= 1
    last = xp.where(index < count, index, index * 0 + (count - 1))
    found = arrays.equal(arrays.take(table, last), keys)
    return xp.where(found, last, index * 0 + count)


def _check_integers(known: tuple, keys) -> None:
    if not arrays.integer_bits(keys) or (known and isinstance(known[0], str)):
        kind = "strings" if known and isinstance(known[0], str) else "integers"
        raise errors.DataError(
            f"The keys that were fitted are {kind}, but {arrays.dtype_name(keys)} came."
        )
