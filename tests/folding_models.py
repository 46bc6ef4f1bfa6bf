# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Small models for the tests of folding, and a script that folds them on a backend."""

import sys

import keras
import numpy as np

import tfnorm
from tfnorm import layers as normalization

_L = keras.layers
_NORM = _L.BatchNormalization
STEPS, IMAGE, VOLUME = (11, 4), (9, 8, 4), (6, 5, 7, 4)

# A linear layer, and the shape of its input.
LINEAR = {
    "dense": (STEPS, lambda: _L.Dense(3)),
    "dense_no_bias": ((4,), lambda: _L.Dense(3, use_bias=False)),
    "conv_1d": (STEPS, lambda: _L.Conv1D(3, 3)),
    "conv_1d_causal": (STEPS, lambda: _L.Conv1D(3, 3, padding="causal")),
    "conv_1d_dilated": (
        STEPS,
        lambda: _L.Conv1D(3, 3, dilation_rate=2, padding="same"),
    ),
    "conv_1d_causal_dilated": (
        STEPS,
        lambda: _L.Conv1D(3, 2, dilation_rate=3, padding="causal"),
    ),
    "conv_2d": (IMAGE, lambda: _L.Conv2D(3, 3, use_bias=False)),
    "conv_2d_groups": (IMAGE, lambda: _L.Conv2D(6, 3, groups=2, padding="same")),
    "conv_2d_same": (IMAGE, lambda: _L.Conv2D(3, (3, 4), padding="same")),
    "conv_2d_same_strides": (
        IMAGE,
        lambda: _L.Conv2D(3, (3, 4), strides=2, padding="same"),
    ),
    "conv_2d_strides_beyond": (
        IMAGE,
        lambda: _L.Conv2D(3, 2, strides=3, padding="same"),
    ),
    "conv_2d_1_by_1": (IMAGE, lambda: _L.Conv2D(3, 1, strides=2, padding="same")),
    "conv_3d": (VOLUME, lambda: _L.Conv3D(3, 2, padding="same")),
    "depthwise_1d": (STEPS, lambda: _L.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise_2d": (
        IMAGE,
        lambda: _L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
    ),
    "depthwise_2d_strides": (
        IMAGE,
        lambda: _L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False),
    ),
    "separable_1d": (STEPS, lambda: _L.SeparableConv1D(3, 3, padding="same")),
    "separable_2d": (
        IMAGE,
        lambda: _L.SeparableConv2D(3, 3, strides=2, depth_multiplier=2, use_bias=False),
    ),
    "separable_2d_same": (IMAGE, lambda: _L.SeparableConv2D(3, 3, padding="same")),
}
TRANSPOSED = {
    "transposed_1d": (STEPS, lambda: _L.Conv1DTranspose(3, 3, strides=2)),
    "transposed_2d": (
        IMAGE,
        lambda: _L.Conv2DTranspose(3, 3, strides=2, padding="same"),
    ),
    "transposed_3d": (VOLUME, lambda: _L.Conv3DTranspose(3, 2, use_bias=False)),
}
# What a map passes on its way to a layer behind it, and that layer.
PASSED = {
    "activation": (IMAGE, lambda: [_L.Activation("linear"), _L.Conv2D(3, 3)]),
    "dropout": (IMAGE, lambda: [_L.SpatialDropout2D(0.5), _L.Conv2D(3, 3)]),
    "zero_padding_1d": (STEPS, lambda: [_L.ZeroPadding1D((2, 1)), _L.Conv1D(3, 3)]),
    "zero_padding_2d": (
        IMAGE,
        lambda: [_L.ZeroPadding2D(((1, 0), (2, 3))), _L.Conv2D(3, 3, padding="same")],
    ),
    "zero_padding_3d": (VOLUME, lambda: [_L.ZeroPadding3D(1), _L.Conv3D(3, 3)]),
    "two_paddings": (
        IMAGE,
        lambda: [_L.ZeroPadding2D(1), _L.ZeroPadding2D(2), _L.DepthwiseConv2D(4)],
    ),
    "cropping": (IMAGE, lambda: [_L.Cropping2D(1), _L.Conv2D(3, 3)]),
    "up_sampling": (
        IMAGE,
        lambda: [_L.UpSampling2D(2), _L.Conv2D(3, 3)],
    ),
    "average": (IMAGE, lambda: [_L.AveragePooling2D(2), _L.Conv2D(3, 3)]),
    "global_average": (IMAGE, lambda: [_L.GlobalAveragePooling2D(), _L.Dense(3)]),
    "flatten": (IMAGE, lambda: [_L.Flatten(), _L.Dense(3)]),
    "reshape_all": (IMAGE, lambda: [_L.Reshape((288,)), _L.Dense(3)]),
    "reshape": (IMAGE, lambda: [_L.Reshape((72, 4)), _L.Conv1D(3, 3)]),
}


def sequential(shape, *layers, dtype=None):
    """A model whose weights are all random."""
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *layers])
    randomize(model)
    return model


def randomize(model):
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.Model | normalization.SchemeLayer):
            continue
        for weight in layer.weights:
            value = rng.normal(0.0, 1.0, weight.shape)
            positive = weight.name.endswith("variance")
            weight.assign(np.abs(value) + 0.5 if positive else value)
        if isinstance(layer, _L.Normalization):
            layer.finalize_state()
    return model


def rows(model, count=2):
    """Random input for a model of one input."""
    rng = np.random.default_rng(1)
    return rng.normal(0.5, 1.0, (count, *model.inputs[0].shape[1:]))


def difference(model, folded, x=None):
    """The greatest difference of outputs, beside the greatest output."""
    x = rows(model) if x is None else x
    wanted, found = (
        keras.ops.convert_to_numpy(one(x, training=False)) for one in (model, folded)
    )
    assert wanted.shape == found.shape and wanted.dtype == found.dtype
    return np.abs(wanted - found).max() / np.abs(wanted).max()


def in_front(name):
    shape, make = {**LINEAR, **TRANSPOSED}[name]
    return sequential(shape, make(), _NORM())


def behind(name):
    shape, make = LINEAR[name]
    return sequential(shape, _NORM(), make())


def channels_first():
    """TensorFlow has no kernels for them on CPUs."""
    conv, pad = (
        _L.Conv2D(3, 3, padding="same", data_format="channels_first"),
        _L.ZeroPadding2D(1, data_format="channels_first"),
    )
    return sequential((4, 8, 9), _NORM(axis=1), pad, conv, _NORM(axis=1))


def passing(name):
    shape, make = PASSED[name]
    return sequential(shape, _NORM(), *make())


def main() -> None:
    """Prints what is not folded, or not within float32's rounding."""
    made = {
        **{f"{name} in front": lambda name=name: in_front(name) for name in LINEAR},
        **{f"{name} in front": lambda name=name: in_front(name) for name in TRANSPOSED},
        **{f"{name} behind": lambda name=name: behind(name) for name in LINEAR},
        **{f"{name} passed": lambda name=name: passing(name) for name in PASSED},
    }
    if keras.backend.backend() != "tensorflow":
        made["channels first"] = channels_first
    for name, make in made.items():
        model = make()
        folded, report = tfnorm.fold(model)
        # A few roundings of sums of up to 300 products.
        if report.left or difference(model, folded) > 2.0**-18:
            sys.exit(f"{name}: {report}")


if __name__ == "__main__":
    main()
