# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of channels as plain arrays."""

import collections.abc

import numpy as np

from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import histograms
from tfnorm.statistics import limbs
from tfnorm.statistics import quantiles

# In the order in which they are written.
_NAMES = (
    *("counts", "extrema", "known", "totals", "total_sizes", "squares"),
    *("square_sizes", "resolution", "sizes", "keys", "buckets"),
)

_AT_ONCE = 1 << 12


def ragged(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers from each start on, so many each.

    Example:

    >>> ragged(np.array([7, 0]), np.array([2, 3]))
    array([7, 8, 0, 1, 2])
    """
    first = np.cumsum(sizes) - sizes
    return np.repeat(starts - first, sizes) + np.arange(int(sizes.sum()))


def gathered(values: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The values from each start on, so many each, one after the other."""
    if (starts[1:] == starts[:-1] + sizes[:-1]).all():  # Side by side.
        first = int(starts[0]) if starts.size else 0
        return values[first : first + int(sizes.sum())]
    # Not all at once: their numbers take eight times as much as bytes do.
    parts = [
        values[ragged(starts[i : i + _AT_ONCE], sizes[i : i + _AT_ONCE])]
        for i in range(0, len(starts), _AT_ONCE)
    ]
    return np.concatenate([values[:0], *parts])


def pack(
    tables: collections.abc.Sequence[channels_lib.Channels], order: np.ndarray
) -> dict[str, np.ndarray]:
    """Turns channels into little-endian arrays.

    Args:
        tables: The channels, of floats or of integers each.
        order: Their numbers in the order in which to write them.
    """
    parts = [_packed(table) for table in (channels_lib.empty(False, 0, False), *tables)]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = {
        name: np.ascontiguousarray(whole[name][order])
        for name in ("counts", "extrema", "known", "resolution")
    }
    for sizes, *names in (
        ("total_sizes", "totals"),
        ("square_sizes", "squares"),
        ("sizes", "keys", "buckets"),
    ):
        starts = (np.cumsum(whole[sizes]) - whole[sizes])[order]
        found[sizes] = whole[sizes][order]
        found |= {name: gathered(whole[name], starts, found[sizes]) for name in names}
    return {name: found[name] for name in _NAMES}


def _packed(table: channels_lib.Channels) -> dict[str, np.ndarray]:
    totals, total_sizes = table.totals.packed()
    squares, square_sizes = table.squares.packed()
    held = table.histograms
    count = len(table)
    if held is None:
        held = histograms.empty(table.floating, count)
        dropped = np.full(count, -1)
    else:
        dropped = held.dropped
    # -0.0 never occurs, so that no value has bits where there is none.
    bounds = np.stack([table.low, table.high], axis=1).view(np.int64)
    found = {
        "counts": table.counts.T,
        "extrema": bounds,
        "total_sizes": total_sizes,
        "square_sizes": square_sizes,
        "resolution": np.stack([dropped, np.full(count, quantiles.CAPACITY)], axis=1),
        "sizes": held.sizes,
        "keys": held.keys,
        "buckets": held.counts,
    }
    found = {name: array.astype("<i8", copy=False) for name, array in found.items()}
    return {**found, "known": table.known, "totals": totals, "squares": squares}


class Reader:
    """Makes channels of what `pack` wrote."""

    def __init__(self, arrays):
        self._arrays = {
            name: array if array.dtype.itemsize == 1 else array.astype(np.int64)
            for name, array in arrays.items()
        }
        names = ("total_sizes", "square_sizes", "sizes")
        ends = {name: np.cumsum(self._arrays[name]) for name in names}
        self._starts = {name: ends[name] - self._arrays[name] for name in names}

    def read(
        self, index: np.ndarray, floating: bool, common: int
    ) -> channels_lib.Channels:
        """Some channels, by their numbers.

        Raises:
            ValueError: If they are not as `pack` wrote them.
        """
        extrema = np.ascontiguousarray(self._arrays["extrema"][index])
        bounds = extrema.view(np.float64) if floating else extrema
        low, high = bounds.T
        totals = self._some("totals", "total_sizes", index)
        squares = self._some("squares", "square_sizes", index)
        return channels_lib.Channels(
            floating,
            np.ascontiguousarray(self._arrays["counts"][index].T),
            np.ascontiguousarray(low),
            np.ascontiguousarray(high),
            self._arrays["known"][index],
            limbs.unpacked(totals, self._arrays["total_sizes"][index]),
            limbs.unpacked(squares, self._arrays["square_sizes"][index]),
            self._histograms(index, floating, common),
        )

    def _histograms(self, index, floating: bool, common: int):
        dropped, capacity = self._arrays["resolution"][index].T
        if (dropped < 0).any():
            return None
        if (capacity != quantiles.CAPACITY).any():
            raise ValueError(f"histograms of a capacity not {quantiles.CAPACITY}")
        return histograms.Histograms(
            floating,
            np.ascontiguousarray(dropped),
            self._arrays["sizes"][index],
            self._some("keys", "sizes", index),
            self._some("buckets", "sizes", index),
            common,
        )

    def _some(self, name: str, sizes: str, index: np.ndarray) -> np.ndarray:
        starts, own = self._starts[sizes][index], self._arrays[sizes][index]
        return gathered(self._arrays[name], starts, own)
