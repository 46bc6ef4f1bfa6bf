# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Each fitted scheme as a function of one tensor in a `preprocessing_fn`."""

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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, key=key, axis=axis, name=name)


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
    return normalize(x, scheme, axis=axis, name=name)
