# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The map that mixes the elements of a vector: whitening ends in it."""

import copy
import dataclasses
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import centering

# Beyond these, a number or its reciprocal is no normal float32.
_SMALLEST = 2.0**-126
_LARGEST = 2.0**126


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Matrix(base.Bijector):
    """`y = matrix @ (x - loc)`, of the vectors along the kept axes.

    Centred as `Affine` is, before anything is multiplied; several kept axes make one
    vector, in C order. The matrix is float32 wherever the map runs; each `y[i]` is
    right within `(c + 4) * 2**-24 * abs(matrix[i]) @ abs(x - loc)` of the exact
    product with c columns of that matrix. In float64, the bound is `c * 2**-53` of
    it. One NaN or infinity in a vector leaves no number in it.

    Undone as `inverse_matrix @ y + loc`.

    Args:
        loc: What becomes 0: array of the kept shape, of c elements.
        matrix: Array of shape (c, c).
        inverse_matrix: Its inverse, best that of the float32 numbers; `None` for a
            map without inverse.
        axis: The kept axes, in data whose rows are axis 0.

    Raises:
        RecipeError: If the shapes do not fit, or the numbers do not fit float32.

    Example:

    >>> turn = Matrix([1.0, 0.0], [[0.0, -1.0], [1.0, 0.0]])
    >>> turn.forward([[1.0, 2.0], [3.0, 0.0]])
    array([[-2.,  0.],
           [ 0.,  2.]])
    """

    # Float64 arrays once made; numbers and sequences will do.
    loc: typing.Any
    matrix: typing.Any
    inverse_matrix: typing.Any = None
    axis: int | tuple[int, ...] = -1

    def __post_init__(self):
        loc = np.asarray(self.loc, np.float64)
        if not np.all(np.abs(loc) <= np.finfo(np.float32).max):
            raise errors.RecipeError(f"`loc={loc}` is not of float32 numbers.")
        object.__setattr__(self, "loc", base.frozen_array(loc))
        for name in ("matrix", "inverse_matrix"):
            value = getattr(self, name)
            if value is not None:
                value = _checked(name, value, loc.size)
                object.__setattr__(self, name, base.frozen_array(value))

    @property
    def invertible(self) -> bool:
        return self.inverse_matrix is not None

    def constants(self):
        hi, lo, rest = centering.split(self.loc)
        found = {"loc_hi": hi, "loc_lo": lo, "loc_rest": rest}
        found["matrix"] = centering.split(self.matrix)[0]
        if self.invertible:
            found["inverse_matrix"] = centering.split(self.inverse_matrix)[0]
        return found

    def extra_axes(self, key):
        return 0 if key.startswith("loc") else None

    def forward_with(self, x, constants):
        parts = (constants[key] for key in ("loc_hi", "loc_lo", "loc_rest"))
        return self._times(constants["matrix"], centering.centered(x, *parts))

    def inverse_with(self, y, constants):
        if not self.invertible:
            raise errors.NotInvertible("`Matrix` was made without `inverse_matrix`.")
        dtype = arrays.compute_dtype(y)
        loc_rest, loc_lo, loc_hi = (
            arrays.cast(constants[key], dtype)
            for key in ("loc_rest", "loc_lo", "loc_hi")
        )
        x = self._times(constants["inverse_matrix"], arrays.cast(y, dtype))
        if dtype == "float64":
            return x + loc_rest + loc_lo + loc_hi
        return arrays.fence(x + loc_lo, x) + loc_hi

    def along(self, axis, rank):
        placed = copy.copy(self)
        object.__setattr__(placed, "loc", arrays.broadcast(self.loc, axis, rank))
        object.__setattr__(placed, "axis", arrays.kept_axes(axis, rank))
        return placed

    def _times(self, matrix, x):
        """The products of the matrix with all vectors."""
        xp = arrays.namespace(x)
        rank = arrays.rank(x)
        kept = arrays.kept_axes(self.axis, rank)
        last = tuple(range(rank - len(kept), rank))
        if kept != last:
            x = xp.moveaxis(x, kept, last)
        shape = list(x.shape)
        if shape.count(None) > 1:
            shape = [arrays.size(x, axis) for axis in range(rank)]
        shape = [-1 if size is None else size for size in shape]
        matrix = xp.swapaxes(arrays.cast(matrix, arrays.dtype_name(x)), 0, 1)
        rows = xp.reshape(x, (-1, matrix.shape[0]))
        y = xp.reshape(arrays.matmul(rows, matrix), shape)
        return y if kept == last else xp.moveaxis(y, last, kept)


def _checked(name: str, value: typing.Any, size: int) -> np.ndarray:
    matrix = np.asarray(value, np.float64)
    if matrix.shape != (size, size):
        raise errors.RecipeError(
            f"`{name}` is of shape {matrix.shape}, but `loc` has {size} elements: it "
            f"must be of shape {(size, size)}."
        )
    largest = np.abs(matrix).max(axis=-1)
    if not np.all((largest >= _SMALLEST) & (largest <= _LARGEST)):
        raise errors.RecipeError(
            f"`{name}` has rows whose greatest magnitude is {largest}, which does not "
            "fit float32, in which models compute. Bring the features to other units "
            "(multiply them by powers of 10) before the statistics are taken."
        )
    return matrix
