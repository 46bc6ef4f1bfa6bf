# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Spark over Parquet files, on all cores of this machine. It needs Java."""

import warnings

with warnings.catch_warnings():
    # Of a part of it that is not used: it hands no frames to pandas.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    from pyspark import sql
    from pyspark.sql import functions

from benchmarks import data as data_lib
from benchmarks.contenders import base


class Scan(base.Contender):
    """Mean, variance, min, max and three approximate quantiles of every column.

    The start of Java and of the session, some 10 s, is not timed.
    """

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        builder = sql.SparkSession.builder.master("local[*]")
        options = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "8g",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
        }
        for name, value in options.items():
            builder = builder.config(name, value)
        self._session = builder.getOrCreate()
        self._session.range(10).count()

    def run(self):
        # Accuracy 100: rank errors of 1%, as tft's quantiles have here.
        columns = []
        for name in self.data.names:
            columns += [
                functions.mean(name),
                functions.var_pop(name),
                functions.min(name),
                functions.max(name),
                functions.percentile_approx(name, list(data_lib.QUANTILES), 100),
            ]
        frame = self._session.read.parquet(*self.data.files("parquet"))
        return frame.agg(*columns).collect()[0]

    def answer(self, found):
        self._session.stop()
        values = list(found)
        keys = ("mean", "variance", "min", "max", "quantiles")
        return {
            "features": base.table(
                self.data.names,
                **{key: values[i :: len(keys)] for i, key in enumerate(keys)},
            )
        }
