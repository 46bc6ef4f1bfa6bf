# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of weighted statistics as plain arrays, in one canonical form."""

import itertools
import typing

import numpy as np

from tfnorm import statistics
from tfnorm.artifact import integers

_NONE, _MOMENTS, _QUANTILES = range(3)


def pack(found: list[statistics.Weighted | None]) -> dict[str, np.ndarray]:
    """Turns the weighted statistics of all features into little-endian arrays.

    Each array is that of all channels which have any, one after the other;
    `weighted` says of every feature whether it has any, and quantiles.
    """
    there = [one for one in found if one is not None]
    moments = [m for one in there for m in one.moments]
    histograms = [q for one in there for q in one.quantiles or ()]
    states = [q.canonical for q in histograms]
    keys = [np.zeros(0, "<i8"), *(q.keys for q in histograms)]
    numbers = {
        "counts": [m.count for m in moments],
        "totals": [m.total for m in moments],
        "squares": [m.squares for m in moments],
        "buckets": [int(w) for weights, _ in states for w in weights],
    }
    packed = {
        "weighted": np.array([_kind(one) for one in found], "<i8"),
        "weighted_resolution": np.array(
            [
                (q.dropped, q.capacity, exponent, q.keys.size)
                for q, (_, exponent) in zip(histograms, states, strict=True)
            ],
            "<i8",
        ).reshape(-1, 4),
        "weighted_keys": np.concatenate(keys, dtype="<i8"),
    }
    for name, values in numbers.items():
        data, sizes = integers.pack(values)
        packed |= {f"weighted_{name}": data, f"weighted_{name}_sizes": sizes}
    return packed


def _kind(one: statistics.Weighted | None) -> int:
    if one is None:
        return _NONE
    return _MOMENTS if one.quantiles is None else _QUANTILES


class Unpacked:
    """The inverse of `pack`, a feature at a time, in the order of their names."""

    def __init__(self, arrays: typing.Mapping[str, np.ndarray]):
        names = ("counts", "totals", "squares", "buckets")
        numbers = {
            name: integers.unpack(
                arrays[f"weighted_{name}"], arrays[f"weighted_{name}_sizes"]
            )
            for name in names
        }
        self._kinds = iter(arrays["weighted"].tolist())
        moments = (numbers[name] for name in names[:3])
        self._moments = zip(*moments, strict=True)
        self._buckets = iter(numbers["buckets"])
        self._resolution = iter(arrays["weighted_resolution"].tolist())
        self._keys = arrays["weighted_keys"].astype(np.int64)

    def next(self, floating: bool, channels: int) -> statistics.Weighted | None:
        """Returns what the next feature has."""
        kind = next(self._kinds)
        if kind == _NONE:
            return None
        moments = [
            statistics.Moments(floating, *sums)
            for sums in itertools.islice(self._moments, channels)
        ]
        histograms = None
        if kind == _QUANTILES:
            histograms = tuple(self._histogram(floating) for _ in range(channels))
        return statistics.Weighted(floating, tuple(moments), histograms)

    def _histogram(self, floating: bool) -> statistics.WeightedQuantiles:
        dropped, capacity, exponent, size = next(self._resolution)
        keys, self._keys = self._keys[:size], self._keys[size:]
        weights = np.zeros(size, object)
        weights[:] = list(itertools.islice(self._buckets, size))
        return statistics.WeightedQuantiles(
            floating, dropped, keys, weights, exponent, capacity
        )


def pack_total(total: int | None) -> dict[str, np.ndarray]:
    """The weight of all rows as an array, where they have weights."""
    return {} if total is None else {"weight": integers.pack([total])[0]}


def unpack_total(arrays: typing.Mapping[str, np.ndarray]) -> int | None:
    """The inverse of `pack_total`."""
    if "weight" not in arrays:
        return None
    data = arrays["weight"]
    return integers.unpack(data, np.array([data.size]))[0]
