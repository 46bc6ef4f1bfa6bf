# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Several maps, one after the other."""

import dataclasses

from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base
from tfnorm.bijectors import per_sample


@config.register
@dataclasses.dataclass(frozen=True, eq=False)
class Chain(base.Bijector):
    """`y = parts[-1](... parts[0](x))`.

    The constants of part 0 are named "0." and their name there, and so on.

    Args:
        parts: The maps, in the order in which they are applied.

    Example:

    >>> from tfnorm import bijectors
    >>> tamed = Chain((bijectors.Pointwise("log"), bijectors.Affine(1.0, 2.0)))
    >>> tamed.inverse(tamed.forward([1.0, 10.0, 100.0])).round(6)
    array([  1.,  10., 100.])
    """

    parts: tuple[base.Bijector, ...]

    def __post_init__(self):
        object.__setattr__(self, "parts", tuple(self.parts))
        if not all(isinstance(part, base.Bijector) for part in self.parts):
            raise errors.RecipeError(f"`parts={self.parts}` must all be bijectors.")

    @property
    def invertible(self) -> bool:
        return all(part.invertible for part in self.parts)

    def constants(self):
        return {
            f"{index}.{key}": value
            for index, part in enumerate(self.parts)
            for key, value in part.constants().items()
        }

    def extra_axes(self, key):
        index, _, own = key.partition(".")
        return self.parts[int(index)].extra_axes(own)

    @property
    def kept_shape(self):
        return max((part.kept_shape for part in self.parts), key=len, default=())

    def kept(self, axis, rank):
        for part in self.parts:
            axis = part.kept(axis, rank)
        return axis

    @property
    def label(self):
        return "_".join(part.label for part in self.parts)

    @property
    def elementwise(self) -> bool:
        return all(part.elementwise for part in self.parts)

    @property
    def context(self) -> tuple[str, ...]:
        return tuple({name: None for part in self.parts for name in part.context})

    def forward_with(self, x, constants, **context):
        for index, part in enumerate(self.parts):
            taken = {key: context[key] for key in context if key in part.context}
            x = part.forward_with(x, _of_part(index, constants), **taken)
        # What does not count is 0 behind the last part, not behind the first.
        return per_sample.Part(x, (), context.get("mask")).selected(x, 0.0)

    def inverse_with(self, y, constants, **context):
        if not self.invertible:
            lossy = [part for part in self.parts if not part.invertible]
            raise errors.NotInvertible(f"{lossy[0]} has no inverse.")
        for index, part in reversed(tuple(enumerate(self.parts))):
            taken = {key: context[key] for key in context if key in part.context}
            y = part.inverse_with(y, _of_part(index, constants), **taken)
        return y

    def along(self, axis, rank):
        return Chain(tuple(part.along(axis, rank) for part in self.parts))


def _of_part(index: int, constants: dict) -> dict:
    prefix = f"{index}."
    return {
        key.removeprefix(prefix): value
        for key, value in constants.items()
        if key.startswith(prefix)
    }
