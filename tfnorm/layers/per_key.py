# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that has constants for each key."""

import collections.abc
import dataclasses
import typing

import keras
import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.layers import base
from tfnorm.layers import live

# What the column of the keys is called while a layer adapts.
_KEY = "key"


@keras.saving.register_keras_serializable("tfnorm")
class PerKey(base.SchemeLayer):
    """Applies a scheme fitted to the rows that have the same key.

    Called with the values and the keys, one key a row: integers of any type, or text
    (as NumPy arrays, or as tensors of TensorFlow outside of XLA). A key without a
    valid value in the data is as one that was never seen.

    Args:
        scheme: What is fitted to each group, and to all rows for unseen keys.
        keys: Which keys have constants of their own, so that the layer can be made
            before it is adapted, and adapted again to data that have others: those
            that the data lack are mapped as fitted to all rows. By default, the keys
            of the data it is adapted to first.
        unseen_key_policy: "global" maps rows of unseen keys as fitted to all rows,
            "nan" makes them NaN.
        shrinkage: As many rows of the distribution of all are added to each group
            before its scheme is fitted.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = PerKey()
    >>> layer.adapt(np.array([1.0, 3.0, 10.0, 30.0]), np.array([5, 5, 7, 7]))
    >>> np.asarray(layer(np.array([1.0, 30.0]), np.array([5, 7])))
    array([-1.,  1.], dtype=float32)

    Reference:
        https://www.tensorflow.org/tfx/transform/api_docs/python/tft/scale_to_z_score_per_key
    """

    def __init__(
        self,
        scheme: schemes.Scheme = schemes.ZScore(),  # noqa: B008
        *,
        keys: collections.abc.Sequence[int]
        | collections.abc.Sequence[str]
        | None = None,
        unseen_key_policy: str = "global",
        shrinkage: float = 0.0,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "scheme": scheme,
            "unseen_key_policy": unseen_key_policy,
            "shrinkage": shrinkage,
        }
        schemes.base.check_choice(
            "unseen_key_policy", unseen_key_policy, ("global", "nan")
        )
        by_key = schemes.PerKey(key=_KEY, **arguments)
        given: typing.Any = None if keys is None else tuple(sorted(set(keys)))
        arguments["keys"] = None if keys is None else tuple(keys)
        super().__init__(by_key, arguments, axis=axis, **kwargs)
        self.vocabulary: typing.Any = given

    @classmethod
    def from_statistics(cls, found, *, feature=None, key=None, **arguments):
        """Makes a layer that is fitted already.

        Args:
            found: Statistics of a data set whose recipe has the feature by key.
            feature: Which feature.
            key: By which column, where it is fitted by several.
            **arguments: Arguments of the layer.

        Raises:
            StatisticsError: If there are no such statistics.
        """
        layer = cls(**arguments)
        if isinstance(found, statistics.FeatureStatistics) or feature is None:
            raise errors.StatisticsError(
                "Constants by key need the statistics of a data set, as "
                "`tfnorm.analyze` returns them, and `feature=`."
            )
        name = recipe_lib.view_key(feature, layer.scheme)
        columns = statistics.key_columns(found, name)
        if name not in found or (key is None and len(columns) != 1):
            raise errors.StatisticsError(
                f"There are statistics of {name!r} by {columns or 'no key'}. Say "
                "`key=`, and analyze with a recipe that has the feature `PerKey`."
            )
        scheme = dataclasses.replace(
            layer.scheme, key=columns[0] if key is None else key
        )
        layer._fit(recipe_lib.statistics_for(found, feature, scheme))
        return layer

    def adapt(
        self, data: typing.Any, keys: typing.Any = None, *, mask: typing.Any = None
    ) -> None:
        """Fits the constants of each key to data, in one exact pass.

        Args:
            data: An array and, as `keys`, an array of its rows' keys; or any
                iterable of batches `(x, keys)`.
            keys: Array of shape (rows,).
            mask: For an array: as of other layers.

        Raises:
            EmptyDataError: If there is no row, or no valid value.
            DataError: If the data are not what the scheme needs.
        """
        batches: collections.abc.Iterable
        if mask is not None:
            data = base.where_counted(data, mask)
        if keys is None and hasattr(data, "shape"):
            raise errors.DataError("An array needs the `keys` of its rows beside it.")
        if keys is None:
            batches = ({"": x, _KEY: key} for x, key in data)
        else:
            batches = [{"": arrays.asarray(data), _KEY: arrays.asarray(keys)}]
        super().adapt(batches)

    def build(self, inputs_shape, keys_shape=None):
        # How many constants there are depends on how many keys the data have.
        if self.live is None and self.vocabulary is not None:
            self.live = self._of_keys(self.vocabulary, self._kept(tuple(inputs_shape)))
        self._check_fitted_first()

    def call(self, inputs, keys, mask=None):
        return self._normalize(inputs, keys=keys, mask=mask)

    def compute_output_shape(self, inputs_shape, keys_shape=None):
        return tuple(inputs_shape)

    @property
    def keys(self) -> tuple:
        """The keys that have constants of their own."""
        if self.live is None:
            return ()
        whole: typing.Any = self.live.structure
        return getattr(whole, "parts", (whole,))[0].keys

    def get_build_config(self):
        if self.live is None:
            return None
        return {"kept_shape": list(self.live.shape), "keys": list(self.keys)}

    def build_from_config(self, config):
        if self.live is None:
            self.live = self._of_keys(config["keys"], config["kept_shape"])

    def _fit(self, found) -> None:
        if self.vocabulary is not None:
            valid = {
                k: g for k, g in found.by_key.items() if np.all(g.counts.valid > 0)
            }
            by_key = {key: valid.get(key, found.every) for key in self.vocabulary}
            found = schemes.Groups(found.every, by_key)
        fitted: typing.Any = self.scheme.fit(found)
        if self.live is None:
            self.live = self._of_keys(fitted.keys, fitted.kept_shape)
        elif self.keys != fitted.keys:
            raise errors.StatisticsError(
                f"The layer was made for {len(self.keys)} keys, and "
                "these data have others. Make a new layer, or one with `keys=`."
            )
        self.live.assign(fitted)

    def _of_keys(self, keys: collections.abc.Iterable, shape) -> live.LiveMap:
        one = schemes.Placeholder(tuple(shape))
        every = schemes.Groups(one, dict.fromkeys(keys, one))
        return live.LiveMap(
            self,
            self.scheme.fit(every),
            axis=self.axis,
            fitted=False,
            trainable=self.trainable_constants or self.scheme.trained,
        )

    def _check_fitted_first(self) -> None:
        if self.live is None:
            raise errors.NotFittedError(
                f"Layer {self.name!r} knows no keys yet. Call `adapt(data, keys)` "
                f"first, or make it by `PerKey.from_statistics`."
            )
