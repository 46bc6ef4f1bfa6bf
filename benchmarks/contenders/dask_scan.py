# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Dask DataFrame over Parquet files, in threads of this process."""

import dask
import dask.dataframe as dd

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Scan(base.Contender):
    """Mean, variance, min, max and three approximate quantiles of every column."""

    imports = ("pyarrow.dataset",)

    def run(self):
        frame = dd.read_parquet(self.data.files("parquet"))
        quantiles = frame.quantile(list(data_lib.QUANTILES))
        found = frame.mean(), frame.var(ddof=0), frame.min(), frame.max(), quantiles
        return dask.compute(*found)

    def answer(self, found):
        mean, variance, low, high, quantiles = found
        names = list(self.data.names)
        return {
            "features": base.table(
                names,
                mean=mean[names].tolist(),
                variance=variance[names].tolist(),
                min=low[names].tolist(),
                max=high[names].tolist(),
                quantiles=quantiles[names].to_numpy().T.tolist(),
            )
        }
