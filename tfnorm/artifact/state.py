# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of statistics as plain arrays, in one canonical form."""

import collections.abc
import json

import numpy as np

from tfnorm import statistics
from tfnorm.artifact import joint
from tfnorm.artifact import tables
from tfnorm.artifact import weighted
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import features as features_lib
from tfnorm.statistics import groups
from tfnorm.statistics import keyed as keyed_lib

_KINDS = (None, "floating", "integer")


def pack(
    features: collections.abc.Mapping[str, statistics.FeatureStatistics], rows: int
) -> dict[str, np.ndarray]:
    """Turns statistics into little-endian arrays; equal state, equal bytes.

    Each array is that of all features, or of all their channels, one after the
    other in the order of their names. Co-moments are there where a feature has any.
    """
    held = features_lib.of(features)
    if held.weighted:
        held = held.apart()
    entries = _Entries()
    _add_plain(entries, held.plain)
    for stem, found in held.keyed.items():
        entries.add_keyed(stem, found)
    order = np.array(sorted(range(len(entries.names)), key=entries.names.__getitem__))
    order = order.astype(np.int64)
    names = [entries.names[i] for i in order.tolist()]
    described = np.concatenate(entries.rows).reshape(-1, 4)[order]
    every = np.concatenate(entries.channels).reshape(-1, 2)[order]
    common = np.concatenate(entries.common)[order]
    packed = {
        "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
        "rows": np.array(rows, "<i8"),
        "features": np.ascontiguousarray(described, "<i8"),
        "shapes": np.array(
            [n for i in order.tolist() for n in entries.shapes[i]], "<i8"
        ),
        **tables.pack(entries.tables, tables.ragged(every[:, 0], every[:, 1])),
    }
    if common.any():
        packed["common"] = np.ascontiguousarray(common, "<i8")
    pairs = [entries.joint.get(name) for name in names]
    if any(one is not None for one in pairs):
        packed |= joint.pack(pairs)
    if held.weighted:
        ordered = (held.plain[name] for name in names)
        packed |= weighted.pack([f.weighted for f in ordered if f.shape is not None])
    return packed


class _Entries:
    """What is written of each name, and where its channels are."""

    def __init__(self):
        self.names: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.tables: list[channels_lib.Channels] = []
        self.joint: dict[str, statistics.CoMoments] = {}
        self.rows = [np.zeros((0, 4), np.int64)]
        self.channels = [np.zeros((0, 2), np.int64)]
        self.common = [np.zeros(0, np.int64)]
        self._size = 0

    def add_table(self, table: channels_lib.Channels) -> int:
        """Returns the number of its first channel."""
        self.tables.append(table)
        self._size += len(table)
        return self._size - len(table)

    def add_one(self, name: str, feature: statistics.FeatureStatistics, start: int):
        rank = -1 if feature.shape is None else len(feature.shape)
        kind = _KINDS.index(feature.kind)
        self.names.append(name)
        self.shapes.append(feature.shape or ())
        self.rows.append(np.array([(feature.rows, feature.missing, kind, rank)]))
        self.channels.append(np.array([(start, len(feature.channels))]))
        self.common.append(np.array([_common(feature.channels)]))
        if feature.joint is not None:
            self.joint[name] = feature.joint

    def add_keyed(self, stem: str, found: statistics.KeyedStatistics):
        start, shape = 0, found.shape or ()
        if found.channels is not None:
            start = self.add_table(found.channels)
        self.names += [groups.whole(stem, key) for key in found]
        own = found.valued.tolist()
        self.shapes += [shape if valued else () for valued in own]
        kind = np.where(found.valued, _KINDS.index(found.kind), 0)
        rank = np.where(found.valued, len(shape), -1)
        self.rows.append(np.stack([found.rows, found.missing, kind, rank], axis=1))
        starts = start + np.arange(len(found)) * found.width
        self.channels.append(np.stack([starts, found.valued * found.width], axis=1))
        self.common.append(found.valued * _common(found.channels or ()))


def _common(channels) -> int:
    held = getattr(channels, "histograms", None)
    return 0 if held is None else held.common


def _add_plain(entries: _Entries, plain) -> None:
    """Adds features of no group; those of few channels share a table."""
    few: dict[tuple[bool, bool], list] = {}
    starts = {}
    for name, feature in plain.items():
        if isinstance(feature.channels, channels_lib.Channels):
            starts[name] = entries.add_table(feature.channels)
        else:
            kind = (feature.kind == "floating", feature.has_quantiles)
            few.setdefault(kind, []).append((name, feature))
    for several in few.values():
        own = [channel for _, feature in several for channel in feature.channels]
        start = entries.add_table(channels_lib.of(own))
        for name, feature in several:
            starts[name] = start
            start += len(feature.channels)
    for name, feature in plain.items():
        entries.add_one(name, feature, starts[name])


def unpack(arrays) -> tuple[statistics.Features, int]:
    """The inverse of `pack`."""
    names = json.loads(arrays["names"].tobytes())
    described = arrays["features"].tolist()
    common = arrays["common"] if "common" in arrays else np.zeros(len(names), np.int64)
    shapes = iter(arrays["shapes"].tolist())
    pairs: list[statistics.CoMoments | None] = [None] * len(names)
    if "complete" in arrays:
        pairs = joint.unpack(arrays)
    # Groups of which any has co-moments are each by itself.
    alone = {
        groups.parted(name)[0]
        for name, own in zip(names, pairs, strict=True)
        if own is not None
    }
    weights = weighted.Unpacked(arrays) if "weighted" in arrays else None
    reader = tables.Reader(arrays)
    plain, start = {}, 0
    by_stem: dict[str, list[tuple]] = {}
    for name, (rows, missing, kind, rank), extra, own in zip(
        names, described, common.tolist(), pairs, strict=True
    ):
        shape = None if rank < 0 else tuple(next(shapes) for _ in range(rank))
        size = 0 if shape is None else int(np.prod(shape, dtype=int))
        stem, key = groups.parted(name)
        if stem is not None and stem not in alone and weights is None:
            entry = (key, rows, missing, shape, kind, start, size, extra)
            by_stem.setdefault(stem, []).append(entry)
        elif shape is None:
            plain[name] = statistics.FeatureStatistics(rows, missing)
        else:
            floating = _KINDS[kind] == "floating"
            table = reader.read(np.arange(start, start + size), floating, extra)
            channels = channels_lib.settled(table)
            plain[name] = statistics.FeatureStatistics(
                rows,
                missing,
                shape,
                _KINDS[kind],
                channels,
                own,
                None if weights is None else weights.next(floating, size),
            )
        start += size
    keyed = {stem: _keyed(reader, found) for stem, found in by_stem.items()}
    return statistics.Features(plain, keyed), int(arrays["rows"])


def _keyed(reader: tables.Reader, found: list[tuple]) -> statistics.KeyedStatistics:
    found.sort(key=lambda entry: entry[0])
    keys, rows, missing, shapes, kinds, starts, sizes, common = zip(*found, strict=True)
    valued = np.array([shape is not None for shape in shapes], bool)
    table = statistics.KeyedStatistics(
        keyed_lib.array_of(keys),
        np.array(rows, np.int64),
        np.array(missing, np.int64),
    )
    if not valued.any():
        return table
    first = int(valued.argmax())
    shape, kind = shapes[first], kinds[first]
    if any(s not in (None, shape) for s in shapes) or {*kinds} - {0, kind}:
        raise ValueError("groups of one feature are of different shapes or kinds")
    index = tables.ragged(np.array(starts, np.int64), np.array(sizes, np.int64))
    channels = reader.read(index, _KINDS[kind] == "floating", max(common))
    if not valued.all():
        places = np.flatnonzero(np.repeat(valued, sizes[first]))
        channels = channels.placed(places, len(found) * sizes[first])
    return statistics.KeyedStatistics(
        table.key_array,
        table.rows,
        table.missing,
        shape,
        _KINDS[kind],
        channels,
    )
