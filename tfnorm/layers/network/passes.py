# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Passes of data through a model, from which its batch norm layers learn."""

import contextlib
import sys

import keras
import numpy as np

from tfnorm import errors
from tfnorm import statistics
from tfnorm.layers.network import dependence
from tfnorm.layers.network import moving


def calls_of(model, x) -> list[keras.layers.Layer]:
    """Returns the batch norm layers of a model, as often as it calls them, in order.

    Args:
        model: The model, which is built.
        x: Its inputs.

    Raises:
        ValueError: If there is none.
    """
    calls: list[keras.layers.Layer] = []
    layers = moving.layers_of(model)
    with moving.listening(layers, lambda layer, *_: calls.append(layer)):
        run(model, x)
    if not calls:
        raise ValueError(
            f"{model.name!r} calls no batch norm, neither of Keras nor of tfnorm, so "
            "there is nothing to renew."
        )
    return calls


def run(model, x) -> None:
    """Calls a model in inference mode.

    Args:
        model: The model.
        x: Its inputs.
    """
    # Nothing is to be learned, so torch need not keep what gradients take.
    torch = keras.backend.backend() == "torch"
    with sys.modules["torch"].no_grad() if torch else contextlib.nullcontext():
        with contextlib.suppress(_Stop):
            model(x, training=False)


class _Stop(BaseException):
    """Ends a call of a model early; no `Exception`, for Keras rewrites those."""


class Passes:
    """Passes over the data, each of which renews some layers.

    Args:
        model: The model.
        calls: Its batch norm layers, as often as it calls them.
        weight: The share of the new statistics, unless there is a prior count.
        prior_count: How many rows the old ones are worth.
        by_batch: Whether layers normalize each batch by its own statistics.
    """

    def __init__(self, model, calls, weight, prior_count, by_batch: bool):
        self.found: dict[keras.layers.Layer, statistics.FeatureStatistics] = {}
        self.stops = False
        self._model = model
        self._calls = calls
        self._weight = weight
        self._prior_count = prior_count
        self._new: dict[keras.layers.Layer, tuple] = {}
        self._by_batch = by_batch
        self._rows: int | None = None
        self._seen: list[tuple] = []
        self._error: Exception | None = None

    def take(self, layers, batches) -> None:
        """Gives layers the statistics of all batches.

        Args:
            layers: The layers.
            batches: Inputs of the model, and how many rows they have.

        Raises:
            ValueError: If inputs of a layer have no values yet.
            DataError: If nothing comes to a layer, or NaN and infinity, or the rows
                are not as many as in the passes before.
        """
        gathered = {layer: moving.Gathered(layer) for layer in layers}
        before = {layer: moving.get(layer) for layer in layers}
        wanted = sum(layer in gathered for layer in self._calls)
        heard = rows = 0

        def hear(layer, inputs, mask):
            nonlocal heard
            try:
                values = moving.values_of(layer, inputs, mask)
            except ValueError as error:
                self._error = error
                raise _Stop from error
            if self._by_batch:
                if len(values):
                    found = moving.of(values, layer)
                    gathered[layer].merge(found)
                    moving.put(layer, found.mean, moving.spread(layer, found))
            else:
                gathered[layer].add(values)
            if is_first:
                self._seen.append((layer, _gist(values)))
            heard += 1
            # What is behind the last of these layers need not be computed.
            if self.stops and heard == wanted:
                raise _Stop

        with moving.listening(layers, hear):
            for x, count in batches:
                heard, is_first = 0, rows == 0
                rows += count
                run(self._model, x)
                if self._error is not None:
                    raise self._error
        if self._rows not in (None, rows):
            raise errors.DataError(
                f"the data changed while they were read: {self._rows} rows, then "
                f"{rows}."
            )
        self._rows = rows
        for layer in layers:
            found = _checked(layer, gathered[layer].result())
            share = self._weight
            if self._prior_count is not None:
                share = rows / (self._prior_count + rows)
            self._new[layer] = _mixed(layer, before[layer], found, share)
            self.found[layer] = found
        self.put_all()

    def put_all(self) -> None:
        """Gives layers their new statistics.

        At the end of it all again: a layer that the model calls with `training=True`
        has moved on.
        """
        for layer, statistics_of in self._new.items():
            moving.put(layer, *statistics_of)

    def check(self, x) -> None:
        """Raises an error if a layer sees something else in the first batch now.

        Args:
            x: That batch.
        """
        now: list[tuple] = []

        def hear(layer, inputs, mask):
            now.append((layer, _gist(moving.values_of(layer, inputs, mask))))

        with moving.listening(list(self.found), hear):
            run(self._model, x)
        for layer in self.found:
            gists = (
                np.array([gist for one, gist in seen if one is layer])
                for seen in (self._seen, now)
            )
            if not _alike(*gists):
                raise dependence.sees_itself([layer])


def _gist(values: np.ndarray) -> np.ndarray:
    """Mean and deviation of channels, to recognize values by."""
    if not len(values):
        return np.zeros((2, values.shape[1]))
    return np.stack([values.mean(0, float), values.std(0, dtype=float)])


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether gists are of the same values, but for their rounding."""
    if one.shape != other.shape:
        return False
    # A hundredth of the deviation: what runs twice on an accelerator, or in other
    # batches, is rounded in two ways, by some 2**-20 of the values.
    allowed = one[:, 1] / 100 + np.abs(one[:, 0]) * 2.0**-16 + 1e-30
    return bool((np.abs(one - other) <= allowed[:, None]).all())


def _mixed(layer, before, found, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a mixture of what a layer had and what was found."""
    if share == 1:
        return found.mean, moving.spread(layer, found)
    mean, variance = before
    if variance is None:
        raise ValueError(
            f"Layer {layer.name!r} does not keep the covariances of the source, so "
            "they cannot be mixed. Say `weight=1`, to take those of the target."
        )
    apart = found.mean - mean
    between = share * (1 - share) * apart * apart
    return (
        mean + share * apart,
        (1 - share) * variance + share * found.variance + between,
    )


def _checked(layer, found) -> statistics.FeatureStatistics:
    if found.shape is None:
        raise errors.EmptyDataError(
            f"nothing comes to layer {layer.name!r} that is not masked."
        )
    counts = found.counts
    odd = counts.nan + counts.positive_infinity + counts.negative_infinity
    if odd.any():
        raise errors.DataError(
            f"{odd.sum()} values that come to layer {layer.name!r} are NaN or "
            "infinite. Clean the data, or look at the weights before it."
        )
    return found
