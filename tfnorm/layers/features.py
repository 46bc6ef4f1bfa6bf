# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that normalizes a dict of raw columns."""

import collections.abc
import types

import keras

from tfnorm import arrays
from tfnorm import config as config_lib
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm.layers import foreign
from tfnorm.layers import live

OUTPUTS = ("dict", "concat")


@keras.saving.register_keras_serializable("tfnorm")
class Features(keras.layers.Layer):
    """Normalizes raw columns, a dict of tensors, by a fitted recipe.

    It computes what `FittedRecipe.forward` does, from constants that are weights:
    float32, not trainable, one set per feature of the recipe. Columns may be of
    shape (rows,), (rows, 1) or more. A feature of the recipe that is no column (the
    target, say) is left out. A mask of a column leaves steps out of what is normalized
    by itself, such as `CMVN`. The layer also runs inside `tf.data`, on every
    backend.

    Args:
        fitted: The fitted recipe.
        output: "dict" for normalized columns by name, "concat" for one tensor of
            shape (rows, values): the features in the recipe's order, each followed
            by its indicator if it has one, then the other columns.
        passthrough: Whether columns that the recipe does not name come out as they
            are, or not at all.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Example:

    >>> import numpy as np
    >>> from tfnorm import analysis, recipe, schemes
    >>> rows = {"age": np.array([20.0, 40.0])}
    >>> asked = recipe.Recipe({"age": schemes.ZScore()})
    >>> layer = Features(asked.fit(analysis.analyze(rows, asked)))
    >>> np.asarray(layer({"age": np.array([30.0, 50.0])})["age"])
    array([0., 2.], dtype=float32)

    Reference:
        https://keras.io/api/utils/feature_space and `ColumnTransformer` of
        https://scikit-learn.org/stable/modules/compose.html.
    """

    def __init__(
        self,
        fitted: recipe_lib.FittedRecipe,
        *,
        output: str = "dict",
        passthrough: bool = True,
        **kwargs,
    ):
        if not isinstance(fitted, recipe_lib.FittedRecipe):
            raise errors.RecipeError(
                f"A fitted recipe was expected, but a {type(fitted).__name__} came. "
                "Fit the recipe first: `recipe.fit(statistics)`."
            )
        super().__init__(autocast=False, **kwargs)
        if output not in OUTPUTS:
            raise ValueError(f"`output={output!r}` is none of {OUTPUTS}.")
        self.fitted = fitted
        self.output_form = output
        self.passthrough = passthrough
        # A proxy, for Keras and TensorFlow wrap the dicts that they find.
        self.live = types.MappingProxyType(
            {name: self._make(name, index) for index, name in enumerate(fitted.maps)}
        )

    def call(self, inputs, mask=None):
        return self._normalize(inputs, mask)

    def __call__(self, inputs, *args, **kwargs):
        if foreign.is_foreign(self, inputs):
            return foreign.as_tensors(self.call(inputs, *args, **kwargs))
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)

    def compute_output_spec(self, inputs, mask=None):
        self._check(inputs)
        named = {}
        for name, source, indicator in self._columns(inputs):
            x = inputs[source]
            dtype = self.compute_dtype if name in self.live or indicator else x.dtype
            named[name] = keras.KerasTensor(x.shape, dtype=dtype)
        if self.output_form == "dict":
            return named
        shapes = [_flat_shape(spec.shape) for spec in named.values()]
        widths = [shape[-1] for shape in shapes]
        width = None if None in widths else sum(widths)
        return keras.KerasTensor((*shapes[0][:-1], width), dtype=self.compute_dtype)

    def compute_mask(self, inputs, previous_mask):
        if self.output_form == "concat" or previous_mask is None:
            return None
        return {
            name: previous_mask[source] for name, source, _ in self._columns(inputs)
        }

    def get_config(self):
        return {
            **super().get_config(),
            "fitted": config_lib.encode(self.fitted),
            "output": self.output_form,
            "passthrough": self.passthrough,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "fitted": config_lib.decode(config["fitted"])})

    def _make(self, name: str, index: int) -> live.LiveMap:
        feature = self.fitted.recipe.features[name]
        return live.LiveMap(
            self,
            self.fitted.maps[name],
            axis=feature.axis,
            # Two names may differ in signs only.
            prefix=f"{index}_{name}_",
            broadcast=not feature.scheme.fitted_on_data,
            trainable=feature.scheme.trained,
        )

    def _columns(self, inputs):
        """Yields the name of each output, its input, and whether it indicates."""
        for name, feature in self.fitted.recipe.features.items():
            if name in inputs:
                yield name, name, False
                if feature.indicator:
                    yield recipe_lib.indicator_name(name), name, True
        if self.passthrough:
            yield from ((name, name, False) for name in inputs if name not in self.live)

    def _check(self, inputs) -> None:
        if not isinstance(inputs, collections.abc.Mapping):
            raise ValueError(
                f"`Features` takes a dict of columns, but a {type(inputs).__name__} "
                "came."
            )
        if not any(name in self.live for name in inputs):
            raise ValueError(
                f"None of the columns {', '.join(map(repr, inputs))} is a feature of "
                f"the recipe: {', '.join(map(repr, self.live))}."
            )
        for name, feature in self.fitted.recipe.features.items():
            key = feature.scheme.key
            if name in inputs and key is not None and key not in inputs:
                raise ValueError(
                    f"Feature {name!r} is normalized by {key!r}, which is not among "
                    f"the columns {', '.join(map(repr, inputs))}."
                )
        if self.passthrough:
            self.fitted.recipe.check_columns(inputs.keys())

    def _normalize(self, inputs, mask):
        mask = mask or {}
        outputs = {
            name: self._column(name, source, indicator, inputs, mask.get(source))
            for name, source, indicator in self._columns(inputs)
        }
        if self.output_form == "dict":
            return outputs
        columns = []
        for name, column in outputs.items():
            try:
                column = arrays.cast(column, self.compute_dtype)
            except Exception as error:
                raise ValueError(
                    f"Column {name!r} does not hold numbers, so it cannot be "
                    "concatenated. Leave it out, or say `passthrough=False`."
                ) from error
            columns.append(column[:, None] if arrays.rank(column) == 1 else column)
        return arrays.namespace(columns[0]).concatenate(columns, axis=-1)

    def _column(self, name: str, source: str, indicator: bool, inputs, mask):
        x = inputs[source]
        if indicator:
            return arrays.cast(recipe_lib.missing_indicator(x), self.compute_dtype)
        if name not in self.live:
            return x
        key = self.fitted.recipe.features[name].scheme.key
        context = {"mask": mask} | ({} if key is None else {"keys": inputs[key]})
        return arrays.cast(self.live[name].forward(x, **context), self.compute_dtype)


def _flat_shape(shape):
    return (*shape, 1) if len(shape) == 1 else tuple(shape)
