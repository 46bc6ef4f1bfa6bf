# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads NumPy files, `.npy` and `.npz`, some rows at a time."""

import contextlib
import dataclasses
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import BinaryIO

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import arrow
from tfnorm.sources import columns
from tfnorm.sources import npy_ranges
from tfnorm.sources import shards

# Bytes of rows that make a shard, and those that make a batch.
SHARD_BYTES = 64 << 20
BATCH_BYTES = 8 << 20
_LOCAL_HEADER = 30
_DAMAGE = (
    ValueError,
    EOFError,
    OverflowError,
    MemoryError,  # A damaged shape may claim anything.
    RuntimeError,  # Also NotImplementedError: flags of zip nobody set.
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclasses.dataclass(frozen=True)
class NumpyShard(shards.Shard):
    """Some consecutive rows of a NumPy file.

    A `.npy` holds one feature, named "", or one for each field of a structured type;
    a `.npz` one for each of its arrays, all with the same number of rows. Values are
    as those of arrays in memory: NaN is a value, NaT is missing, booleans are uint8.
    Arrays are memory-mapped, or read by ranges where they are remote, but for those
    that `np.savez_compressed` wrote. Objects are refused: only pickle can read them.

    Args:
        path: Path of the file.
        features: Names of the features to read; `None` for all.
        max_bad_records: Without effect: the files have no records to check.
        first: Index of the first row.
        stop: One past the last row; `None` for all there are.
    """

    first: int = 0
    stop: int | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of some 8 MiB.

        Raises:
            FormatError: The file is no NumPy file, holds objects, or is damaged.
            FeatureError: A feature is absent, or arrays differ in rows.
        """
        # Only mapped arrays are not checked yet; one part does it for all.
        with self._loaded(verify=not self.first) as found:
            rows = self._rows(found)
            stop = rows if self.stop is None else self.stop
            step = max(1, BATCH_BYTES // _row_bytes(found))
            for first in range(self.first, stop, step):
                part = slice(first, min(stop, first + step))
                with self._typed():
                    cut = {name: array[part] for name, array in found.items()}
                converted = {name: _column(array, name) for name, array in cut.items()}
                yield arrays.Batch(
                    converted, part.stop - first, file=self.path, first_record=first
                )

    def kinds(self) -> dict[str, tuple]:
        """Returns for each feature its class of type and the shape of a row."""
        with self._loaded() as found:
            self._rows(found)
            return {
                name: (_kind(array.dtype), array.shape[1:])
                for name, array in found.items()
            }

    def parts(self) -> Iterator["NumpyShard"]:
        """Yields shards of some rows each, which together are this file.

        Raises:
            FormatError: The file is no NumPy file, holds objects, or is damaged.
            FeatureError: A feature is absent, or arrays differ in rows.
        """
        with self._loaded() as found:
            rows = self._rows(found)
            step = max(1, SHARD_BYTES // _row_bytes(found))
            mapped = all(map(_mapped, found.values()))
        # Parts of what is compressed would each have to inflate all of it.
        if rows <= step or not mapped:
            yield self
            return
        for first in range(0, rows, step):
            stop = min(rows, first + step)
            yield dataclasses.replace(self, first=first, stop=stop)

    @contextlib.contextmanager
    def _loaded(self, verify: bool = False) -> Iterator[dict[str, Any]]:
        """Yields the arrays; remote ones are read as long as the body lasts."""
        with files.open(self.path, ranges=True) as file:
            with self._typed():
                zipped = file.read(2) == b"PK"
                if zipped:
                    found = self._unzip(file)
                else:
                    found = self._fields(_map(self.path, file, 0))
                if zipped and verify:
                    self._verify(file, found)
            for name in self.features or ():
                if name not in found:
                    raise errors.FeatureError(
                        f"The file has no array of this name; it has "
                        f"{', '.join(map(repr, found))}. A `.npy` is one feature, "
                        "named ''.",
                        feature=name,
                        file=self.path,
                    )
            names = found if self.features is None else self.features
            yield {name: found[name] for name in names}

    @contextlib.contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise errors.FormatError(
                f"The file is no readable NumPy file ({error}). Write it again with "
                "`np.save` or `np.savez`, as numbers and not as objects.",
                file=self.path,
            ) from error

    def _fields(self, array: np.ndarray) -> dict[str, np.ndarray]:
        if array.dtype.names:
            return {name: array[name] for name in array.dtype.names}
        return {"": array}

    def _unzip(self, raw: BinaryIO) -> dict[str, np.ndarray]:
        found = {}
        with zipfile.ZipFile(raw) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if self.features is not None and name not in self.features:
                    found[name] = np.zeros(0)  # Named in errors, and not read.
                elif entry.compress_type == zipfile.ZIP_STORED:
                    raw.seek(entry.header_offset)
                    lengths = struct.unpack("<2H", raw.read(_LOCAL_HEADER)[26:])
                    start = entry.header_offset + _LOCAL_HEADER + sum(lengths)
                    found[name] = _map(self.path, raw, start)
                else:
                    with archive.open(entry) as file:
                        found[name] = np.lib.format.read_array(file, allow_pickle=False)
        return found

    def _verify(self, raw: BinaryIO, found: dict[str, np.ndarray]) -> None:
        """Reads what is mapped once, so that zipfile compares its checksums."""
        with zipfile.ZipFile(raw) as archive:
            for name, array in found.items():
                if _mapped(array) and (self.features is None or name in self.features):
                    with archive.open(f"{name}.npy") as file:
                        while file.read(1 << 20):
                            pass

    def _rows(self, found: dict[str, np.ndarray]) -> int:
        first = next(iter(found), None)
        for name, array in found.items():
            if not array.ndim:
                raise errors.FeatureError(
                    "The array is a single number, where rows were expected.",
                    feature=name,
                    file=self.path,
                )
            if len(array) != len(found[first]):
                raise errors.FeatureError(
                    f"The array has {len(array)} rows; {first!r} has "
                    f"{len(found[first])}. Name the features to read.",
                    feature=name,
                    file=self.path,
                )
        return len(found[first]) if found else 0


def _map(path: str, file: BinaryIO, start: int) -> Any:
    """Maps the array whose header starts at a byte of the file."""
    file.seek(start)
    version = np.lib.format.read_magic(file)
    if version == (3, 0):  # As 2.0, but for names of fields in UTF-8.
        mapped = not (start or files.is_remote(path))
        return np.load(path, mmap_mode="r") if mapped else _read(file, start)
    shape, fortran, dtype = _READERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds objects, which only pickle could read")
    if 0 in shape:
        return np.zeros(shape, dtype)  # Nothing cannot be mapped.
    if not files.is_remote(path):
        order = "F" if fortran else "C"
        return np.memmap(path, dtype, "r", file.tell(), shape, order)
    if fortran or not shape:
        return _read(file, start)
    ranges = npy_ranges.Ranges(file, file.tell(), dtype, shape)
    if ranges.start + ranges.nbytes > (size := file.seek(0, os.SEEK_END)):
        raise EOFError(f"it has {size} bytes, and the array needs more")
    return ranges


def _read(file: Any, start: int) -> np.ndarray:
    file.seek(start)
    return np.lib.format.read_array(file, allow_pickle=False)


def _mapped(array: np.ndarray) -> bool:
    return isinstance(array, np.memmap | npy_ranges.Ranges)


def _row_bytes(found: dict[str, np.ndarray]) -> int:
    return sum(a.nbytes // max(1, len(a)) for a in found.values()) + 1


def _column(part: np.ndarray, name: str) -> arrays.Column:
    if part.dtype.kind == "U":
        part = np.char.encode(part, "utf-8")
    if part.dtype.kind == "S":
        part = part.astype(object)
    # A plain array, read from the file once and not by each statistic again.
    return columns.of(np.array(part), feature=name)


def _kind(dtype: np.dtype) -> str:
    """The class of a type; those of different units must not be mixed."""
    if dtype.kind in "iub":
        return arrow.INTEGER
    if dtype.kind in "SU":
        return arrow.TEXT
    return arrow.FLOATING if dtype.kind == "f" else str(dtype)


def shards_of(
    paths: Sequence[str], features: tuple[str, ...] | None, max_bad_records: int
) -> Iterator[NumpyShard]:
    """Yields shards of rows, after comparing each file's arrays with the first's.

    Raises:
        FeatureError: A feature is absent, or of another class of type or shape.
    """
    expected: dict[str, tuple] = {}
    for path in paths:
        kinds = NumpyShard(path, features).kinds()
        if features is None:
            features = tuple(kinds)
        for name, kind in kinds.items():
            if kind != expected.setdefault(name, kind):
                raise errors.FeatureError(
                    f"The array's type or shape of a row is not that of the array in "
                    f"{paths[0]!r}. Write the files alike.",
                    feature=name,
                    file=path,
                )
    for path in paths:
        yield from NumpyShard(path, features, max_bad_records).parts()
