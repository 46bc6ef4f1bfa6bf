# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which preset the models of `keras.applications` were trained with."""

import re
import typing

from tfnorm import errors

# Module of Keras to its preset and its models. Those of "pixels" normalize inside.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "convnext": (
        "pixels",
        (
            "ConvNeXtBase",
            "ConvNeXtLarge",
            "ConvNeXtSmall",
            "ConvNeXtTiny",
            "ConvNeXtXLarge",
        ),
    ),
    "densenet": ("imagenet", ("DenseNet121", "DenseNet169", "DenseNet201")),
    "efficientnet": ("pixels", tuple(f"EfficientNetB{size}" for size in range(8))),
    "efficientnet_v2": (
        "pixels",
        tuple(f"EfficientNetV2{size}" for size in "B0 B1 B2 B3 L M S".split()),
    ),
    "inception_resnet_v2": ("inception", ("InceptionResNetV2",)),
    "inception_v3": ("inception", ("InceptionV3",)),
    "mobilenet": ("inception", ("MobileNet",)),
    "mobilenet_v2": ("inception", ("MobileNetV2",)),
    "mobilenet_v3": ("pixels", ("MobileNetV3Large", "MobileNetV3Small")),
    "nasnet": ("inception", ("NASNetLarge", "NASNetMobile")),
    "resnet": ("caffe", ("ResNet101", "ResNet152", "ResNet50")),
    "resnet50": ("caffe", ("ResNet50",)),
    "resnet_v2": ("inception", ("ResNet101V2", "ResNet152V2", "ResNet50V2")),
    "vgg16": ("caffe", ("VGG16",)),
    "vgg19": ("caffe", ("VGG19",)),
    "xception": ("inception", ("Xception",)),
}
NAMES = tuple(sorted({name for _, names in MODULES.values() for name in names}))

# What built models add to their name: "mobilenetv2_1.00_224".
_SIZE = re.compile(r"_[0-9.]+_(\d+|None)$")


def preset_of(model: typing.Any) -> str:
    """Returns the name of a model's preset.

    Args:
        model: Name of a model or of its module, in any case; or the function that
            makes it, or a model that was made.

    Raises:
        RecipeError: If there is no such model.

    Example:

    >>> preset_of("ResNet50"), preset_of("resnet_v2"), preset_of("EfficientNetB0")
    ('caffe', 'inception', 'pixels')
    """
    name = model if isinstance(model, str) else _name(model)
    if _plain(name) not in _PRESETS:
        raise errors.RecipeError(
            f"No model {name!r} of `keras.applications` is known. Known are "
            f"{', '.join(NAMES)}, and their modules."
        )
    return _PRESETS[_plain(name)]


def _name(model: typing.Any) -> str:
    return str(getattr(model, "__name__", None) or getattr(model, "name", model))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _SIZE.sub("", name).lower())


_PRESETS = {
    _plain(name): preset
    for module, (preset, names) in MODULES.items()
    for name in (module, *names)
}
