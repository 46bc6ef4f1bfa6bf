# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Values by the axes that are kept."""

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import block as block_lib

_CACHE_BYTES = 1 << 18


def kept_of(values: np.ndarray, axis) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """The kind of values, the axes to keep, and the shape of these.

    Raises:
        FeatureError: if they are no numbers, or there are no such axes.
    """
    kind = "floating" if block_lib.is_floating(values.dtype) else "integer"
    try:
        kept = arrays.kept_axes(() if axis is None else axis, values.ndim)
    except ValueError as error:
        raise errors.FeatureError(str(error)) from error
    return kind, kept, tuple(values.shape[a] for a in kept)


def check_same(
    before, kind, shape, error: type[errors.TfnormError] = errors.StatisticsError
) -> None:
    """Raises an error unless values are of the kind and kept shape of those before."""
    if (kind, shape) != (before.kind, before.shape):
        raise error(
            f"got {kind} values of kept shape {shape}, where those before were "
            f"{before.kind} of kept shape {before.shape}."
        )


def by_channel(values: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    """Values as (channels, values of each), the values side by side in memory."""
    flat = np.moveaxis(values, kept, range(len(kept)))
    flat = flat.reshape(int(np.prod([values.shape[a] for a in kept])), -1)
    if flat.strides[1] == flat.itemsize or len(flat) == 1:
        return flat
    # By parts that fit the cache, so that every line of it is fetched once.
    step = max(1, _CACHE_BYTES // (len(flat) * flat.itemsize))
    result = np.empty(flat.shape, flat.dtype)
    for start in range(0, flat.shape[1], step):
        result[:, start : start + step] = flat[:, start : start + step]
    return result


def by_row(values: np.ndarray, kept: tuple[int, ...], size: int) -> np.ndarray:
    """Values as (values of each channel, channels)."""
    return np.moveaxis(values, kept, range(-len(kept), 0)).reshape(-1, size)
