# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Several maps, one after the other."""

import dataclasses

from tfnorm import config
from tfnorm import errors
from tfnorm.bijectors import base


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

    def forward_with(self, x, constants):
        for index, part in enumerate(self.parts):
            x = part.forward_with(x, _of_part(index, constants))
        return x

    def inverse_with(self, y, constants):
        if not self.invertible:
            lossy = [part for part in self.parts if not part.invertible]
            raise errors.NotInvertible(f"{lossy[0]} has no inverse.")
        for index, part in reversed(tuple(enumerate(self.parts))):
            y = part.inverse_with(y, _of_part(index, constants))
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
