# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The maps that were fitted for a recipe, and their use on columns."""

import collections.abc
import dataclasses
import hashlib
import os
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.recipe import disk
from tfnorm.recipe import features


@config.register
@dataclasses.dataclass(frozen=True)
class FittedRecipe:
    """A recipe and the maps that were fitted for it.

    Args:
        recipe: The recipe.
        maps: Feature name to its map, from raw to normalized values.
        examples: Feature name to five rows: minimum, quartiles, maximum.
        kinds: Feature name to "floating" or "integer".
        statistics_digest: Digest of the statistics they come from, if known.
    """

    recipe: features.Recipe
    maps: collections.abc.Mapping[str, bijectors.Bijector]
    examples: collections.abc.Mapping[str, typing.Any]
    kinds: collections.abc.Mapping[str, str]
    statistics_digest: str | None = None

    def forward(self, columns: collections.abc.Mapping) -> dict:
        """Normalizes raw columns.

        Args:
            columns: Feature name to array or tensor of shape (rows, ...), or to
                `arrays.Column`. Those that the recipe does not name pass through.

        Returns:
            The same names (and `<feature>_missing` where asked), as float32, or as
            float64 where float64 came.
        """
        self.recipe.check_columns(columns.keys())
        result = {}
        for name, values in columns.items():
            if name not in self.maps:
                result[name] = values
                continue
            values, missing = _parts(values)
            bijector = self._map(name, values)
            keys = self._keys(name, columns)
            mapped = bijector.forward(values, **keys)
            absent = missing_indicator(values)
            if missing is not None:
                # Not by way of NaN among the values: integers would become floats.
                none = np.full(values.shape, np.nan, np.float32)
                mapped = mapped.copy()
                mapped[missing] = bijector.forward(none, **keys)[missing]
                absent[missing] = 1.0
            result[name] = mapped
            if self.recipe.features[name].indicator:
                result[features.indicator_name(name)] = absent
        return result

    def inverse(self, columns: collections.abc.Mapping) -> dict:
        """Turns normalized columns back into raw ones.

        Raises:
            NotInvertible: if a feature's map loses information.
        """
        result = {}
        for name, values in columns.items():
            if name not in self.maps:
                result[name] = values
                continue
            try:
                values = arrays.asarray(values)
                bijector = self._map(name, values)
                result[name] = bijector.inverse(values, **self._keys(name, columns))
            except errors.NotInvertible as error:
                error.feature = error.feature or name
                raise
        return result

    def _keys(self, name: str, columns) -> dict:
        """The keys of the rows, where the feature is fitted by key."""
        key = self.recipe.features[name].scheme.key
        if key is None:
            return {}
        if key not in columns:
            raise errors.RecipeError(
                f"is normalized by {key!r}, which is not among the columns: "
                f"{', '.join(columns)}.",
                feature=name,
            )
        keys = columns[key]
        return {"keys": keys if _parts(keys)[1] is not None else _parts(keys)[0]}

    def _map(self, name: str, values) -> bijectors.Bijector:
        axis = self.recipe.features[name].axis
        axis = () if axis is None else axis
        return self.maps[name].along(axis, arrays.rank(values))

    def keys(self, name: str) -> tuple:
        """The keys that have a map of their own, where a feature is fitted by key."""
        parts = getattr(self.maps[name], "parts", (self.maps[name],))
        return next((p.keys for p in parts if isinstance(p, bijectors.PerKey)), ())

    def select(self, names: collections.abc.Iterable[str]) -> "FittedRecipe":
        """The part of the fitted recipe that concerns some features.

        Raises:
            RecipeError: if there is no such feature.
        """
        names = list(names)
        for name in names:
            if name not in self.maps:
                raise errors.RecipeError(
                    f"not in the recipe, which has {', '.join(self.maps)}.",
                    feature=name,
                )
        return FittedRecipe(
            dataclasses.replace(
                self.recipe, features={n: self.recipe.features[n] for n in names}
            ),
            {n: self.maps[n] for n in names},
            {n: self.examples[n] for n in names},
            {n: self.kinds[n] for n in names},
            self.statistics_digest,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the fitted recipe's JSON: equal ones have equal digests."""
        return hashlib.sha256(config.dumps(self).encode()).hexdigest()

    def save(self, path: str | os.PathLike) -> None:
        """Writes the fitted recipe as JSON."""
        disk.save(self, path)


def missing_indicator(values):
    """1.0 where values are NaN, else 0.0, as float32; integers are never NaN."""
    if arrays.integer_bits(values):
        return arrays.cast(values, "float32") * 0.0
    return arrays.cast(arrays.namespace(values).isnan(values), "float32")


def _parts(values):
    """The values, and which rows are missing if any."""
    if not isinstance(values, arrays.Column):
        return arrays.asarray(values), None
    if values.missing is None or not values.missing.any():
        return values.values, None
    return values.values, values.missing
