# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every model of `keras.applications` has its preset: its own `preprocess_input`."""

import inspect
import types

import keras
import numpy as np
import pytest
from keras import applications

import tfnorm
from tfnorm import errors
from tfnorm import layers
from tfnorm.schemes import models

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)

# All that Keras has, found there, so that a new model fails until it has a row.
MODULES = {
    name: module
    for name, module in vars(applications).items()
    if isinstance(module, types.ModuleType) and hasattr(module, "preprocess_input")
    # What they share has a mode for each of them.
    if "mode" not in inspect.signature(module.preprocess_input).parameters
}
MODELS = {
    name: model.__module__.rpartition(".")[2]
    for name, model in vars(applications).items()
    if inspect.isfunction(model)
}


def preprocessed(module, images, data_format):
    # It writes into float arrays that it is given.
    images = images.astype(np.float32)
    return module.preprocess_input(images, data_format=data_format)


def assert_preprocesses(preset, module):
    wanted = preprocessed(module, IMAGES, "channels_last")
    last = layers.Preset(preset)(IMAGES)
    # Keras divides by 255, subtracts and divides, each rounded to float32.
    np.testing.assert_allclose(last, wanted, rtol=0, atol=2e-5)
    first = np.moveaxis(IMAGES, -1, 1)
    wanted = preprocessed(module, first, "channels_first")
    found = layers.Preset(preset, axis=1)(first)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


def test_keras_has_the_models_that_are_known():
    assert MODULES.keys() == models.MODULES.keys()
    assert set(models.NAMES) == MODELS.keys()
    assert all(name in models.MODULES[MODELS[name]][1] for name in MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_preset_of_its_own_preprocessing(name):
    assert_preprocesses(tfnorm.presets.for_model(name), MODULES[MODELS[name]])
    preset = tfnorm.presets.for_model(name.lower())
    assert preset == tfnorm.presets.for_model(getattr(applications, name))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_the_preset_of_its_own_preprocessing(name):
    assert_preprocesses(tfnorm.presets.for_model(name), MODULES[name])


def test_models_that_normalize_inside_get_their_pixels_unchanged():
    preset = tfnorm.presets.for_model("EfficientNetB0")
    np.testing.assert_array_equal(preset.fit(None).forward(IMAGES), IMAGES)


@pytest.mark.parametrize(
    ("make", "preset"),
    [("MobileNet", "inception"), ("MobileNetV2", "inception")]
    + [("MobileNetV3Small", "pixels"), ("EfficientNetV2B0", "pixels")],
)
def test_a_model_that_was_made_has_its_preset(make, preset):
    made = getattr(applications, make)(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    assert tfnorm.presets.for_model(made).name == preset
    keras.backend.clear_session()


@pytest.mark.parametrize("name", ["mobilenetv2_1.00_224", "mobilenet_0.50_None"])
def test_the_name_of_a_model_may_tell_its_size(name):
    assert tfnorm.presets.for_model(name).name == "inception"


def test_another_input_range_gives_the_same_numbers():
    preset = tfnorm.presets.for_model("ResNet50", input_range=(0, 1))
    found = layers.Preset(preset)(IMAGES / np.float32(255))
    wanted = layers.Preset(tfnorm.presets.for_model("ResNet50"))(IMAGES)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["ResNet51", "", "model"])
def test_an_unknown_model_is_an_error_that_lists_those_known(name):
    with pytest.raises(errors.RecipeError, match=r"ConvNeXtBase, .*, Xception"):
        tfnorm.presets.for_model(name)
