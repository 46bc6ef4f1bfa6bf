# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of many features, those of groups as arrays over their keys."""

import collections
import collections.abc
import contextlib
import dataclasses
import functools

from tfnorm import errors
from tfnorm.statistics import feature as feature_lib
from tfnorm.statistics import groups
from tfnorm.statistics import keyed as keyed_lib
from tfnorm.statistics import weighted_groups

# Of more groups, a text that nobody reads would take longer than all else.
MOST_GROUPS = 1000
# Co-moments of all slices together: some 4 to 8 GiB.
MOST_PAIRS = 1 << 27


@dataclasses.dataclass(frozen=True, eq=False)
class Features(collections.abc.Mapping):
    """Maps names to `FeatureStatistics`, those of groups among them.

    Args:
        plain: Those that are of no group, by name; with weights, all; and those of
            groups of which any has co-moments.
        keyed: Those of groups by key, each by what their names start with:
            `groups.stem`.
    """

    plain: collections.abc.Mapping[str, feature_lib.FeatureStatistics] = (
        dataclasses.field(default_factory=dict)
    )
    keyed: collections.abc.Mapping[str, keyed_lib.KeyedStatistics] = dataclasses.field(
        default_factory=dict
    )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, collections.abc.Mapping):
            return NotImplemented
        mine, theirs = self, of(other)
        return mine.plain == theirs.plain and mine.keyed == theirs.keyed

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, name: str) -> feature_lib.FeatureStatistics:
        if name in self.plain:
            return self.plain[name]
        stem, key = groups.parted(name)
        if stem is None:
            raise KeyError(name)
        return self.keyed[stem][key]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        stem, key = groups.parted(name)
        return name in self.plain or (stem in self.keyed and key in self.keyed[stem])

    def __iter__(self) -> collections.abc.Iterator[str]:
        yield from self.plain
        for stem, found in self.keyed.items():
            for key in found:
                yield groups.whole(stem, key)

    def __len__(self) -> int:
        return len(self.plain) + sum(map(len, self.keyed.values()))

    def __getstate__(self) -> dict:
        return {"plain": self.plain, "keyed": self.keyed}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def nbytes(self) -> int:
        """About so many bytes do they take."""
        every = (*self.plain.values(), *self.keyed.values())
        return sum(found.nbytes for found in every)

    @functools.cached_property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return any(found.weighted is not None for found in self.plain.values())

    @functools.cached_property
    def stems(self) -> dict[str, list[str]]:
        """The names of groups that are each by itself, by what they start with."""
        found = collections.defaultdict(list)
        for name in self.plain:
            stem, _ = groups.parted(name)
            if stem is not None:
                found[stem].append(name)
        return dict(found)

    def few(
        self, most: int = MOST_GROUPS
    ) -> tuple[list[str], dict[str, dict[str, int]]]:
        """The names, but of many groups only how many there are.

        Args:
            most: How many groups of a feature by a column are not yet many.

        Returns:
            The names, sorted; and the numbers of "keys" and "rows" of those that are
            left out, by what their names start with.
        """
        rows: dict[str, collections.abc.Sequence[int]] = {
            stem: [self.plain[name].rows for name in names]
            for stem, names in self.stems.items()
        }
        rows |= {stem: found.rows for stem, found in self.keyed.items()}
        many = {stem: own for stem, own in rows.items() if len(own) > most}
        gone = {name for stem in many for name in self.stems.get(stem, ())}
        names = [name for name in self.plain if name not in gone]
        for stem in self.keyed.keys() - many.keys():
            names += [groups.whole(stem, key) for key in self.keyed[stem]]
        return sorted(names), {
            stem: {"keys": len(own), "rows": int(sum(own))}
            for stem, own in sorted(many.items())
        }

    def apart(self, stems: collections.abc.Collection[str] | None = None) -> "Features":
        """The same with each group by itself; of some stems only, if these are given.

        So they are where rows have weights, and where they have co-moments.
        """
        chosen = self.keyed.keys() if stems is None else self.keyed.keys() & stems
        if not chosen:
            return self
        plain, keyed = dict(self.plain), dict(self.keyed)
        for stem in sorted(chosen):
            found = keyed.pop(stem).items()
            plain |= {groups.whole(stem, key): one for key, one in found}
        return Features(plain, keyed)

    def combine(self, other: "Features", operation: str) -> "Features":
        """Merges or subtracts what has the same name.

        Args:
            other: The others.
            operation: "merge" or "subtract".

        Raises:
            StatisticsError: if they are of different features, kinds or shapes.
        """
        if self.weighted or other.weighted:
            return _combined(self.apart(), other.apart(), operation)
        # Where a part of the rows had no value, its groups have no co-moments.
        single = self.stems.keys() | other.stems.keys()
        one, two = self.apart(single), other.apart(single)
        held = _combined(one, two, operation)
        held = of(held.plain) if single else held
        keyed = dict(held.keyed)
        none = keyed_lib.gathered({})
        for stem in {**one.keyed, **two.keyed}:
            mine, theirs = one.keyed.get(stem, none), two.keyed.get(stem, none)
            with _named(groups.label(stem)):
                found = getattr(mine, operation)(theirs)
            # A group of no rows is as one that was never there.
            if len(found):
                keyed[stem] = found
        return Features(held.plain, keyed)

    def by_key(
        self, name: str, column: str
    ) -> collections.abc.Mapping[int | str, feature_lib.FeatureStatistics]:
        """The statistics of the groups of a feature, by key, in ascending order.

        Raises:
            StatisticsError: if some keys are integers and others text.
        """
        stems = [groups.stem(name, column, kind) for kind in (int, str)]
        found = [self.keyed[stem] for stem in stems if stem in self.keyed]
        single = [name for stem in stems for name in self.stems.get(stem, ())]
        if len(found) == 1 and not single:
            return found[0]
        every = {key: one for part in found for key, one in part.items()}
        every |= {groups.parted(name)[1]: self.plain[name] for name in single}
        if len({type(key) for key in every}) > 1:
            raise errors.StatisticsError(
                f"keys of {column!r} are integers in some rows and text in others. "
                "Make them text, and take statistics again.",
                feature=name,
            )
        return dict(sorted(every.items()))


def of(
    found: collections.abc.Mapping[str, feature_lib.FeatureStatistics],
) -> Features:
    """The statistics of any mapping of names, with the groups among them as arrays."""
    if isinstance(found, Features):
        return found
    apart = Features(dict(found))
    if apart.weighted:
        return apart
    plain = {}
    by_stem: dict[str, dict] = collections.defaultdict(dict)
    alone = {groups.parted(n)[0] for n, one in found.items() if one.joint is not None}
    for name, one in found.items():
        stem, key = groups.parted(name)
        if stem is None or stem in alone:
            plain[name] = one
        else:
            by_stem[stem][key] = one
    keyed = {stem: keyed_lib.gathered(by_key) for stem, by_key in by_stem.items()}
    return Features(plain, keyed)


def _combined(one: Features, other: Features, operation: str) -> Features:
    """Merges or subtracts those by name."""
    odd = [n for n in set(one.plain) ^ set(other.plain) if not groups.is_group(n)]
    if odd:
        raise errors.StatisticsError(
            f"only one of the two has statistics of {', '.join(sorted(odd))}.",
            feature=min(odd),
        )
    none = feature_lib.FeatureStatistics()
    plain = {}
    for name in {**one.plain, **other.plain}:
        with _named(name):
            mine, theirs = one.plain.get(name, none), other.plain.get(name, none)
            found = getattr(mine, operation)(theirs)
        # A group of no rows is as one that was never there.
        if found.rows or not groups.is_group(name):
            plain[name] = found
    combined = Features(plain)
    if combined.weighted:
        weighted_groups.check_count(plain)
        weighted_groups.check_buckets(plain)
    check_pairs(
        sum(one.pairs for n, one in plain.items() if one.pairs and groups.is_group(n))
    )
    return combined


def check_pairs(pairs: int) -> None:
    """Raises a DataError if slices have so many co-moments that there may not be."""
    if pairs > MOST_PAIRS:
        raise errors.DataError(
            f"slices have more than {MOST_PAIRS:,} co-moments together. Slice by "
            "columns of fewer values, or keep fewer elements by `axis`."
        )


@contextlib.contextmanager
def _named(name: str) -> collections.abc.Iterator[None]:
    """Names the feature in errors from within."""
    try:
        yield
    except errors.StatisticsError as error:
        error.feature = error.feature or name
        raise
