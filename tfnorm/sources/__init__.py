# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From files and in-memory data to batches of columns.

`open` lists the shards of a data set on disk; a shard is small, picklable, and
reads itself. `batches` goes over anything, in memory or on disk, at once.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import audio as audio_lib
from tfnorm.sources import encoded
from tfnorm.sources import images as images_lib
from tfnorm.sources import locate
from tfnorm.sources import memory
from tfnorm.sources import rewriting
from tfnorm.sources import shards
from tfnorm.sources import tfds

__all__ = [
    "APPLIED",
    "Audio",
    "Images",
    "Shard",
    "batches",
    "check_written",
    "decoding",
    "is_path_like",
    "open",
    "real_paths",
    "recorded",
    "rewrite",
]

APPLIED = locate.APPLIED
Audio = audio_lib.Audio
Images = images_lib.Images
Shard = shards.Shard
is_path_like = locate.is_path_like
real_paths = locate.real_paths
rewrite = rewriting.rewrite
check_written = rewriting.check_written
decoding = encoded.decoding
recorded = encoded.recorded


def open(
    data: Any,
    features: Sequence[str] | None = None,
    *,
    max_bad_records: int = 0,
    images: Images | None = None,
    audio: Audio | None = None,
    filters: arrays.Filters | None = None,
    whole: bool = False,
    file_format: str | None = None,
) -> list[Shard]:
    """Lists the shards of a data set on disk, after checking that all can be read.

    Paths may be of any file system that Beam knows, such as `s3://bucket/*.parquet`.

    Formats, by the ends of the names; all files are of one:

    * `.tfrecord`, `.tfrecord.gz`, `.tfrecord.zst`, or any end and these bytes:
      `tf.Example`, or `tf.SequenceExample`, of whose feature lists every step is a
      value.
    * `.array_record`, `.arrayrecord`: the same records. A shard is some of them.
    * `.parquet`: a shard is some row groups. `.csv`, `.csv.gz`.
    * `.arrow`, `.feather`, `.ipc`: Arrow IPC files. A shard is some record batches.
    * `.npy`, `.npz`: NumPy arrays. A shard is some rows.
    * `.jpg`, `.jpeg`, `.png`: images, each a row of the feature "image". A shard is
      some files. With `images`, a column of TFRecord, Parquet or Arrow files holds
      encoded images.
    * `.wav`, `.flac`: audio, each file a row of the feature "audio", of which every
      frame is a value. A shard is a file. With `audio`, a column of TFRecord, Parquet
      or Arrow files holds such files.

    A folder that TensorFlow Datasets prepared, as `DIR@train`, or its builder, is read
    by its own description. A folder that `tfnorm apply` wrote stands for its files.

    In all but records each file must have every feature, and of one class of type.
    The same rows have the same statistics in each format.

    Args:
        data: A path, a pattern, a list of them, or a builder of TFDS.
        features: Names of the features to read; `None` for all there are.
        max_bad_records: How many records of each file, or files of each shard, may
            be skipped and counted.
        images: How encoded images become pixels.
        audio: How audio becomes features.
        filters: Row groups of Parquet files that hold no row that counts, by their
            statistics, are not read. Rows are not chosen here.
        whole: Whether a shard is a whole file, however large.
        file_format: Which format all files are, whatever their names: "TFRecord",
            "ArrayRecord", "Parquet", "CSV", "Arrow", "NumPy", "image" or "audio".

    Raises:
        EmptyDataError: There is no such file, or nothing matches the pattern.
        FormatError: A file is of no known format, or of another than the first.
        FeatureError: A file lacks a feature or has another type.
        DataError: A file cannot be opened.
        OptionsError: The decoder of images or audio is not installed, or there are
            none; or there is no such format.

    Example:

    >>> import numpy as np, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.savez(os.path.join(folder.name, "a.npz"), x=np.arange(4))
    >>> [shard] = open(os.path.join(folder.name, "*.npz"))
    >>> [batch.columns["x"].values for batch in shard.read()]
    [array([0, 1, 2, 3])]
    >>> folder.cleanup()
    """
    if max_bad_records < 0:
        raise ValueError(f"`max_bad_records` must be 0 or more, not {max_bad_records}.")
    arrays.keep_freed_memory()
    names = None if features is None else tuple(features)
    data_set = tfds.folder_of(data)
    if data_set is not None:
        if audio is not None:
            raise errors.OptionsError(
                "Audio within data sets of TensorFlow Datasets is not decoded.",
                file=data_set[0],
            )
        return tfds.shards_of(*data_set, names, max_bad_records, images)
    paths = locate.expand(data)
    if file_format is None:
        kind = locate.format_of(paths)
    else:
        kind = locate.known_format(file_format)
    asked = [media for media in (images, audio) if media is not None]
    made = _media.get(kind)
    none = kind in (locate.CSV, locate.NUMPY)
    for media in asked:
        if none or (made is not None and not isinstance(media, made)):
            raise errors.OptionsError(
                f"{kind} files hold no encoded {media.kind}.", file=paths[0]
            )
    if made is not None:
        media = asked[0] if asked else made()
        return list(encoded.shards_of_files(paths, names, max_bad_records, media))
    found: list[Shard] = list(_shards_of[kind](paths, names, max_bad_records))
    if whole:
        found = _whole(found)
    if filters is not None and kind == locate.PARQUET:
        from tfnorm.sources import parquet

        found = parquet.filtered(found, filters)
    for media in asked:
        found = list(encoded.shards_within(found, max_bad_records, media))
    return found


def _whole(found: list[Shard]) -> list[Shard]:
    """The first shard of each file, made to be all of it."""
    firsts = {shard.path: shard for shard in reversed(found)}
    return [
        dataclasses.replace(firsts[path], stop=None)  # type: ignore[call-arg]
        if hasattr(firsts[path], "stop")
        else firsts[path]
        for path in dict.fromkeys(shard.path for shard in found)
    ]


def _array_record(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import array_record

    return array_record.shards_of(paths, names, max_bad_records)


def _parquet(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import parquet

    return parquet.shards_of(paths, names, max_bad_records)


def _csv(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import csv

    return csv.shards_of(paths, names, max_bad_records)


def _arrow(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import ipc

    return ipc.shards_of(paths, names, max_bad_records)


def _numpy(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import npy

    return npy.shards_of(paths, names, max_bad_records)


def _tfrecord(paths, names, max_bad_records) -> Iterator[Shard]:
    from tfnorm.sources import tfrecord

    for path in paths:
        yield tfrecord.TFRecordShard(path, names, max_bad_records)


_media = {locate.IMAGE: Images, locate.AUDIO: Audio}
_shards_of = {
    locate.ARRAY_RECORD: _array_record,
    locate.ARROW: _arrow,
    locate.CSV: _csv,
    locate.NUMPY: _numpy,
    locate.PARQUET: _parquet,
    locate.TFRECORD: _tfrecord,
}


def batches(
    data: Any,
    features: Sequence[str] | None = None,
    *,
    images: Images | None = None,
    audio: Audio | None = None,
) -> Iterator[arrays.Batch]:
    """Yields column batches of any data.

    Args:
        data: A dict of arrays; an array (a single feature named ""); a pandas
            DataFrame or Series; a pyarrow Table or RecordBatch; a polars DataFrame;
            a `tf.data.Dataset`; a Keras `PyDataset`; an iterable of batches, each
            `x`, `(x, y)` or `(x, y, weights)`, of which `x` counts; or what `open`
            takes.
        features: Names of the features; `None` for all there are.
        images: How encoded images in files become pixels.
        audio: How audio in files becomes features.
    """
    if is_path_like(data):
        for shard in open(data, features, images=images, audio=audio):
            yield from shard.read()
    else:
        yield from memory.batches(data, features)
