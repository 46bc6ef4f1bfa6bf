# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every layer around a scheme has."""

import collections.abc
import types
import typing

import keras
import numpy as np

from tfnorm import analysis
from tfnorm import arrays
from tfnorm import config as config_lib
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.layers import foreign
from tfnorm.layers import live


class SchemeLayer(keras.layers.Layer):
    """Normalizes its input by a scheme; subclasses say by which.

    The constants are weights: float32, not trainable, read whenever the layer
    runs. Input of any type is centered before it is cast, and the output is of
    the layer's compute dtype. A mask passes through. The layer also runs inside
    `tf.data`, on every backend.

    Args:
        scheme: The scheme.
        arguments: What the subclass was given to make the scheme from.
        axis: Axis or axes of the batched input to *keep*, as in Keras'
            `Normalization`: each of their elements has constants of its own.
            `None` pools all values.
        trainable_constants: Whether a centre and a scale behind the map are trained,
            from 0 and 1 (of `PCEN`, its own constants).
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.
    """

    def __init__(
        self,
        scheme: schemes.Scheme,
        arguments: dict[str, typing.Any],
        *,
        axis: int | collections.abc.Sequence[int] | None = -1,
        trainable_constants: bool = False,
        **kwargs,
    ):
        self.live: live.LiveMap | None = None
        super().__init__(autocast=False, **kwargs)
        self.scheme = scheme
        # A proxy, for Keras and TensorFlow wrap the dicts that they find.
        self.arguments = types.MappingProxyType(
            {
                # Keras writes infinity itself.
                key: value if isinstance(value, float) else config_lib.encode(value)
                for key, value in arguments.items()
            }
        )
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)
        self.trainable_constants = trainable_constants
        self.supports_masking = True
        if not (scheme.fitted_on_data or scheme.shaped):
            self.live = self._make(())

    @classmethod
    def from_statistics(
        cls,
        found: statistics.FeatureStatistics | collections.abc.Mapping,
        *,
        feature: str | None = None,
        **arguments,
    ):
        """Makes a layer that is fitted already.

        Args:
            found: Statistics of one feature (of its view, such as "log1p(x)", where
                the scheme has one); or those of a data set, as `tfnorm.analyze`
                and `tfnorm.load_statistics` return them.
            feature: Which feature of the data set.
            **arguments: Arguments of the layer.
        """
        layer = cls(**arguments)
        if isinstance(found, statistics.FeatureStatistics):
            layer._fit(found)
        else:
            layer._fit(_pick(found, feature, layer.scheme))
        return layer

    @property
    def invertible(self) -> bool:
        """Whether `Denormalize` can undo what it does."""
        return self.scheme.template(()).invertible

    def adapt(
        self,
        data: typing.Any,
        *,
        mask: typing.Any = None,
        sample_weight: typing.Any = None,
    ) -> None:
        """Fits the constants to data, in one exact pass.

        What was fitted before is replaced. NaN and infinite values enter no
        statistic.

        Args:
            data: NumPy array, tensor, DataFrame column, `tf.data.Dataset`, Keras
                `PyDataset`, or any iterable of batches `x`, `(x,)` or `(x, y)`.
                Axis 0 counts the rows.
            mask: For an array: boolean array of its first axes, such as (rows,
                steps). What is false there, padding say, enters no statistic.
            sample_weight: For an array: how much each row counts, of shape (rows,). A
                weight of 2 is the row twice, 0 leaves it out.

        Raises:
            EmptyDataError: If there is no row, or no valid value.
            DataError: If the data are not what the scheme needs, or a weight is none.
            RecipeError: If the scheme has no weighted form, as whitening.
        """
        if mask is not None:
            steps = getattr(self.scheme, "steps", (self.scheme,))
            if not steps[0].fitted_on_data and len(steps) > 1:
                raise errors.DataError(
                    "A `mask` cannot be seen behind the first step, which is fitted to "
                    "nothing. Adapt to the steps that count alone."
                )
            data = where_counted(data, mask)
        feature = recipe_lib.Feature(self.scheme, axis=self.axis)
        weight = None if sample_weight is None else "sample_weight"
        if weight is not None:
            if not (hasattr(data, "shape") or isinstance(data, list | tuple)):
                raise errors.DataError(
                    "`sample_weight` goes with an array. Of batches, give "
                    "`tfnorm.analyze` a column of weights, and the layer its result."
                )
            data = {"": data, weight: sample_weight}
        found = analysis.analyze(
            data,
            recipe_lib.Recipe({"": feature}, weight=weight),
            quantiles="quantiles" in self.scheme.requires,
        )
        self._fit(_pick(found, "", self.scheme))

    def build(self, input_shape):
        if self.live is None:
            self.live = self._make(self._kept(tuple(input_shape)))

    def call(self, inputs, mask=None):
        return self._normalize(inputs, mask=mask)

    def __call__(self, inputs, *args, **kwargs):
        if not foreign.is_foreign(self, (inputs, args, kwargs)):
            return super().__call__(inputs, *args, **kwargs)
        if self.live is None:
            self.live = self._make(self._kept(tuple(inputs.shape)))
        return foreign.as_tensors(self.call(inputs, *args, **kwargs))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    @property
    def variables(self):
        # Keras' trainer on JAX asks for the weights, then takes their values away
        # while it traces: the last chance to see whether they are fitted.
        if self.live is not None:
            self.live.is_fitted()
        return super().variables

    def get_config(self):
        return {
            **super().get_config(),
            **self.arguments,
            "axis": self.axis,
            "trainable_constants": self.trainable_constants,
        }

    @classmethod
    def from_config(cls, config):
        decoded = {
            key: config_lib.decode(value) if _is_encoded(value) else value
            for key, value in config.items()
        }
        return cls(**decoded)

    def get_build_config(self):
        # Weights are there before any input where `adapt` came first.
        return None if self.live is None else {"kept_shape": list(self.live.shape)}

    def build_from_config(self, config):
        if self.live is None:
            self.live = self._make(tuple(config["kept_shape"]))

    def _make(self, shape: tuple[int, ...]) -> live.LiveMap:
        fixed = not self.scheme.fitted_on_data
        return live.LiveMap(
            self,
            self.scheme.template(shape),
            axis=self.axis,
            fitted=fixed,
            broadcast=fixed,
            trainable=self.trainable_constants or self.scheme.trained,
        )

    def _kept(self, input_shape) -> tuple[int, ...]:
        axes = () if self.axis is None else self.axis
        axes = arrays.kept_axes(axes, len(input_shape))
        shape = tuple(input_shape[axis] for axis in axes)
        if None in shape:
            raise ValueError(
                f"The sizes of the kept axes (`axis={self.axis}`) must be known, but "
                f"the input shape is {input_shape}. Give them in `keras.Input`, or "
                "call `adapt` first."
            )
        return shape

    def _fit(self, found: statistics.FeatureStatistics) -> None:
        fitted = self.scheme.fit(found)
        if self.live is None:
            self.live = self._make(fitted.kept_shape)
        self.live.assign(fitted)

    def _normalize(self, inputs, **context):
        if not self.live.is_fitted():
            raise errors.NotFittedError(
                f"Layer {self.name!r} has no constants yet. Call `adapt(data)` first, "
                f"or make it by `{type(self).__name__}.from_statistics`."
            )
        outputs = self.live.forward(inputs, **context)
        return arrays.cast(outputs, self.compute_dtype)


def where_counted(data: typing.Any, mask: typing.Any) -> np.ndarray:
    """The data with NaN, which enters no statistic, where a mask is false."""
    if not hasattr(data, "shape"):
        raise errors.DataError("A `mask` needs an array beside it, not batches.")
    x, counted = (keras.ops.convert_to_numpy(a) for a in (data, mask))
    if x.shape[: counted.ndim] != counted.shape:
        raise errors.DataError(
            f"A `mask` of shape {counted.shape} is not of the first axes of data of "
            f"shape {x.shape}."
        )
    if x.dtype.kind in "iub":
        x = x.astype(np.float64)
    counted = counted.reshape(*counted.shape, *(1,) * (x.ndim - counted.ndim))
    return np.where(counted, x, np.asarray(np.nan, x.dtype))


def _pick(found, feature: str | None, scheme: schemes.Scheme):
    """The statistics that a scheme is fitted from."""
    key = feature if feature is None else recipe_lib.view_key(feature, scheme)
    if feature is None or key not in found:
        raise errors.StatisticsError(
            f"There are statistics of {', '.join(map(repr, found))}, not of {key!r}. "
            "Say `feature=`, and analyze with a recipe that names it."
        )
    return recipe_lib.statistics_for(found, feature, scheme)


def _is_encoded(value) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(map(_is_encoded, value))
    return isinstance(value, collections.abc.Mapping) and "type" in value
