# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Many maps of one structure as one, whose first kept axis they are, and back."""

import collections.abc
import dataclasses

import numpy as np

from tfnorm.bijectors import base
from tfnorm.bijectors import chain


def stacked(maps: collections.abc.Sequence[base.Bijector]) -> base.Bijector | None:
    """Returns the map whose fields are those of all, stacked.

    Returns:
        The map; `None` if the maps differ in more than the values of their arrays.

    Example:

    >>> from tfnorm import bijectors
    >>> stacked([bijectors.Affine(1.0, 2.0), bijectors.Affine(3.0, 4.0)])
    Affine(loc=array([1., 3.]), scale=array([2., 4.]))
    """
    first = maps[0]
    if any(type(one) is not type(first) for one in maps):
        return None
    if isinstance(first, chain.Chain):
        if len({len(_parts(one)) for one in maps}) > 1:
            return None
        parts = [stacked(part) for part in zip(*map(_parts, maps), strict=True)]
        whole = [part for part in parts if part is not None]
        return chain.Chain(tuple(whole)) if len(whole) == len(parts) else None
    fields = {}
    for name in _names(first):
        own = [getattr(one, name) for one in maps]
        if not isinstance(own[0], np.ndarray):
            if any(value is not own[0] and value != own[0] for value in own):
                return None
            fields[name] = own[0]
        elif any(value.shape != own[0].shape for value in own):
            return None
        else:
            fields[name] = np.stack(own)
    return _made(type(first), fields)


def unstacked(whole: base.Bijector, count: int) -> tuple[base.Bijector, ...]:
    """Returns the maps of the elements of the first kept axis, `count` of them.

    Example:

    >>> from tfnorm import bijectors
    >>> unstacked(bijectors.Affine([1.0, 3.0], [2.0, 4.0]), 2)[1]
    Affine(loc=array(3.), scale=array(4.))
    """
    if isinstance(whole, chain.Chain):
        parts = [unstacked(part, count) for part in whole.parts]
        return tuple(map(chain.Chain, zip(*parts, strict=True)))
    fields = {name: getattr(whole, name) for name in _names(whole)}
    arrays = {
        name: value
        for name, value in fields.items()
        if isinstance(value, np.ndarray) and value.ndim > (whole.extra_axes(name) or 0)
    }
    if not arrays:
        return (whole,) * count
    return tuple(
        _made(
            type(whole),
            fields | {name: value[i, ...] for name, value in arrays.items()},
        )
        for i in range(count)
    )


def _parts(one) -> tuple[base.Bijector, ...]:
    return one.parts


def _names(one) -> list[str]:
    return [field.name for field in dataclasses.fields(one)]


def _made(kind: type, fields: dict) -> base.Bijector:
    # What was checked before is not checked once more.
    one = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(one, name, value)
    return one
