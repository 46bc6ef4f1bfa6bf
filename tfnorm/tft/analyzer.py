# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The analyzer: exact statistics of all rows, and the constants fitted to them."""

import collections.abc
import dataclasses
import io
import math
import os
import zipfile

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from tfnorm import analysis
from tfnorm import arrays
from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import statistics
from tfnorm.artifact import state
from tfnorm.beam import compute
from tfnorm.beam import failures
from tfnorm.tft import words

# Of what is cached: another number wherever older entries cannot be read.
_FORMAT = 1


def analyze(
    recipe: recipe_lib.Recipe,
    columns: dict[str, tf.Tensor],
    *,
    statistics_path: str | os.PathLike | None = None,
    name: str | None = None,
) -> tf.Tensor:
    """Adds the one analyzer of a recipe to the graph.

    Args:
        recipe: The recipe.
        columns: The columns it reads, in the order of `recipe.columns()`.
        statistics_path: Where to write the statistics artifact, if anywhere.
        name: Scope of its ops.

    Returns:
        What `words.pack` makes of the fitted maps.
    """
    ranks = {key: arrays.rank(columns[key]) for key in recipe.features}
    path = None if statistics_path is None else os.fspath(statistics_path)
    fit = FitConstants(recipe, ranks, path)
    wide = tuple(key for key in recipe.features if _may_be_wide(recipe, key, columns))
    observe = ObserveBatches(tuple(columns), recipe.views(), wide)
    ptransform: object = tft.experimental.CacheablePTransformAnalyzer(
        make_accumulators_ptransform=observe,
        merge_accumulators_ptransform=MergeSpans(),
        extract_output_ptransform=fit,
        cache_coder=StatisticsCoder(),
    )
    if recipe.passes > 1:
        ptransform = ObserveAndFit(observe, fit)
    (found,) = tft.experimental.ptransform_analyzer(
        inputs=list(columns.values()),
        ptransform=ptransform,
        output_dtypes=[tf.int32],
        # Not their number: what is cached must not depend on it.
        output_shapes=[[None]],
        name=name,
    )
    return found


def _may_be_wide(recipe: recipe_lib.Recipe, name: str, columns) -> bool:
    x = columns[name]
    axes = arrays.kept_axes(axis(recipe.features[name]), arrays.rank(x))
    sizes = [x.shape[a] for a in axes]
    # Of each row two moments may be taken.
    return None in sizes or 2 * math.prod(sizes) > statistics.WIDE


def templates(
    recipe: recipe_lib.Recipe, columns: collections.abc.Mapping[str, tf.Tensor]
) -> words.Maps:
    """Maps of the structure of fitted ones, for such columns."""
    found = {}
    for name, feature in recipe.features.items():
        x = columns[name]
        axes = arrays.kept_axes(axis(feature), arrays.rank(x))
        whole = recipe_lib.template(feature, tuple(x.shape[a] for a in axes))
        found[name] = whole.along(axis(feature), arrays.rank(x))
    return found


def axis(feature: recipe_lib.Feature) -> int | tuple[int, ...]:
    """The kept axes of a feature's data; none if all are pooled."""
    return () if feature.axis is None else feature.axis


class StatisticsCoder(tft.experimental.PTransformAnalyzerCacheCoder):
    """Writes the exact state of statistics as NumPy does, with no pickle in it."""

    def __repr__(self):
        # tf.Transform looks entries up by it.
        return f"<tfnorm.StatisticsCoder of format {_FORMAT}>"

    def encode_cache(self, cache: artifact.Statistics) -> bytes:
        written = io.BytesIO()
        packed = state.pack(cache.features, cache.rows)
        np.savez(written, allow_pickle=False, **packed)
        return written.getvalue()

    def decode_cache(self, encoded_cache: bytes) -> artifact.Statistics:
        try:
            with np.load(io.BytesIO(encoded_cache), allow_pickle=False) as held:
                return artifact.Statistics(*state.unpack(dict(held)))
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise errors.ArtifactError(
                "An entry of tf.Transform's cache is not one that tfnorm wrote: "
                f"{error}. Delete the cache, or run without it."
            ) from error


@dataclasses.dataclass
class ObserveBatches(beam.PTransform):
    """Reduces bundles of tuples of arrays to `tfnorm.Statistics`.

    Args:
        names: What the arrays are called.
        views: What to observe of them.
        wide: Which of them have, or may have, so many kept elements that quantiles
            are taken only where a view needs them.
    """

    names: tuple[str, ...]
    views: dict[str, recipe_lib.View]
    wide: tuple[str, ...] = ()

    def __post_init__(self):
        super().__init__()

    def __repr__(self):
        # tf.Transform looks cached statistics up by it: it tells all that they depend
        # on, and not which scheme they are for.
        seen = [
            (
                *(key, v.feature, v.axis, v.key, v.comoments),
                # Others have their quantiles taken in any case.
                v.quantiles and v.feature in self.wide,
                config.dumps(v.bijector),
            )
            for key, v in sorted(self.views.items())
        ]
        return f"<tfnorm.ObserveBatches of {self.names}: {seen}>"

    def expand(self, tuples: beam.PCollection) -> beam.PCollection:
        return tuples | self.batches() | compute.SummarizeBundles(None, self.views)

    def batches(self) -> beam.PTransform:
        """The step from tuples of arrays to column batches."""
        step = beam.Map(_batch, self.names).with_output_types(arrays.Batch)
        return "NameColumns" >> step


class MergeSpans(beam.PTransform):
    """Merges the statistics of parts to one, if there is any part."""

    def __repr__(self):
        return "<tfnorm.MergeParts>"

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        merge = beam.CombineGlobally(compute.MergeParts()).without_defaults()
        return found | "MergeStatistics" >> merge


@dataclasses.dataclass
class FitConstants(beam.PTransform):
    """Fits the recipe to the statistics, and packs the constants.

    Args:
        recipe: The recipe.
        ranks: How many axes the batched data of each feature have.
        path: Where to write the statistics artifact, if anywhere.
    """

    recipe: recipe_lib.Recipe
    ranks: dict[str, int]
    path: str | None

    def __post_init__(self):
        super().__init__()

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        # As a side input, so that no rows at all are an error, and not no constants.
        one = found.pipeline | "OnceOnly" >> beam.Create([None], reshuffle=False)
        return one | "FitConstants" >> beam.Map(self.fit, beam.pvalue.AsList(found))

    def fit(self, _, found: list[artifact.Statistics]) -> np.ndarray:
        """The constants of the recipe's maps, packed."""
        with failures.carried():
            whole = found[0] if found else artifact.Statistics()
            analysis.check_complete(whole, self.recipe)
            whole = dataclasses.replace(whole, recipe=config.encode(self.recipe))
            fitted = self.recipe.fit(whole)
            if self.path is not None:
                whole.save(self.path)
            features = self.recipe.features.items()
            maps = {
                name: fitted.maps[name].along(axis(feature), self.ranks[name])
                for name, feature in features
            }
            return words.pack(maps)


@dataclasses.dataclass
class ObserveAndFit(beam.PTransform):
    """Does all steps of a recipe that takes several passes, with no cache.

    What the later passes observe depends on what the first found in all rows.

    Args:
        observe: The first pass.
        fit: The last step.
    """

    observe: ObserveBatches
    fit: FitConstants

    def __post_init__(self):
        super().__init__()

    def expand(self, tuples: beam.PCollection) -> beam.PCollection:
        batches = tuples | self.observe.batches()
        summarize = compute.SummarizeBundles(None, self.observe.views)
        found = batches | summarize | MergeSpans()
        for number in range(2, self.fit.recipe.passes + 1):
            later = beam.ParDo(_Later(self.fit.recipe), beam.pvalue.AsList(found))
            more = (
                batches
                | f"SummarizePass{number}" >> later
                | f"MergePass{number}" >> MergeSpans()
            )
            found = (
                found.pipeline
                | f"OncePass{number}" >> beam.Create([None], reshuffle=False)
                | f"JoinPass{number}"
                >> beam.FlatMap(
                    _joined, beam.pvalue.AsList(found), beam.pvalue.AsList(more)
                )
            )
        return found | self.fit


class _Later(beam.DoFn):
    """Observes what the statistics so far let the recipe ask for next."""

    def __init__(self, recipe: recipe_lib.Recipe):
        self._recipe = recipe

    def start_bundle(self):
        self._observer = None

    def process(self, batch: arrays.Batch, found: list[artifact.Statistics]):
        with failures.carried():
            if self._observer is None:
                analysis.check_complete(found[0], self._recipe)
                views = self._recipe.later_views(found[0])
                self._observer = analysis.Observer(None, views=views)
            self._observer.add(batch)

    def finish_bundle(self):
        if self._observer is not None:
            with failures.carried():
                found = self._observer.result()
            yield beam.transforms.window.GlobalWindows.windowed_value(found)


def _joined(_, found: list[artifact.Statistics], more: list[artifact.Statistics]):
    with failures.carried():
        if found and more:
            yield analysis.with_pass(found[0], more[0])


def _batch(values: tuple, names: tuple[str, ...]) -> arrays.Batch:
    columns = {n: arrays.Column(v) for n, v in zip(names, values, strict=True)}
    return arrays.Batch(columns, len(values[0]))
