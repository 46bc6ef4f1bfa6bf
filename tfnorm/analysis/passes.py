# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the statistics that a recipe needs from any data."""

import collections.abc
import dataclasses
import json
import logging
import typing

from tfnorm import arrays
from tfnorm import artifact
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm import statistics
from tfnorm.analysis import observer as observer_lib
from tfnorm.analysis import rows as rows_lib
from tfnorm.statistics import features as features_lib

_LOG = logging.getLogger("tfnorm")


def analyze(
    data: typing.Any,
    recipe: recipe_lib.Recipe | collections.abc.Mapping | None = None,
    *,
    max_bad_records: int = 0,
    quantiles: bool = True,
    images: sources.Images | None = None,
    weight: str | None = None,
    filters: typing.Any = None,
    slices: collections.abc.Iterable[str | tuple[str, ...]] = (),
    max_slices: int = rows_lib.MAX_SLICES,
    audio: sources.Audio | None = None,
) -> artifact.Statistics:
    """Computes exact statistics of all rows, in this process.

    NaN, infinities and missing values are counted and enter no other statistic. The
    data are read once; where a step of `schemes.Chain` is fitted to what a fitted one
    before it makes, once more for each such step, and the log says so.

    Args:
        data: Path or pattern of files that `tfnorm.sources.open` knows, or a list;
            dict of arrays, NumPy array (its feature is named ""), DataFrame,
            pyarrow Table, tf.data.Dataset, Keras PyDataset, or any iterable of
            batches `x`, `(x, y)` or dicts.
        recipe: Which features to read, and how; a mapping of names to schemes will
            do. By default, every feature that holds numbers.
        max_bad_records: How many unreadable records to leave out and count, over
            all files, before it is an error.
        quantiles: Whether to take quantiles, too; without, it is twice as fast.
        images: How encoded images in files become pixels: `sources.Images`.
        weight: Column that says how much each row counts, where the recipe names
            none; without a recipe, it has no statistics itself.
        filters: Which rows count: conditions such as `[("age", ">", 3)]`, all of
            which must hold, or lists of such, of which one must; `arrays.Filters`.
        slices: Columns, or tuples of columns, by whose values each feature has
            statistics beside those of all rows, named `delay | carrier="UA"`.
        max_slices: How many slices there may be before it is an error.
        audio: How audio in files becomes features: `sources.Audio`.

    Returns:
        `Statistics`: a mapping of names to `FeatureStatistics`.

    Raises:
        DataError: if the data are empty, or not what the recipe says; it names the
            feature, file and record.

    Example:

    >>> import numpy as np
    >>> found = analyze({"age": np.array([20.0, 40.0, np.nan])})
    >>> found["age"].mean, found["age"].quantile(0.5).value
    (np.float64(30.0), np.float64(30.0))
    """
    if recipe is not None and not isinstance(recipe, recipe_lib.Recipe):
        recipe = recipe_lib.Recipe(recipe)
    rows = rows_lib.Rows.of(
        recipe, weight=weight, filters=filters, slices=slices, max_slices=max_slices
    )
    media = {"images": images, "audio": audio}
    found = _read(data, recipe, None, max_bad_records, quantiles, media, rows)
    check_complete(found, recipe)
    rows_lib.log_empty_slices([found], rows)
    while views := later_pass(recipe, found):
        more = _read(data, recipe, views, max_bad_records, quantiles, media, rows)
        found = with_pass(found, more)
    return found


def later_pass(
    recipe: recipe_lib.Recipe | None, found: artifact.Statistics
) -> dict[str, recipe_lib.View]:
    """What the recipe needs of one more pass over the data, and says so in the log.

    Args:
        recipe: The recipe.
        found: What the passes so far have found.

    Returns:
        Views by the key of their statistics; none if nothing is needed.
    """
    views = {} if recipe is None else recipe.later_views(found)
    for key, view in views.items():
        _LOG.warning("Reading the data once more, for %s of %r.", key, view.feature)
    return views


def with_pass(
    found: artifact.Statistics, more: artifact.Statistics
) -> artifact.Statistics:
    """Adds what one more pass has found.

    Raises:
        DataError: if that pass saw other data.
    """
    if (found.rows, found.bad_records) != (more.rows, more.bad_records):
        raise errors.DataError(
            f"the data changed while they were read: {found.rows} rows, then "
            f"{more.rows}."
        )
    one, two = features_lib.of(found.features), features_lib.of(more.features)
    features = statistics.Features(
        {**one.plain, **two.plain}, {**one.keyed, **two.keyed}
    )
    return dataclasses.replace(found, features=features)


def _read(data, recipe, views, max_bad_records: int, quantiles: bool, media, rows):
    """One pass over the data; of `views`, or of all that the recipe names."""
    batches = batches_of(data, recipe, rows, media, max_bad_records=max_bad_records)
    observer = observer_lib.Observer(
        recipe, views=views, quantiles=quantiles, rows=rows
    )
    for batch in batches:
        observer.add(batch)
        check_bad_records(observer.bad_records, max_bad_records)
    return observer.result()


def batches_of(
    data: typing.Any,
    recipe: recipe_lib.Recipe | None,
    rows: rows_lib.Rows,
    media: collections.abc.Mapping[str, typing.Any],
    *,
    more: tuple[str, ...] = (),
    max_bad_records: int = 0,
) -> collections.abc.Iterator[arrays.Batch]:
    """Reads data for one pass; of files only where rows may be that count.

    Args:
        data: As of `analyze`.
        recipe: The recipe; `None` for all columns.
        rows: Which rows count.
        media: `images` and `audio`, as of `analyze`.
        more: Columns to read beside those that recipe and rows name.
        max_bad_records: As of `analyze`.

    Raises:
        DataError: if the data can be read only once, and the recipe takes more.
    """
    if isinstance(data, collections.abc.Iterator) and recipe and recipe.passes > 1:
        each = {n: recipe_lib.Recipe({n: f}) for n, f in recipe.features.items()}
        raise errors.DataError(
            "the recipe takes more than one pass over the data, and an iterator can "
            "be read once. Give files, arrays, or a list of the batches.",
            feature=next(name for name, one in each.items() if one.passes > 1),
        )
    names = rows.with_columns(None if recipe is None else recipe.columns())
    names = None if names is None else list(dict.fromkeys([*names, *more]))
    if not sources.is_path_like(data):
        return sources.batches(data, names)
    shards = sources.open(
        data, names, max_bad_records=max_bad_records, filters=rows.filters, **media
    )
    return (batch for shard in shards for batch in shard.read())


def check_bad_records(bad: int, allowed: int) -> None:
    """Raises a DataError if more records were left out than allowed."""
    if bad > allowed:
        raise errors.FormatError(
            f"{bad} records cannot be read, and only {allowed} may be left out."
        )


def check_complete(
    found: artifact.Statistics,
    recipe: recipe_lib.Recipe | None,
    *,
    values: bool = True,
) -> artifact.Statistics:
    """Returns the statistics, unless there were no rows, or a feature had none.

    Args:
        found: The statistics.
        recipe: What they must hold; `None` for whatever they do.
        values: Whether each feature must have a value.

    Raises:
        EmptyDataError: if there was not one row.
        FeatureError: if no column holds numbers, or a feature of the recipe has no
            value in any row.
    """
    if not found.rows:
        raise errors.EmptyDataError(
            f"there is not one row to take statistics of{_chosen(found)}."
        )
    if not found.features:
        raise errors.FeatureError("not one column holds numbers.")
    for key in found if recipe is None else recipe.features:
        if values and found[key].shape is None:
            where = f" of {', '.join(found.sources[:3])}" if found.sources else ""
            raise errors.FeatureError(
                f"has no value in any of the {found.rows} rows{where}. Correct its "
                "name, or leave it out of the recipe.",
                feature=key,
            )
    return found


def _chosen(found: artifact.Statistics) -> str:
    """What filters and weights have to do with it that there are no rows."""
    if "filters" not in found.asked:
        return ", of those that the weight leaves" if "weight" in found.asked else ""
    filters = found.asked["filters"][0]
    columns = {condition[0] for some in filters for condition in some}
    return (
        f": no row fulfils {json.dumps(filters)}. In records, a column that "
        "is not there is missing in every row: check the names "
        f"{', '.join(sorted(columns))}"
    )
