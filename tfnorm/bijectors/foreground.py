# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps the foreground alone, and makes the background 0."""

import dataclasses
import math
import typing

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base


@config.register("bijectors.Foreground")
@dataclasses.dataclass(frozen=True, eq=False)
class Foreground(base.Bijector):
    """`y = then(x) if x > threshold else 0`, elementwise.

    A map of samples takes its statistics of the foreground alone. What the
    background was is lost, so there is no inverse. NaN counts as foreground: it
    stays NaN, and spoils the statistics of its sample. Integers beyond `2**24` are
    compared with the threshold as float32.

    Args:
        then: The map of the foreground.
        threshold: What is above it is foreground.

    Example:

    >>> from tfnorm import bijectors
    >>> Foreground(bijectors.Affine(10.0, 4.0)).forward([0.0, 6.0, 18.0])
    array([ 0., -1.,  2.])
    """

    then: base.Bijector
    threshold: float = 0.0

    invertible: typing.ClassVar[bool] = False

    def __post_init__(self):
        if not isinstance(self.then, base.Bijector):
            raise errors.RecipeError(f"`then={self.then!r}` must be a bijector.")
        check_threshold(self.threshold)

    @property
    def context(self) -> tuple[str, ...]:
        return tuple({"mask": None, **dict.fromkeys(self.then.context)})

    def constants(self):
        return self.then.constants()

    def extra_axes(self, key):
        return self.then.extra_axes(key)

    def forward_with(self, x, constants, mask=None, **context):
        """Maps a tensor.

        Args:
            x: Tensor of shape (rows, ...).
            constants: Those of `then`.
            mask: Boolean tensor of the first axes of `x`; what is false there is no
                foreground.
            **context: What `then` takes beside it.
        """
        xp = arrays.namespace(x)
        inside = _foreground(x, self.threshold)
        if mask is not None:
            behind = (None,) * (arrays.rank(x) - arrays.rank(mask))
            inside = inside & arrays.cast(mask[(..., *behind)], "bool")
        if "mask" in self.then.context:
            return self.then.forward_with(x, constants, mask=inside, **context)
        if not arrays.integer_bits(x):
            # `then` may have no gradient at the background, such as a logarithm.
            x = xp.where(inside, x, arrays.full(self.threshold + 1.0, like=x))
        y = self.then.forward_with(x, constants, **context)
        return xp.where(inside, y, arrays.full(0.0, like=y))

    def inverse_with(self, y, constants, **context):
        raise errors.NotInvertible("All background became 0; what it was is gone.")

    def along(self, axis, rank):
        return dataclasses.replace(self, then=self.then.along(axis, rank))


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Above(base.Bijector):
    """`y = x if x > threshold else nan`, elementwise: NaN enters no statistic.

    Args:
        threshold: What is above it stays.

    Example:

    >>> Above().forward([0.0, 5.0])
    array([nan,  5.])
    """

    threshold: float = 0.0

    invertible: typing.ClassVar[bool] = False
    elementwise: typing.ClassVar[bool] = True

    def __post_init__(self):
        check_threshold(self.threshold)

    @property
    def label(self):
        return f"above_{self.threshold:g}"

    def constants(self):
        return {}

    def forward_with(self, x, constants):
        inside = _foreground(x, self.threshold)
        x = arrays.cast(x, arrays.compute_dtype(x))
        nan = arrays.full(math.nan, like=x)
        return arrays.namespace(x).where(inside, x, nan)

    def inverse_with(self, y, constants):
        raise errors.NotInvertible("All background became NaN; what it was is gone.")

    def along(self, axis, rank):
        return self


def check_threshold(threshold: float) -> None:
    """Raises an error unless `threshold` is a finite number."""
    if not -math.inf < threshold < math.inf:
        raise errors.RecipeError(f"`threshold={threshold!r}` must be a finite number.")


def _foreground(x, threshold: float):
    x = arrays.cast(x, arrays.compute_dtype(x))
    # Not what is not `<=`: TensorFlow's Grappler makes that `>`, and NaN background.
    above = x > arrays.full(threshold, like=x)
    return above | arrays.namespace(x).isnan(x)
