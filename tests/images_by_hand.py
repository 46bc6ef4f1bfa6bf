# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Images that are their own encoding, and need no decoder."""

import numpy as np

from tfnorm import arrays

_SHAPE = (8, 9, 3)


def column(rows: int) -> tuple[arrays.ImageColumn, np.ndarray]:
    """Returns a column of images, and their pixels (rows, 8, 9, 3)."""
    pixels = np.random.default_rng(0).integers(0, 256, (rows, *_SHAPE), np.uint8)
    encoded = np.empty(rows, object)
    encoded[:] = [image.tobytes() for image in pixels]
    counts = np.stack([arrays.byte_counts(image) for image in pixels])
    return arrays.ImageColumn(encoded, counts=counts, decode=_decode), pixels


def _decode(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(_SHAPE)
