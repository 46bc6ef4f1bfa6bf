# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's scalers, fitted to an array in memory."""

import numpy as np
from sklearn import preprocessing

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Standard(base.Contender):
    """`StandardScaler().fit`: mean and variance."""

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._array = data.array()

    def run(self):
        return preprocessing.StandardScaler().fit(self._array)

    def answer(self, found):
        mean, variance = np.asarray(found.mean_), np.asarray(found.var_)
        features = base.table(
            self.data.names, mean=mean.tolist(), variance=variance.tolist()
        )
        return {"features": features}


class Robust(base.Contender):
    """`RobustScaler().fit`: three quantiles."""

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._array = data.array()

    def run(self):
        return preprocessing.RobustScaler().fit(self._array)

    def answer(self, found):
        return {}
