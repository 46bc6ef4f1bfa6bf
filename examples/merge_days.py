# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keeps statistics up to date: days merge, and equal computing all at once."""

import pathlib
import tempfile

import numpy as np

import tfnorm
from tfnorm import schemes

rng = np.random.default_rng(0)
recipe = tfnorm.Recipe({"price": schemes.PercentileClip(0.01, 0.99)})
days = [{"price": rng.lognormal(3.0, 1.0, 50_000)} for _ in range(3)]

with tempfile.TemporaryDirectory() as folder:
    for number, day in enumerate(days):
        path = pathlib.Path(folder) / f"day-{number}"
        tfnorm.analyze(day, recipe).save(path)

    merged = tfnorm.Statistics()
    for number in (2, 0, 1):
        path = pathlib.Path(folder) / f"day-{number}"
        merged = merged.merge(tfnorm.load_statistics(path))

everything = {"price": np.concatenate([day["price"] for day in days])}
at_once = tfnorm.analyze(everything, recipe)
print("rows", merged.rows)
print("same to the last bit", merged.digest == at_once.digest)
print("99th percentile", merged["price"].quantile(0.99))

# Counts and moments are exact after a day is taken away again.
rest = merged.subtract(tfnorm.analyze(days[1], recipe))
two_days = tfnorm.analyze(
    {"price": np.concatenate([days[0]["price"], days[2]["price"]])}, recipe
)
print("same mean", rest["price"].mean == two_days["price"].mean)
