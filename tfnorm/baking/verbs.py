# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What one does with a SavedModel; TensorFlow is imported where it is needed."""

import os
import typing

from tfnorm import errors
from tfnorm import recipe
from tfnorm.baking import checks
from tfnorm.baking import manifest


def bake(
    model: typing.Any,
    fitted: recipe.FittedRecipe,
    path: str | os.PathLike,
    *,
    target: str | None = None,
    rows: typing.Mapping[str, typing.Any] | None = None,
) -> manifest.Manifest:
    """Exports a Keras model and its normalization as one SavedModel.

    It loads where only TensorFlow is installed, and has these signatures:

    * `serving_default`: raw columns by name to `prediction`. With a `target`, that is
      in the target's own unit, and `normalized` is the model's own output.
    * `serve_examples`: the same for serialized `tf.Example` protos, `examples`.
      A float that is absent is NaN, an absent string "". Integers must be there,
      unless the model's input is a float.
    * `denormalize`, with a `target`: `normalized` to `prediction`.

    The constants stay variables: `constants[feature][name]` of the loaded object.
    The asset `normalization.json` says what they are and where they come from, and
    holds golden rows, with which the SavedModel was verified before it was put in
    place. A SavedModel that is there already is replaced.

    Args:
        model: Keras model with named inputs. If it holds a `layers.Features`, it
            takes raw columns; if not, one is put in front of it.
        fitted: The fitted recipe of all features, and of the target.
        path: The folder to write.
        target: Feature that the model predicts in normalized form.
        rows: Raw golden rows, by column; by default, made of the quantiles that the
            fitted recipe remembers.

    Returns:
        What `inspect(path)` will say.

    Raises:
        RecipeError: If model, recipe and target do not fit together.
        NotInvertible: If the map of the target has no inverse.
        VerificationError: If the SavedModel does not give the model's numbers.
        ArtifactError: If it cannot be written. Then nothing is left behind, as after
            any other error.
    """
    from tfnorm.baking import export

    return export.bake(model, fitted, path, target=target, rows=rows)


def verify(path: str | os.PathLike) -> checks.Report:
    """Runs the golden rows of a baked SavedModel, and compares its constants.

    Raises:
        ArtifactError: If it was not baked by tfnorm, or cannot be loaded.
        VerificationError: If a number differs; it names feature or output, row and
            both numbers.
    """
    from tfnorm.baking import verification

    return verification.verify(path)


def load_model(path: str | os.PathLike) -> typing.Any:
    """Loads a `.keras` model that may hold layers of tfnorm.

    Raises:
        ArtifactError: If there is no such file, or no model in it.
    """
    import keras

    # So that Keras knows its layers.
    from tfnorm import layers  # noqa: F401

    try:
        return keras.saving.load_model(path)
    except (OSError, ValueError, TypeError) as error:
        raise errors.ArtifactError(
            f"cannot be loaded as a Keras model: {error}", file=os.fspath(path)
        ) from error
