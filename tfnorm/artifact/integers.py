# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Integers of any size as plain arrays."""

import numpy as np


def pack(values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Two's complement, little-endian, as wide as each needs; and the widths."""
    widths = [value.bit_length() // 8 + 1 for value in values]
    data = b"".join(
        value.to_bytes(width, "little", signed=True)
        for value, width in zip(values, widths, strict=True)
    )
    return np.frombuffer(data, np.uint8), np.array(widths, "<i8")


def unpack(data: np.ndarray, widths: np.ndarray) -> list[int]:
    """The inverse of `pack`."""
    ends = np.cumsum(widths).tolist()
    text = data.tobytes()
    return [
        int.from_bytes(text[end - width : end], "little", signed=True)
        for end, width in zip(ends, widths.tolist(), strict=True)
    ]
