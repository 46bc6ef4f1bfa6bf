# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps of series whose statistics travel along, so that results can be undone."""

import abc
import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import errors
from tfnorm.bijectors import per_sample

# Of a series: what is subtracted, and what divides; of size 1 along its steps.
Statistics = tuple[typing.Any, typing.Any]


@dataclasses.dataclass(frozen=True)
class Reversible(abc.ABC):
    """`y = (x - loc) / scale * weight + bias`, of each series' own loc and scale.

    Statistics are float32 (float64 of float64 data), and pass no gradient.

    Args:
        axis: The kept axes, in data whose rows are axis 0. Data of rank 2 are
            (rows, steps).
    """

    axis: tuple[int, ...] = (-1,)

    def statistics(self, x: typing.Any, mask: typing.Any = None) -> Statistics:
        """Returns the loc and the scale of each series.

        Args:
            x: Array or tensor of shape (rows, steps, ...).
            mask: Boolean, of the first axes of `x`: which steps count.
        """
        x = arrays.cast(x, arrays.compute_dtype(x))
        steps = self._steps(arrays.rank(x))
        observed = per_sample.Part(x, steps, mask)
        x = observed.selected(x, 0.0)
        loc, scale = self._statistics(x, steps, observed)
        return arrays.detached(loc), arrays.detached(scale)

    @abc.abstractmethod
    def _statistics(
        self, x, steps: tuple[int, ...], observed: per_sample.Part
    ) -> Statistics: ...

    def forward_with(
        self, x, statistics: Statistics, constants: dict, mask: typing.Any = None
    ):
        """Normalizes series; steps that the mask leaves out become 0.

        Args:
            x: Array or tensor of shape (rows, steps, ...).
            statistics: Those of `x`.
            constants: "weight" and "bias", of the kept shape; or none.
            mask: As of `statistics`.
        """
        loc, scale = statistics
        x = arrays.cast(x, arrays.compute_dtype(x))
        observed = per_sample.Part(x, self._steps(arrays.rank(x)), mask)
        y = self._centered(observed.selected(x, 0.0), loc, observed) / scale
        if constants:
            weight, bias = self._placed(constants, y)
            y = y * weight + bias
        return observed.selected(y, 0.0)

    def _centered(self, x, loc, observed: per_sample.Part):
        return x - loc

    def inverse_with(self, y, statistics: Statistics, constants: dict):
        """Undoes `forward_with`, of any number of steps.

        Args:
            y: Array or tensor of shape (rows, any number of steps, ...).
            statistics: Those of the series that `y` continues.
            constants: As of `forward_with`.
        """
        loc, scale = statistics
        y = arrays.cast(y, arrays.dtype_name(loc))
        if constants:
            weight, bias = self._placed(constants, y)
            y = (y - bias) / (weight + self.weight_epsilon)
        return y * scale + loc

    @property
    def weight_epsilon(self) -> float:
        """Added to the weight when it is undone, so that a weight of 0 can be."""
        return 0.0

    def kept_axes(self, rank: int) -> tuple[int, ...]:
        """The kept axes of data of `rank` axes."""
        return arrays.kept_axes(self.axis, rank) if rank > 2 else ()

    def _steps(self, rank: int) -> tuple[int, ...]:
        kept = self.kept_axes(rank)
        return tuple(axis for axis in range(1, rank) if axis not in kept)

    def _placed(self, constants: dict, y):
        rank = arrays.rank(y)
        for key in ("weight", "bias"):
            value = arrays.cast(constants[key], arrays.dtype_name(y))
            yield arrays.broadcast(value, self.kept_axes(rank), rank)


@dataclasses.dataclass(frozen=True)
class RevIN(Reversible):
    """`y = (x - mean) / sqrt(var + epsilon) * weight + bias`, of each series.

    The variance is the population one. A constant series becomes `bias`.

    Args:
        axis: The kept axes.
        subtract_last: Whether the last step that counts stands for the mean.
        epsilon: Added to the variance. With 0 the map does not depend on the unit of
            the data, and a constant series is divided by 1.

    Example:

    >>> import numpy as np
    >>> series = np.array([[1.0, 3.0, 5.0]])
    >>> revin = RevIN(epsilon=0.0)
    >>> statistics = revin.statistics(series)
    >>> revin.forward_with(series, statistics, {}).round(3)
    array([[-1.225,  0.   ,  1.225]])
    >>> revin.inverse_with(np.array([[0.0, 0.0]]), statistics, {})
    array([[3., 3.]])
    """

    subtract_last: bool = False
    epsilon: float = 1e-5

    def __post_init__(self):
        if not 0 <= self.epsilon < math.inf:
            raise errors.RecipeError(f"`epsilon={self.epsilon!r}` must be 0 or more.")

    @property
    def weight_epsilon(self) -> float:
        return self.epsilon * self.epsilon

    def _statistics(self, x, steps, observed):
        mean = observed.mean(x)
        # What rounding left of the mean, which is large beside a small spread.
        mean = mean + observed.mean(x - mean)
        variance = observed.mean((x - mean) * (x - mean)) + self.epsilon
        scale = arrays.namespace(x).sqrt(arrays.divisor(variance))
        loc = self._last(x, steps, observed) if self.subtract_last else mean
        return loc, scale

    def _centered(self, x, loc, observed):
        x = x - loc
        if self.subtract_last:
            return x
        # The mean was rounded, to more than a small spread beside it may bear. What
        # is left is less than a rounding of the series, so the inverse needs none.
        return x - arrays.detached(observed.mean(x))

    def _last(self, x, steps: tuple[int, ...], observed: per_sample.Part):
        if len(steps) != 1:
            raise errors.RecipeError(
                f"`subtract_last=True` needs one axis of steps, but the axes {steps} "
                f"of rank-{arrays.rank(x)} data are not kept (`axis={self.axis}`)."
            )
        if observed.mask is None:
            return arrays.part(x, steps[0], -1, None)
        place = arrays.positions(x, steps[0])
        place = observed.selected(place, -1)
        last = arrays.reduce("max", place, steps)
        # Where none counts, all are chosen, and they are 0 by now.
        zero = arrays.full(0.0, like=x)
        chosen = arrays.namespace(x).where(arrays.equal(place, last), x, zero)
        return arrays.reduce("sum", chosen, steps)


@dataclasses.dataclass(frozen=True)
class MeanScale(Reversible):
    """`y = x / mean(abs(x))`, of each series.

    Args:
        axis: The kept axes.
        default_scale: Divides series of which no step counts, or all are 0.
        minimum_scale: Least divisor of other series.

    Example:

    >>> import numpy as np
    >>> series = np.array([[1.0, -3.0], [0.0, 0.0]])
    >>> scaler = MeanScale()
    >>> scaler.forward_with(series, scaler.statistics(series), {})
    array([[ 0.5, -1.5],
           [ 0. ,  0. ]])
    """

    default_scale: float = 1.0
    minimum_scale: float = 1e-10

    def __post_init__(self):
        for name in ("default_scale", "minimum_scale"):
            if not 1e-37 <= getattr(self, name) < math.inf:
                raise errors.RecipeError(
                    f"`{name}={getattr(self, name)!r}` must be a normal float32 above "
                    "0."
                )

    def _statistics(self, x, steps, observed):
        xp = arrays.namespace(x)
        scale = observed.mean(xp.abs(x))
        default, least = (
            arrays.full(value, like=x)
            for value in (self.default_scale, self.minimum_scale)
        )
        floored = xp.where(scale < least, least, scale)
        return xp.zeros_like(scale), xp.where(arrays.equal(scale, 0), default, floored)
