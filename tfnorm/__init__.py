# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization, exact and inside the model.

`import tfnorm` is light: each name below loads its room when it is first used,
so that statistics of a NumPy array never wait for TensorFlow, Keras or Beam.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    # What `__getattr__` finds, said so that type checkers and editors see it.
    from tfnorm import arrays
    from tfnorm import beam
    from tfnorm import bijectors
    from tfnorm import config
    from tfnorm import errors
    from tfnorm import layers
    from tfnorm import schemes
    from tfnorm import sources
    from tfnorm import statistics
    from tfnorm import suggestion
    from tfnorm import tft
    from tfnorm import tfx
    from tfnorm.analysis import analyze
    from tfnorm.artifact import Statistics
    from tfnorm.artifact import load_statistics
    from tfnorm.baking import bake
    from tfnorm.baking import fold
    from tfnorm.baking import inspect
    from tfnorm.baking import training_data
    from tfnorm.baking import verify
    from tfnorm.comparison import compare
    from tfnorm.layers import adapt_batch_norm
    from tfnorm.layers import recalibrate
    from tfnorm.recipe import Feature
    from tfnorm.recipe import FittedRecipe
    from tfnorm.recipe import Recipe
    from tfnorm.recipe import Thresholds
    from tfnorm.recipe import load_fitted
    from tfnorm.recipe import load_recipe
    from tfnorm.schemes import presets
    from tfnorm.suggestion import Suggestion
    from tfnorm.suggestion import suggest

    __version__: str

__all__ = [
    "Feature",
    "FittedRecipe",
    "Recipe",
    "Statistics",
    "Suggestion",
    "Thresholds",
    "__version__",
    "adapt_batch_norm",
    "analyze",
    "analyze_splits",
    "arrays",
    "bake",
    "beam",
    "bijectors",
    "compare",
    "config",
    "errors",
    "fold",
    "inspect",
    "layers",
    "load_fitted",
    "load_recipe",
    "load_statistics",
    "presets",
    "recalibrate",
    "schemes",
    "sources",
    "statistics",
    "suggest",
    "suggestion",
    "tft",
    "tfx",
    "training_data",
    "verify",
]

# No name here may be that of a module of this package: importing the module
# would put it in the place of the name. Hence the room of `bake` is `baking`.
_HOMES = {
    "Feature": "recipe",
    "FittedRecipe": "recipe",
    "Recipe": "recipe",
    "Statistics": "artifact",
    "Suggestion": "suggestion",
    "Thresholds": "recipe",
    "adapt_batch_norm": "layers",
    "analyze": "analysis",
    "analyze_splits": "analysis",
    "bake": "baking",
    "compare": "comparison",
    "fold": "baking",
    "inspect": "baking",
    "load_fitted": "recipe",
    "load_recipe": "recipe",
    "load_statistics": "artifact",
    "presets": "schemes",
    "recalibrate": "layers",
    "suggest": "suggestion",
    "training_data": "baking",
    "verify": "baking",
}

# Types of TFX artifacts, whose names Kubeflow takes for the paths of classes, and which
# may have one dot. Everyone else finds them in `tfnorm.tfx`.
_TYPES = {"NormalizationRecipe": "tfx", "NormalizationStatistics": "tfx"}


def __getattr__(name: str):
    if name not in __all__ and name not in _TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object
    if name == "__version__":
        value = importlib.import_module(f"{__name__}.config").version()
    elif home := {**_HOMES, **_TYPES}.get(name):
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    else:
        value = importlib.import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
