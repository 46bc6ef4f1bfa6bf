# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Feeds raw pixels to a published model, with its own normalization inside."""

import keras
import numpy as np
from sklearn import datasets

import tfnorm

photos = np.stack(datasets.load_sample_images().images)[:, ::2, ::2]
print("raw pixels", photos.dtype, photos.shape)

# Which normalization a published model was trained with is looked up, not typed.
for name, module in (
    ("ResNet50", keras.applications.resnet50),
    ("MobileNetV2", keras.applications.mobilenet_v2),
    ("DenseNet121", keras.applications.densenet),
):
    scheme = tfnorm.presets.for_model(name)
    mine = np.asarray(tfnorm.layers.Preset(scheme)(photos))
    theirs = module.preprocess_input(photos.astype(np.float32))
    print(f"{name}: {scheme.name}, differs by {np.abs(mine - theirs).max():.0e}")

# Inside the model, the bytes of a camera are its input.
layer = tfnorm.layers.Preset("imagenet")
inputs = keras.Input((None, None, 3), dtype="uint8")
model = keras.Sequential([inputs, layer, keras.layers.GlobalAveragePooling2D()])
print("channel means of", model.predict(photos, verbose=0).round(2).tolist())

# And back to pixels, such as for the output of a decoder.
pixels = tfnorm.layers.Denormalize(layer)(layer(photos))
print("pixels again", bool((np.rint(pixels) == photos).all()))
