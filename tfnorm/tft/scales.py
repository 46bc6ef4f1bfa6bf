# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes that move and scale, as functions of one tensor."""

import typing

import tensorflow as tf

from tfnorm import schemes
from tfnorm.tft import normalizing


def z_score(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Subtracts the mean, then divides by the standard deviation.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.ZScore`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"age": z_score(inputs["age"])}
    """
    scheme = schemes.ZScore(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def min_max(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Scales so that the least and the greatest value meet a range.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.MinMax`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"age": min_max(inputs["age"], low=-1.0, out_of_range_policy="clip")}
    """
    scheme = schemes.MinMax(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def max_abs(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Divides by the greatest magnitude, so that 0 stays 0.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.MaxAbs`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"debt": max_abs(inputs["debt"])}
    """
    scheme = schemes.MaxAbs(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def mean_range(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Subtracts the mean, then divides by the range.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.MeanRange`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"age": mean_range(inputs["age"])}
    """
    scheme = schemes.MeanRange(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def robust(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Subtracts the median, then divides by the interquartile range.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.Robust`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"delay": robust(inputs["delay"], key=inputs["carrier"])}
    """
    scheme = schemes.Robust(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def percentile_clip(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Clips to two percentiles, then scales by another scheme.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.PercentileClip`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"delay": percentile_clip(inputs["delay"], low=0.01, high=0.99)}
    """
    scheme = schemes.PercentileClip(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)
