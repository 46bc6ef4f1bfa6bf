# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a `run_fn` needs: the fitted recipe, and where to leave the model."""

import os
from typing import Any

import keras

from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib

# Keys of the hyperparameters that NormalizationFitter writes.
FITTED, DIGEST = "tfnorm_fitted_recipe", "tfnorm_statistics_digest"
MODEL_FILE = "model.keras"


def fitted_recipe(fn_args: Any) -> recipe_lib.FittedRecipe:
    """Returns the fitted recipe that `NormalizationFitter` gave to a Trainer.

    Within a module file:

    ```python
    def run_fn(fn_args):
        fitted = tfnorm.tfx.fitted_recipe(fn_args)
        normalize = tfnorm.layers.Features(fitted)
        ...
        tfnorm.tfx.write_model(model, fn_args)
    ```

    A stock Tuner hands no hyperparameters to `tuner_fn`, so there is none in it.

    Args:
        fn_args: What TFX calls `run_fn` with.

    Raises:
        NotFittedError: If there is none among the hyperparameters.
        RecipeError: If it cannot be read.
    """
    given = getattr(fn_args, "hyperparameters", None)
    if not isinstance(given, dict) or FITTED not in given:
        raise errors.NotFittedError(
            "`fn_args.hyperparameters` holds no fitted recipe. Wire a "
            "NormalizationFitter before the Trainer: `Trainer(..., "
            "hyperparameters=fitter.outputs['hyperparameters'])`. What a Tuner found "
            "goes to the Trainer by way of `NormalizationFitter(..., "
            "hyperparameters=tuner.outputs['best_hyperparameters'])`; `tuner_fn` "
            "itself gets no fitted recipe."
        )
    fitted = config.decode(given[FITTED])
    if not isinstance(fitted, recipe_lib.FittedRecipe):
        raise errors.RecipeError(
            f"The hyperparameter {FITTED!r} is no fitted recipe but a "
            f"{type(fitted).__name__}."
        )
    return fitted


def write_model(model: keras.Model, fn_args: Any) -> str:
    """Saves a trained model where `NormalizationBaker` finds it; returns the path.

    The file is `model.keras`, in `fn_args.serving_model_dir`.

    Args:
        model: The Keras model.
        fn_args: What TFX calls `run_fn` with.

    Raises:
        ArtifactError: If it cannot be written; nothing is left behind.
    """
    path = os.path.join(fn_args.serving_model_dir, MODEL_FILE)
    with files.whole_file(path) as temporary:
        model.save(temporary)
    return path
