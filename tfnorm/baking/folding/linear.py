# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Linear layers, and how affine maps beside them become part of their weights."""

import dataclasses
import math
import typing

import keras
import numpy as np

from tfnorm.baking.folding import constants
from tfnorm.baking.folding import maps
from tfnorm.baking.folding import report

_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
# A subclass may compute something else.
_KINDS = {keras.layers.Dense, *_CONVOLUTIONS, *_DEPTHWISE, *_SEPARABLE, *_TRANSPOSED}

# How far the centre of a folded map may lie from 0, in deviations: of the 24 bits of
# float32, 18 are left. Narrower types have 8 or 11 in the first place.
_FARTHEST = {"float64": 2.0**32, "float32": 2.0**6}
_FARTHEST_OF_NARROW = 2.0**2
# How many deviations from the centre float16 must hold.
_HELD = 2.0**6


class Linear:
    """A linear layer, and what is to be folded into it.

    Args:
        layer: The layer.
        shape: Of what it is called with.
        calls: How often it is called in the model.
    """

    def __init__(self, layer: keras.layers.Layer, shape: tuple, calls: int):
        self.layer: typing.Any = layer
        self.shape = shape
        self.calls = calls
        # In front of it, the nearest first, and behind it.
        self.taken: list[maps.Map] = []
        self.given: list[maps.Map] = []
        # What is padded around the input, of each channel.
        self.pad = np.zeros(1)

    @property
    def changed(self) -> bool:
        """Whether there is anything to fold."""
        return bool(self.taken or self.given)

    @property
    def explicit(self) -> bool:
        """Whether another layer must pad, since this one pads with 0."""
        return any(map(any, self.padding()))

    def check_takes(self, found: maps.Map) -> None:
        """Raises NotFoldable if a map in front cannot be folded exactly."""
        self._check_plain()
        axis = self._channels_axis(len(self.shape))
        if found.axes not in ((), (axis,)):
            raise report.NotFoldable(
                f"`{self.name}` sums over axis {axis}, and it has constants along "
                f"{', '.join(map(str, found.axes))}"
            )
        grouped = self._groups() > 1 or isinstance(self.layer, _SEPARABLE)
        if found.mixes and grouped:
            raise report.NotFoldable(f"`{self.name}` does not mix channels as it does")
        if isinstance(self.layer, _TRANSPOSED) and np.any(found.shift):
            if self.layer.strides != (1,) * len(self.layer.strides) or self._pads():
                raise report.NotFoldable(
                    f"`{self.name}` counts a shift more often inside than at borders"
                )
        self._check_reach(found)
        self._amounts(self._pad_before(found))
        self._check_fits([*self.taken, found], self.given)

    def check_gives(self, found: maps.Map, rank: int) -> None:
        """Raises NotFoldable if a map behind cannot be folded exactly.

        Args:
            found: The map.
            rank: Of what the layer returns.
        """
        self._check_plain()
        if not is_identity(self.layer.activation):
            name = getattr(self.layer.activation, "__name__", "another")
            raise report.NotFoldable(f"`{self.name}` has the activation {name!r}")
        if found.mixes or found.axes not in ((), (self._channels_axis(rank),)):
            raise report.NotFoldable(f"it does not map the channels of `{self.name}`")
        self._check_fits(self.taken, [*self.given, found])

    def take(self, found: maps.Map) -> None:
        """Folds a map in front."""
        self.pad = self._pad_before(found)
        self.taken.append(found)

    def give(self, found: maps.Map) -> None:
        """Folds a map behind."""
        self.given.append(found)

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.name

    def padding(self) -> tuple[tuple[int, int], ...]:
        """How much to pad explicitly, for each axis of space."""
        return self._amounts(self.pad)

    def folded(self) -> dict[str, np.ndarray]:
        """The weights with all that is folded into them, in float64."""
        return self._folded(self.taken, self.given)

    def _folded(self, taken, given) -> dict[str, np.ndarray]:
        layer = self.layer
        separable = isinstance(layer, _SEPARABLE)
        first = "depthwise_kernel" if separable else "kernel"
        found = {first: constants.values(getattr(layer, first))}
        shape = found[first].shape
        kernel = self._as_taps(found[first])
        extra = np.zeros(kernel.shape[-1])
        for one in taken:
            kernel, constant = _taken(kernel, self._groups(), one)
            extra = extra + constant
        if separable:
            found[first] = kernel.reshape(shape)
            first = "pointwise_kernel"
            found[first] = constants.values(layer.pointwise_kernel)
            shape = found[first].shape
            kernel = found[first].reshape(-1, shape[-1])
            extra = extra @ kernel
        bias = extra if layer.bias is None else extra + constants.values(layer.bias)
        for one in given:
            kernel = kernel * one.factor
            bias = one.of(bias)
        found[first] = self._from_taps(kernel, shape)
        if layer.bias is not None or np.any(bias):
            found["bias"] = bias
        return found

    def _pad_before(self, found: maps.Map) -> np.ndarray:
        """What is to be padded in front of a map."""
        channels = self.shape[self._channels_axis(len(self.shape))]
        return found.sized(channels).origin(self.pad)

    def _as_taps(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel of shape (taps, channels in of a group, channels out)."""
        if isinstance(self.layer, _TRANSPOSED):
            kernel = np.swapaxes(kernel, -1, -2)
        if isinstance(self.layer, _DEPTHWISE + _SEPARABLE):
            return kernel.reshape(math.prod(kernel.shape[:-2]), 1, -1)
        return kernel.reshape(-1, *kernel.shape[-2:])

    def _from_taps(self, kernel: np.ndarray, shape: tuple) -> np.ndarray:
        if isinstance(self.layer, _TRANSPOSED):
            swapped = (*shape[:-2], shape[-1], shape[-2])
            return np.swapaxes(kernel.reshape(swapped), -1, -2)
        return kernel.reshape(shape)

    def _groups(self) -> int:
        if isinstance(self.layer, _DEPTHWISE + _SEPARABLE):
            return self.shape[self._channels_axis(len(self.shape))]
        return getattr(self.layer, "groups", 1)

    def _channels_axis(self, rank: int) -> int:
        return channels_axis(self.layer, rank)

    def _pads(self) -> bool:
        """Whether the layer pads its input, or leaves out what is beyond borders."""
        if isinstance(self.layer, keras.layers.Dense):
            return False
        taps = any(size > 1 for size in self.layer.kernel_size)
        if isinstance(self.layer, _TRANSPOSED):
            return taps
        return taps and self.layer.padding != "valid"

    def _amounts(self, pad: np.ndarray) -> tuple[tuple[int, int], ...]:
        """How much of `pad` is to be padded, for each axis of space.

        It is what every backend of Keras pads with zeros.
        """
        if not (np.any(pad) and self._pads()) or isinstance(self.layer, _TRANSPOSED):
            return ()
        layer = self.layer
        start = 2 if channels_axis(layer, len(self.shape)) == 1 else 1
        dilation = np.broadcast_to(layer.dilation_rate, len(layer.kernel_size))
        strides = np.broadcast_to(layer.strides, len(layer.kernel_size))
        amounts = []
        for index, taps in enumerate(layer.kernel_size):
            width, stride = (taps - 1) * int(dilation[index]), int(strides[index])
            size = self.shape[start + index]
            if layer.padding == "causal":
                amounts.append((width, 0))
                continue
            if stride > 1 and width and size is None:
                raise report.NotFoldable(
                    f"how much `{self.name}` pads depends on the size of its input, "
                    "which `keras.Input` does not tell"
                )
            total = max(width - (size - 1) % stride if stride > 1 else width, 0)
            amounts.append((total // 2, total - total // 2))
        return tuple(amounts)

    def _check_plain(self) -> None:
        if self.calls > 1:
            raise report.NotFoldable(f"`{self.name}` is called {self.calls} times")
        if getattr(self.layer, "quantization_mode", None):
            raise report.NotFoldable(f"`{self.name}` is quantized")
        if getattr(self.layer, "lora_enabled", False):
            raise report.NotFoldable(f"`{self.name}` has LoRA weights apart")

    def _check_reach(self, found: maps.Map) -> None:
        kind = self.layer.compute_dtype
        if found.reach > _FARTHEST.get(kind, _FARTHEST_OF_NARROW):
            raise report.NotFoldable(
                f"its centre is {found.reach:.3g} deviations from 0: {kind} would lose "
                f"{math.log2(found.reach):.0f} bits"
            )
        if kind == "float16":
            used = np.abs(found.factor).max(-1) if found.mixes else np.abs(found.factor)
            widths = _HELD / np.where(used == 0, 1.0, used)
            if np.any(np.abs(found.loc) + widths > np.finfo(np.float16).max):
                raise report.NotFoldable("its input is beyond what float16 holds")

    def _check_fits(self, taken, given) -> None:
        """Refuses weights that the types of the layer cannot hold to full precision."""
        for weight in self._folded(taken, given).values():
            greatest = np.abs(weight.reshape(-1, weight.shape[-1])).max(0)
            for name in (self.layer.variable_dtype, self.layer.compute_dtype):
                kind = _RANGES[name]
                small = (greatest < kind.least) & (weight.ndim > 1) & (greatest > 0)
                if np.any(small) or not np.all(greatest < kind.largest):
                    raise report.NotFoldable(
                        f"the weights of `{self.name}` would not fit {name}"
                    )


@dataclasses.dataclass(frozen=True)
class _Range:
    """What a type holds without loss of digits."""

    least: float
    largest: float


_RANGES = {
    "float16": _Range(2.0**-14, 65504.0),
    "bfloat16": _Range(2.0**-126, 2.0**127),
    "float32": _Range(2.0**-126, 2.0**127),
    "float64": _Range(2.0**-1022, 2.0**1023),
}


def of(layer: typing.Any, shape: tuple, calls: int) -> Linear | None:
    """Returns what folds into a layer, or `None` if it is none that is known."""
    return Linear(layer, shape, calls) if type(layer) in _KINDS else None


def channels_axis(layer: typing.Any, rank: int) -> int:
    """Returns the axis of the channels."""
    first = getattr(layer, "data_format", None) == "channels_first"
    return 1 if first else rank - 1


def is_identity(activation: typing.Any) -> bool:
    """Whether an activation leaves everything as it is."""
    return activation is None or activation is keras.activations.linear


def _taken(kernel: np.ndarray, groups: int, found: maps.Map):
    """The kernel with a map in front of it, and what is to be added behind it."""
    taps, inside, outside = kernel.shape
    found = found.sized(inside * groups)
    shift = found.shift.reshape(groups, inside)
    grouped = kernel.reshape(taps, inside, groups, outside // groups)
    constant = np.einsum("tigo,gi->go", grouped, shift).reshape(-1)
    if found.mixes:
        return found.factor.T @ kernel, constant
    factor = found.factor.reshape(groups, inside).T[:, :, None]
    return (grouped * factor).reshape(kernel.shape), constant
