# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A data set, a recipe and models for the tests of baking."""

import keras
import numpy as np

from tfnorm import analysis
from tfnorm import layers
from tfnorm import recipe
from tfnorm import schemes

ROWS = 256
_RNG = np.random.default_rng(0)

COLUMNS = {
    "distance": _RNG.gamma(2, 500, ROWS).astype(np.float32),
    "when": 1_700_000_000_000_000 + 1_000_000 * np.arange(ROWS),
    "dep delay": np.where(
        _RNG.random(ROWS) < 0.2, np.nan, _RNG.normal(10, 30, ROWS)
    ).astype(np.float32),
    "seats": _RNG.integers(20, 300, ROWS).astype(np.float64),
    "carrier": np.array(["UA", "AA", "B6", "??"], object)[_RNG.integers(0, 4, ROWS)],
}
TARGET = _RNG.normal(7, 40, ROWS).astype(np.float32)

RECIPE = recipe.Recipe(
    {
        "distance": schemes.Log(),
        "when": schemes.ZScore(),
        "dep delay": recipe.Feature(schemes.Robust(), missing="impute", indicator=True),
        "seats": recipe.Feature(schemes.MinMax(), missing="impute"),
        "arr_delay": schemes.ZScore(),
    }
)
FITTED = RECIPE.fit(
    analysis.analyze(
        {
            **COLUMNS,
            "seats": COLUMNS["seats"].astype(np.int64),
            "arr_delay": TARGET,
        },
        RECIPE,
    )
)
NUMBERS = ("distance", "when", "dep delay", "seats")


def raw_model() -> keras.Model:
    """Returns a trained model of raw columns, one of them a category."""
    keras.utils.set_random_seed(0)
    inputs = {
        "distance": keras.Input((), name="distance"),
        "when": keras.Input((), name="when", dtype="int64"),
        "dep delay": keras.Input((), name="dep delay"),
        "seats": keras.Input((), name="seats", dtype="float64"),
        "carrier": keras.Input((), name="carrier", dtype="string"),
    }
    numbers = {name: inputs[name] for name in NUMBERS}
    normal = layers.Features(FITTED.select(NUMBERS), output="concat")(numbers)
    lookup = keras.layers.StringLookup(vocabulary=["UA", "AA", "B6"])
    carrier = keras.layers.Embedding(4, 2)(lookup(inputs["carrier"]))
    x = keras.layers.Concatenate()([normal, carrier])
    # Not a ReLU: TensorFlow's compiled one turns NaN into 0, its eager one does not.
    x = keras.layers.Dense(8, activation="tanh")(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x)[:, 0])
    model.compile("adam", "mse")
    target = FITTED.forward({"arr_delay": TARGET})["arr_delay"]
    model.fit(
        {**COLUMNS, "carrier": keras.ops.convert_to_tensor(COLUMNS["carrier"])},
        target,
        verbose=0,
    )
    return model


def normalized_model() -> keras.Model:
    """Returns a model of normalized columns, by name."""
    keras.utils.set_random_seed(0)
    inputs = {
        name: keras.Input((1,), name=name)
        for name in ("distance", "seats", "dep delay", "dep delay_missing", "other")
    }
    x = keras.layers.Concatenate()(list(inputs.values()))
    return keras.Model(inputs, keras.layers.Dense(1)(x))
