# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keras' own normalization layer, adapted to an array in memory."""

import keras

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Normalization(base.Contender):
    """`keras.layers.Normalization().adapt`: mean and variance."""

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._array = data.array()

    def run(self):
        layer = keras.layers.Normalization()
        layer.adapt(self._array)
        return layer

    def answer(self, found):
        mean, variance = (
            keras.ops.convert_to_numpy(x).ravel().tolist()
            for x in (found.mean, found.variance)
        )
        return {"features": base.table(self.data.names, mean=mean, variance=variance)}
