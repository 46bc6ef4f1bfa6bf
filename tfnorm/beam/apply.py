# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Transforms that normalize batches and files with a fitted recipe, and back."""

import dataclasses
import os
from collections.abc import Mapping

import apache_beam as beam

from tfnorm import arrays
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import counting
from tfnorm.beam import failures
from tfnorm.beam import listing
from tfnorm.beam import runners


@dataclasses.dataclass
class ApplyRecipe(beam.PTransform):
    """Normalizes column batches, or turns normalized ones back.

    The numbers are those of `FittedRecipe.forward`; a row without a value has none
    afterwards either, unless the recipe imputes it. Columns that the recipe does not
    name pass through.

    Args:
        fitted: The fitted recipe.
        inverse: Whether to turn normalized columns back.

    Returns:
        A PCollection of `arrays.Batch`.

    Example:

    >>> import numpy as np
    >>> import tfnorm
    >>> from tfnorm import schemes
    >>> data = {"x": np.array([1.0, 3.0])}
    >>> recipe = recipe_lib.Recipe({"x": schemes.ZScore()})
    >>> fitted = recipe.fit(tfnorm.analyze(data, recipe))
    >>> batch = arrays.Batch({"x": arrays.Column(np.array([5.0]))}, rows=1)
    >>> with beam.Pipeline("FnApiRunner") as pipeline:
    ...     found = pipeline | beam.Create([batch]) | ApplyRecipe(fitted)
    ...     _ = found | beam.Map(lambda batch: print(batch.columns["x"].values))
    [3.]
    """

    fitted: recipe_lib.FittedRecipe
    inverse: bool = False

    def __post_init__(self):
        super().__init__()

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        runners.refuse_dask(batches.pipeline.runner)
        apply = _ApplyToBatch(Applied(self.fitted, self.inverse))
        return batches | beam.ParDo(apply).with_output_types(arrays.Batch)


@dataclasses.dataclass
class RewriteShards(beam.PTransform):
    """Writes shards again, normalized or turned back, each into a file of its name.

    Each file is written whole or not at all, and a bundle that is tried again writes
    the same bytes. A folder that is to be whole needs `tfnorm.beam.apply_recipe`.

    Args:
        fitted: The fitted recipe.
        out: Folder of the files, on a file system that all workers share.
        inverse: Whether to turn normalized columns back.
        root: Where the paths of all shards begin: below it each is written under the
            rest of its path. By default, under its last part.
        staged: Whether `out` is a folder of the job's own, and gone when the job is
            over: then what an attempt writes too late is an error.

    Returns:
        A PCollection of one `Rewritten` for each shard.
    """

    fitted: recipe_lib.FittedRecipe
    out: str | os.PathLike
    inverse: bool = False
    root: str = ""
    staged: bool = False

    def __post_init__(self):
        super().__init__()

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        applied = Applied(self.fitted, self.inverse)
        made = _RewriteShard(applied, os.fspath(self.out), self.root, self.staged)
        rewrite = beam.ParDo(made)
        return (
            shards
            | listing.SpreadShards()
            | "RewriteShards" >> rewrite.with_output_types(Rewritten)
        )


@dataclasses.dataclass(frozen=True)
class Rewritten:
    """What became of one shard.

    Args:
        source: The file that was read.
        path: The file that was written.
        rows: How many rows it has.
        bad_records: How many unreadable records were left out.
        values: Feature name to how many rows have a value of it.
    """

    source: str
    path: str
    rows: int
    bad_records: int
    values: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Applied:
    """What a fitted recipe makes of a batch; picklable.

    Args:
        fitted: The fitted recipe.
        inverse: Whether it turns normalized columns back.
    """

    fitted: recipe_lib.FittedRecipe
    inverse: bool

    def __call__(self, batch: arrays.Batch) -> dict[str, arrays.Column | None]:
        """Returns the columns that change, `None` for those that go."""
        if not self.inverse:
            return dict(recipe_lib.forward_columns(self.fitted, batch.columns))
        found: dict[str, arrays.Column | None] = dict.fromkeys(self.indicators)
        return found | recipe_lib.inverse_columns(self.fitted, batch.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return tuple(self.fitted.recipe.columns())

    @property
    def indicators(self) -> tuple[str, ...]:
        """The columns `<feature>_missing` that it reads and takes out, if any."""
        if not self.inverse:
            return ()
        features = self.fitted.recipe.features
        return tuple(
            recipe_lib.indicator_name(name)
            for name in features
            if features[name].indicator
        )


class _ApplyToBatch(beam.DoFn):
    def __init__(self, applied: Applied):
        self._applied = applied

    def process(self, batch: arrays.Batch):
        with failures.carried():
            if not self._applied.inverse:
                self._applied.fitted.recipe.check_columns(batch.columns)
            made = {**batch.columns, **self._applied(batch)}
        columns = {n: column for n, column in made.items() if column is not None}
        yield dataclasses.replace(batch, columns=columns)


class _RewriteShard(failures.Step):
    def __init__(self, applied: Applied, out: str, root: str, staged: bool):
        self._applied = applied
        self._out = out
        self._root = root
        self._staged = staged

    def process(self, named):
        _, shards = named
        for shard in shards:
            with failures.carried():
                if self._staged:
                    listing.check_not_over(self._out)
                path = os.path.join(self._out, name_of(shard.path, self._root))
                yield rewrite_shard(shard, path, self._applied)


def name_of(path: str, root: str) -> str:
    """Where in the folder a file is written; see `RewriteShards`."""
    return path.removeprefix(root) if root else os.path.basename(path)


def rewrite_shard(shard: sources.Shard, path: str, applied: Applied) -> Rewritten:
    """Writes a shard again to a path; see `RewriteShards`."""
    shard = dataclasses.replace(shard, features=applied.columns)
    rows = bad_records = 0
    values = dict.fromkeys(applied.fitted.maps, 0)
    for batch in sources.rewrite(
        shard,
        path,
        applied,
        optional=applied.indicators,
        restore=applied.inverse,
    ):
        rows += batch.rows
        bad_records += batch.bad_records
        for name in values:
            missing = batch.columns[name].missing
            lost = 0 if missing is None else int(missing.sum())
            values[name] += batch.rows - lost
        counting.count(batch)
    return Rewritten(shard.path, path, rows, bad_records, values)
