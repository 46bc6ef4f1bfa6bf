# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes TFRecord files of `tf.Example` again with some features changed."""

import gzip
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import streams
from tfnorm.sources import tfrecord
from tfnorm.sources import write as write_lib


def write(
    shard: tfrecord.TFRecordShard,
    path: pathlib.Path,
    change,
    optional: Sequence[str],
    restore: bool,
) -> Iterator[arrays.Batch]:
    """Writes the file; see `rewriting.rewrite`.

    `restore` makes no difference: `tf.Example` has one type of integers.
    """
    names = (*shard.features, *optional)
    with (
        open(path, "wb") as raw,
        _compressed(raw, streams.compression(shard.path)) as file,
    ):
        for batch, records in shard.read_records(names):
            changed = dict(change(batch)) if batch.rows else {}
            added = [name for name in changed if name not in names]
            framed = _rewritten(batch, records, changed, added)
            file.write(b"".join(framed))
            yield batch


def _compressed(raw, compression: str | None):
    """Returns what writes to an open file as the file that is read was written."""
    if compression == "zstd":
        import pyarrow as pa

        return pa.CompressedOutputStream(raw, "zstd")
    # No time and no name in the header: equal data give equal bytes.
    return gzip.GzipFile("", "wb", 6, raw, mtime=0) if compression else raw


def _rewritten(batch, records, changed, added) -> Iterator[bytes]:
    """Yields each record of the batch, changed and framed."""
    parse = example.messages().Example.FromString
    new = [(name, name.encode()) for name in added]
    frame = framing.Framer()
    taken_out = [name for name, column in changed.items() if column is None]
    columns = {name: column for name, column in changed.items() if column is not None}
    _check_shapes(batch, columns)
    # A later entry of a key takes the place of an earlier one, so they go behind.
    behind = write_lib.examples(columns, slice(0, batch.rows))
    lost = [
        (name, column.missing)
        for name, column in columns.items()
        if column.missing is not None
    ]
    for i, (record, entries) in enumerate(zip(records, behind, strict=True)):
        for name, key in new:
            # Most records have no such bytes; parsing tells where they are no key.
            if key in record and name in parse(record).features.feature:
                raise _there_already(batch, i, name)
        message = parse(record + entries)
        features = message.features.feature
        for name in taken_out:
            if name in features:
                del features[name]
        for name, missing in lost:
            if missing[i] and name in features:
                del features[name]
        # In the order of the names, which protobuf otherwise leaves to chance.
        yield frame(message.SerializeToString(deterministic=True))


def _check_shapes(batch: arrays.Batch, columns) -> None:
    for name, column in columns.items():
        if column.values.ndim > 2:
            raise errors.FeatureError(
                f"would have rows of shape {column.values.shape[1:]}, and a record "
                "holds lists. Normalize it in the model, or leave it out.",
                feature=name,
                file=batch.file,
                record=batch.first_record,
            )


def _there_already(batch: arrays.Batch, row: int, name: str) -> errors.FeatureError:
    return errors.FeatureError(
        "is to be added, and the record has it already. Rename it.",
        feature=name,
        file=batch.file,
        record=batch.first_record + row,
    )
