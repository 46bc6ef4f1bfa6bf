# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Schemes that change the shape of a distribution, as functions of one tensor."""

import typing

import tensorflow as tf

from tfnorm import schemes
from tfnorm.tft import normalizing


def log(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Takes logarithms, then scales by another scheme.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.Log`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"fare": log(inputs["fare"], kind="log1p")}
    """
    scheme = schemes.Log(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def quantile(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Maps to the uniform or normal distribution by the quantiles.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.Quantile`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"income": quantile(inputs["income"], output="normal")}
    """
    scheme = schemes.Quantile(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def power(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Raises to the power that makes data most like normal ones.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.Power`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"income": power(inputs["income"], method="box-cox")}
    """
    scheme = schemes.Power(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def tukey_hh(
    x: tf.Tensor,
    *,
    key: tf.Tensor | None = None,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Pulls in the tails of each side, so that data are like normal ones.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.TukeyHH`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"delay": tukey_hh(inputs["delay"])}
    """
    scheme = schemes.TukeyHH(**options)
    return normalizing.normalize(x, scheme, key=key, axis=axis, name=name)


def whitening(
    x: tf.Tensor,
    *,
    axis: int | tuple[int, ...] | None = -1,
    name: str = "",
    **options: typing.Any,
) -> tf.Tensor:
    """Makes elements uncorrelated, with variance 1.

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.Whitening`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {"pixels": whitening(inputs["pixels"], kind="pca")}
    """
    scheme = schemes.Whitening(**options)
    return normalizing.normalize(x, scheme, axis=axis, name=name)
