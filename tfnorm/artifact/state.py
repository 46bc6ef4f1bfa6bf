# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of statistics as plain arrays, in one canonical form."""

import collections.abc
import json

import numpy as np

from tfnorm import statistics

_KINDS = (None, "floating", "integer")


def pack(
    features: collections.abc.Mapping[str, statistics.FeatureStatistics], rows: int
) -> dict[str, np.ndarray]:
    """Turns statistics into little-endian arrays; equal state, equal bytes."""
    names = sorted(features)
    arrays = {
        "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
        "rows": np.array(rows, "<i8"),
    }
    for index, name in enumerate(names):
        for key, value in _pack_feature(features[name]).items():
            arrays[f"{index}.{key}"] = value
    return arrays


def unpack(arrays) -> tuple[dict[str, statistics.FeatureStatistics], int]:
    """The inverse of `pack`."""
    names = json.loads(arrays["names"].tobytes())
    parts: dict[int, dict] = {index: {} for index in range(len(names))}
    for key, array in arrays.items():
        index, dot, field = key.partition(".")
        if dot:
            parts[int(index)][field] = array
    features = {name: _unpack_feature(parts[i]) for i, name in enumerate(names)}
    return features, int(arrays["rows"])


def _pack_feature(feature: statistics.FeatureStatistics) -> dict[str, np.ndarray]:
    kind = _KINDS.index(feature.kind)
    header = np.array([feature.rows, feature.missing, kind], "<i8")
    if feature.shape is None:
        return {"header": header}
    channels = feature.channels
    number = "<f8" if feature.kind == "floating" else "<i8"
    bounds = [(c.extrema.low or 0, c.extrema.high or 0) for c in channels]
    none = statistics.Quantiles(feature.kind == "floating", dropped=-1)
    quantiles = [none if c.quantiles is None else c.quantiles for c in channels]
    return {
        "header": header,
        "shape": np.array(feature.shape, "<i8"),
        "counts": np.array([c.counts.fields for c in channels], "<i8"),
        "extrema": np.array(bounds, number),
        "known": np.array([c.extrema.known for c in channels], np.bool_),
        "totals": _integers([c.moments.total for c in channels]),
        "squares": _integers([c.moments.squares for c in channels]),
        "resolution": np.array([(q.dropped, q.capacity) for q in quantiles], "<i8"),
        "sizes": np.array([q.keys.size for q in quantiles], "<i8"),
        "keys": np.concatenate([q.keys for q in quantiles]).astype("<i8"),
        "buckets": np.concatenate([q.counts for q in quantiles]).astype("<i8"),
    }


def _unpack_feature(part) -> statistics.FeatureStatistics:
    rows, missing, kind = part["header"].tolist()
    if not kind:
        return statistics.FeatureStatistics(rows, missing)
    floating = _KINDS[kind] == "floating"
    ends = np.cumsum(part["sizes"])[:-1]
    channels = []
    for counts, bounds, known, total, squares, resolution, keys, buckets in zip(
        part["counts"].tolist(),
        part["extrema"].tolist(),
        part["known"].tolist(),
        part["totals"],
        part["squares"],
        part["resolution"].tolist(),
        np.split(part["keys"], ends),
        np.split(part["buckets"], ends),
        strict=True,
    ):
        found = statistics.Counts(*counts)
        extrema = statistics.Extrema(*(bounds if known and found.valid else ()))
        channels.append(
            statistics.Channel(
                found,
                extrema if known else statistics.Extrema(known=False),
                statistics.Moments(
                    floating, found.valid, _integer(total), _integer(squares)
                ),
                None
                if resolution[0] < 0
                else statistics.Quantiles(
                    floating, resolution[0], keys, buckets, resolution[1]
                ),
            )
        )
    shape = tuple(part["shape"].tolist())
    return statistics.FeatureStatistics(
        rows, missing, shape, _KINDS[kind], tuple(channels)
    )


def _integers(values: list[int]) -> np.ndarray:
    """Two's complement, little-endian, as wide as the widest needs: (n, bytes)."""
    width = max(value.bit_length() for value in values) // 8 + 1
    data = b"".join(value.to_bytes(width, "little", signed=True) for value in values)
    return np.frombuffer(data, np.uint8).reshape(len(values), width)


def _integer(row: np.ndarray) -> int:
    return int.from_bytes(row.tobytes(), "little", signed=True)
