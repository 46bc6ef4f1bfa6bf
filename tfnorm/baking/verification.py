# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Does a SavedModel still give the numbers that it was baked with?"""

import os
import typing

import numpy as np
import tensorflow as tf

from tfnorm import errors
from tfnorm.baking import checks
from tfnorm.baking import examples
from tfnorm.baking import front
from tfnorm.baking import golden
from tfnorm.baking import manifest

# Of the greatest output. Machines add the float32 products of a matrix in different
# orders: 2**-13 allows for 2,000 roundings of 2**-24 that all fall to one side.
TOLERANCE = 2.0**-13


def verify(path: str | os.PathLike) -> checks.Report:
    """Runs the golden rows; see `tfnorm.baking.verify`."""
    found = manifest.inspect(path)
    where = os.fspath(path)
    try:
        loaded = tf.saved_model.load(where)
    except Exception as error:
        raise errors.ArtifactError(f"cannot be loaded: {error}", file=where) from error
    compared = _Comparison(where, found)
    constants = compared.constants(loaded)
    dtypes = found.signatures["serving_default"].inputs.dtypes
    inputs = {
        name: golden.decode(rows, dtypes[found.arguments[name]])
        for name, rows in found.golden.inputs.items()
    }
    given = {found.arguments[name]: column for name, column in inputs.items()}
    differences = {
        "serving_default": compared.outputs(_call(loaded, "serving_default", **given))
    }
    skipped = dict(found.skipped)
    if "serve_examples" in found.signatures:
        try:
            protos = _protos(found, inputs)
        except ValueError as error:
            skipped["serve_examples"] = str(error)
        else:
            given = _call(loaded, "serve_examples", examples=protos)
            differences["serve_examples"] = compared.outputs(given)
    if "denormalize" in found.signatures:
        normalized = compared.expected["normalized"]
        given = _call(loaded, "denormalize", normalized=normalized)
        differences["denormalize"] = compared.outputs(given)
    rows = len(next(iter(inputs.values())))
    return checks.Report(where, constants, rows, differences, skipped)


class _Comparison:
    """What a SavedModel says and gives, beside what it was baked with."""

    def __init__(self, path: str, found: manifest.Manifest):
        self._path = path
        self._found = found
        tensors = found.signatures["serving_default"].outputs
        self.expected = {
            name: golden.decode(rows, tensors.dtypes[name])
            for name, rows in found.golden.outputs.items()
        }

    def constants(self, loaded: typing.Any) -> int:
        """Compares all constants, to the bit, and returns how many there are."""
        count = 0
        for owner, constants in self._found.constants.items():
            for key, baked in constants.items():
                try:
                    now = loaded.constants[owner][key].numpy()
                except (AttributeError, KeyError) as error:
                    raise errors.VerificationError(
                        f"The constant {key!r} is gone.", feature=owner, file=self._path
                    ) from error
                baked = np.asarray(baked, np.float32)
                if not np.array_equal(now, baked, equal_nan=True):
                    raise errors.VerificationError(
                        f"The constant {key!r} is {now}, but {baked} was baked.",
                        feature=owner,
                        file=self._path,
                    )
                count += baked.size
        return count

    def outputs(self, given: dict[str, tf.Tensor]) -> float:
        """Compares outputs, and returns the greatest difference."""
        greatest = 0.0
        for name, tensor in given.items():
            now, golden_rows = tensor.numpy(), self.expected[name]
            if now.dtype.kind != "f":
                same, difference = now == golden_rows, 0.0
            else:
                same, difference = _close(now, golden_rows)
            if np.shape(now) != golden_rows.shape or not np.all(same):
                raise self._differs(name, now, golden_rows, same)
            greatest = max(greatest, difference)
        return greatest

    def _differs(self, name, now, baked, same) -> errors.VerificationError:
        if np.shape(now) != baked.shape:
            message = f"is of shape {np.shape(now)}, but {baked.shape} was baked."
            return errors.VerificationError(
                f"Output {name!r} {message}", file=self._path
            )
        index = tuple(int(i) for i in np.argwhere(~same)[0])
        feature = self._found.target if name == "prediction" else None
        return errors.VerificationError(
            f"Output {name!r} is {now[index]}, but {baked[index]} was baked.",
            feature=feature,
            file=self._path,
            record=index[0] if index else None,
        )


def _close(now: np.ndarray, baked: np.ndarray) -> tuple[np.ndarray, float]:
    now, baked = now.astype(np.float64), baked.astype(np.float64)
    if now.shape != baked.shape:
        return np.array(False), 0.0
    finite = np.isfinite(baked) & np.isfinite(now)
    size = np.max(np.abs(baked), where=finite, initial=0.0)
    with np.errstate(invalid="ignore"):
        difference = np.where(finite, np.abs(now - baked), 0.0)
    alike = (now == baked) | (np.isnan(now) & np.isnan(baked))
    same = np.where(finite, difference <= TOLERANCE * size, alike)
    return same, float(np.max(difference, initial=0.0))


def _call(loaded, signature: str, **columns) -> dict[str, tf.Tensor]:
    function = loaded.signatures[signature]
    specs = function.structured_input_signature[1]
    return function(
        **{name: tf.constant(columns[name], specs[name].dtype) for name in specs}
    )


def _protos(found: manifest.Manifest, columns) -> list[bytes]:
    tensors = found.signatures["serving_default"].inputs
    inputs = {
        name: front.Input(
            tensors.shapes[argument][1:],
            tensors.dtypes[argument],
            name if name in found.fitted.maps else None,
        )
        for name, argument in found.arguments.items()
    }
    return examples.serialize(columns, examples.fields(inputs, found.fitted.kinds))
