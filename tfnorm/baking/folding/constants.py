# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The affine map that a normalization layer is in inference."""

import typing

import keras
import numpy as np

from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import layers
from tfnorm.baking.folding import maps
from tfnorm.baking.folding import report
from tfnorm.layers.network import batch
from tfnorm.layers.network import batch_normalization
from tfnorm.layers.network import frozen

_KNOWN = (
    batch.BatchLayer,
    batch_normalization.BatchNormalization,
    frozen.FrozenBatchNormalization,
)
# Products of constants within these, and weights, cannot overflow float64.
_LARGEST = 2.0**120


def is_normalization(layer: typing.Any) -> bool:
    """Whether a layer normalizes by constants, so that it may be folded."""
    return isinstance(
        layer,
        keras.layers.BatchNormalization
        | keras.layers.Normalization
        | keras.layers.Rescaling
        | layers.Running
        | layers.SchemeLayer
        | batch.BatchLayer,
    )


def of(layer: keras.layers.Layer, shape: tuple, training: bool | None) -> maps.Map:
    """Returns the map of a layer.

    Args:
        layer: The layer.
        shape: Of what it is called with.
        training: What it is called with.

    Raises:
        NotFoldable: If it is not affine, or its constants are no numbers.
    """
    if isinstance(layer, layers.SchemeLayer):
        found = _of_scheme(layer, len(shape))
    elif _is(layer, keras.layers.Rescaling):
        found = _of_rescaling(layer, len(shape))
    elif _is(layer, keras.layers.Normalization):
        found = _of_normalization(layer)
    else:
        _check_constant(layer, training)
        found = _of_batch_normalization(layer, len(shape))
    for name in ("factor", "loc", "offset"):
        if not np.all(np.abs(getattr(found, name)) < _LARGEST):
            raise report.NotFoldable("its constants are not all finite")
    return found


def values(weight: typing.Any) -> np.ndarray:
    """Returns a weight in float64."""
    return np.asarray(keras.ops.convert_to_numpy(weight)).astype(np.float64)


def _is(layer: typing.Any, kind: typing.Any) -> bool:
    """Whether a layer computes what another class does."""
    return isinstance(layer, kind) and type(layer).call is kind.call


def _check_constant(layer, training: bool | None) -> None:
    if isinstance(layer, batch.BatchLayer):
        kind = type(layer)
        by_batch = (
            kind._normalized not in [one._normalized for one in _KNOWN]
            or kind._inferred not in [one._inferred for one in _KNOWN]
            or getattr(layer, "prior_count", None) is not None
        )
    else:
        by_batch = not _is(layer, keras.layers.BatchNormalization)
    if getattr(layer, "classes", None) is not None:
        raise report.NotFoldable("it has constants for each class")
    if by_batch:
        raise report.NotFoldable(
            "in inference it uses more than its moving statistics, or is not known to"
        )
    is_frozen = isinstance(layer, frozen.FrozenBatchNormalization)
    if training and layer.trainable and not is_frozen:
        raise report.NotFoldable("it is called with `training=True`")


def _of_batch_normalization(layer, rank: int) -> maps.Map:
    mean = values(layer.moving_mean)
    inverse = 1.0 / np.sqrt(values(layer.moving_variance) + layer.epsilon)
    gamma = 1.0 if layer.gamma is None else values(layer.gamma)
    beta = 0.0 if layer.beta is None else values(layer.beta)
    return maps.Map(
        inverse * gamma,
        mean,
        np.broadcast_to(beta, mean.shape),
        (layer.axis % rank,),
        _reach(mean * inverse),
    )


def _of_rescaling(layer, rank: int) -> maps.Map:
    scale, offset = np.broadcast_arrays(
        np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
    )
    axes: tuple[int, ...] = ()
    if scale.size > 1:
        axes = (rank - 1,)
        if scale.ndim > 1 or keras.config.image_data_format() == "channels_first":
            raise report.NotFoldable("it has constants along several axes")
    scale, offset = scale.reshape(-1), offset.reshape(-1)
    return maps.Map(scale, np.zeros_like(scale), offset, axes, _reach(offset))


def _of_normalization(layer) -> maps.Map:
    mean, variance = values(layer.mean), values(layer.variance)
    axes = tuple(axis for axis in layer._keep_axis if mean.size > 1)
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon()).reshape(-1)
    mean = mean.reshape(-1)
    zero = np.zeros_like(mean)
    if layer.invert:
        return maps.Map(deviation, zero, mean, axes)
    return maps.Map(1.0 / deviation, mean, zero, axes, _reach(mean / deviation))


def _of_scheme(layer, rank: int) -> maps.Map:
    if layer.live is None or not layer.live.is_fitted():
        raise report.NotFoldable("it has no constants yet")
    constants = {key: values(weight) for key, weight in layer.live.weights.items()}
    axes = arrays.kept_axes(layer.live.axis, rank)
    return _of_bijector(layer.live.structure, constants, axes)


def _of_bijector(bijector, constants, axes) -> maps.Map:
    if isinstance(bijector, bijectors.Chain):
        found = _identity()
        for index, part in enumerate(bijector.parts):
            prefix = f"{index}."
            own = {
                key.removeprefix(prefix): value
                for key, value in constants.items()
                if key.startswith(prefix)
            }
            found = _of_bijector(part, own, axes).after(found)
        return found
    if isinstance(bijector, bijectors.Identity):
        return _identity()
    if not isinstance(bijector, bijectors.Affine | bijectors.Matrix):
        raise report.NotFoldable(f"its map `{type(bijector).__name__}` is not affine")
    loc = sum(constants[key] for key in ("loc_hi", "loc_lo", "loc_rest")).reshape(-1)
    zero = np.zeros_like(loc)
    if isinstance(bijector, bijectors.Matrix):
        matrix = constants["matrix"]
        return maps.Map(matrix, loc, zero, axes, _reach(np.abs(matrix) @ np.abs(loc)))
    inverse = constants["inverse_scale"].reshape(-1)
    axes = axes if loc.size > 1 else ()
    return maps.Map(inverse, loc, zero, axes, _reach(loc * inverse))


def _identity() -> maps.Map:
    return maps.Map(np.ones(1), np.zeros(1), np.zeros(1), ())


def _reach(distances: np.ndarray) -> float:
    return float(np.max(np.abs(distances), initial=0.0))
