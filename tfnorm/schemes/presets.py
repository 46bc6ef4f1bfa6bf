# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The constants that published models were trained with.

Every preset takes pixels from 0 to 255 (of any type; `input_range` says
otherwise) in RGB order and reverses the channels itself where the model wants
BGR. Channels lie on the last axis, or on the axis that a recipe or layer names.
"""

import dataclasses
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import audio_log_mel
from tfnorm.schemes import base
from tfnorm.schemes import fixed
from tfnorm.schemes import models

PIXELS = (0.0, 255.0)
ORDERS = ("rgb", "bgr")


@config.register
@dataclasses.dataclass(frozen=True)
class Preset(base.Scheme):
    """Standardizes pixels with published constants: `(x / 255 - mean) / std`.

    Args:
        name: What the constants are called.
        mean: Subtracted on the scale of 0 to 1: a number, or one per channel in
            the order that the model expects.
        std: Divides after that.
        order: The channel order that the model expects, "rgb" or "bgr". Images
            come as RGB.
        input_range: The pixel values of black and white.

    Example:

    >>> imagenet().fit(None).forward(np.full((1, 3), 255, np.uint8)).round(3)
    array([[2.249, 2.429, 2.64 ]], dtype=float32)
    """

    name: str
    _: dataclasses.KW_ONLY
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    order: str = "rgb"
    input_range: tuple[float, float] = PIXELS

    requires: typing.ClassVar[tuple[str, ...]] = ()
    fitted_on_data: typing.ClassVar[bool] = False
    monotone: typing.ClassVar[bool] = False
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        ends = base.pair("input_range", self.input_range)
        base.check_interval("input_range", ends)
        base.check_choice("order", self.order, ORDERS)
        object.__setattr__(self, "input_range", ends)
        object.__setattr__(self, "mean", fixed.numbers("mean", self.mean))
        object.__setattr__(self, "std", fixed.numbers("std", self.std))
        self.fit(None)

    def fit(self, statistic):
        black, white = self.input_range
        affine = bijectors.Affine(
            black + np.asarray(self.mean) * (white - black),
            np.asarray(self.std) * (white - black),
        )
        if self.order == "rgb":
            return affine
        return bijectors.Chain((bijectors.Flip(), affine))


def imagenet(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Constants of most models trained on ImageNet in torch; RGB."""
    return Preset(
        "imagenet",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        input_range=input_range,
    )


def clip(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Constants of OpenAI's CLIP image encoders; RGB."""
    return Preset(
        "clip",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        input_range=input_range,
    )


def inception(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Takes pixels to [-1, 1]: Inception, MobileNet, Keras' mode "tf"; RGB."""
    return Preset("inception", mean=0.5, std=0.5, input_range=input_range)


def vit(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Takes pixels to [-1, 1]: vision transformers; RGB."""
    return Preset("vit", mean=0.5, std=0.5, input_range=input_range)


def yolo(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Takes pixels to [0, 1]: YOLO detectors; RGB."""
    return Preset("yolo", input_range=input_range)


def unit(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Takes pixels to [0, 1]; RGB."""
    return Preset("unit", input_range=input_range)


def pixels(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Takes pixels to [0, 255], for models that normalize inside; RGB."""
    return Preset("pixels", std=1 / 255, input_range=input_range)


def caffe(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Reverses RGB to BGR and centers pixels of 0 to 255, without scaling.

    The models ported from Caffe: Keras' ResNet50 and VGG16, its mode "caffe".
    """
    return Preset(
        "caffe",
        mean=(103.939 / 255, 116.779 / 255, 123.68 / 255),
        std=1 / 255,
        order="bgr",
        input_range=input_range,
    )


def dpn(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Constants of dual path networks; RGB."""
    return Preset(
        "dpn",
        mean=(124 / 255, 117 / 255, 104 / 255),
        std=1 / (0.0167 * 255),
        input_range=input_range,
    )


def dinov3_satellite(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Constants of the DINOv3 models trained on satellite images; RGB."""
    return Preset(
        "dinov3_satellite",
        mean=(0.430, 0.411, 0.296),
        std=(0.213, 0.156, 0.143),
        input_range=input_range,
    )


def kinetics400(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """Constants of video models trained on Kinetics-400; RGB."""
    return Preset(
        "kinetics400",
        mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989),
        input_range=input_range,
    )


def efficientnet_keras(*, input_range: tuple[float, float] = PIXELS) -> Preset:
    """What Keras' shipped EfficientNet computes before its first convolution; RGB.

    Its weights hold the deviation where `Normalization` expects the variance, so
    Keras divides by the root of the deviation twice. Both divisions together are
    one by the deviation, which makes the constants those of `imagenet`. The model
    does this itself: normalize so only where its first layers are cut off.

    Reference: https://github.com/tensorflow/tensorflow/issues/49930
    """
    return dataclasses.replace(
        imagenet(input_range=input_range), name="efficientnet_keras"
    )


def whisper() -> audio_log_mel.LogMel:
    """Takes mel energies of shape (batch, frames, mels) to Whisper's input."""
    return audio_log_mel.LogMel()


_PRESETS = (
    imagenet,
    clip,
    inception,
    vit,
    yolo,
    unit,
    pixels,
    caffe,
    dpn,
    dinov3_satellite,
    kinetics400,
    efficientnet_keras,
    whisper,
)
NAMES = tuple(sorted(make.__name__ for make in _PRESETS))


def get(name: str, **arguments: typing.Any) -> base.Scheme:
    """Returns the preset called `name`.

    Example:

    >>> get("unit", input_range=(0, 1)).input_range
    (0.0, 1.0)
    """
    for make in _PRESETS:
        if make.__name__ == name:
            return make(**arguments)
    raise errors.RecipeError(f"No preset {name!r}. Presets: {', '.join(NAMES)}.")


def for_model(
    model: typing.Any, *, input_range: tuple[float, float] = PIXELS
) -> Preset:
    """Returns the preset of a model of `keras.applications`.

    It is the model's own `preprocess_input`. ConvNeXt, EfficientNet (both versions)
    and MobileNetV3 normalize inside, unless made with `include_preprocessing=False`
    where they can be: they want pixels of 0 to 255, so their preset is "pixels",
    which leaves such pixels as they are.

    Args:
        model: Its name, such as "ResNet50", or that of its module, "resnet_v2"; the
            function that makes it; or a model that was made, if not renamed.
        input_range: The pixel values of black and white.

    Example:

    >>> for_model("VGG16").name, for_model("MobileNetV2").name
    ('caffe', 'inception')
    """
    return typing.cast(Preset, get(models.preset_of(model), input_range=input_range))
