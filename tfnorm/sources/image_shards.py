# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Images: files in folders, and encoded bytes in columns of other files."""

import dataclasses
import os
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import images as images_lib
from tfnorm.sources import shards

FILES = 64  # Files that make a shard.
BATCH_BYTES = 8 << 20
# Rows of encoded images that a Parquet file is asked for at once.
PARQUET_ROWS = 64


class _Waiting:
    """Images that wait until there are enough for a batch."""

    def __init__(self, images: images_lib.Images, tally: shards.Tally):
        self._images = images
        self._tally = tally
        self.clear()

    def clear(self) -> None:
        self.rows: list[int] = []
        self.bytes = 0
        self._encoded: list[bytes | None] = []
        self._counts: list[np.ndarray] = []

    def add(self, row: int, data: bytes | None, file: str, record: int | None) -> None:
        """Decodes an image, `None` where it is missing, unless it is left out."""
        counts = np.zeros((self._images.channels, 256), np.int64)
        if data is not None:
            try:
                _, counts = self._images.decode(data)
            except errors.DataError as error:
                error.feature, error.file = self._images.feature, file
                error.record = record
                self._tally.add(error)
                return
            self.bytes += len(data)
        self.bytes += counts.nbytes
        self.rows.append(row)
        self._encoded.append(data)
        self._counts.append(counts)

    @property
    def column(self) -> arrays.ImageColumn:
        values = np.empty(len(self._encoded), object)
        values[:] = self._encoded
        missing = np.array([data is None for data in self._encoded], bool)
        none = np.zeros((0, self._images.channels, 256), np.int64)
        return arrays.ImageColumn(
            values,
            missing if missing.any() else None,
            counts=np.stack(self._counts) if self._counts else none,
            decode=self._images.pixels,
        )


@dataclasses.dataclass(frozen=True)
class ImageFilesShard(shards.Shard):
    """Some image files, each one row.

    What is read from is recorded as folders, not as each file.

    Args:
        path: Path of the first file.
        features: The name of the feature.
        max_bad_records: How many files may be skipped and counted: what cannot be
            decoded, or has other channels.
        files: Paths of the files.
        images: How they are decoded.
    """

    files: tuple[str, ...] = ()
    images: images_lib.Images = images_lib.Images()

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of images of one folder.

        Raises:
            FormatError: A file cannot be decoded.
            FeatureError: An image has other channels, 16 bits, or too few pixels.
            DataError: A file cannot be opened.
        """
        tally = shards.Tally(self.max_bad_records)
        waiting = _Waiting(self.images, tally)
        folder = None
        for row, path in enumerate(self.files):
            here = os.path.dirname(path)
            if waiting.rows and (here != folder or waiting.bytes >= BATCH_BYTES):
                yield self._batch(waiting, folder, tally)
            folder = here
            try:
                data = files.read(path)
            except OSError as error:
                raise errors.DataError(
                    f"The file cannot be read ({error.strerror}).", file=path
                ) from error
            waiting.add(row, data, path, None)
        if waiting.rows or tally.pending:
            yield self._batch(waiting, folder, tally)

    def _batch(self, waiting: _Waiting, folder, tally) -> arrays.Batch:
        batch = arrays.Batch(
            {self.images.feature: waiting.column},
            len(waiting.rows),
            folder or ".",
            bad_records=tally.report(),
            provenance=(self.images.provenance,),
        )
        waiting.clear()
        return batch


@dataclasses.dataclass(frozen=True)
class EncodedShard(shards.Shard):
    """A shard with a column of encoded images, which are decoded.

    Args:
        path: Path of the file.
        features: Names of the features to read; `None` for all there are.
        max_bad_records: How many images may be skipped and counted.
        shard: Reads the file.
        images: How they are decoded.
    """

    shard: shards.Shard | None = None
    images: images_lib.Images = images_lib.Images()

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of some 8 MiB of encoded images.

        Raises:
            FormatError: An image cannot be decoded, or as the file's format has it.
            FeatureError: The feature is no column of encoded bytes; an image has
                other channels, 16 bits, or too few pixels; or as the format has it.
        """
        name = self.images.feature
        tally = shards.Tally(self.max_bad_records)
        waiting = _Waiting(self.images, tally)
        for batch in self.shard.read():
            column = batch.columns.get(name)
            self._check(column, batch)
            bad = batch.bad_records
            for row in range(batch.rows):
                gone = column.missing is not None and column.missing[row]
                data = None if gone else column.values[row]
                waiting.add(row, data, batch.file, batch.record(row))
                if waiting.bytes >= BATCH_BYTES:
                    yield self._batch(batch, waiting, bad + tally.report())
                    bad = 0
            if waiting.rows or tally.pending or bad:
                yield self._batch(batch, waiting, bad + tally.report())

    def _check(self, column: arrays.Column | None, batch: arrays.Batch) -> None:
        if column is not None and len(column.values) == batch.rows:
            if column.all_missing or not batch.rows:
                return
            if column.values.dtype == object and column.values.ndim == 1:
                return
        raise errors.FeatureError(
            "The feature is no column of one string of bytes a row, as encoded images "
            f"are. The file has {', '.join(map(repr, batch.columns))}.",
            feature=self.images.feature,
            file=batch.file,
        )

    def _batch(self, batch: arrays.Batch, waiting: _Waiting, bad: int) -> arrays.Batch:
        rows = np.array(waiting.rows, np.int64)
        for name, column in batch.columns.items():
            if len(column.values) != batch.rows:
                raise errors.FeatureError(
                    "A feature list is not read beside encoded images. Name the "
                    "features to read.",
                    feature=name,
                    file=batch.file,
                )
        columns = {
            name: waiting.column if name == self.images.feature else column.take(rows)
            for name, column in batch.columns.items()
        }
        records = np.array([batch.record(row) for row in waiting.rows], np.int64)
        first = int(records[0]) if len(records) else 0
        made = (*batch.provenance, self.images.provenance)
        waiting.clear()
        return arrays.Batch(columns, len(rows), batch.file, first, bad, records, made)


def shards_of_files(
    paths: Sequence[str],
    features: tuple[str, ...] | None,
    max_bad_records: int,
    images: images_lib.Images,
) -> Iterator[ImageFilesShard]:
    """Yields shards of image files.

    Raises:
        FeatureError: Another feature is asked for.
        OptionsError: The decoder is not installed.
    """
    for name in features or ():
        if name != images.feature:
            raise errors.FeatureError(
                f"Image files have one feature, {images.feature!r}. Call it that, or "
                f"pass `images=Images({name!r})`.",
                feature=name,
                file=paths[0],
            )
    images_lib.decoder_of(images)
    for start in range(0, len(paths), FILES):
        files = tuple(paths[start : start + FILES])
        yield ImageFilesShard(
            files[0], (images.feature,), max_bad_records, files, images
        )


def shards_within(
    found: Sequence[shards.Shard], max_bad_records: int, images: images_lib.Images
) -> Iterator[EncodedShard]:
    """Yields shards that decode what the given ones read.

    Raises:
        OptionsError: The decoder is not installed.
    """
    images_lib.decoder_of(images)
    for shard in found:
        if hasattr(shard, "batch_rows"):
            shard = dataclasses.replace(shard, batch_rows=PARQUET_ROWS)
        yield EncodedShard(shard.path, shard.features, max_bad_records, shard, images)
