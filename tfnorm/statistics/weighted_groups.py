# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of the rows of each key, where some rows count more than others."""

import collections
import collections.abc
import dataclasses

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import feature as feature_lib
from tfnorm.statistics import groups
from tfnorm.statistics import histograms as histograms_lib
from tfnorm.statistics import keyed as keyed_lib
from tfnorm.statistics import moments as moments_lib
from tfnorm.statistics import shapes
from tfnorm.statistics import weighted as weighted_lib
from tfnorm.statistics import weighted_quantiles as quantiles_lib
from tfnorm.statistics import weighted_sums

# Each is an object with numbers of thousands of bits, some 0.5 ms a step.
MOST = 10_000


def of(
    column: arrays.Column,
    keys: arrays.Column,
    weights: np.ndarray,
    *,
    axis=-1,
    quantiles: bool | None = None,
) -> dict[int | str, feature_lib.FeatureStatistics]:
    """The statistics of the rows of each key, whose sums are taken all at once.

    Args:
        column: Values, as `FeatureStatistics.add` takes them.
        keys: One key for each row: integers, or text.
        weights: As of `FeatureStatistics.add`.
        axis: Likewise.
        quantiles: Likewise.

    Raises:
        FeatureError: if the keys or the values are not what they must be.

    Example:

    >>> x, keys = np.array([1.0, 4.0, 5.0]), np.array([2, 2, 3])
    >>> made = of(arrays.Column(x), arrays.Column(keys), np.array([1.0, 2.0, 9.0]))
    >>> made[2].mean, made[3].mean
    (np.float64(3.0), np.float64(5.0))
    """
    if isinstance(column, arrays.ImageColumn):
        none = feature_lib.FeatureStatistics()
        options = {"axis": axis, "quantiles": quantiles}
        return {
            key: none.add(column.take(rows), weights=weights[rows], **options)
            for key, rows in groups.rows_by_key(keys).items()
        }
    # Counts and extrema are those of the rows themselves.
    plain = keyed_lib.of(column, keys, axis=axis, quantiles=False)
    found = dict(plain.items())
    if plain.shape is None:
        return found
    width, floating = plain.width, plain.kind == "floating"
    if quantiles is None:
        quantiles = width <= channels_lib.WIDE
    x, w, owners = _flat(column, keys, weights, axis, width)
    x = x.astype(np.float64 if floating else np.int64) + 0  # Makes -0.0 and 0.0 one.
    counted = np.isfinite(x) & (w > 0)
    x, w, owners = x[counted], w[counted], owners[counted]
    size = len(found) * width
    sums = weighted_sums.grouped_sums(x, w, owners, size)
    histograms = _histograms(x, w, owners, size, floating) if quantiles else None
    for place, (key, one) in enumerate(found.items()):
        if one.shape is None:
            continue
        own = slice(place * width, (place + 1) * width)
        held = weighted_lib.Weighted(
            floating,
            tuple(moments_lib.Moments(floating, *some) for some in sums[own]),
            None if histograms is None else tuple(histograms[own]),
        )
        found[key] = dataclasses.replace(one, weighted=held)
    return found


def _flat(column, keys, weights, axis, width: int):
    """All values that are there, their weights, and of which element each is."""
    _, which, codes = groups.coded(keys)
    if column.missing is not None:
        there = ~column.missing[which]
        which, codes = which[there], codes[there]
    values = column.values[which]
    _, kept, _ = shapes.kept_of(values, axis)
    flat = np.moveaxis(values, kept, range(-len(kept), 0))
    flat = flat.reshape(len(codes), -1, width)
    owners = codes[:, None, None] * width + np.arange(width)
    owners = np.broadcast_to(owners, flat.shape)
    each = np.broadcast_to(weights[which][:, None, None], flat.shape)
    return flat.reshape(-1), each.reshape(-1), owners.reshape(-1)


def _histograms(x, w, owners, size: int, floating: bool) -> list:
    order = np.argsort(owners, kind="stable")
    ends = np.cumsum(np.bincount(owners, minlength=size))[:-1]
    found = []
    for own in np.split(order, ends):
        one = quantiles_lib.WeightedQuantiles(floating)
        for start in range(0, len(own), block_lib.MAX_VALUES):
            some = own[start : start + block_lib.MAX_VALUES]
            one = one.add(x[some], w[some])
        found.append(one)
    return found


def check_count(features: collections.abc.Mapping) -> None:
    """Raises a DataError if a feature has more groups than may have weights."""
    if len(features) <= MOST:
        return
    stems = collections.Counter(groups.parted(name)[0] for name in features)
    for stem, count in stems.items():
        if stem is not None and count > MOST:
            raise errors.DataError(
                f"there are more than {MOST:,} groups, the most where rows have "
                "weights. Group by a column of fewer values, or leave the weight out.",
                feature=groups.label(stem),
            )


def check_buckets(
    features: collections.abc.Mapping[str, feature_lib.FeatureStatistics],
) -> None:
    """Raises a DataError if weighted histograms have more buckets than may be.

    Without weights, those of all groups of a feature, and of all elements of a wide
    one, drop bits together. Here each keeps its own, for a slice is to be what a
    filtered run finds, but they are as many at most.
    """
    sizes = {
        name: one.weighted.buckets
        for name, one in features.items()
        if one.weighted is not None
    }
    if sum(sizes.values()) <= histograms_lib.BUCKETS:
        return
    held: collections.Counter[str] = collections.Counter()
    for name, size in sizes.items():
        stem, _ = groups.parted(name)
        if stem is not None:
            held[groups.label(stem)] += size
        elif len(features[name].channels) > channels_lib.WIDE:
            held[name] += size
    for name, size in held.items():
        if size > histograms_lib.BUCKETS:
            raise errors.DataError(
                f"its weighted histograms have more than {histograms_lib.BUCKETS:,} "
                "buckets together. Leave the weight out, group by a column of fewer "
                "values, or choose a scheme that needs no quantiles.",
                feature=name,
            )
