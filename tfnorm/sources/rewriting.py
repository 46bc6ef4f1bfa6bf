# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes a shard again with some of its columns changed, the others as they were."""

import contextlib
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import parquet
from tfnorm.sources import shards
from tfnorm.sources import tfrecord

Change = Callable[[arrays.Batch], Mapping[str, arrays.Column | None]]


def rewrite(
    shard: shards.Shard,
    path: str | os.PathLike,
    change: Change,
    *,
    optional: tuple[str, ...] = (),
    restore: bool = False,
) -> Iterator[arrays.Batch]:
    """Writes `path`, whole or not at all, while the batches that it yields are taken.

    Rows keep their order, and files their compression. Of `tf.Example`, features are
    written sorted by name; in Parquet, columns and row groups stay where they are, and
    columns that are added come last. What `change` does not name passes through with
    its very bytes. The same shard gives the same bytes each time.

    Args:
        shard: What to read, with the names of the features to change or to look at.
        path: The file to write, of the shard's format.
        change: Called with batches of the shard's features; returns columns by name,
            `None` for those to take out. Other names than the shard's are added.
        optional: Features to read if there are any such.
        restore: Whether Parquet columns get the type back that they had before the
            file was first rewritten.

    Raises:
        FormatError: The file is damaged, or of a format that is not written.
        FeatureError: A feature cannot be read, or is to be added and there already.
        ArtifactError: The file cannot be written.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from tfnorm import sources
    >>> from tfnorm.sources import write
    >>> def twice(batch):
    ...     return {"x": arrays.Column(2 * batch.columns["x"].values)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = {"x": np.arange(3), "y": np.arange(3)}
    ...     (path,) = write.write_parquet(data, f"{folder}/d")
    ...     (shard,) = sources.open(path, ["x"])
    ...     for _ in rewrite(shard, f"{folder}/new.parquet", twice):
    ...         pass
    ...     (batch,) = sources.batches(f"{folder}/new.parquet")
    >>> batch.columns["x"].values, batch.columns["y"].values
    (array([0, 2, 4]), array([0, 1, 2]))
    """
    write: Callable[..., Iterator[arrays.Batch]]
    if isinstance(shard, tfrecord.TFRecordShard):
        from tfnorm.sources import rewrite_tfrecord

        write = rewrite_tfrecord.write
    elif isinstance(shard, parquet.ParquetShard):
        from tfnorm.sources import rewrite_parquet

        write = rewrite_parquet.write
    else:
        raise not_written(shard.path)
    with files.whole_file(path) as temporary:
        yield from write(shard, temporary, _placed(change), optional, restore)


def check_written(found: list[shards.Shard]) -> None:
    """Raises a FormatError where a shard is of a format that is not written."""
    for shard in found:
        if not isinstance(shard, tfrecord.TFRecordShard | parquet.ParquetShard):
            raise not_written(shard.path)


def not_written(path: str) -> errors.FormatError:
    """The error for a format that is not written."""
    return errors.FormatError(
        "Files of this format are read but not written. Those of `tf.Example` "
        "(TFRecord, plain, gzip or zstd) and of Parquet are: convert the data first.",
        file=path,
    )


def _placed(change: Change) -> Change:
    """Adds to errors of `change` which file and record they are about."""

    def placed(batch: arrays.Batch):
        with _place(batch):
            return change(batch)

    return placed


@contextlib.contextmanager
def _place(batch: arrays.Batch) -> Iterator[None]:
    try:
        yield
    except errors.TfnormError as error:
        error.file = error.file or batch.file
        error.record = batch.first_record + (error.record or 0)
        raise
