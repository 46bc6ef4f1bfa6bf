# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Bakes normalization and its inverse into a SavedModel that takes raw input."""

import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

import tfnorm
from tfnorm import schemes

rng = np.random.default_rng(0)
celsius = rng.uniform(-20.0, 40.0, 5_000).astype(np.float32)
fahrenheit = celsius * 1.8 + 32.0
recipe = tfnorm.Recipe({"celsius": schemes.ZScore(), "fahrenheit": schemes.MinMax()})
fitted = recipe.fit(
    tfnorm.analyze({"celsius": celsius, "fahrenheit": fahrenheit}, recipe)
)

inputs = {"celsius": keras.Input((), name="celsius")}
normal = tfnorm.layers.Features(fitted.select(inputs), output="concat")(inputs)
model = keras.Model(inputs, keras.layers.Dense(1)(normal)[:, 0])
model.compile(keras.optimizers.Adam(0.05), "mse")
target = fitted.forward({"fahrenheit": fahrenheit})["fahrenheit"]
model.fit({"celsius": celsius}, target, epochs=5, batch_size=100, verbose=0)

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "saved_model"
    tfnorm.bake(model, fitted, path, target="fahrenheit")
    print(tfnorm.inspect(path))
    print(tfnorm.verify(path))
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    answer = served(celsius=tf.constant([0.0, 37.0]))
    print("0 and 37 degrees Celsius:", np.round(answer["prediction"], 0), "Fahrenheit")
