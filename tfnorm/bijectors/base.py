# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every map has: forward, inverse, and the constants of its formula."""

import abc
import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config


class Bijector(abc.ABC):
    """A map of arrays, and of tensors of any framework, with its inverse.

    The formula of a map stands once, in `forward_with` and `inverse_with`, and
    takes its constants as an argument: a layer passes live weights, `forward`
    passes the map's own. Constants are float32 and broadcast against the
    trailing axes of the data; `along` prepares them for other axes.

    Maps compute and return float64 for float64 input and float32 for any other;
    those that leave integers as they are say so. NaN stays NaN.
    """

    invertible: bool

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

    def forward(self, x: typing.Any) -> typing.Any:
        """Maps an array or tensor, and returns one of the same framework."""
        return self._applied(self.forward_with, x)

    def inverse(self, y: typing.Any) -> typing.Any:
        """Undoes `forward`.

        Raises:
            NotInvertible: If the map loses information.
        """
        return self._applied(self.inverse_with, y)

    def _applied(self, formula, x):
        x = arrays.asarray(x)
        own = self.constants()
        tensors = {key: arrays.constants(own[key], like=x) for key in own}
        # As in every other framework: log(0) is -inf, and no warning.
        with np.errstate(all="ignore"):
            return formula(x, tensors)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return config.dumps(self) == config.dumps(other)

    def __hash__(self) -> int:
        return hash(config.dumps(self))


def frozen_array(value: typing.Any) -> np.ndarray:
    """Returns a read-only float64 copy."""
    array = np.array(value, np.float64)
    array.setflags(write=False)
    return array


def reshaped(bijector, axis: int | tuple[int, ...], rank: int):
    """Returns a copy whose array fields broadcast against `axis` of the data."""
    fields = {
        field.name: arrays.broadcast(getattr(bijector, field.name), axis, rank)
        for field in dataclasses.fields(bijector)
        if isinstance(getattr(bijector, field.name), np.ndarray)
    }
    return dataclasses.replace(bijector, **fields)
