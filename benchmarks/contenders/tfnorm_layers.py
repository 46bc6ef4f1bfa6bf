# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tfnorm's Keras layer, adapted to an array in memory."""

import keras
import numpy as np

from benchmarks import data as data_lib
from benchmarks.contenders import base
from tfnorm import layers


class AdaptZScore(base.Contender):
    """`tfnorm.layers.ZScore().adapt`."""

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._array = data.array()

    def run(self):
        layer = layers.ZScore()
        layer.adapt(self._array)
        return layer

    def answer(self, found):
        weights = {
            w.name: np.float64(keras.ops.convert_to_numpy(w)) for w in found.weights
        }
        mean = weights["loc_hi"] + weights["loc_lo"] + weights["loc_rest"]
        scale = weights["scale"]
        features = base.table(
            self.data.names, mean=mean.tolist(), variance=np.square(scale).tolist()
        )
        return {"features": features}
