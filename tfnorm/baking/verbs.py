# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What one does with a SavedModel; TensorFlow is imported where it is needed."""

import os
import typing

from tfnorm import errors
from tfnorm import recipe
from tfnorm.baking import checks
from tfnorm.baking import manifest
from tfnorm.baking.folding import report


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
        target: Feature that the model predicts in normalized form, as its one output.
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


def training_data(
    patterns: str | typing.Iterable[str],
    model: typing.Any,
    fitted: recipe.FittedRecipe,
    *,
    target: str,
    batch_size: int = 256,
    compression: str = "GZIP",
    shuffle: int = 0,
) -> typing.Any:
    """Reads TFRecords of `tf.Example` as a model is fitted to them.

    The protos are decoded as the `serve_examples` signature of the model will decode
    them when it is baked, so what is absent or an integer means the same in training
    and in serving. Examples without a target, or with one that is not finite, are left
    out.

    Args:
        patterns: Paths or patterns of the files: `fn_args.train_files` of TFX.
        model: Keras model with named inputs. Where it holds a `layers.Features` it
            gets raw columns, else normalized ones, as when it is baked.
        fitted: The fitted recipe of all features, and of the target if that is to be
            normalized.
        target: Feature to predict, a number. It need not be in the recipe, as a label.
        batch_size: Rows in a batch; the last has what is left.
        compression: Of the files: "GZIP", as TFX writes them, "ZLIB" or "".
        shuffle: How many records to shuffle among, anew in each epoch, or 0 for the
            order of the files. `keras.utils.set_random_seed` makes it the same again.

    Returns:
        A `tf.data.Dataset` of what the model takes, and the target as float32 of shape
        (rows,).

    Raises:
        DataError: If no file matches, or none of the first 10,000 records has a number
            as the target.
        RecipeError: If model, recipe and target do not fit together, or the target is
            text.
    """
    from tfnorm.baking import reading

    return reading.training_data(
        patterns,
        model,
        fitted,
        target=target,
        batch_size=batch_size,
        compression=compression,
        shuffle=shuffle,
    )


def verify(path: str | os.PathLike) -> checks.Report:
    """Runs the golden rows of a baked SavedModel, and compares its constants.

    Raises:
        ArtifactError: If it was not baked by tfnorm, or cannot be loaded.
        VerificationError: If a number differs; it names feature or output, row and
            both numbers.
    """
    from tfnorm.baking import verification

    return verification.verify(path)


def fold(model: typing.Any) -> tuple[typing.Any, report.FoldReport]:
    """Folds normalizations by constants into the linear layers beside them.

    The folded model computes in inference what the model does, without them: of the
    same numbers in float64, within float32's rounding of them. In training it is
    another model. Nothing is folded that would not be exact:

    * Batch normalization (of Keras and tfnorm) goes into the layer in front of it, if
      that is linear, has no activation and no other user; or else into all the layers
      behind it, as do affine layers and `Whitening` of tfnorm, and `Normalization` and
      `Rescaling` of Keras.
    * Linear layers are `Dense`, `Conv`, `DepthwiseConv`, `SeparableConv` and
      `ConvTranspose` of Keras. There may be dropout, pooling, cropping, padding,
      flattening and concatenation in between, where they let the map pass.
    * Zeros that are padded behind a shift become padding, in a layer of its own, by
      the value that the shift takes to 0. Where that is not possible the
      normalization stays.
    * It stays, too, where float32 would lose more than 6 bits: whose centre is more
      than 64 deviations from 0.

    Layers keep their names, those that change get a bias if they need one, and
    sequential models become functional ones. Models within the model are folded, too.
    Input that is cast by what is folded is still cast. Layers that Keras cannot make
    anew from their configuration are shared with the model, which does not change.

    Args:
        model: A functional or sequential Keras model.

    Returns:
        The folded model, not compiled, and what was folded into what, or why not.

    Raises:
        RecipeError: If the model is of another kind, or not built.

    Example:

    >>> import keras
    >>> model = keras.Sequential(name="small")
    >>> for layer in (
    ...     keras.Input((8, 8, 3)),
    ...     keras.layers.Rescaling(1 / 255, name="to_one"),
    ...     keras.layers.Conv2D(4, 3, name="conv"),
    ...     keras.layers.BatchNormalization(name="norm"),
    ...     keras.layers.ReLU(name="relu"),
    ...     keras.layers.BatchNormalization(name="last"),
    ... ):
    ...     model.add(layer)
    >>> folded, report = fold(model)
    >>> print(report)
    2 of 3 normalizations folded
      to_one (Rescaling) -> conv
      norm (BatchNormalization) -> conv
      last (BatchNormalization) stays: in front, `relu` (ReLU) lets no map pass;
      behind, it is an output of the model
    >>> [layer.name for layer in folded.layers[1:]]
    ['conv', 'relu', 'last']

    Reference:
        Jacob et al., Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018, section 3.2.
    """
    from tfnorm.baking.folding import folder

    return folder.fold(model)


def load_model(path: str | os.PathLike) -> typing.Any:
    """Loads a `.keras` model that may hold layers of tfnorm.

    It is not compiled: what it was trained with, be it a loss or a metric of one's own,
    is of no use in serving, and need not be known here. Layers of one's own must be;
    see `keras.saving.register_keras_serializable`.

    Raises:
        ArtifactError: If there is no such file, or no model in it, or one of layers
            that Keras does not know.
    """
    import keras

    # So that Keras knows its layers.
    from tfnorm import layers  # noqa: F401

    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise errors.ArtifactError(
            f"cannot be loaded as a Keras model: {error}", file=os.fspath(path)
        ) from error
