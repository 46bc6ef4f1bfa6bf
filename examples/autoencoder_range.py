# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares [0, 1] with z-scores for an autoencoder, in the unit of the pixels."""

import keras
import numpy as np
from sklearn import datasets

import tfnorm

digits = datasets.load_digits().data.astype(np.float32)  # 8 x 8 pixels, 0 to 16.
train, test = digits[:1400], digits[1400:]


def autoencoder(layer, activation, loss):
    """Trains on raw pixels; input and output of the model are pixels."""
    keras.utils.set_random_seed(0)
    layer.adapt(train)
    inputs = keras.Input((64,))
    code = keras.layers.Dense(64, activation="relu")(layer(inputs))
    code = keras.layers.Dense(16)(code)
    hidden = keras.layers.Dense(64, activation="relu")(code)
    normalized = keras.layers.Dense(64, activation=activation)(hidden)
    inner = keras.Model(inputs, normalized)
    inner.compile(keras.optimizers.Adam(3e-3), loss)
    inner.fit(train, np.asarray(layer(train)), epochs=40, batch_size=64, verbose=0)
    # The loss is taken of normalized pixels, and the inverse follows it.
    return keras.Model(inputs, tfnorm.layers.Denormalize(layer)(normalized))


unit = autoencoder(tfnorm.layers.MinMax(axis=None), "sigmoid", "binary_crossentropy")
score = autoencoder(tfnorm.layers.ZScore(axis=None), None, "mse")
each = autoencoder(tfnorm.layers.ZScore(axis=-1), None, "mse")
mean = np.abs(test - train.mean(0)).mean()
print(f"mean absolute error in pixels, of 0 to 16: {mean:.2f} of the mean image")
for name, model in (
    ("[0, 1], sigmoid, cross-entropy", unit),
    ("z-score of all pixels, linear, squares", score),
    ("z-score of each pixel, linear, squares", each),
):
    again = model.predict(test, verbose=0)
    outside = np.mean((again < 0) | (again > 16))
    print(f"  {np.abs(test - again).mean():.2f}, {outside:4.0%} out of range: {name}")
