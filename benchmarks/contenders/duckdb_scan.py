# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""DuckDB over Parquet files."""

import duckdb

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Exact(base.Contender):
    """Count, mean, variance, min, max and three exact quantiles of every column."""

    quantile = "quantile_cont"

    def run(self):
        expressions = ", ".join(
            f"count({name}), avg({name}), var_pop({name}), min({name}), max({name}), "
            f"{self.quantile}({name}, {list(data_lib.QUANTILES)})"
            for name in self.data.names
        )
        query = f"SELECT {expressions} FROM read_parquet({self.data.files('parquet')})"
        with duckdb.connect() as connection:
            return connection.execute(query).fetchone()

    def answer(self, found):
        _, mean, variance, low, high, quantiles = (found[i::6] for i in range(6))
        features = base.table(
            self.data.names,
            mean=mean,
            variance=variance,
            min=low,
            max=high,
            quantiles=quantiles,
        )
        return {"features": features}


class Approximate(Exact):
    """The same with DuckDB's t-digest."""

    quantile = "approx_quantile"
