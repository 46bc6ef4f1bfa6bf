# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which rows count, said as data: conditions on columns."""

import collections.abc
import dataclasses
import json
import math
import operator
import re
import typing

import numpy as np

from tfnorm import errors
from tfnorm.arrays import columns as columns_lib
from tfnorm.arrays import comparing
from tfnorm.arrays import texts as texts_lib

_COMPARE: dict[str, typing.Callable] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SETS = ("in", "not in")
_CONDITION = re.compile(
    r"\s*(?P<column>.+?)\s*"
    r"(?P<operator>==|!=|<=|>=|=|<|>|(?<=\s)not\s+in\b|(?<=\s)in\b)\s*(?P<value>.+)",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Filters:
    """Conditions on columns, as pyarrow and pandas write them.

    A row counts where all conditions of one of the clauses hold. What is missing
    fulfils no condition, and NaN only `!=` and `not in`. (pyarrow lets a null pass
    `not in`, and may lose NaN with the row group that it is in.) Numbers are compared
    exactly, floats with whole numbers too, as Python does; text with text.

    Args:
        clauses: Tuples of conditions `(column, operator, value)`. The operators are
            `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` and `not in`; the value of the last
            two is a tuple.

    Example:

    >>> age = columns_lib.Column(np.array([2, 3, 4]), np.array([False, False, True]))
    >>> Filters.of([("age", ">", 2)]).mask({"age": age}, 3)
    array([False,  True, False])
    """

    clauses: tuple[tuple[tuple[str, str, typing.Any], ...], ...]

    @classmethod
    def of(cls, filters: typing.Any) -> "Filters | None":
        """Returns the filters that a user gave; `None` for none.

        Args:
            filters: A list of conditions, all of which must hold; or a list of such
                lists, of which one must.

        Raises:
            RecipeError: If they are not of this form.
        """
        if filters is None or isinstance(filters, Filters):
            return filters
        if isinstance(filters, str) or not isinstance(
            filters, collections.abc.Sequence
        ):
            raise _malformed(filters)
        if not filters:
            return None
        nested = all(isinstance(part, list) for part in filters)
        clauses = filters if nested and not _is_condition(filters[0]) else [filters]
        return cls(tuple(tuple(map(_condition, clause)) for clause in clauses))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that conditions are on."""
        every = (condition[0] for clause in self.clauses for condition in clause)
        return tuple(dict.fromkeys(every))

    def as_json(self) -> list:
        """The clauses as lists, which `of` takes."""
        return json.loads(json.dumps(self.clauses))

    def mask(
        self,
        columns: collections.abc.Mapping[str, columns_lib.Column],
        rows: int,
    ) -> np.ndarray:
        """Says which rows count.

        Args:
            columns: The columns by name.
            rows: How many rows there are.

        Raises:
            FeatureError: If a column is not there, has several values a row, or is
                text where numbers are expected, or the other way round.
        """
        values = {name: _values(columns, name, rows) for name in self.columns}
        found = np.zeros(rows, bool)
        for clause in self.clauses:
            met = np.ones(rows, bool)
            for name, sign, value in clause:
                try:
                    met &= _met(*values[name], sign, value)
                except errors.FeatureError as error:
                    error.feature = name
                    raise
            found |= met
        return found

    def may_hold(self, bounds: collections.abc.Callable) -> bool:
        """Whether a row may count, of which only bounds of the columns are known.

        Args:
            bounds: From a column to the least and the greatest of its values beside
                NaN, or `None` if they are not known.
        """
        found = {name: bounds(name) for name in self.columns}
        return any(
            all(_may_hold(found[name], sign, value) for name, sign, value in clause)
            for clause in self.clauses
        )


def parse_filter(text: str) -> tuple[str, str, typing.Any]:
    """Reads a condition as it is typed on a command line.

    A value is a number or quoted text, as in JSON; text that is neither stands for
    itself. Those of `in` are a JSON list, or parted by commas.

    Raises:
        RecipeError: If it is no condition.

    Example:

    >>> parse_filter("age > 3"), parse_filter("carrier not in UA, AA")
    (('age', '>', 3), ('carrier', 'not in', ('AA', 'UA')))
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise _malformed(text)
    sign, value = " ".join(found["operator"].split()), found["value"].strip()
    if sign not in _SETS:
        return _condition((found["column"], sign, _parsed(value)))
    several = _parsed(value)
    if not isinstance(several, list):
        several = [_parsed(part.strip()) for part in value.split(",")]
    return _condition((found["column"], sign, several))


def _parsed(text: str) -> typing.Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _malformed(got: typing.Any) -> errors.RecipeError:
    return errors.RecipeError(
        f"`{got!r}` is no filter. Write a list of conditions, such as "
        "`[('age', '>', 3), ('split', 'in', ['train', 'eval'])]`; the operators are "
        f"{', '.join([*_COMPARE, *_SETS])}."
    )


def _is_condition(part: typing.Any) -> bool:
    return len(part) == 3 and isinstance(part[0], str) and isinstance(part[1], str)


def _condition(given: typing.Any) -> tuple[str, str, typing.Any]:
    if not isinstance(given, list | tuple) or not _is_condition(given):
        raise _malformed(given)
    column, sign, value = given
    sign = "=" if sign == "==" else sign
    if sign in _SETS:
        if isinstance(value, str) or not isinstance(value, collections.abc.Iterable):
            raise _malformed(given)
        several = [_scalar(one, given) for one in value]
        return column, sign, tuple(sorted(several, key=lambda v: (str(type(v)), v)))
    if sign not in _COMPARE:
        raise _malformed(given)
    return column, sign, _scalar(value, given)


def _scalar(value: typing.Any, condition: typing.Any) -> int | float | str:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bytes):
        (value,) = texts_lib.text([value])
    if not isinstance(value, bool | int | float | str) or value != value:
        raise errors.RecipeError(
            f"`{condition!r}` compares with {value!r}, which is neither a number nor "
            "text. What is missing, and NaN, fulfil no condition anyway."
        )
    return int(value) if isinstance(value, bool) else value


def _values(columns, name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of a column, and which rows have one."""
    column = columns_lib.column_of(columns, name)
    if len(column.values) != rows or column.values.size != rows:
        raise errors.FeatureError(
            "cannot choose rows: it has several values a row.", feature=name
        )
    there = np.ones(rows, bool) if column.missing is None else ~column.missing
    return column.values.reshape(-1), there


def _met(values, there, sign: str, value) -> np.ndarray:
    """Which rows fulfil a condition."""
    result = np.zeros(len(values), bool)
    wanted = value if sign in _SETS else (value,)
    values = values[there]
    if not values.size:
        return result
    if values.dtype.kind in "OSU":
        _check(all(isinstance(v, str) for v in wanted), "text", "a number", wanted)
        # Of each text once: most occur many times.
        listed = values.tolist()
        distinct = list(dict.fromkeys(listed))
        met = _compared(texts_lib.array_of(distinct), sign, value)
        verdict = dict(zip(distinct, met.tolist(), strict=True))
        result[there] = np.fromiter(map(verdict.__getitem__, listed), bool, len(listed))
        return result
    elif values.dtype.kind in "fiub" or values.dtype.name == "bfloat16":
        _check(not any(isinstance(v, str) for v in wanted), "numbers", "text", wanted)
        if values.dtype.kind not in "iub":
            values = values.astype(np.float64)
        elif values.dtype.kind == "b":
            values = values.astype(np.int64)
    else:
        raise errors.FeatureError(f"cannot choose rows by {values.dtype.name} values.")
    result[there] = _compared(values, sign, value)
    return result


def _compared(values: np.ndarray, sign: str, value) -> np.ndarray:
    if sign not in _SETS:
        return _compared_with(values, sign, value).astype(bool)
    among = np.zeros(len(values), bool)
    for one in value:
        among |= _compared_with(values, "=", one).astype(bool)
    return among if sign == "in" else ~among


def _compared_with(values: np.ndarray, sign: str, value) -> np.ndarray:
    if isinstance(value, str):
        return _COMPARE[sign](values, value)
    # NumPy would round whole numbers to float64, and find some equal that are not.
    below = comparing.below(value, values.dtype.kind == "f")
    if below == value:
        return _COMPARE[sign](values, below)
    if sign in ("=", "!="):
        return np.full(len(values), sign == "!=")
    return values <= below if sign in ("<", "<=") else values > below


def _check(fits: bool, holds: str, other: str, wanted) -> None:
    if not fits:
        raise errors.FeatureError(
            f"holds {holds}, but a filter compares it with {other}: {wanted}."
        )


def _may_hold(bounds, sign: str, value) -> bool:
    if bounds is None or sign in ("!=", "not in"):
        return True
    low, high = bounds
    wanted = value if sign == "in" else (value,)
    if isinstance(low, str) != all(isinstance(v, str) for v in wanted):
        return True  # To be told of where rows are read.
    if any(isinstance(end, float) and math.isnan(end) for end in bounds):
        return True
    if sign in ("<", "<="):
        return _COMPARE[sign](low, value)
    if sign in (">", ">="):
        return _COMPARE[sign](high, value)
    return any(low <= one <= high for one in wanted)
