# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Golden rows: raw input of a model, from which its output is known."""

import collections.abc
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe
from tfnorm.baking import front

# An image or sequence of any size is tried at this one.
_ANY_SIZE = 32


def rows_of(
    inputs: dict[str, front.Input],
    fitted: recipe.FittedRecipe,
    rows: collections.abc.Mapping[str, typing.Any] | None,
) -> dict[str, np.ndarray]:
    """Returns the golden input, by name.

    Args:
        inputs: What the model takes.
        fitted: The fitted recipe, which remembers quantiles.
        rows: Rows that were given, by name; or `None` to make some.
    """
    if rows is None:
        return _made(inputs, fitted)
    for name in inputs:
        if name not in rows:
            raise errors.RecipeError(
                f"The golden rows lack it; they have {', '.join(map(repr, rows))}.",
                feature=name,
            )
    columns = {name: _given(name, rows[name], inputs[name]) for name in inputs}
    counts = {name: len(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        raise errors.RecipeError(f"The golden rows must be equally many: {counts}.")
    return columns


def encode(values: typing.Any) -> tuple:
    """Returns values as JSON has them."""
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        return tuple(_texts(values.tolist()))
    return tuple(config.encode(values))


def decode(values: typing.Any, dtype: str) -> np.ndarray:
    """Undoes `encode`."""
    if dtype == "string":
        return np.array(_bytes(values), object)
    if dtype.startswith(("float", "bfloat")):
        # Through float64, which reads "nan" and "inf".
        return np.array(values, np.float64).astype(
            np.float32 if dtype == "bfloat16" else dtype
        )
    return np.array(values, dtype)


def _given(name: str, values: typing.Any, wanted: front.Input) -> np.ndarray:
    if wanted.dtype == "string":
        column = np.asarray(values, object)
        text = np.vectorize(_to_bytes, otypes=[object])
        column = text(column) if column.size else column
    else:
        try:
            column = np.asarray(values).astype(wanted.dtype)
        except (TypeError, ValueError) as error:
            raise errors.RecipeError(
                f"A golden row is no {wanted.dtype}: {error}", feature=name
            ) from error
    shape = (len(column), *(size or -1 for size in wanted.shape))
    return column.reshape(shape) if None not in wanted.shape else column


def _made(inputs, fitted: recipe.FittedRecipe) -> dict[str, np.ndarray]:
    imputes = any(_imputes(wanted, fitted) for wanted in inputs.values())
    known = [w.feature for w in inputs.values() if w.feature in fitted.maps]
    count = max([len(fitted.examples[name]) for name in known], default=1)
    columns = {}
    for name, wanted in inputs.items():
        shape = tuple(size or _ANY_SIZE for size in wanted.shape)
        rows = _examples(wanted, fitted, count, shape)
        if imputes:
            # One row more, without what may be missing.
            last = np.full(shape, np.nan) if _imputes(wanted, fitted) else rows[0]
            rows = [*rows, last]
        columns[name] = _given(name, np.stack(rows), wanted)
    return columns


def _imputes(wanted: front.Input, fitted: recipe.FittedRecipe) -> bool:
    if wanted.feature is None or not wanted.dtype.startswith("float"):
        return False
    return fitted.recipe.features[wanted.feature].missing == "impute"


def _examples(wanted: front.Input, fitted, count: int, shape) -> list[np.ndarray]:
    examples = () if wanted.feature is None else fitted.examples[wanted.feature]
    if wanted.examples:
        turns = [wanted.examples[row % len(wanted.examples)] for row in range(count)]
        return [np.full(shape, value) for value in turns]
    if not examples:
        filler = b"" if wanted.dtype == "string" else 0
        return [np.full(shape, filler, object if filler == b"" else None)] * count
    axis = fitted.recipe.features[wanted.feature].axis
    axis = () if axis is None else axis
    return [
        np.broadcast_to(
            arrays.broadcast(_fitting(row, shape), axis, len(shape) + 1), shape
        )
        for row in examples
    ]


def _fitting(row, shape) -> np.ndarray:
    row = np.asarray(row)
    return row.reshape(()) if row.size == 1 else row


def _texts(values):
    if isinstance(values, list):
        return [_texts(item) for item in values]
    return _to_bytes(values).decode("utf-8", "surrogateescape")


def _bytes(values):
    if isinstance(values, list | tuple):
        return [_bytes(item) for item in values]
    return values.encode("utf-8", "surrogateescape")


def _to_bytes(value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
