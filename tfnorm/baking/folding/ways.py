# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What lies between a map and the linear layers that it may be folded into."""

import dataclasses
import math
import typing

import keras
import numpy as np

from tfnorm.baking.folding import graph
from tfnorm.baking.folding import linear
from tfnorm.baking.folding import maps
from tfnorm.baking.folding import report

_L = keras.layers
# In inference they return what they are called with.
_IDENTITIES = (
    _L.ActivityRegularization,
    _L.AlphaDropout,
    _L.Dropout,
    _L.GaussianDropout,
    _L.GaussianNoise,
    _L.Identity,
    _L.SpatialDropout1D,
    _L.SpatialDropout2D,
    _L.SpatialDropout3D,
)
_MEANS = (_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D)
_MAXIMA = (_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D)
_SELECTIONS = (_L.Cropping1D, _L.Cropping2D, _L.Cropping3D, _L.UpSampling1D)
_REPETITIONS = (_L.UpSampling2D, _L.UpSampling3D)
_ALL_MEANS = (
    _L.GlobalAveragePooling1D,
    _L.GlobalAveragePooling2D,
    _L.GlobalAveragePooling3D,
)
_ALL_MAXIMA = (_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D)
_PADDINGS = (_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D)


def is_padding(layer: typing.Any) -> bool:
    """Whether a layer pads with zeros."""
    return type(layer) in _PADDINGS


def through(step: graph.Step, found: maps.Map, *, back: bool = False) -> maps.Map:
    """Returns the map that gives the same on the other side of a layer.

    Args:
        step: The call of the layer.
        found: The map of what it is called with, or of what it returns.
        back: Whether it is of what it returns.

    Raises:
        NotFoldable: If there is none.
    """
    layer, kind = step.layer, type(step.layer)
    if kind in _IDENTITIES:
        if step.training:
            raise report.NotFoldable(f"{step} drops or adds in inference, too")
        return found
    if kind is _L.Activation and linear.is_identity(layer.activation):
        return found
    if kind in _MEANS + _MAXIMA + _SELECTIONS + _REPETITIONS:
        _check_channels(step, found)
        if kind in _MEANS and layer.padding != "valid":
            raise report.NotFoldable(f"{step} may count its padding as zeros")
        if getattr(layer, "interpolation", "nearest") not in ("nearest", "bilinear"):
            raise report.NotFoldable(f"{step} interpolates beyond the values")
        return _checked_order(step, found) if kind in _MAXIMA else found
    if kind in _ALL_MEANS + _ALL_MAXIMA:
        before = linear.channels_axis(layer, len(step.shape))
        behind = before if layer.keepdims else 1
        here, there = (behind, before) if back else (before, behind)
        if found.axes not in ((), (here,)):
            raise report.NotFoldable(
                f"{step} reduces axes along which it has constants"
            )
        found = _checked_order(step, found) if kind in _ALL_MAXIMA else found
        return found.at((there,) if found.axes else ())
    if kind in (_L.Flatten, _L.Reshape):
        return _reshaped(step, found, back)
    raise report.NotFoldable(f"{step} lets no map pass")


def padded(
    step: graph.Step, found: maps.Map, pad: np.ndarray, *, back: bool = False
) -> np.ndarray:
    """Returns what a layer must pad with, of each channel, on the other side of a map.

    Args:
        step: The call of a layer that pads.
        found: The map.
        pad: What it pads with.
        back: Whether the map is of what it returns.
    """
    _check_channels(step, found)
    found = found.sized(pad.size)
    pad = np.broadcast_to(pad, found.loc.shape)
    pad = found.of(pad) if back else found.origin(pad)
    if not np.all(np.abs(pad) <= np.finfo(np.float32).max):
        raise report.NotFoldable(f"{step} would have to pad beyond float32")
    return pad


def parts(step: graph.Step) -> list[tuple[int, int]]:
    """Returns where in the result of a concatenation its inputs lie.

    Raises:
        NotFoldable: If sizes are not known.
    """
    axis = _axis_of(step)
    sizes = [shape[axis] for shape in step.shapes]
    if None in sizes:
        raise report.NotFoldable(f"{step} does not know the sizes of its parts")
    ends = np.cumsum(sizes).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def concatenated(step: graph.Step, found: maps.Map, index: int) -> maps.Map:
    """Returns a map of one input of a concatenation as one of its result."""
    spans = parts(step)
    start, stop = spans[index]
    axis = _axis_of(step)
    if found.mixes or found.axes not in ((), (axis,)):
        raise report.NotFoldable(
            f"{step} joins another axis than it has constants along"
        )
    return found.sized(stop - start).among(start, spans[-1][1]).at((axis,))


def separated(step: graph.Step, found: maps.Map) -> list[maps.Map]:
    """Returns a map of the result of a concatenation as maps of its inputs."""
    spans = parts(step)
    if not found.axes:
        return [found] * len(spans)
    if found.mixes or found.axes != (_axis_of(step),):
        raise report.NotFoldable(
            f"{step} joins another axis than it has constants along"
        )
    return [found.part(start, stop) for start, stop in spans]


def summands(step: graph.Step, found: maps.Map) -> list[maps.Map]:
    """Returns a map of a sum as maps of what is added."""
    if len(set(step.shapes)) > 1:
        raise report.NotFoldable(f"{step} adds arrays of several shapes")
    zero = np.zeros_like(found.loc)
    rest = dataclasses.replace(found, loc=zero, offset=zero)
    return [found, *[rest] * (len(step.shapes) - 1)]


def _axis_of(step: graph.Step) -> int:
    return step.layer.axis % len(step.shape)


def _check_channels(step: graph.Step, found: maps.Map) -> None:
    axis = linear.channels_axis(step.layer, len(step.shape))
    if found.axes not in ((), (axis,)):
        raise report.NotFoldable(
            f"{step} moves elements along axes that it has constants for"
        )


def _checked_order(step: graph.Step, found: maps.Map) -> maps.Map:
    if found.mixes or np.any(found.factor <= 0):
        raise report.NotFoldable(
            f"{step} takes maxima, and not all of its factors are above 0"
        )
    return found


def _reshaped(step: graph.Step, found: maps.Map, back: bool) -> maps.Map:
    before, behind = step.shape, step.output_shape
    if not found.axes:
        return found
    if back:
        raise report.NotFoldable(f"{step} joins channels with steps")
    if getattr(step.layer, "_channels_first", False):
        raise report.NotFoldable(f"{step} moves the channels")
    last = (len(before) - 1,)
    if found.axes == last and before[-1] == behind[-1]:
        return found.at((len(behind) - 1,))
    if None in before[1:] or None in behind[1:]:
        raise report.NotFoldable(f"{step} does not know how much it joins")
    axes = tuple(range(1, len(before)))
    found = found.repeated(axes, before[1:])
    assert math.prod(behind[1:]) == found.size
    return found.at(tuple(range(1, len(behind))))
