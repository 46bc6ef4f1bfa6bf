# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A table of rows in three splits, and what is asked of it."""

import numpy as np

import tfnorm
from tfnorm import schemes

ROWS = 600
RNG = np.random.default_rng(0)
TEXT = np.array([b"train", b"eval", b"test"], object)[RNG.integers(0, 3, ROWS)]
DATA = {
    "x": RNG.normal(size=ROWS).astype(np.float32),
    "n": RNG.integers(0, 99, ROWS),
    "user": RNG.integers(0, 5, ROWS),
    "w": RNG.integers(1, 4, ROWS),
    "split": TEXT,
}
RECIPE = tfnorm.Recipe(
    {"x": schemes.Robust(), "n": schemes.PerKey(schemes.ZScore(), "user")}
)
CHAIN = tfnorm.Recipe(
    {"x": schemes.Chain((schemes.PercentileClip(), schemes.ZScore()))}
)
ASKED = {"weight": "w", "filters": [("user", "!=", 3)], "slices": ["user"]}


def alone(name: str, recipe=RECIPE, **asked) -> tfnorm.Statistics:
    rows = TEXT == name.encode()
    part = {column: values[rows] for column, values in DATA.items()}
    return tfnorm.analyze(part, recipe, **asked)


def digests(found) -> dict[str, str]:
    return {name: part.digest for name, part in found.items()}


def compute(inputs, out, recipe=RECIPE, **options) -> dict[str, tfnorm.Statistics]:
    """Returns what a job found in files."""
    return tfnorm.beam.compute_splits(inputs, recipe, out, **options)
