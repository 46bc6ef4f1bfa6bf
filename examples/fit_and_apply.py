# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Fits a recipe to columns in memory, applies it, and takes it back."""

import numpy as np

import tfnorm
from tfnorm import schemes

columns = {
    "age": np.array([31.0, 45.0, np.nan, 62.0, 28.0]),
    "income": np.array([21_000, 48_000, 39_000, 1_250_000, 35_000]),
    "city": np.array(["Ulm", "Bonn", "Ulm", "Jena", "Bonn"]),
}
recipe = tfnorm.Recipe(
    {
        "age": tfnorm.Feature(schemes.ZScore(), missing="impute"),
        "income": schemes.Robust(),
    }
)
statistics = tfnorm.analyze(columns, recipe)
print(
    "mean age", statistics["age"].mean, "without", statistics["age"].counts.nan, "NaN"
)
print("median income", statistics["income"].quantile(0.5))

fitted = recipe.fit(statistics)
normalized = fitted.forward(columns)
for name, values in normalized.items():
    print(name, values)

restored = fitted.inverse(normalized)
print("income again", restored["income"].round(2))
