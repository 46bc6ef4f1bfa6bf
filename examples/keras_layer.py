# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Puts an adapted layer into a Keras model; adapting anew changes the model."""

import keras
import numpy as np

import tfnorm

rng = np.random.default_rng(0)
data = rng.normal(1e4, 1.0, (200_000, 2)).astype(np.float32)

layer = tfnorm.layers.ZScore(axis=-1)
layer.adapt(data)
model = keras.Sequential([keras.Input((2,)), layer])

normal = model.predict(data, batch_size=65_536, verbose=0).astype(np.float64)
print("mean", normal.mean(axis=0).round(4), "std", normal.std(axis=0).round(4))

# The constants are weights of the model, so a traced `predict` sees new ones.
layer.adapt(data + 5.0)
shifted = model.predict(data, batch_size=65_536, verbose=0).astype(np.float64)
print(
    "mean after adapting to data that are greater by 5", shifted.mean(axis=0).round(4)
)

# The same statistics, from wherever they were computed, make the same layer.
statistics = tfnorm.analyze(data)
other = tfnorm.layers.ZScore.from_statistics(statistics[""])
print("same numbers", np.array_equal(other(data[:5]), layer(data[:5] + 5.0)))
