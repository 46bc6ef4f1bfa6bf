# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A small model of the flights, with normalization inside."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import keras

import tfnorm
from pipelines import flights


def build(
    fitted: tfnorm.FittedRecipe, vocabularies: Mapping[str, Sequence]
) -> keras.Model:
    """Returns a network from raw columns to the normalized arrival delay.

    Args:
        fitted: The fitted recipe of the numbers and of the target.
        vocabularies: Categories to the words that they may be.
    """
    numbers = {
        name: keras.Input((), dtype=_kind(fitted, name), name=name)
        for name in fitted.maps
        if name != flights.TARGET
    }
    normalize = tfnorm.layers.Features(fitted.select(numbers), output="concat")
    return _network(numbers, normalize(numbers), vocabularies)


def build_normalized(
    names: Iterable[str], vocabularies: Mapping[str, Sequence]
) -> keras.Model:
    """Returns the same network from columns that are normalized already."""
    numbers = {name: keras.Input((1,), name=name) for name in names}
    together = keras.layers.Concatenate()(list(numbers.values()))
    return _network(numbers, together, vocabularies)


def _network(numbers, normalized, vocabularies) -> keras.Model:
    words = {name: keras.Input((), dtype="string", name=name) for name in vocabularies}
    parts = [normalized]
    for name, vocabulary in vocabularies.items():
        lookup = keras.layers.StringLookup(vocabulary=sorted(vocabulary))
        embedding = keras.layers.Embedding(lookup.vocabulary_size(), 4)
        parts.append(embedding(lookup(words[name])))
    x = keras.layers.Concatenate()(parts)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dense(32, activation="relu")(x)
    model = keras.Model({**numbers, **words}, keras.layers.Dense(1)(x)[:, 0])
    model.compile("adam", "huber")
    return model


def _kind(fitted: tfnorm.FittedRecipe, name: str) -> str:
    """A number that may be missing is a float, where NaN says so."""
    whole = fitted.kinds[name] == "integer"
    may_miss = fitted.recipe.features[name].missing == "impute"
    return "int64" if whole and not may_miss else "float32"
