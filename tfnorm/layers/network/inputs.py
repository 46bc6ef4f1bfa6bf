# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batches of what a model is called with, from any data."""

import collections.abc
import sys
import typing

from tfnorm.sources import memory


def batches(
    model: typing.Any, data: typing.Any, batch_size: int
) -> collections.abc.Iterator[tuple[typing.Any, int]]:
    """Yields the inputs of a model, as arrays, and how many rows they have.

    Args:
        model: The model; it tells a list of its inputs from a list of batches.
        data: What `tfnorm.analyze` takes in memory or as batches, and lists, tuples
            or dicts of several inputs; of `(x, y)` and `(x, y, weights)`, `x` counts.
        batch_size: Rows at once of what is in memory as a whole.
    """
    # torch's loaders yield lists where Keras has tuples.
    loads = "DataLoader" in {kind.__name__ for kind in type(data).__mro__}
    if _are_inputs(model, data):
        data = (data,)
    for element in memory.elements(data):
        x = element
        if isinstance(element, tuple) or loads and isinstance(element, list):
            x = element[0]
        rows = batch_size if element is data else sys.maxsize
        several = isinstance(x, list | tuple)
        named = {str(i): part for i, part in enumerate(x)} if several else x
        for batch in memory.batches(named, slice_rows=rows):
            values = {name: column.values for name, column in batch.columns.items()}
            if several:
                yield type(x)(values.values()), batch.rows
            else:
                yield values.get("", values), batch.rows


def _are_inputs(model, data) -> bool:
    """Whether data are a list of arrays, one for each input of the model."""
    count = len(getattr(model, "inputs", None) or ())
    return (
        isinstance(data, list | tuple)
        and 1 < count == len(data)
        and all(hasattr(part, "shape") for part in data)
    )
