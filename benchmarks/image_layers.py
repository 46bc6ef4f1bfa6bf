# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of images beside their peers."""

import functools

import numpy as np

from benchmarks import goals
from benchmarks import layer_suite


@functools.cache
def images() -> np.ndarray:
    """Photos of random pixels."""
    return np.random.default_rng(layer_suite.SEED).integers(
        0, 256, (64, 224, 224, 3), np.uint8
    )


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _cast(xla):
    import tensorflow as tf

    return layer_suite.in_tensorflow(
        lambda x: tf.cast(x, tf.float32), images(), xla=xla
    )


def _preset(xla):
    from tfnorm import layers

    layer = layers.Preset("imagenet")
    return layer_suite.in_tensorflow(lambda x: layer(x), images(), xla=xla)


def _preset_jax():
    import tfnorm

    scheme = tfnorm.presets.get("imagenet")
    return layer_suite.in_jax(scheme.fit(None).forward, images())


def _keras(xla):
    import keras

    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Normalization(mean=MEAN, variance=np.square(STD)),
        ]
    )
    return layer_suite.in_tensorflow(lambda x: model(x), images(), xla=xla)


def _tf_image():
    import tensorflow as tf

    def normalize(x):
        x = tf.image.convert_image_dtype(x, tf.float32)
        return (x - tf.constant(MEAN)) / tf.constant(STD)

    return layer_suite.in_tensorflow(normalize, images(), xla=False)


def _torch_eager():
    import torch

    x = torch.tensor(images()).permute(0, 3, 1, 2).contiguous()
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (MEAN, STD))
    return lambda: (x.float() / 255 - mean) / std


def _albumentations(**kwargs):
    import albumentations

    transform = albumentations.Normalize(**kwargs)
    return lambda: [transform(image=image)["image"] for image in images()]


XLA, GRAPH, EAGER = "tfnorm Preset, XLA", "tfnorm Preset, graph", "tfnorm Preset, eager"
CAST = "plain cast and store, XLA"
IMAGES = layer_suite.Suite(
    "64 x 224 x 224 x 3 uint8 images to normalized float32",
    {
        CAST: lambda: _cast(True),
        XLA: lambda: _preset(True),
        GRAPH: lambda: _preset(False),
        EAGER: lambda: _preset(None),
        "tfnorm Preset, JAX jit": _preset_jax,
        "Keras Rescaling + Normalization, XLA": lambda: _keras(True),
        "Keras Rescaling + Normalization, graph": lambda: _keras(False),
        "Keras Rescaling + Normalization, eager": lambda: _keras(None),
        "tf.image, graph": _tf_image,
        "torch, eager": _torch_eager,
        "Albumentations": lambda: _albumentations(mean=MEAN, std=STD),
    },
    (
        (XLA, CAST, goals.TIME, 1.25),
        (GRAPH, "Keras Rescaling + Normalization, graph", goals.SPEED, 4),
        (EAGER, "Keras Rescaling + Normalization, eager", goals.SPEED),
        (EAGER, "torch, eager", goals.SPEED, 1),
        (GRAPH, "tf.image, graph", goals.SPEED, 1),
        (GRAPH, "Albumentations", goals.SPEED, 1),
    ),
)


def _per_image(statistic, per_channel, xla):
    from tfnorm import layers

    layer = layers.PerImage(statistic, per_channel=per_channel, clip=20)
    return layer_suite.in_tensorflow(lambda x: layer(x), images(), xla=xla)


def _standardization():
    import tensorflow as tf

    return layer_suite.in_tensorflow(
        tf.image.per_image_standardization, images(), xla=False
    )


def _count(xla):
    from tfnorm import layers

    layer = layers.PerImage(epsilon_mode="count")
    return layer_suite.in_tensorflow(lambda x: layer(x), images(), xla=xla)


MODES = {
    "image": ("moments", False),
    "image_per_channel": ("moments", True),
    "min_max": ("extrema", False),
    "min_max_per_channel": ("extrema", True),
}


def _per_image_suite() -> layer_suite.Suite:
    entries, comparisons = {}, []
    for mode, (statistic, per_channel) in MODES.items():
        ours, theirs = f"tfnorm PerImage, {mode}", f"Albumentations, {mode}"
        entries[ours] = functools.partial(_per_image, statistic, per_channel, True)
        entries[theirs] = functools.partial(_albumentations, normalization=mode)
        comparisons.append((ours, theirs, goals.SPEED, 5))
    ours, theirs = (
        "tfnorm PerImage, as TensorFlow",
        "tf.image.per_image_standardization",
    )
    entries |= {ours: lambda: _count(True), theirs: _standardization}
    comparisons.append((ours, theirs, goals.SPEED))
    title = "64 x 224 x 224 x 3 uint8 images, each by its own statistics"
    return layer_suite.Suite(title, entries, tuple(comparisons))


SUITES = {"images": IMAGES, "per_image": _per_image_suite()}
