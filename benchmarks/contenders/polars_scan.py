# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""polars over Parquet files."""

import polars as pl

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Exact(base.Contender):
    """Count, mean, variance, min, max and three exact quantiles of every column."""

    def quantiles(self, column: pl.Expr) -> pl.Expr:
        # Twice as fast as without the sort, which polars does once for each column.
        return column.sort().quantile(list(data_lib.QUANTILES), interpolation="linear")

    def statistics(self, name: str) -> list[pl.Expr]:
        column = pl.col(name)
        return [
            column.count().alias(f"{name} count"),
            column.mean().alias(f"{name} mean"),
            column.var(ddof=0).alias(f"{name} variance"),
            column.min().alias(f"{name} min"),
            column.max().alias(f"{name} max"),
            self.quantiles(column).alias(f"{name} quantiles"),
        ]

    def run(self):
        expressions = [e for name in self.data.names for e in self.statistics(name)]
        rows = pl.scan_parquet(self.data.files("parquet"))
        return rows.select(expressions).collect()

    def answer(self, found):
        (row,) = found.to_dicts()
        keys = ("mean", "variance", "min", "max", "quantiles")
        columns = {key: [row[f"{n} {key}"] for n in self.data.names] for key in keys}
        columns["quantiles"] = [list(q) for q in columns["quantiles"]]
        return {"features": base.table(self.data.names, **columns)}


class Approximate(Exact):
    """The same with polars' sketch of quantiles, of rank error 0.001."""

    def quantiles(self, column):
        return column.approx_quantile(list(data_lib.QUANTILES))
