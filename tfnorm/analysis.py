# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the statistics that a recipe needs from any data, in one pass."""

import collections.abc
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm import statistics

# Rows that are taken in at once, so that NumPy's calls cost little beside its work;
# fewer where they would hold more values than this.
_ROWS = 1 << 17
_VALUES = 1 << 24


def analyze(
    data: typing.Any,
    recipe: recipe_lib.Recipe | collections.abc.Mapping | None = None,
    *,
    max_bad_records: int = 0,
    quantiles: bool = True,
) -> artifact.Statistics:
    """Computes exact statistics of all rows, in this process.

    NaN, infinities and missing values are counted and enter no other statistic.

    Args:
        data: Path or pattern of TFRecord, Parquet or CSV files, or a list of them;
            dict of arrays, NumPy array (its feature is named ""), DataFrame,
            pyarrow Table, tf.data.Dataset, Keras PyDataset, or any iterable of
            batches `x`, `(x, y)` or dicts.
        recipe: Which features to read, and how; a mapping of names to schemes will
            do. By default, every feature that holds numbers.
        max_bad_records: How many unreadable records to leave out and count, over
            all files, before it is an error.
        quantiles: Whether to take quantiles, too; without, it is twice as fast.

    Returns:
        `Statistics`: a mapping of names to `FeatureStatistics`.

    Raises:
        DataError: if the data are empty, or not what the recipe says; it names the
            feature, file and record.

    Example:

    >>> found = analyze({"age": np.array([20.0, 40.0, np.nan])})
    >>> found["age"].mean, found["age"].quantile(0.5).value
    (np.float64(30.0), np.float64(30.0))
    """
    if recipe is not None and not isinstance(recipe, recipe_lib.Recipe):
        recipe = recipe_lib.Recipe(recipe)
    features = None if recipe is None else list(recipe.features)
    batches: collections.abc.Iterator[arrays.Batch]
    if sources.is_path_like(data):
        shards = sources.open(data, features, max_bad_records=max_bad_records)
        batches = (batch for shard in shards for batch in shard.read())
    else:
        batches = sources.batches(data, features)
    observer = Observer(recipe, quantiles=quantiles)
    for batch in batches:
        observer.add(batch)
        check_bad_records(observer.bad_records, max_bad_records)
    return check_complete(observer.result(), recipe)


class Observer:
    """Gathers the statistics of batches.

    Small batches are kept until there are enough rows to be worth NumPy's calls.

    Args:
        recipe: What to observe; `None` for every feature that holds numbers.
        quantiles: Whether to take quantiles, too.
    """

    def __init__(
        self,
        recipe: recipe_lib.Recipe | None = None,
        *,
        quantiles: bool = True,
    ):
        arrays.keep_freed_memory()
        self.bad_records = 0
        self._quantiles = quantiles
        self._recipe = recipe
        self._views = None if recipe is None else recipe.views()
        self._found = artifact.Statistics(
            recipe=None if recipe is None else config.encode(recipe)
        )
        self._waiting: list[arrays.Batch] = []
        self._values = 0

    def add(self, batch: arrays.Batch) -> None:
        """Takes in some rows.

        Raises:
            FeatureError: if a feature is not there or is not what it was before.
        """
        self.bad_records += batch.bad_records
        if self._waiting and not _alike(self._waiting[0], batch):
            self._flush()
        self._waiting.append(batch)
        self._values += sum(c.values.size for c in batch.columns.values())
        rows = sum(waiting.rows for waiting in self._waiting)
        if rows >= _ROWS or self._values >= _VALUES:
            self._flush()

    def result(self) -> artifact.Statistics:
        """The statistics of all batches so far."""
        self._flush()
        return self._found

    def _flush(self) -> None:
        if self._waiting:
            batches, self._waiting, self._values = self._waiting, [], 0
            self._found = self._observe(batches)

    def _observe(self, batches: list[arrays.Batch]) -> artifact.Statistics:
        first = batches[0]
        rows = sum(batch.rows for batch in batches)
        known = self._found.features
        views = self._views or _numbers(first)
        if self._found.rows and views.keys() != known.keys():
            raise _changed(views, known, first)
        features = {}
        for key, view in views.items():
            try:
                column = _joined([_column(batch, view.feature) for batch in batches])
                before = known.get(key, statistics.FeatureStatistics())
                features[key] = before.add(
                    _seen(column, view), axis=view.axis, quantiles=self._quantiles
                )
            except errors.TfnormError as error:
                error.feature = error.feature or view.feature
                error.file = error.file or first.file
                if error.record is None and first.file is not None:
                    error.record = first.first_record
                raise

        files = {batch.file for batch in batches if batch.file is not None}
        files.update(self._found.sources)
        return artifact.Statistics(
            features,
            self._found.rows + rows,
            self._found.bad_records + sum(batch.bad_records for batch in batches),
            self._found.recipe,
            tuple(sorted(files)),
        )


def check_bad_records(bad: int, allowed: int) -> None:
    """Raises a DataError if more records were left out than allowed."""
    if bad > allowed:
        raise errors.FormatError(
            f"{bad} records cannot be read, and only {allowed} may be left out."
        )


def check_complete(
    found: artifact.Statistics, recipe: recipe_lib.Recipe | None
) -> artifact.Statistics:
    """Returns the statistics, unless there were no rows, or a feature had none.

    Raises:
        EmptyDataError: if there was not one row.
        FeatureError: if no column holds numbers, or a feature of the recipe has no
            value in any row.
    """
    if not found.rows:
        raise errors.EmptyDataError("there is not one row to take statistics of.")
    if not found.features:
        raise errors.FeatureError("not one column holds numbers.")
    for key in found if recipe is None else recipe.features:
        if found[key].shape is None:
            where = f" of {', '.join(found.sources[:3])}" if found.sources else ""
            raise errors.FeatureError(
                f"has no value in any of the {found.rows} rows{where}. Correct its "
                "name, or leave it out of the recipe.",
                feature=key,
            )
    return found


def _alike(one: arrays.Batch, other: arrays.Batch) -> bool:
    """Whether two batches may be joined: same features, types and shapes."""
    if one.columns.keys() != other.columns.keys():
        return False
    for name, column in one.columns.items():
        values = other.columns[name].values
        if column.values.dtype != values.dtype:
            return False
        if column.values.shape[1:] != values.shape[1:]:
            return False
    return True


def _numbers(batch: arrays.Batch) -> dict[str, recipe_lib.View]:
    """Views of the columns that hold numbers."""
    return {
        name: recipe_lib.View(name, -1)
        for name, column in batch.columns.items()
        if column.values.dtype.kind not in "OSUMm"
    }


def _changed(views, known, batch: arrays.Batch) -> errors.FeatureError:
    name = sorted(views.keys() ^ known.keys())[0]
    earlier, now = ("had", "has none") if name in known else ("had none", "has")
    return errors.FeatureError(
        f"earlier rows {earlier} numbers of this feature, and this batch {now}. Name "
        "the features in a recipe: then a value that is absent counts as missing.",
        feature=name,
        file=batch.file,
        record=None if batch.file is None else batch.first_record,
    )


def _column(batch: arrays.Batch, name: str) -> arrays.Column:
    if name not in batch.columns:
        raise errors.FeatureError(
            f"is not among the columns: {', '.join(batch.columns)}.", feature=name
        )
    return batch.columns[name]


def _joined(columns: list[arrays.Column]) -> arrays.Column:
    if len(columns) == 1:
        return columns[0]
    missing = None
    if any(column.missing is not None for column in columns):
        missing = np.concatenate(
            [
                np.zeros(len(c.values), bool) if c.missing is None else c.missing
                for c in columns
            ]
        )
    return arrays.Column(np.concatenate([c.values for c in columns]), missing)


def _seen(column: arrays.Column, view: recipe_lib.View) -> arrays.Column:
    if view.bijector is None:
        return column
    # Float64, so that the statistics of the mapped values are those of the exact
    # map, rounded once, and not of float32 approximations of it.
    values = view.bijector.forward(column.values.astype(np.float64))
    return arrays.Column(values, column.missing)
