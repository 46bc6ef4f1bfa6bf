# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Forecasts a series whose level moves away from where it was in training."""

import keras
import numpy as np
from statsmodels import datasets

import tfnorm

# Weekly CO2 at Mauna Loa, 1958 to 2001: in ppm, rising all the time.
co2 = datasets.co2.load_pandas().data["co2"].interpolate().to_numpy(np.float32)
PAST, FUTURE = 104, 26
starts = np.arange(len(co2) - PAST - FUTURE)
windows = np.stack([co2[start : start + PAST + FUTURE] for start in starts])
past, future = windows[:, :PAST, None], windows[:, PAST:, None]
split = 1200  # Training ends in 1981, below 343 ppm; the last weeks reach 373.


def forecaster(normalize, undo):
    """A network of one hidden layer, between a layer and its inverse."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((PAST, 1))
    found = normalize(inputs)
    # A reversible layer returns the statistics of each window, too.
    normalized, *statistics = found if isinstance(found, tuple | list) else [found]
    hidden = keras.layers.Dense(64, "relu")(keras.layers.Flatten()(normalized))
    steps = keras.layers.Reshape((FUTURE, 1))(keras.layers.Dense(FUTURE)(hidden))
    model = keras.Model(inputs, undo(steps, *statistics))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    model.fit(past[:split], future[:split], epochs=30, batch_size=64, verbose=0)
    return model


fixed = tfnorm.layers.ZScore()
fixed.adapt(past[:split])
layers = {
    "fitted once, to the training data": fixed,
    "RevIN, each window by its mean and deviation": tfnorm.layers.RevIN(),
    "RevIN, each window by its last value": tfnorm.layers.RevIN(subtract_last=True),
}
print("mean absolute error in ppm, in training and ten to twenty years later:")
for name, layer in layers.items():
    model = forecaster(layer, tfnorm.layers.Denormalize(layer))
    errors = np.abs(model.predict(past, verbose=0) - future)
    print(f"  {errors[:split].mean():.2f} and {errors[-500:].mean():.2f}: {name}")
