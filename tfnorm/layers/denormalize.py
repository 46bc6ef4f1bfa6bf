# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that undoes another."""

import collections.abc

import keras

from tfnorm import arrays
from tfnorm import config as config_lib
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm.layers import base
from tfnorm.layers import features
from tfnorm.layers import foreign
from tfnorm.layers import live


@keras.saving.register_keras_serializable("tfnorm")
class Denormalize(keras.layers.Layer):
    """Takes normalized values back to the unit that they had.

    Of a layer it shares the live constants: what `adapt` changes there changes
    here. Unlike other layers it computes in float32 unless `dtype` is given,
    whatever the global policy: values in their own unit seldom fit float16.

    Args:
        of: A layer of `tfnorm.layers`, or a fitted recipe.
        feature: Which feature, where `of` has several.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        NotInvertible: If the map loses information.

    Example:

    >>> import numpy as np
    >>> from tfnorm.layers import fitted
    >>> layer = fitted.ZScore()
    >>> layer.adapt(np.array([20.0, 40.0]))
    >>> np.asarray(Denormalize(layer)(np.array([0.0, 2.0])))
    array([30., 50.], dtype=float32)
    """

    def __init__(
        self,
        of: base.SchemeLayer | features.Features | recipe_lib.FittedRecipe,
        feature: str | None = None,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.of = of
        self.feature = feature
        self._own: live.LiveMap | None = None
        _check_invertible(_structure(of, feature))
        if isinstance(of, recipe_lib.FittedRecipe):
            name = _name(of.maps, feature)
            self._own = live.LiveMap(
                self,
                of.maps[name],
                axis=of.recipe.features[name].axis,
                broadcast=not of.recipe.features[name].scheme.fitted_on_data,
            )

    def build(self, input_shape):
        if isinstance(self.of, base.SchemeLayer) and self.of.live is None:
            self.of.build(input_shape)

    def call(self, inputs):
        return self._restore(inputs)

    def __call__(self, inputs, *args, **kwargs):
        if foreign.is_foreign(self, inputs):
            return foreign.as_tensors(self._restore(inputs))
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        if isinstance(self.of, recipe_lib.FittedRecipe):
            of = config_lib.encode(self.of)
        else:
            # Within a model, Keras finds by this that both layers share it.
            of = keras.saving.serialize_keras_object(self.of)
        return {**super().get_config(), "of": of, "feature": self.feature}

    @classmethod
    def from_config(cls, config):
        of = config["of"]
        if "class_name" in of:
            of = keras.saving.deserialize_keras_object(of)
        else:
            of = config_lib.decode(of)
        return cls(**{**config, "of": of})

    @property
    def live(self) -> live.LiveMap | None:
        """The map that is undone, with its live constants."""
        if isinstance(self.of, base.SchemeLayer):
            return self.of.live
        if isinstance(self.of, features.Features):
            return self.of.live[_name(self.of.live, self.feature)]
        return self._own

    def _restore(self, outputs):
        if self.live is None or not self.live.is_fitted():
            raise errors.NotFittedError(
                f"Layer {self.of.name!r}, of which {self.name!r} is the inverse, has "
                "no constants yet. Call its `adapt(data)` first."
            )
        return arrays.cast(self.live.inverse(outputs), self.compute_dtype)


def _name(names: collections.abc.Iterable[str], feature: str | None) -> str:
    """The name of the feature that is meant."""
    names = list(names)
    if feature is None and len(names) == 1:
        return names[0]
    if feature not in names:
        raise errors.RecipeError(
            f"`feature={feature!r}` must be one of {', '.join(map(repr, names))}."
        )
    return feature


def _structure(of, feature: str | None):
    if isinstance(of, recipe_lib.FittedRecipe):
        return of.maps[_name(of.maps, feature)]
    if isinstance(of, features.Features):
        return of.live[_name(of.live, feature)].structure
    if not isinstance(of, base.SchemeLayer):
        raise TypeError(
            "`of` must be a layer of `tfnorm.layers` or a fitted recipe, but a "
            f"{type(of).__name__} came."
        )
    if feature is not None:
        raise errors.RecipeError(
            f"`feature={feature!r}`, but {type(of).__name__} knows no features."
        )
    if of.trainable_constants:
        raise errors.NotInvertible(
            f"The constants of {of.name!r} are trained, and the scale of the inverse "
            "does not follow them."
        )
    return of.scheme.template(())


def _check_invertible(structure) -> None:
    if not structure.invertible:
        raise errors.NotInvertible(
            f"{structure} loses information, so nothing can undo it."
        )
