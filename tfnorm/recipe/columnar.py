# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A fitted recipe on columns whose rows may be missing, as files hold them."""

import collections.abc

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.recipe import features
from tfnorm.recipe import fitted as fitted_lib

_Columns = collections.abc.Mapping[str, arrays.Column]


def forward_columns(
    fitted: fitted_lib.FittedRecipe, columns: _Columns
) -> dict[str, arrays.Column]:
    """Normalizes columns as `FittedRecipe.forward` does, and keeps what is missing.

    A row without a value has none afterwards either, unless the recipe imputes it. NaN
    is a value: it stays one, or is imputed.

    Args:
        fitted: The fitted recipe.
        columns: Feature name to `Column`: all that the recipe names, and its keys.

    Returns:
        The features of the recipe, and `<feature>_missing` where it asks for that.

    Raises:
        FeatureError: if a feature is absent, holds no numbers, or rows of another
            shape.

    Example:

    >>> from tfnorm import recipe, schemes, statistics
    >>> data = arrays.Column(np.array([1.0, 3.0]))
    >>> found = statistics.FeatureStatistics().add(data)
    >>> fitted = recipe.Recipe({"x": schemes.ZScore()}).fit({"x": found})
    >>> column = arrays.Column(np.array([3.0, 0.0]), np.array([False, True]))
    >>> forward_columns(fitted, {"x": column})["x"].missing
    array([False,  True])
    """
    _check(fitted, columns)
    shaped = dict(columns)
    for name in fitted.maps:
        shaped[name] = _shaped(fitted, name, columns[name])
    mapped = _of_each(fitted, shaped, lambda one, some: one.forward(some))
    result = {}
    for name, values in mapped.items():
        missing = shaped[name].missing if name in fitted.maps else None
        if missing is not None and values.dtype.kind == "f":
            missing = missing & _everywhere(np.isnan(values))
        none = missing is None or not missing.any()
        result[name] = arrays.Column(values, None if none else missing)
    return result


def inverse_columns(
    fitted: fitted_lib.FittedRecipe, columns: _Columns
) -> dict[str, arrays.Column]:
    """Turns normalized columns back, and makes missing again what was.

    Features that were integers are undone in float64 and rounded. Where there is a
    column `<feature>_missing`, what it marks is missing again (NaN was marked, too);
    without one, an imputed value stays.

    Args:
        fitted: The fitted recipe.
        columns: Feature name to `Column`: all that the recipe names, its keys, and
            the columns `<feature>_missing` that there are.

    Returns:
        The features of the recipe.

    Raises:
        FeatureError: as of `forward_columns`.
        NotInvertible: if a feature's map loses information.
        DataError: if what was an integer would be none, or one of over 64 bits.

    Example:

    >>> from tfnorm import recipe, schemes, statistics
    >>> data = arrays.Column(np.array([1, 3]))
    >>> found = statistics.FeatureStatistics().add(data)
    >>> fitted = recipe.Recipe({"n": schemes.ZScore()}).fit({"n": found})
    >>> inverse_columns(fitted, forward_columns(fitted, {"n": data}))["n"].values
    array([1, 3])
    """
    _check(fitted, columns)
    raw = dict(columns)
    keys = {feature.scheme.key for feature in fitted.recipe.features.values()}
    # A key that is normalized itself is needed as it was.
    for name in sorted(fitted.maps, key=lambda name: name not in keys):
        raw[name] = _undone(fitted, name, {**raw, name: columns[name]})
    return {name: raw[name] for name in fitted.maps}


def _check(fitted: fitted_lib.FittedRecipe, columns: _Columns) -> None:
    for name in fitted.recipe.columns():
        if name not in columns:
            raise errors.FeatureError(
                f"is not among the columns: {', '.join(columns)}. Leave it out by "
                "`FittedRecipe.select`, or add it.",
                feature=name,
            )


def _undone(fitted, name: str, columns: _Columns) -> arrays.Column:
    column = _shaped(fitted, name, columns[name])
    values, missing = column.values, column.missing
    whole = fitted.kinds[name] == "integer"
    if whole and values.dtype.kind == "f":
        values = values.astype(np.float64)
    part = fitted.select([name])
    some = {**columns, name: values}
    values = _of_each(part, some, lambda one, some: one.inverse(some))[name]
    marked = columns.get(features.indicator_name(name))
    if marked is not None and fitted.recipe.features[name].indicator:
        absent = _marks(marked, values.shape)
        missing = _or(missing, _everywhere(absent))
        if absent.any() and values.dtype.kind == "f":
            values = np.where(absent, np.nan, values).astype(values.dtype)
    if whole and values.dtype.kind == "f":
        missing = _or(missing, _everywhere(np.isnan(values)))
        values = _rounded(values, missing, name)
    none = missing is None or not missing.any()
    return arrays.Column(values, None if none else missing)


def _of_each(fitted, columns, apply) -> dict[str, np.ndarray]:
    """What `apply` makes of each feature, which errors name."""
    result: dict[str, np.ndarray] = {}
    for name in fitted.maps:
        key = fitted.recipe.features[name].scheme.key
        needed = {n: columns[n] for n in (name, key) if n is not None}
        values = getattr(needed[name], "values", needed[name])
        if values.dtype.kind not in "iufb" and values.dtype.name != "bfloat16":
            raise errors.FeatureError(
                "holds text, and the recipe normalizes numbers. Leave it out of the "
                "recipe, or write it as numbers.",
                feature=name,
            )
        try:
            made = apply(fitted.select([name]), needed)
        except errors.TfnormError as error:
            error.feature = error.feature or name
            raise
        except ValueError as error:
            raise errors.FeatureError(
                f"has rows of shape {values.shape[1:]}, which its map does not take: "
                f"{error}",
                feature=name,
            ) from error
        result |= {n: np.asarray(v) for n, v in made.items() if n != key or n == name}
    return result


def _shaped(fitted, name: str, column: arrays.Column) -> arrays.Column:
    """Gives a column without a single value the shape that its rows would have."""
    if column.missing is None or not column.missing.all():
        return column
    shape = np.shape(fitted.examples[name])[1:]
    if column.values.shape[1:] == shape or not len(shape):
        return column
    empty = np.zeros((len(column.values), *shape), column.values.dtype)
    return arrays.Column(empty, column.missing)


def _marks(marked: arrays.Column, shape: tuple[int, ...]) -> np.ndarray:
    """Where an indicator says that there was no value."""
    marks = marked.values > 0.5
    if marked.missing is not None:
        marks = marks & ~marked.missing.reshape((-1,) + (1,) * (marks.ndim - 1))
    marks = marks.reshape(marks.shape + (1,) * (len(shape) - marks.ndim))
    return np.broadcast_to(marks, shape)


def _rounded(values: np.ndarray, missing: np.ndarray, name: str) -> np.ndarray:
    """The nearest integers; zeros where they are missing."""
    held = np.rint(np.where(_wide(missing, values), 0.0, values))
    small = held.min(initial=0.0) >= -(2.0**63)
    signed = held.max(initial=0.0) < 2.0**63
    unsigned = held.min(initial=0.0) >= 0.0 and held.max(initial=0.0) < 2.0**64
    if np.isfinite(held).all() and (small and signed or unsigned):
        return held.astype(np.int64 if signed else np.uint64)
    wrong = ~_everywhere((held >= -(2.0**63)) & (held < 2.0**64))
    row = int(wrong.argmax()) if wrong.any() else 0
    raise errors.DataError(
        f"was an integer and would be {held[row]}, which no integer of 64 bits is.",
        feature=name,
        record=row,
    )


def _wide(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return rows.reshape((-1,) + (1,) * (values.ndim - 1))


def _everywhere(found: np.ndarray) -> np.ndarray:
    """Whether it is so for all values of a row."""
    return np.asarray(found.reshape(len(found), -1).all(axis=1))


def _or(one: np.ndarray | None, other: np.ndarray) -> np.ndarray:
    return other if one is None else one | other
