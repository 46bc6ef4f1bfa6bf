# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From the values of many channels to their exact state."""

import numpy as np

from tfnorm.statistics import block as block_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import histograms
from tfnorm.statistics import spread

# So many values at a time, so that they stay in the cache.
_VALUES = 1 << 16
_ROWS = 1 << 9


def of_columns(values: np.ndarray, quantiles: bool) -> channels_lib.Channels:
    """The state of each column.

    Args:
        values: Numbers of shape (values of each channel, channels).
        quantiles: Whether to take histograms, too.
    """
    found = None
    common = 0 if quantiles else None
    for start in range(0, len(values), _ROWS):
        rows = values[start : start + _ROWS]
        width = max(1, _VALUES // len(rows))
        parts: list[channels_lib.Channels] = []
        buckets = 0
        for i in range(0, values.shape[1], width):
            parts.append(_of_tile(rows[:, i : i + width], common))
            held = parts[-1].histograms
            buckets += 0 if held is None else len(held.keys)
            if buckets > histograms.BUCKETS:
                # What the columns so far must leave out, all the others must, too.
                parts, buckets = [channels_lib.joined(parts)], 0
                common = parts[0].histograms.common
        part = channels_lib.joined(parts)
        found = part if found is None else found.merge(part)
    return found


def of_codes(
    values: np.ndarray, codes: np.ndarray, channels: int, quantiles: bool
) -> channels_lib.Channels:
    """The state of each channel.

    Args:
        values: Numbers of shape (n,).
        codes: The channel of each.
        channels: Number of channels.
        quantiles: Whether to take histograms, too.
    """
    wide = block_lib.widened(values)
    return _of_scattered(wide, codes, channels, 0 if quantiles else None)


def _of_tile(values: np.ndarray, common: int | None) -> channels_lib.Channels:
    wide = block_lib.widened(values)
    if wide.dtype == np.float64 and not np.isfinite(wide).all():
        codes = np.tile(np.arange(wide.shape[1]), len(wide))
        return _of_scattered(wide.ravel(), codes, wide.shape[1], common)
    none = np.zeros((3, wide.shape[1]), np.int64)
    return _of_layout(spread.Columns(wide), none, common)


def _of_scattered(
    wide, codes, channels: int, common: int | None
) -> channels_lib.Channels:
    odd = np.zeros((3, channels), np.int64)
    if wide.dtype == np.float64:
        finite = np.isfinite(wide)
        if not finite.all():
            tests = (np.isnan(wide), wide == np.inf, wide == -np.inf)
            odd = np.stack([np.bincount(codes[t], minlength=channels) for t in tests])
            wide, codes = wide[finite], codes[finite]
    return _of_layout(spread.Scattered(wide, codes, channels), odd, common)


def _of_layout(layout: spread.Layout, odd, common: int | None) -> channels_lib.Channels:
    low, high = layout.extrema
    held = None
    if common is not None:
        flat = layout.values.ravel()
        held = histograms.of(flat, layout.codes, layout.channels, common)
    return channels_lib.Channels(
        layout.values.dtype == np.float64,
        np.stack([layout.valid, layout.count(layout.values == 0), *odd]),
        low,
        high,
        np.ones(layout.channels, bool),
        *spread.exact_sums(layout),
        held,
    )
