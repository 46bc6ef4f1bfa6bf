# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads data sets that TensorFlow Datasets prepared, from their folders.

`dataset_info.json` names the splits and their files, and `features.json` what is in
them; neither the package nor TensorFlow is needed.
"""

import dataclasses
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import array_record
from tfnorm.sources import encoded
from tfnorm.sources import framing
from tfnorm.sources import images as images_lib
from tfnorm.sources import locate
from tfnorm.sources import parquet
from tfnorm.sources import records
from tfnorm.sources import shards
from tfnorm.sources import tfds_features
from tfnorm.sources import tfrecord

INFO, FEATURES = "dataset_info.json", "features.json"
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_LOG = logging.getLogger("tfnorm")


@dataclasses.dataclass(frozen=True)
class ParquetRecordShard(records.RecordShard):
    """A Parquet file with a column of records, as TensorFlow Datasets writes it."""

    def blocks(self) -> Iterator[framing.Block]:
        """Yields the records of a batch of rows at a time.

        Raises:
            FormatError: The file is no Parquet file, or damaged.
            FeatureError: It has no column of records.
        """
        for batch in parquet.ParquetShard(self.path, ("data",), batch_rows=1024).read():
            data = batch.columns["data"].values.tolist()
            yield framing.block_of(data, batch.first_record)


@dataclasses.dataclass(frozen=True)
class TfdsShard(shards.Shard):
    """A file of a data set of TensorFlow Datasets, or some records of it.

    Args:
        path: Path of the file.
        features: Names of the features to read.
        max_bad_records: As of the file's format.
        shard: Reads the records.
        leaves: What the features are.
        records: How many records there are, as the folder says; `None` of a part.
    """

    shard: shards.Shard | None = None
    leaves: tuple[tfds_features.Leaf, ...] = ()
    records: int | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches, with each value in its shape.

        Raises:
            FormatError: As the format has it, or records are lacking.
            FeatureError: As the format has it, or values do not fit the shape.
        """
        assert self.shard is not None
        seen = 0
        for batch in self.shard.read():
            seen += batch.rows + batch.bad_records
            columns = {
                leaf.name: leaf.column(batch.columns[leaf.name], batch.file)
                for leaf in self.leaves
            }
            yield dataclasses.replace(batch, columns=columns)
        if self.records is not None:
            _check_count(self.path, seen, self.records)


def _check_count(path: str, seen: int, said: int) -> None:
    if seen != said:
        raise errors.FormatError(
            f"The file has {seen} records, where {INFO} says {said}. Prepare the data "
            "set again.",
            file=path,
        )


def folder_of(data: Any) -> tuple[str, str] | None:
    """Returns folder and split ("" if none is named) where `data` names a data set."""
    if isinstance(data, list | tuple) and len(data) == 1:
        data = data[0]
    if locate.is_builder(data):
        return os.fspath(data.data_dir), ""
    if not isinstance(data, str | os.PathLike):
        return None
    path = os.fsdecode(os.fspath(data))
    folder, at, split = path.rpartition("@")
    for place, named in ((folder, split), (path, "")) if at else ((path, ""),):
        if locate.by_name(place) is None and "*" not in place:
            if _is_file(os.path.join(place, INFO)):
                return place, named
    return None


def _is_file(path: str) -> bool:
    return files.exists(path) if files.is_remote(path) else os.path.isfile(path)


def shards_of(
    folder: str,
    split: str,
    features: tuple[str, ...] | None,
    max_bad_records: int,
    images: images_lib.Images | None,
) -> list[shards.Shard]:
    """Lists the shards of some splits of a data set.

    Args:
        folder: The folder of one version of one configuration.
        split: Names of splits, with "+" between them; "all"; or "" if there is one.
        features: Names of the features; `None` for all numbers and images of a fixed
            shape. The log tells what is left out.
        max_bad_records: As of `sources.open`.
        images: How images become pixels, by default with Pillow.

    Raises:
        OptionsError: The split is not there, or none is named where there are many, or
            `images` are given and there are none.
        FormatError: The folder's description, or a file, is damaged.
        FeatureError: There is no such feature.
    """
    info, spec = _json(folder, INFO), _json(folder, FEATURES)
    path = os.path.join(folder, FEATURES)
    try:
        found = {leaf.name: leaf for leaf in tfds_features.leaves(spec)}
        places = list(_files(folder, info, split))
    except errors.TfnormError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.FormatError(
            f"The folder's description is not understood ({error!r}).", file=path
        ) from error
    wanted = _chosen(found, features, path)
    names = tuple(leaf.name for leaf in wanted)
    made: list[shards.Shard] = []
    for place, count in places:
        parts = _records(place, names, max_bad_records)
        whole: int | None = count
        if (stop := getattr(parts[-1], "stop", None)) is not None:
            _check_count(place, stop, count)
            whole = None  # Of all parts together.
        for shard in parts:
            made.append(TfdsShard(place, names, max_bad_records, shard, wanted, whole))
    if images is not None and all(leaf.kind != tfds_features.IMAGE for leaf in wanted):
        raise errors.OptionsError(
            "Of what is read of the data set, nothing is an image.", file=folder
        )
    for leaf in wanted:
        if leaf.kind == tfds_features.IMAGE:
            how = images if images is not None and images.feature == leaf.name else None
            channels = leaf.shape[-1] if leaf.shape else 3
            how = how or _images(images, leaf.name, channels)
            made = [*encoded.shards_within(made, max_bad_records, how)]
    return made


def _images(given, name: str, channels: int) -> images_lib.Images:
    if given is None:
        return images_lib.Images(name, channels=channels)
    return dataclasses.replace(given, feature=name, channels=channels)


def _json(folder: str, name: str) -> dict:
    path = os.path.join(folder, name)
    try:
        return json.loads(files.read(path))
    except OSError as error:
        raise errors.EmptyDataError(
            f"The folder lacks this file ({error.strerror}).", file=path
        ) from error
    except ValueError as error:
        raise errors.FormatError(f"The file is no JSON ({error}).", file=path) from None


def _files(folder: str, info: dict, split: str) -> Iterator[tuple[str, int]]:
    """Yields path and number of records of each file of the splits."""
    splits = {one["name"]: one for one in info.get("splits", ())}
    named = list(splits) if split == "all" else split.split("+") if split else []
    if not named and len(splits) == 1:
        named = list(splits)
    known = ", ".join(splits) or "none"
    if not named:
        raise errors.OptionsError(
            f"The data set has the splits {known}. Name one behind the folder, as in "
            f"'{folder}@{next(iter(splits), 'train')}', some with + between them, or "
            "@all.",
            file=folder,
        )
    for name in named:
        if name not in splits or named.count(name) > 1:
            raise errors.OptionsError(
                f"The data set has no split {name!r}, or it is named twice; it has "
                f"{known}. Slices of splits are not read.",
                file=folder,
            )
        one = splits[name]
        lengths = [int(length) for length in one["shardLengths"]]
        kind = info.get("fileFormat", "tfrecord")
        for i, count in enumerate(lengths):
            of = len(lengths)
            file = (one.get("filepathTemplate") or _TEMPLATE).format(
                DATASET=info["name"],
                SPLIT=name,
                FILEFORMAT=kind,
                SHARD_INDEX=f"{i:05d}",
                NUM_SHARDS=f"{of:05d}",
                SHARD_X_OF_Y=f"{i:05d}-of-{of:05d}",
            )
            yield os.path.join(folder, os.path.basename(file)), count


def _chosen(found, features, path: str) -> tuple[tfds_features.Leaf, ...]:
    if features is not None:
        for name in features:
            if name not in found:
                raise errors.FeatureError(
                    f"The data set has no such feature; it has "
                    f"{', '.join(map(repr, found))}.",
                    feature=name,
                    file=path,
                )
        return tuple(found[name] for name in features)
    kept = [
        leaf
        for leaf in found.values()
        if leaf.kind != tfds_features.OTHER and leaf.shape is not None
    ]
    if lost := sorted(set(found) - {leaf.name for leaf in kept}):
        _LOG.warning("Leaving out %s: no numbers of a fixed shape.", ", ".join(lost))
    return tuple(kept)


def _records(path: str, names, max_bad_records: int) -> list[shards.Shard]:
    """Lists the shards of one file of records."""
    [path] = locate.expand(path)
    kind = locate.format_of([path])
    if kind == locate.ARRAY_RECORD:
        return list(array_record.shards_of([path], names, max_bad_records))
    if kind == locate.PARQUET:
        return [ParquetRecordShard(path, names, max_bad_records)]
    if kind == locate.TFRECORD:
        return [tfrecord.TFRecordShard(path, names, max_bad_records)]
    raise errors.FormatError(f"{kind} files are not read within data sets.", file=path)
