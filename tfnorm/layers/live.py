# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps whose constants are weights of a layer."""

import math
import re
import sys
import typing

import keras
import numpy as np

from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import errors
from tfnorm.layers import rows

# Constants that are trained as they are. Of other maps, one behind them is trained, in
# the unit of what they make: the size of a step must not depend on that of the data.
_TRAINED = ("gain", "bias", "power", "smoothing")
_BEHIND = ("loc_hi", "inverse_scale")


class LiveMap:
    """A map that reads its constants from weights each time it runs.

    Args:
        layer: The layer that holds the weights.
        bijector: The structure of the map, and what its weights start from.
        axis: The axes of the batched data that are kept, `None` for none.
        prefix: What the names of the weights start with.
        fitted: Whether the constants are those of data. If not, weights start as
            NaN, and the map is not fitted until others are assigned.
        broadcast: Whether one number may serve several kept elements.
        trainable: Whether constants are trained: those of the map if it has such, or
            else a centre and a scale behind it, which start at 0 and 1.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        bijector: bijectors.Bijector,
        *,
        axis: int | tuple[int, ...] | None,
        prefix: str = "",
        fitted: bool = True,
        broadcast: bool = False,
        trainable: bool = False,
    ):
        self._behind = trainable and not any(map(_is_trained, bijector.constants()))
        bijector = self._whole(bijector)
        self.structure = bijector
        self.axis = () if axis is None else axis
        self.weights = {}
        self._fitted = fitted
        self._broadcast = broadcast
        constants = bijector.constants()
        self.shape = bijector.kept_shape
        for key, value in constants.items():
            self.weights[key] = layer.add_weight(
                # torch wants no dots in names, and TensorFlow few other signs.
                name=re.sub(r"\W", "_", f"{prefix}{key}", flags=re.ASCII),
                shape=value.shape,
                initializer=_Start(value if fitted else np.full_like(value, np.nan)),
                dtype="float32",
                trainable=trainable and self._trains(key),
                autocast=False,
            )

    def forward(self, x: typing.Any, **context: typing.Any) -> typing.Any:
        """Maps an array or tensor of any framework.

        Args:
            x: The tensor.
            **context: What the map takes beside it, such as a mask.
        """
        structure, tensors = self._at(x)
        context = {key: context[key] for key in structure.context if key in context}
        forward = arrays.as_written(rows.forward, like=x)
        return forward(structure, x, tensors, context)

    def inverse(self, y: typing.Any, **context: typing.Any) -> typing.Any:
        """Undoes `forward`; takes the same keywords.

        Raises:
            NotInvertible: If the map loses information.
        """
        structure, tensors = self._at(y)
        context = {key: context[key] for key in structure.context if key in context}
        return structure.inverse_with(y, tensors, **context)

    def assign(self, bijector: bijectors.Bijector) -> None:
        """Takes over the constants of a map of the same structure."""
        constants = self._whole(bijector).constants()
        for key, value in constants.items():
            if value.size != math.prod(self.weights[key].shape):
                raise errors.StatisticsError(
                    f"The data's kept shape is {value.shape}, but the layer was built "
                    f"for {self.shape}. Make a new layer for other data."
                )
        for key, value in constants.items():
            self.weights[key].assign(value.reshape(self.weights[key].shape))
        self._fitted = True

    def is_fitted(self) -> bool:
        """Whether the constants are those of data.

        They may have come from a file or by `set_weights`, so the weights are
        looked at until they are known to be fitted.
        """
        if not self._fitted:
            value = _peek(next(iter(self.weights.values())))
            self._fitted = value is not None and not np.isnan(value).all()
        return self._fitted

    def _at(self, x):
        """The map and its constants, for the axes and the framework of `x`."""
        rank = arrays.rank(x)
        if not self.weights:
            return self.structure.along(self.axis, rank), {}
        sizes = tuple(x.shape[axis] for axis in arrays.kept_axes(self.axis, rank))
        tensors = {key: tensor(weight, x) for key, weight in self.weights.items()}
        if self._behind:
            # What is trained is its reciprocal.
            tensors["1.scale"] = 1.0 / tensors["1.inverse_scale"]
        if self._same(sizes):
            placed = {k: self._placed(k, t, rank) for k, t in tensors.items()}
            return self.structure.along(self.axis, rank), placed
        if math.prod(self.shape) == 1 and (
            self._broadcast or all(size in (1, None) for size in sizes)
        ):
            # One number is one number: a column of shape (rows,) or (rows, 1).
            bare = {k: self._bare(k, t) for k, t in tensors.items()}
            if self.shape:
                return self.structure, bare
            return self.structure.along(self.axis, rank), bare
        raise ValueError(
            f"The constants are of shape {self.shape}, but the axes that are kept "
            f"(`axis={self.axis}`) of the input of shape {tuple(x.shape)} are of "
            f"shape {sizes}."
        )

    def _whole(self, bijector: bijectors.Bijector) -> bijectors.Bijector:
        """The map, with the one behind it that is trained if it is."""
        if not self._behind:
            return bijector
        shape = bijector.kept_shape
        behind = bijectors.Affine(np.zeros(shape), np.ones(shape))
        return bijectors.Chain((bijector, behind))

    def _trains(self, key: str) -> bool:
        return key in map("1.{}".format, _BEHIND) if self._behind else _is_trained(key)

    def _placed(self, key, tensor, rank: int):
        extra = self.structure.extra_axes(key)
        if extra is None:
            return tensor
        return arrays.broadcast(tensor, self.axis, rank, extra)

    def _bare(self, key, tensor):
        extra = self.structure.extra_axes(key)
        if extra is None:
            return tensor
        own = tuple(tensor.shape[len(tensor.shape) - extra :])
        return arrays.namespace(tensor).reshape(tensor, own)

    def _same(self, sizes):
        return len(self.shape) == len(sizes) and all(
            size in (mine, None) for mine, size in zip(self.shape, sizes, strict=True)
        )


def _is_trained(key: str) -> bool:
    return key.rpartition(".")[2] in _TRAINED


class _Start:
    """An initializer that gives one array."""

    def __init__(self, value: np.ndarray):
        self._value = value

    def __call__(self, shape, dtype=None, **_):
        return keras.ops.convert_to_tensor(self._value, dtype)


def tensor(weight, x):
    """The value of a weight, in the framework of `x`."""
    if arrays.framework(x) == keras.backend.backend():
        return keras.ops.convert_to_tensor(weight)
    return arrays.constants(keras.ops.convert_to_numpy(weight.value), like=x)


def is_zero(weight) -> bool:
    """Whether a weight is known to be 0 everywhere, even while a function is traced."""
    value = _peek(weight)
    return value is not None and not value.any()


def _peek(weight) -> np.ndarray | None:
    """The value of a weight, even while a function is traced, or `None`."""
    if keras.backend.backend() == "tensorflow":
        tensorflow = sys.modules["tensorflow"]
        with tensorflow.init_scope():
            eager = tensorflow.executing_eagerly()
            return weight.value.numpy() if eager else None
    # Not `value`, which is a tracer in a traced call, and a new initial value while
    # Keras' trainer on JAX has taken the real one away.
    value = weight._value
    return None if value is None else keras.ops.convert_to_numpy(value)
