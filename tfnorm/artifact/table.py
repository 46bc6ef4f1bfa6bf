# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of many features, as one commutative monoid."""

import collections.abc
import dataclasses
import functools
import hashlib
import itertools
import json
import logging
import os
import typing
from collections.abc import Collection

from tfnorm import errors
from tfnorm import statistics
from tfnorm.artifact import grouping
from tfnorm.artifact import state
from tfnorm.artifact import weighted
from tfnorm.statistics import features as features_lib

_LOG = logging.getLogger("tfnorm")
# What provenance says of decoding that changes no value of what both accept.
_SAME_VALUES = {"convert", "resample", "version"}


@dataclasses.dataclass(frozen=True)
class Statistics(collections.abc.Mapping):
    """Exact statistics of a data set: a mapping of names to `FeatureStatistics`.

    Args:
        features: Feature name (or view of one, such as "log1p(distance)") to its
            statistics.
        rows: Number of rows read.
        bad_records: Number of records left out because they could not be read.
        recipe: The recipe that asked for them, as `config.encode` writes it.
        sources: Names of the files they come from, sorted; absolute paths, of files
            of this machine.
        provenance: How values were made of what files hold, where that is a choice
            (how images were decoded, which rows were chosen): JSON, sorted. As
            `sources`, it is kept beside the digest and not in it.
        weight_units: The weight of all rows in units of 2**-1074, exact; `None` where
            they have no weights.
    """

    # Held as `statistics.Features`, whatever mapping comes.
    features: collections.abc.Mapping[str, statistics.FeatureStatistics] = (
        dataclasses.field(default_factory=statistics.Features)
    )
    rows: int = 0
    bad_records: int = 0
    recipe: typing.Any = None
    sources: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()
    weight_units: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "features", features_lib.of(self.features))

    def __getitem__(self, name: str) -> statistics.FeatureStatistics:
        """The statistics of one feature.

        Raises:
            KeyError: if there are none; the message lists the names there are.
        """
        try:
            return self.features[name]
        except KeyError:
            names = ", ".join(itertools.islice(self.features, 100))
            raise KeyError(f"{name!r} is not among {names}") from None

    def __iter__(self) -> collections.abc.Iterator[str]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, name: object) -> bool:
        return name in self.features

    @functools.cached_property
    def asked(self) -> dict[str, list]:
        """What rows were asked for, as far as provenance tells.

        Of "weight", "filters", "slices" and "split", those that came: a list of what
        the parts that were merged say.
        """
        asked: dict[str, list] = {}
        for said in map(json.loads, self.provenance):
            if isinstance(said, dict) and "feature" not in said:
                for name, told in said.items():
                    asked.setdefault(name, []).append(told)
        return asked

    @property
    def weight(self) -> float | None:
        """The weight of all rows, correctly rounded; `None` where they have none."""
        units = self.weight_units
        return None if units is None else statistics.as_float(units)

    def _weight_with(self, other: "Statistics", sign: int) -> int | None:
        mine, others = self.weight_units, other.weight_units
        if self.rows and other.rows and (mine is None) != (others is None):
            raise errors.StatisticsError(
                "the rows of only one of the two have weights. Take both with the same "
                "weight."
            )
        if mine is None and others is None:
            return None
        names, those = (one.asked.get("weight") for one in (self, other))
        if names and those and names != those:
            raise errors.StatisticsError(
                "the rows are weighted by different columns: "
                f"{', '.join(map(repr, [*names, *those]))}."
            )
        total = (mine or 0) + sign * (others or 0)
        if total < 0:
            raise errors.never_merged()
        return total

    def merge(self, other: "Statistics") -> "Statistics":
        """The statistics over the rows of both.

        Raises:
            StatisticsError: if they are of different features, kinds or shapes, of
                images or audio that were decoded otherwise, or only one of the two is
                by some key or slice.
        """
        check_decoded(self.provenance, other.provenance)
        grouping.check_same(self, other)
        if not (self.features and other.features):
            one = other if other.features else self
            features = one.features
        else:
            one, features = self, self._held.combine(other._held, "merge")
        return Statistics(
            features,
            self.rows + other.rows,
            self.bad_records + other.bad_records,
            one.recipe,
            tuple(sorted({*self.sources, *other.sources})),
            tuple(sorted({*self.provenance, *other.provenance})),
            self._weight_with(other, 1),
        )

    def subtract(self, other: "Statistics") -> "Statistics":
        """The statistics without the rows of `other`, which must be among them.

        Raises:
            StatisticsError: if `other` cannot have been merged in.
        """
        if other == Statistics():
            return self
        check_decoded(self.provenance, other.provenance)
        grouping.check_same(self, other)
        if self.rows < other.rows or self.bad_records < other.bad_records:
            raise errors.never_merged()
        return Statistics(
            self._held.combine(other._held, "subtract"),
            self.rows - other.rows,
            self.bad_records - other.bad_records,
            self.recipe,
            self._sources_without(other),
            self.provenance,
            self._weight_with(other, -1),
        )

    def _sources_without(self, other: "Statistics") -> tuple[str, ...]:
        """The files that are left; all, if only some of their rows are taken away."""
        if {*other.provenance} - {*self.provenance}:
            return self.sources
        return tuple(sorted({*self.sources} - {*other.sources}))

    @property
    def _held(self) -> statistics.Features:
        return typing.cast(statistics.Features, self.features)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the exact state: equal data give equal digests."""
        found = hashlib.sha256()
        packed = state.pack(self.features, self.rows)
        packed |= weighted.pack_total(self.weight_units)
        for name, array in sorted(packed.items()):
            header = json.dumps([name, array.dtype.str, array.shape])
            found.update(header.encode())
            found.update(array.tobytes())
        return found.hexdigest()

    @property
    def nbytes(self) -> int:
        """About the bytes that they take, but for a little of each feature."""
        return self._held.nbytes

    def save(self, path: str | os.PathLike) -> None:
        """Writes the artifact, a folder, whole or not at all.

        The path may be one of any file system that Beam knows, such as
        `s3://bucket/statistics`.

        Raises:
            ArtifactError: if it cannot be written.
        """
        from tfnorm.artifact import store

        store.save(self, path)

    def to_tfmd(self):
        """Converts to a `DatasetFeatureStatisticsList`, for TFDV and Facets."""
        from tfnorm.artifact import tfmd

        return tfmd.convert(self)


def check_decoded(one: Collection[str], other: Collection[str]) -> None:
    """Checks that two provenances tell of the same decoding of the same features.

    Other versions of the same libraries are only logged.

    Raises:
        StatisticsError: if a feature was decoded otherwise, or with other options.
    """
    if {*one} == {*other}:
        return
    mine, others = _decoded(one), _decoded(other)
    for feature in sorted(mine.keys() & others.keys()):
        (values, versions), (values_too, versions_too) = mine[feature], others[feature]
        if values != values_too:
            raise errors.StatisticsError(
                "was decoded in two ways, whose values are not alike: by "
                f"{_items(values - values_too)} here, by "
                f"{_items(values_too - values)} there. Decode all in one way.",
                feature=feature,
            )
        if versions - versions_too and versions_too - versions:
            _LOG.warning(
                "%r was decoded by %s and by %s: values may differ a little.",
                feature,
                " and ".join(sorted(versions)),
                " and ".join(sorted(versions_too)),
            )


def _items(options: Collection[str]) -> str:
    return ", ".join(sorted(options)) or "fewer options"


def _decoded(provenance: Collection[str]) -> dict[str, tuple[set[str], set[str]]]:
    """Returns for each decoded feature what decides its values, and versions."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for said in map(json.loads, provenance):
        if "feature" in said:
            values, versions = found.setdefault(said["feature"], (set(), set()))
            values |= {
                f"{option} {json.dumps(value)}"
                for option, value in said.items()
                if option not in _SAME_VALUES
            }
            versions.add(str(said.get("version")))
    return found
