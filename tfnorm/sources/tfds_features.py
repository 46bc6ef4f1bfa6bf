# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What `features.json` of a TensorFlow Datasets folder says of each feature."""

import dataclasses
import zlib
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from tfnorm import arrays
from tfnorm import errors

NUMBERS, IMAGE, OTHER = "numbers", "image", "other"


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A feature of the records; those within others are named "outer/inner".

    Args:
        name: Its name in the records.
        kind: Whether it is numbers, an image of 8 bits, or something else.
        shape: Shape of its value; `None` where it differs between records.
        dtype: Type of its numbers.
        encoding: How they are encoded as bytes: "none", "bytes" or "zlib".
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    dtype: str = ""
    encoding: str = "none"

    def column(self, column: arrays.Column, file: str) -> arrays.Column:
        """Gives a column that was read flat the shape that it has.

        Raises:
            FeatureError: It has another number of values.
        """
        if self.kind != NUMBERS or self.shape is None or column.all_missing:
            return column
        values = column.values
        try:
            if self.encoding != "none":
                values = np.stack([self._decoded(v) for v in values])
            values = values.reshape(len(values), *self.shape)
        except (ValueError, TypeError, zlib.error) as error:
            raise errors.FeatureError(
                f"The values are not of shape {self.shape} and type {self.dtype}, as "
                f"features.json says ({error}).",
                feature=self.name,
                file=file,
            ) from error
        return arrays.Column(values, column.missing)

    def _decoded(self, value: bytes) -> np.ndarray:
        if not value:  # Of a row without a value.
            return np.zeros(self.shape, self.dtype)
        data = zlib.decompress(value) if self.encoding == "zlib" else value
        return np.frombuffer(data, self.dtype).reshape(self.shape)


def leaves(spec: Mapping, name: str = "", shape: tuple | None = ()) -> Iterator[Leaf]:
    """Yields the features that a specification describes.

    Args:
        spec: An object of `features.json`.
        name: Name of the feature that it is about.
        shape: Shape of the sequences that it is within; `None` if it is not fixed.
    """
    if "featuresDict" in spec:
        for key, inner in spec["featuresDict"]["features"].items():
            yield from leaves(inner, f"{name}/{key}" if name else key, shape)
    elif "sequence" in spec:
        length = int(spec["sequence"].get("length", -1))
        within = None if shape is None or length < 0 else (*shape, length)
        yield from leaves(spec["sequence"]["feature"], name, within)
    elif "image" in spec:
        sizes = _shape(spec["image"])
        dtype = spec["image"].get("dtype", "uint8")
        plain = shape == () and dtype == "uint8" and sizes and sizes[-1] in (1, 3)
        yield Leaf(name, IMAGE if plain else OTHER, sizes)
    elif "classLabel" in spec:
        yield Leaf(name, NUMBERS, shape, "int64")
    elif "tensor" in spec or "boundingBox" in spec:
        tensor = spec.get("tensor", {"dtype": "float32", "shape": {"dimensions": [4]}})
        inner = _shape(tensor)
        dtype = tensor.get("dtype", "")
        number = dtype.startswith(("bool", "int", "uint", "float", "bfloat"))
        fixed = None if shape is None or min(inner, default=0) < 0 else (*shape, *inner)
        encoding = tensor.get("encoding", "none")
        if fixed is None or shape and encoding != "none":
            fixed = None
        yield Leaf(name, NUMBERS if number else OTHER, fixed, dtype, encoding)
    else:
        yield Leaf(name, OTHER, None)


def _shape(spec: Mapping) -> tuple[int, ...]:
    return tuple(int(n) for n in spec.get("shape", {}).get("dimensions", ()))
