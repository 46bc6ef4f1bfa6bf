# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Renews the moving statistics of a model's batch norm layers from data."""

import collections.abc
import itertools
import typing

import keras

from tfnorm import arrays
from tfnorm import errors
from tfnorm import statistics
from tfnorm.layers.network import dependence
from tfnorm.layers.network import inputs as inputs_lib
from tfnorm.layers.network import moving
from tfnorm.layers.network import passes as passes_lib

Found = dict[keras.layers.Layer, statistics.FeatureStatistics]


def recalibrate(
    model: keras.layers.Layer,
    data: typing.Any,
    *,
    normalize_by: str = "data",
    batch_size: int = 128,
) -> Found:
    """Sets the moving statistics of batch norm layers to those of a whole data set.

    After training these are averages over the last batches, each seen by other
    weights; after the weights were averaged (SWA), they are of no model at all. Here
    the data run through the model as it is, in inference mode, and the mean and the
    population variance of all that comes to a layer, the variance between batches
    included, become its statistics. The sums are exact: where the framework computes a
    row alike in every batch, the order and the size of the batches change no bit. What
    a mask hides counts in none. Nothing else in the model changes, and after an error
    nothing has.

    What comes to a layer depends on how those before it normalize. With
    `normalize_by="data"` they do so by the statistics they have just been given, as
    they will when the model is deployed: one pass over the data for each batch norm
    on the longest path through the model. `"batch"` takes one pass, in which each
    layer normalizes each batch by its own statistics, as in training: this depends on
    the batches, and is what other libraries do. (They also leave the variance between
    batches out, and some have dropout on.)

    `keras.layers.BatchNormalization` and all layers of tfnorm that normalize over the
    batch are renewed, in nested models too, trainable or not. Where a layer is called
    more than once, all calls count.

    Args:
        model: A model or layer, which must run eagerly.
        data: Arrays, `tf.data.Dataset`, Keras `PyDataset`, or any iterable of batches
            `x`, `(x, y)` or `(x, y, weights)`; dicts, lists or tuples of arrays for
            models of several inputs. An iterator is enough where one pass is.
        normalize_by: "data" or "batch".
        batch_size: Rows at once of what is in memory as a whole.

    Returns:
        The layers in the order of their calls, and the statistics of what comes to
        each.

    Raises:
        ValueError: If there is no batch norm, or one that sees its own output.
        DataError: If the data are empty, change from pass to pass, are an iterator
            where there are several passes, or lead to NaN or infinity.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> batches = [np.array([[1.0], [3.0]]), np.array([[11.0], [13.0]])]
    >>> _ = recalibrate(model, batches)
    >>> np.asarray(model.layers[0].moving_variance)  # Within the batches: 1.
    array([26.], dtype=float32)

    Reference:
        Wu and Johnson, Rethinking "Batch" in BatchNorm, 2021 (precise batch norm);
        Izmailov et al., Averaging Weights Leads to Wider Optima and Better
        Generalization, 2018 (SWA).
    """
    return _renewed(model, data, normalize_by, batch_size)


def adapt_batch_norm(
    model: keras.layers.Layer,
    target_data: typing.Any,
    weight: float = 1.0,
    *,
    prior_count: float | None = None,
    normalize_by: str = "data",
    batch_size: int = 128,
) -> Found:
    """Moves the statistics of batch norm layers to those of another domain.

    No labels and no training are needed. The statistics become those of a mixture of
    what the model was trained on, as its layers have it, and of the target data: with
    share `w` of the latter the mean is `(1 - w) * source + w * target`, and the
    variance that of the mixture, `w * (1 - w) * (target - source)**2` included.

    Args:
        model: A model or layer, which must run eagerly.
        target_data: Data of the other domain, as in `recalibrate`.
        weight: The share `w`, from 0 to 1; 1 forgets the source.
        prior_count: How many rows the statistics of the source are worth: of n target
            rows, `w` is `n / (prior_count + n)`. For few rows; instead of `weight`.
        normalize_by: "data" or "batch", as in `recalibrate`.
        batch_size: Rows at once of what is in memory as a whole.

    Returns:
        The layers in the order of their calls, and the statistics of what comes to
        each of the target data.

    Raises:
        ValueError: As `recalibrate`, and if the share makes no sense.
        DataError: As `recalibrate`.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> _ = adapt_batch_norm(model, np.array([[4.0], [4.0]]), prior_count=6)
    >>> layer = model.layers[0]  # Of 6 rows around 0, and 2 of 4.
    >>> np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    (array([1.], dtype=float32), array([3.75], dtype=float32))

    Reference:
        Li et al., Revisiting Batch Normalization for Practical Domain Adaptation,
        2016; Schneider et al., Improving robustness against common corruptions by
        covariate shift adaptation, 2020 (`prior_count`; they mix the variances
        without what lies between the means).
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"`weight={weight}` must be from 0 to 1.")
    if prior_count is not None and (prior_count < 0 or weight != 1):
        raise ValueError(
            f"`prior_count={prior_count}` must not be negative, and stands instead of "
            f"`weight`, which is {weight}."
        )
    return _renewed(model, target_data, normalize_by, batch_size, weight, prior_count)


def _renewed(
    model,
    data,
    normalize_by: str,
    batch_size: int,
    weight: float = 1.0,
    prior_count: float | None = None,
) -> Found:
    if normalize_by not in ("data", "batch"):
        raise ValueError(
            f"`normalize_by={normalize_by!r}` is neither 'data' nor 'batch'."
        )
    arrays.keep_freed_memory()
    stream = inputs_lib.batches(model, data, batch_size)
    first = next(stream, None)
    if first is None:
        raise errors.EmptyDataError("there is not one row to take statistics of.")
    batches: typing.Iterable = itertools.chain([first], stream)
    if not model.built:
        passes_lib.run(model, first[0])
    with moving.kept_on_error(moving.layers_of(model)):
        calls = passes_lib.calls_of(model, first[0])
        layers = list(dict.fromkeys(calls))
        passes = passes_lib.Passes(
            model, calls, weight, prior_count, normalize_by == "batch"
        )
        levels, is_graph = [layers], True
        if normalize_by == "data":
            levels, is_graph = dependence.levels(model, layers)
            passes.stops = is_graph
        if len(levels) > 1 and isinstance(data, collections.abc.Iterator):
            raise errors.DataError(
                f"{len(levels)} batch norms follow each other, so the data are read as "
                "often, and an iterator can be read once. Give arrays, or a list of "
                "the batches; or say `normalize_by='batch'`."
            )
        for level in levels:
            passes.take(level, batches)
            batches = inputs_lib.batches(model, data, batch_size)
        if not is_graph:
            passes.check(first[0])
        passes.put_all()
    return {layer: passes.found[layer] for layer in layers}
