# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of statistics as plain arrays, in one canonical form."""

import collections.abc
import json

import numpy as np

from tfnorm import statistics
from tfnorm.artifact import integers
from tfnorm.artifact import joint
from tfnorm.artifact import weighted

_KINDS = (None, "floating", "integer")


def pack(
    features: collections.abc.Mapping[str, statistics.FeatureStatistics], rows: int
) -> dict[str, np.ndarray]:
    """Turns statistics into little-endian arrays; equal state, equal bytes.

    Each array is that of all features, or of all their channels, one after the
    other in the order of their names. Co-moments are there where a feature has any.
    """
    names = sorted(features)
    found = [features[name] for name in names]
    channels = [channel for feature in found for channel in feature.channels]
    none = statistics.Quantiles(floating=False, dropped=-1)
    quantiles = [none if c.quantiles is None else c.quantiles for c in channels]
    totals, total_sizes = integers.pack([c.moments.total for c in channels])
    squares, square_sizes = integers.pack([c.moments.squares for c in channels])
    packed = {
        "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
        "rows": np.array(rows, "<i8"),
        "features": _table(
            [(f.rows, f.missing, _KINDS.index(f.kind), _rank(f)) for f in found], 4
        ),
        "shapes": np.array([n for f in found for n in f.shape or ()], "<i8"),
        "counts": _table([c.counts.fields for c in channels], 5),
        "extrema": _table([_bits(c) for c in channels], 2),
        "known": np.array([c.extrema.known for c in channels], np.bool_),
        "totals": totals,
        "total_sizes": total_sizes,
        "squares": squares,
        "square_sizes": square_sizes,
        "resolution": _table([(q.dropped, q.capacity) for q in quantiles], 2),
        "sizes": np.array([q.keys.size for q in quantiles], "<i8"),
        "keys": np.concatenate([none.keys, *(q.keys for q in quantiles)], dtype="<i8"),
        "buckets": np.concatenate(
            [none.counts, *(q.counts for q in quantiles)], dtype="<i8"
        ),
    }
    if any(feature.joint is not None for feature in found):
        packed |= joint.pack([feature.joint for feature in found])
    if any(feature.weighted is not None for feature in found):
        packed |= weighted.pack([f.weighted for f in found if f.shape is not None])
    return packed


def unpack(arrays) -> tuple[dict[str, statistics.FeatureStatistics], int]:
    """The inverse of `pack`."""
    names = json.loads(arrays["names"].tobytes())
    shapes = iter(arrays["shapes"].tolist())
    channels = _channels(arrays)
    pairs: list[statistics.CoMoments | None] = [None] * len(names)
    if "complete" in arrays:
        pairs = joint.unpack(arrays)
    weights = weighted.Unpacked(arrays) if "weighted" in arrays else None
    features = {}
    for name, (rows, missing, kind, rank), comoments in zip(
        names, arrays["features"].tolist(), pairs, strict=True
    ):
        if rank < 0:
            features[name] = statistics.FeatureStatistics(rows, missing)
            continue
        floating = _KINDS[kind] == "floating"
        shape = tuple(next(shapes) for _ in range(rank))
        count = int(np.prod(shape, dtype=int))
        features[name] = statistics.FeatureStatistics(
            rows,
            missing,
            shape,
            _KINDS[kind],
            tuple(_channel(floating, *next(channels)) for _ in range(count)),
            comoments,
            None if weights is None else weights.next(floating, count),
        )
    return features, int(arrays["rows"])


def _channels(arrays) -> collections.abc.Iterator[tuple]:
    ends = np.cumsum(arrays["sizes"])[:-1]
    return zip(
        arrays["counts"].tolist(),
        arrays["extrema"],
        arrays["known"].tolist(),
        integers.unpack(arrays["totals"], arrays["total_sizes"]),
        integers.unpack(arrays["squares"], arrays["square_sizes"]),
        arrays["resolution"].tolist(),
        np.split(arrays["keys"], ends),
        np.split(arrays["buckets"], ends),
        strict=True,
    )


def _channel(
    floating, counts, bits, known, total, squares, resolution, keys, buckets
) -> statistics.Channel:
    found = statistics.Counts(*counts)
    bounds = (bits.view("<f8") if floating else bits).tolist()
    extrema = statistics.Extrema(*(bounds if known and found.valid else ()))
    dropped, capacity = resolution
    quantiles = statistics.Quantiles(floating, dropped, keys, buckets, capacity)
    return statistics.Channel(
        found,
        extrema if known else statistics.Extrema(known=False),
        statistics.Moments(floating, found.valid, total, squares),
        None if dropped < 0 else quantiles,
    )


def _rank(feature: statistics.FeatureStatistics) -> int:
    return -1 if feature.shape is None else len(feature.shape)


def _bits(channel: statistics.Channel) -> list[int]:
    """The extrema as they are stored, 0 where there are none."""
    number = "<f8" if channel.moments.floating else "<i8"
    bounds = (channel.extrema.low or 0, channel.extrema.high or 0)
    return np.array(bounds, number).view("<i8").tolist()


def _table(rows: list, columns: int) -> np.ndarray:
    return np.array(rows, "<i8").reshape(-1, columns)
