# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Transforms from shards to batches to statistics."""

import dataclasses
import itertools
import math
import os
import pickle
from collections.abc import Iterable
from collections.abc import Iterator

import apache_beam as beam

from tfnorm import analysis
from tfnorm import arrays
from tfnorm import artifact
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm.beam import counting
from tfnorm.beam import failures
from tfnorm.beam import listing
from tfnorm.beam import runners

MANY_PARTS = 1_000


class ReadBatches(beam.PTransform):
    """Reads shards, as `tfnorm.sources.open` lists them, as column batches.

    A whole shard is one element, read in large blocks: an element for each record
    would cost more than reading and counting it.
    """

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return (
            shards
            | listing.SpreadShards()
            | "ReadShards" >> beam.ParDo(_ReadShards()).with_output_types(arrays.Batch)
        )


@dataclasses.dataclass
class ComputeStatistics(beam.PTransform):
    """Computes exact statistics of column batches.

    The result does not depend on the runner, on bundles, retries or merge order, not
    in the last bit. Each bundle is reduced to one accumulator before the shuffle.
    To catch errors of workers by their type, run the pipeline within
    `tfnorm.beam.typed_errors()`. It is one pass: of `schemes.Chain` it takes the
    first step's statistics, and `tfnorm.beam.compute_statistics` those of all.

    Args:
        recipe: What to take statistics of; `None` for every feature of numbers.
        max_bad_records: How many records may have been left out, over all shards.
        rows: Which rows count, how much, and in which slices: `analysis.Rows.of`. By
            default all, by the recipe's weight.

    Returns:
        A PCollection of one `tfnorm.Statistics`.

    Example:

    >>> import numpy as np
    >>> from tfnorm import arrays, schemes
    >>> batch = arrays.Batch({"x": arrays.Column(np.array([1.0, 3.0]))}, rows=2)
    >>> recipe = recipe_lib.Recipe({"x": schemes.ZScore()})
    >>> with beam.Pipeline("FnApiRunner") as pipeline:
    ...     found = pipeline | beam.Create([batch]) | ComputeStatistics(recipe)
    ...     _ = found | beam.Map(lambda s: print(s["x"].mean))
    2.0
    """

    recipe: recipe_lib.Recipe | None = None
    max_bad_records: int = 0
    rows: analysis.Rows | None = None

    def __post_init__(self):
        super().__init__()

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        runners.refuse_dask(batches.pipeline.runner)
        # So that no rows at all are an error, too.
        none = batches.pipeline | "OfNoRows" >> beam.Create(
            [artifact.Statistics()], reshuffle=False
        )
        found = batches | SummarizeBundles(self.recipe, rows=self.rows)
        merge = MergeStatistics(self.recipe, self.max_bad_records, self.rows)
        return (found, none) | beam.Flatten() | merge


@dataclasses.dataclass
class SummarizeBundles(beam.PTransform):
    """Reduces each bundle of column batches to one `tfnorm.Statistics`.

    Args:
        recipe: As of `ComputeStatistics`.
        views: Of the recipe what to observe: all that one pass can, unless given.
        rows: As of `ComputeStatistics`.
    """

    recipe: recipe_lib.Recipe | None = None
    views: dict[str, recipe_lib.View] | None = None
    rows: analysis.Rows | None = None

    def __post_init__(self):
        super().__init__()

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        summarize = beam.ParDo(_SummarizeBundle(self.recipe, self.views, self.rows))
        return batches | summarize.with_output_types(artifact.Statistics)


@dataclasses.dataclass
class MergeStatistics(beam.PTransform):
    """Merges `tfnorm.Statistics` of parts to those of all, and checks them.

    Args:
        recipe: As of `ComputeStatistics`.
        max_bad_records: As of `ComputeStatistics`.
        rows: As of `ComputeStatistics`.
        fanout: Into how many the parts are merged before these are merged to one, so
            that no worker merges all of very many; 1 for none.
    """

    recipe: recipe_lib.Recipe | None = None
    max_bad_records: int = 0
    rows: analysis.Rows | None = None
    fanout: int = 1

    def __post_init__(self):
        super().__init__()

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        check = beam.ParDo(_Check(self.recipe, self.max_bad_records, self.rows))
        # Without Combine's own default, which is a side input and another stage.
        merge = beam.CombineGlobally(MergeParts()).without_defaults()
        if self.fanout > 1:
            merge = merge.with_fanout(self.fanout)
        return found | "MergeStatistics" >> merge | "CheckStatistics" >> check


def fanout(parts: int) -> int:
    """Into how many to merge so many parts first; 1 where a worker can merge all."""
    return max(2, math.isqrt(parts)) if parts >= MANY_PARTS else 1


@dataclasses.dataclass
class WriteStatistics(beam.PTransform):
    """Writes the statistics artifact, whole or not at all.

    Args:
        path: The folder to write; one that is there is replaced.
        staged: Whether the folder that it stands in is the job's own, and gone when
            the job is over: then what an attempt writes too late is an error.
    """

    path: str
    staged: bool = False

    def __post_init__(self):
        super().__init__()

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        return found | "WriteArtifact" >> beam.ParDo(_Write(self.path, self.staged))


class _Pickled(beam.coders.Coder):
    """Pickle, as without it, but for the estimates of sizes that runners ask for.

    Those would pickle whole batches and statistics only to count their bytes.
    """

    def encode(self, value) -> bytes:
        return pickle.dumps(value, protocol=5)

    def decode(self, encoded: bytes):
        return pickle.loads(encoded)

    def estimate_size(self, value) -> int:
        return value.nbytes

    def is_deterministic(self) -> bool:
        return False


for _kind in (arrays.Batch, artifact.Statistics):
    beam.coders.registry.register_coder(_kind, _Pickled)


class _ReadShards(failures.Step):
    def process(self, named):
        _, shards = named
        with failures.carried():
            for batch in itertools.chain.from_iterable(s.read() for s in shards):
                counting.count(batch)
                yield batch


class _SummarizeBundle(beam.DoFn):
    def __init__(self, recipe: recipe_lib.Recipe | None, views: dict | None, rows):
        self._recipe = recipe
        self._asked = {"views": views, "rows": rows}

    def start_bundle(self):
        self._observer = analysis.Observer(self._recipe, **self._asked)

    def process(self, batch):
        with failures.carried():
            self._observer.add(batch)

    def finish_bundle(self) -> Iterator[beam.utils.windowed_value.WindowedValue]:
        with failures.carried():
            found = self._observer.result()
        yield beam.transforms.window.GlobalWindows.windowed_value(found)


class MergeParts(beam.CombineFn):
    """Merges statistics of parts, in any order and grouping to the same bits.

    Where one does not fit, the error names a file that it comes from.
    """

    def create_accumulator(self) -> artifact.Statistics:
        return artifact.Statistics()

    def add_input(self, accumulator, found):
        with failures.carried():
            return _merged(accumulator, found)

    def merge_accumulators(self, accumulators: Iterable[artifact.Statistics]):
        merged = artifact.Statistics()
        with failures.carried():
            for accumulator in accumulators:
                merged = _merged(merged, accumulator)
        return merged

    def extract_output(self, accumulator) -> artifact.Statistics:
        return accumulator

    def get_accumulator_coder(self) -> beam.coders.Coder:
        return _Pickled()


def _merged(one: artifact.Statistics, other: artifact.Statistics):
    try:
        return one.merge(other)
    except errors.StatisticsError as error:
        error.file = error.file or next(iter(other.sources), None)
        raise


class _Check(beam.DoFn):
    def __init__(self, recipe: recipe_lib.Recipe | None, max_bad_records: int, rows):
        self._recipe = recipe
        self._max_bad_records = max_bad_records
        self._rows = rows

    def process(self, found: artifact.Statistics):
        with failures.carried():
            analysis.check_bad_records(found.bad_records, self._max_bad_records)
            analysis.check_slices(found, self._rows)
            yield analysis.check_complete(found, self._recipe)


class _Write(failures.Step):
    def __init__(self, path: str, staged: bool):
        self._path = path
        self._staged = staged

    def process(self, found: artifact.Statistics):
        with failures.carried():
            if self._staged:
                listing.check_not_over(os.path.dirname(self._path))
            found.save(self._path)
        yield self._path
