# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Any scheme as a function of one tensor in a `preprocessing_fn`."""

import typing

import tensorflow as tf

from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm.tft import applying

# What the column of the keys is called in the statistics.
KEY = "key"


def normalize(
    x: tf.Tensor,
    scheme: schemes.Scheme,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
) -> tf.Tensor:
    """Normalizes a tensor by any scheme, fitted to all rows of the data.

    Each call is an analyzer of its own: for many features `apply` is faster.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        scheme: The scheme, such as `tfnorm.schemes.ZScore()`.
        key: Integers or text, one of each row, by which rows are fitted and mapped
            apart; those of keys that the data lacked as fitted to all rows. For
            another policy give a `schemes.PerKey(scheme, "key", ...)`.
        axis: Axis or axes of `x` to *keep*: each of their elements has constants of
            its own. `None` pools all values.
        name: What errors and statistics call the feature.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     by_shop = schemes.PerKey(schemes.Robust(), "key", shrinkage=10.0)
    ...     return {"sales": normalize(inputs["sales"], by_shop, key=inputs["shop"])}
    """
    if key is not None and scheme.key is None:
        scheme = schemes.PerKey(scheme, KEY)
    columns = {name: x}
    if key is not None:
        if name == scheme.key:
            raise errors.RecipeError(
                "cannot be the name of the keys as well.", feature=name
            )
        columns[typing.cast(str, scheme.key)] = key
    feature = recipe_lib.Feature(scheme, axis=axis)
    return applying.apply({name: feature}, name=name or None)(columns)[name]
