# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every map has: forward, inverse, and the constants of its formula."""

import abc
import dataclasses
import functools
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors


class Bijector(abc.ABC):
    """A map of arrays, and of tensors of any framework, with its inverse.

    The formula of a map stands once, in `forward_with` and `inverse_with`, and
    takes its constants as an argument: a layer passes live weights, `forward`
    passes the map's own. Constants are float32 and broadcast against the
    trailing axes of the data; `along` prepares them for other axes.

    Maps compute and return float64 for float64 input and float32 for any other;
    those that leave integers as they are say so. NaN stays NaN.

    `elementwise` tells that each element is mapped by itself and its constants, so
    that data may be reshaped if the constants are, too.

    `context` names what else `forward_with` takes, by keyword: "mask", what of the
    samples counts, or "keys", one of each row. `takes_integers` tells that integers
    are better left so than made float64.
    """

    invertible: bool
    elementwise: typing.ClassVar[bool] = False
    context: typing.ClassVar[tuple[str, ...]] = ()
    takes_integers: typing.ClassVar[bool] = False

    @abc.abstractmethod
    def constants(self) -> dict[str, np.ndarray]:
        """Returns the constants of the formula: float32, of the kept shape."""

    @abc.abstractmethod
    def forward_with(self, x: typing.Any, constants: dict[str, typing.Any]):
        """Maps a tensor with the given constants, tensors of its framework."""

    @abc.abstractmethod
    def inverse_with(self, y: typing.Any, constants: dict[str, typing.Any]):
        """Undoes `forward_with` with the same constants.

        Raises:
            NotInvertible: If the map loses information.
        """

    @abc.abstractmethod
    def along(self, axis: int | tuple[int, ...], rank: int) -> "Bijector":
        """Returns this map for data of which `axis` are the kept axes.

        Args:
            axis: Axis or axes of the batched data that are kept.
            rank: Number of axes of the batched data.
        """

    def extra_axes(self, key: str) -> int | None:
        """How many axes a constant has behind those of the kept shape.

        Returns:
            Their number; `None` where the constant has no axes of the kept shape,
            so that it serves data of any axes as it is.
        """
        return 0

    @property
    def kept_shape(self) -> tuple[int, ...]:
        """The shape of the axes that the constants were kept for."""
        shapes = []
        for key, value in self.constants().items():
            extra = self.extra_axes(key)
            if extra is not None:
                shapes.append(value.shape[: value.ndim - extra])
        return max(shapes, key=len, default=())

    def kept(self, axis: int | tuple[int, ...], rank: int) -> int | tuple[int, ...]:
        """The axes of results that are kept, where `axis` are those of the data."""
        return axis

    @property
    def label(self) -> str:
        """What names this map where statistics are taken of its results."""
        return type(self).__name__.lower()

    def forward(self, x: typing.Any, **context: typing.Any) -> typing.Any:
        """Maps an array or tensor, and returns one of the same framework.

        Args:
            x: The array or tensor.
            **context: What `context` names, where there is any.
        """
        return self._applied(functools.partial(self.forward_with, **context), x)

    def inverse(self, y: typing.Any, **context: typing.Any) -> typing.Any:
        """Undoes `forward`; takes the same keywords.

        Raises:
            NotInvertible: If the map loses information.
        """
        return self._applied(functools.partial(self.inverse_with, **context), y)

    def _applied(self, formula, x):
        x = arrays.asarray(x)
        own = self.constants()
        tensors = {key: arrays.constants(own[key], like=x) for key in own}
        # As in every other framework: log(0) is -inf, and no warning.
        with np.errstate(all="ignore"):
            return arrays.as_written(formula, like=x)(x, tensors)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return config.dumps(self) == config.dumps(other)

    def __hash__(self) -> int:
        return hash(config.dumps(self))


class OfSamples(Bijector):
    """A map of each sample by what is in it: it has no constants, and no inverse.

    Subclasses are dataclasses with a field `axis`.
    """

    invertible: typing.ClassVar[bool] = False
    context: typing.ClassVar[tuple[str, ...]] = ("mask",)
    # What each sample is normalized by, and an inverse would need.
    gone: typing.ClassVar[str] = "its own statistics"

    def constants(self):
        return {}

    @abc.abstractmethod
    def forward_with(self, x, constants, mask=None):
        """Maps a tensor.

        Args:
            x: Tensor of shape (rows, ...).
            constants: None are needed.
            mask: Boolean tensor of the first axes of `x`; what is false there enters
                no statistic and becomes 0.
        """

    def inverse_with(self, y, constants):
        raise errors.NotInvertible(
            f"A sample is normalized by {self.gone}, of which nothing is left."
        )

    def along(self, axis, rank):
        sample: typing.Any = self
        return dataclasses.replace(sample, axis=arrays.kept_axes(axis, rank))


def frozen_array(value: typing.Any) -> np.ndarray:
    """Returns a read-only float64 copy."""
    array = np.array(value, np.float64)
    array.setflags(write=False)
    return array


def reshaped(bijector, axis: int | tuple[int, ...], rank: int):
    """Returns a copy whose array fields broadcast against `axis` of the data."""
    fields = {
        field.name: arrays.broadcast(
            getattr(bijector, field.name), axis, rank, bijector.extra_axes(field.name)
        )
        for field in dataclasses.fields(bijector)
        if isinstance(getattr(bijector, field.name), np.ndarray)
    }
    return dataclasses.replace(bijector, **fields)
