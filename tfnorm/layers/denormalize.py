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

    Of a layer it shares the live constants: what `adapt` or training changes there
    changes here. Where the layer takes or returns more than one tensor, so does
    this: the keys of `PerKey`, or the statistics that a reversible layer returned,
    come behind the values. Saving and loading keeps what is shared; in
    `keras.models.clone_model` the inverse gets a layer of its own.

    Unlike other layers it computes in float32 unless `dtype` is given, whatever the
    global policy: values in their own unit seldom fit float16.

    Args:
        of: A layer of `tfnorm.layers`, or a fitted recipe.
        feature: Which feature, where `of` has several.
        channels: Which channels of its input the values are, if not all and `of` is
            a reversible layer.
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

    Reference:
        `inverse_transform` of
        https://scikit-learn.org/stable/modules/preprocessing.html.
    """

    def __init__(
        self,
        of: base.SchemeLayer | features.Features | recipe_lib.FittedRecipe,
        feature: str | None = None,
        *,
        channels: collections.abc.Sequence[int] | None = None,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.of = of
        self.feature = feature
        self.channels = None if channels is None else tuple(channels)
        self._own: live.LiveMap | None = None
        _check_invertible(of, feature)
        if isinstance(of, recipe_lib.FittedRecipe):
            name = _name(of.maps, feature)
            self._own = live.LiveMap(
                self,
                of.maps[name],
                axis=of.recipe.features[name].axis,
                broadcast=not of.recipe.features[name].scheme.fitted_on_data,
            )

    def build(self, inputs_shape, given_shape=None):
        if isinstance(self.of, base.SchemeLayer) and self.of.live is None:
            self.of.build(inputs_shape)

    def call(self, inputs, given=None):
        return self._restore(inputs, given)

    def __call__(self, inputs, *args, **kwargs):
        if foreign.is_foreign(self, (inputs, args, kwargs)):
            return foreign.as_tensors(self._restore(inputs, *args, **kwargs))
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, inputs_shape, given_shape=None):
        return tuple(inputs_shape)

    def get_config(self):
        if isinstance(self.of, recipe_lib.FittedRecipe):
            of = config_lib.encode(self.of)
        else:
            # Within a model, Keras finds by this that both layers share it.
            of = keras.saving.serialize_keras_object(self.of)
        own = {"of": of, "feature": self.feature, "channels": self.channels}
        return {**super().get_config(), **own}

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

    def _restore(self, outputs, given=None):
        if _undoes_itself(self.of):
            more = () if given is None else (given,)
            if self.channels is not None:
                more = (*more, self.channels)
            return arrays.cast(self.of.inverse(outputs, *more), self.compute_dtype)
        if self.live is None or not self.live.is_fitted():
            raise errors.NotFittedError(
                f"Layer {self.of.name!r}, of which {self.name!r} is the inverse, has "
                "no constants yet. Call its `adapt(data)` first."
            )
        context = {} if given is None else {"keys": given}
        restored = self.live.inverse(outputs, **context)
        return arrays.cast(restored, self.compute_dtype)


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


def _undoes_itself(of) -> bool:
    """Whether a layer has an inverse that is no map of fitted constants."""
    return isinstance(of, keras.layers.Layer) and hasattr(of, "inverse")


def _check_invertible(of, feature: str | None) -> None:
    if isinstance(of, recipe_lib.FittedRecipe):
        undone = of.maps[_name(of.maps, feature)]
    elif isinstance(of, features.Features):
        undone = of.live[_name(of.live, feature)].structure
    elif isinstance(of, base.SchemeLayer) or _undoes_itself(of):
        undone = of
        if feature is not None:
            raise errors.RecipeError(
                f"`feature={feature!r}`, but {type(of).__name__} knows no features."
            )
    else:
        raise TypeError(
            "`of` must be a layer of `tfnorm.layers` or a fitted recipe, but a "
            f"{type(of).__name__} came."
        )
    if not getattr(undone, "invertible", True):
        raise errors.NotInvertible(
            f"{undone} loses information, so nothing can undo it."
        )
