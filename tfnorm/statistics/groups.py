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


def coded(column: arrays.Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the keys that rows have, and which row has which.

    Args:
        column: Integers, or text as str or bytes, of shape (rows,) or (rows, 1).

    Returns:
        The keys, ascending, int64 or objects; the numbers of the rows that have one;
        and the place of the key of each of these.

    Raises:
        FeatureError: If the values are neither, or do not fit int64.
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
    if not len(values):  # Whatever type a column of nothing has.
        return np.zeros(0, np.int64), rows, np.zeros(0, np.int64)
    if values.dtype.kind in "OSU":
        text = arrays.text(values.tolist())
        keys = sorted(set(text))
        places = {key: place for place, key in enumerate(keys)}
        codes = np.fromiter(map(places.__getitem__, text), np.int64, len(text))
        return np.array(keys, object), rows, codes
    if values.dtype.kind in "iub":
        if values.dtype == np.uint64 and values.max() > np.iinfo(np.int64).max:
            raise errors.FeatureError(
                f"cannot be the key of rows: {int(values.max())} does not fit int64; "
                "make the keys text."
            )
        found, codes = np.unique(values.astype(np.int64), return_inverse=True)
        return found, rows, codes
    raise errors.FeatureError(
        f"cannot be the key of rows: keys are integers or text, not "
        f"{values.dtype.name}."
    )


def rows_by_key(column: arrays.Column) -> dict[int | str, np.ndarray]:
    """Returns the numbers of the rows of each key; see `coded`."""
    keys, rows, codes = coded(column)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(keys)))[:-1]
    found = zip(keys.tolist(), np.split(rows[order], ends), strict=True)
    return dict(found) if len(keys) else {}


def group_name(name: str, column: str, key: int | str) -> str:
    """The name of the statistics of the rows that have one key.

    Example:

    >>> group_name("delay", "carrier", "UA"), group_name("delay", "month", 5)
    ('delay | carrier="UA"', 'delay | month=5')
    """
    return f"{name} | {column}={json.dumps(key)}"


def stem(name: str, column: str, kind: type) -> str:
    """What the names of the groups of a feature start with, by the type of keys."""
    return f"{name} | {column}=" + ('"' if kind is str else "")


def label(start: str) -> str:
    """The feature and the column of a `stem`, for whoever reads it.

    Example:

    >>> label(stem("delay", "carrier", str)), label(stem("delay", "a=", int))
    ('delay | carrier', 'delay | a=')
    """
    return start.removesuffix('"').removesuffix("=")


def whole(start: str, key: int | str) -> str:
    """The name of a group, from its `stem` and its key."""
    return start.removesuffix('"') + json.dumps(key)


def parted(name: str) -> tuple[str | None, int | str]:
    """The `stem` and the key of the name of a group; no stem for other names."""
    found = _GROUP.search(name)
    if found is None:
        return None, ""
    try:
        key = json.loads(found.group(1))
    except ValueError:
        return None, ""
    start = name[: found.start(1)] + ('"' if isinstance(key, str) else "")
    return (start, key) if whole(start, key) == name else (None, "")


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
