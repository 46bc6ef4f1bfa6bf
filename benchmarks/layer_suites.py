# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every suite of layers."""

from benchmarks import array_layers
from benchmarks import goals
from benchmarks import image_layers

SUITES = {**image_layers.SUITES, **array_layers.SUITES}


def comparisons() -> list[goals.Comparison]:
    """Returns every comparison, those of a suite together."""
    return [
        goals.Comparison(name, *comparison)
        for name, suite in SUITES.items()
        for comparison in suite.comparisons
    ]
