# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Text, from str or bytes; what is no UTF-8 stays distinct and can be undone."""

from collections.abc import Iterable

import numpy as np

_KEPT = "surrogateescape"


def text(values: Iterable) -> list:
    r"""Returns bytes as text, and what is none as it is.

    Example:

    >>> text([b"a", "b"]), text([b"\xff"]) == text([b"\xfe"])
    (['a', 'b'], False)
    """
    return [v.decode(errors=_KEPT) if isinstance(v, bytes) else v for v in values]


def array_of(values: Iterable) -> np.ndarray:
    """Returns text as an array of objects, whatever it holds."""
    return np.array([*text(values), None], object)[:-1]


def encoded(values: Iterable[str]) -> list[bytes]:
    """Returns the bytes that text was made of."""
    return [value.encode(errors=_KEPT) for value in values]
