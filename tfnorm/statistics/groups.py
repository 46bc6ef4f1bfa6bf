# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows by key, and the names of statistics of such groups."""

import json
import re

import numpy as np

from tfnorm import arrays
from tfnorm import errors

_KEY = r"(\"(?:[^\"\\]|\\.)*\"|-?\d+)"
_STEP = re.compile(rf" \| (.+?)={_KEY}(?= \| |$)", re.DOTALL)
_GROUP = re.compile(r" \| .+=(\".*\"|-?\d+)$", re.DOTALL)


def rows_by_key(column: arrays.Column) -> dict[int | str, np.ndarray]:
    """Returns the numbers of the rows of each key; rows without a key are in none.

    Args:
        column: Integers, or text as str or bytes, of shape (rows,) or (rows, 1).

    Raises:
        FeatureError: If the values are neither.
    """
    values = column.values
    if values.size != len(values):
        raise errors.FeatureError(
            f"cannot be the key of rows: there are {values.shape[1:]} values a row."
        )
    values = values.reshape(-1)
    rows = np.arange(len(values))
    if column.missing is not None:
        rows = rows[~column.missing]
        values = values[rows]
    if values.dtype.kind in "OSU":
        table: dict[str, int] = {}
        text = [
            k.decode(errors="replace") if isinstance(k, bytes) else k for k in values
        ]
        codes = np.array([table.setdefault(key, len(table)) for key in text], np.int64)
        keys: list = list(table)
    elif values.dtype.kind in "iub":
        found, codes = np.unique(values, return_inverse=True)
        keys = found.astype(np.int64).tolist()
    else:
        raise errors.FeatureError(
            f"cannot be the key of rows: keys are integers or text, not "
            f"{values.dtype.name}."
        )
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(keys)))[:-1]
    return dict(zip(keys, np.split(rows[order], ends), strict=True)) if keys else {}


def group_name(name: str, column: str, key: int | str) -> str:
    """The name of the statistics of the rows that have one key.

    Example:

    >>> group_name("delay", "carrier", "UA"), group_name("delay", "month", 5)
    ('delay | carrier="UA"', 'delay | month=5')
    """
    return f"{name} | {column}={json.dumps(key)}"


def is_group(name: str) -> bool:
    """Whether a name is that of a group: data may lack those that others have."""
    return _GROUP.search(name) is not None


def group_keys(base: str, name: str) -> tuple[tuple[str, int | str], ...]:
    """The columns and keys of a group of a feature; none if it is no such group.

    Example:

    >>> group_keys("delay", 'delay | carrier="UA" | month=5')
    (('carrier', 'UA'), ('month', 5))
    """
    found, place = [], len(base)
    while name.startswith(base) and place < len(name):
        step = _STEP.match(name, place)
        if step is None:
            return ()
        found.append((step[1], json.loads(step[2])))
        place = step.end()
    return tuple(found)


def key_columns(names, name: str) -> list[str]:
    """The columns by which there are groups of a feature, one column each."""
    start = f"{name} | "
    found = [group_keys(name, n) for n in names if n.startswith(start)]
    return sorted({keys[0][0] for keys in found if len(keys) == 1})


def groups_of(names, name: str, column: str) -> dict[int | str, str]:
    """The names of all groups of a feature, by key, in ascending order."""
    start = f"{name} | {column}="
    own = (n for n in names if n.startswith(start))
    # Others are of combinations with more columns.
    found = {json.loads(n[len(start) :]): n for n in own if _is_key(n[len(start) :])}
    return dict(sorted(found.items()))


def _is_key(text: str) -> bool:
    return re.fullmatch(_KEY, text, re.DOTALL) is not None
