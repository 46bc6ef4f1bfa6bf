# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What of batches is observed: their columns joined, and mapped as a view says."""

import collections.abc

import numpy as np

from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import recipe as recipe_lib


def joined(batches: list[arrays.Batch], name: str) -> arrays.Column:
    """Returns all rows of a column, by its name."""
    first, *others = [arrays.column_of(batch.columns, name) for batch in batches]
    return first.joined(others) if others else first


def seen(
    column: arrays.Column, view: recipe_lib.View
) -> collections.abc.Iterator[tuple[slice, arrays.Column]]:
    """Yields rows and what is to be observed of them."""
    bijector, everything = view.bijector, slice(None)
    if bijector is None:
        yield everything, column
    elif not isinstance(column, arrays.ImageColumn):
        yield everything, _mapped(column, view, bijector)
    elif (
        isinstance(bijector, bijectors.RowMoments)
        and arrays.kept_axes(_axis(view), column.ndim) == (3,)
        and not column.all_missing
    ):
        values = bijector.of_counts(column.counts)
        yield everything, arrays.Column(values, column.missing)
    else:
        for rows, stack in column.stacks():
            yield rows, stack if stack.all_missing else _mapped(stack, view, bijector)


def _mapped(
    column: arrays.Column, view: recipe_lib.View, bijector: bijectors.Bijector
) -> arrays.Column:
    # Float64, so that the statistics of the mapped values are those of the exact
    # map, rounded once, and not of float32 approximations of it.
    bijector = bijector.along(_axis(view), column.ndim)
    values = column.values
    if not bijector.takes_integers:
        values = values.astype(np.float64)
    return arrays.Column(bijector.forward(values), column.missing)


def kept(view: recipe_lib.View, rank: int) -> int | tuple[int, ...]:
    """The kept axes of what `seen` makes of data of `rank` axes."""
    axis = _axis(view)
    return axis if view.bijector is None else view.bijector.kept(axis, rank)


def _axis(view: recipe_lib.View) -> int | tuple[int, ...]:
    return () if view.axis is None else view.axis
