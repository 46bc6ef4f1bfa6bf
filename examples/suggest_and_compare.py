# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts from a suggested recipe, and finds out when the data have moved."""

import numpy as np

import tfnorm


def rides(seed: int, rows: int, *, meters: bool = False) -> dict[str, np.ndarray]:
    """Returns rides of a day; their distance in km, or by mistake in meters."""
    rng = np.random.default_rng(seed)
    return {
        "distance": rng.lognormal(1.0, 1.0, rows) * (1000 if meters else 1),
        "temperature": rng.normal(12.0, 8.0, rows),
        "rain": rng.integers(0, 2, rows),
    }


statistics = tfnorm.analyze(rides(0, 20_000))
suggested = tfnorm.suggest(statistics)
print(suggested)
fitted = suggested.recipe.fit(statistics)
normal = fitted.forward(rides(1, 5))["temperature"]
print("temperatures near 0", bool(np.abs(normal).max() < 4))

for name, day in (
    ("as before", rides(2, 5_000)),
    ("moved", rides(3, 5_000, meters=True)),
):
    found = tfnorm.compare(tfnorm.analyze(day), statistics, recipe=suggested.recipe)
    print(name, found.passed, *found.findings, sep="\n  ")
