# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Images and audio: files in folders, and encoded bytes in columns of other files."""

import abc
import dataclasses
import os
import typing
import zlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import shards

BATCH_BYTES = 8 << 20
# Rows of encoded bytes that a Parquet file is asked for at once.
PARQUET_ROWS = 64


class Pile(abc.ABC):
    """What was decoded, and waits until there is enough for a batch.

    Args:
        feature: Name of the feature.
        tally: Counts what cannot be decoded.
    """

    def __init__(self, feature: str, tally: shards.Tally):
        self._feature = feature
        self._tally = tally
        self.clear()

    def clear(self) -> None:
        """Forgets what waits."""
        self.rows: list[int] = []
        self.bytes = 0

    def add(self, row: int, data: bytes | None, file: str, record: int | None) -> None:
        """Decodes one, `None` where it is missing, unless it is left out."""
        try:
            self.bytes += self.take(data)
        except errors.DataError as error:
            error.feature, error.file, error.record = self._feature, file, record
            self._tally.add(error)
            return
        self.rows.append(row)

    @abc.abstractmethod
    def take(self, data: bytes | None) -> int:
        """Decodes one, and returns how many bytes are kept of it."""

    @property
    @abc.abstractmethod
    def column(self) -> arrays.Column:
        """All that waits."""


class Media(typing.Protocol):
    """How encoded bytes become values: `Images`, or `Audio`."""

    feature: str
    kind: typing.ClassVar[str]
    # About how many files make a shard.
    files: typing.ClassVar[int]

    @property
    def provenance(self) -> str:
        """Its options and libraries, as JSON."""

    def load(self) -> object:
        """Loads the libraries; raises an OptionsError if one is not installed."""

    def pile(self, tally: shards.Tally) -> Pile:
        """Returns an empty pile."""


@dataclasses.dataclass(frozen=True)
class FilesShard(shards.Shard):
    """Some files of images or audio, each one row.

    What is read from is recorded as folders, not as each file.

    Args:
        path: Path of the first file.
        features: The name of the feature.
        max_bad_records: How many files may be skipped and counted: what cannot be
            decoded, or is not as it should be.
        files: Paths of the files.
        media: How they are decoded.
    """

    files: tuple[str, ...] = ()
    media: Media | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of files of one folder.

        Raises:
            FormatError: A file cannot be decoded.
            FeatureError: It is not what the options expect.
            DataError: A file cannot be opened.
        """
        tally = shards.Tally(self.max_bad_records)
        pile = self.media.pile(tally)
        folder = None
        for row, path in enumerate(self.files):
            here = os.path.dirname(path)
            if pile.rows and (here != folder or pile.bytes >= BATCH_BYTES):
                yield self._batch(pile, folder, tally)
            folder = here
            try:
                data = files.read(path)
            except OSError as error:
                raise errors.DataError(
                    f"The file cannot be read ({error.strerror}).", file=path
                ) from error
            pile.add(row, data, path, None)
        if pile.rows or tally.pending:
            yield self._batch(pile, folder, tally)

    def _batch(self, pile: Pile, folder, tally) -> arrays.Batch:
        batch = arrays.Batch(
            {self.media.feature: pile.column},
            len(pile.rows),
            folder or ".",
            bad_records=tally.report(),
            provenance=(self.media.provenance,),
        )
        pile.clear()
        return batch


@dataclasses.dataclass(frozen=True)
class EncodedShard(shards.Shard):
    """A shard with a column of encoded images or audio, which are decoded.

    Args:
        path: Path of the file.
        features: Names of the features to read; `None` for all there are.
        max_bad_records: How many of them may be skipped and counted.
        shard: Reads the file.
        media: How they are decoded.
    """

    shard: shards.Shard | None = None
    media: Media | None = None

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of some 8 MiB.

        Raises:
            FormatError: A row cannot be decoded, or as the file's format has it.
            FeatureError: The feature is no column of encoded bytes; a row is not what
                the options expect; or as the format has it.
        """
        name = self.media.feature
        tally = shards.Tally(self.max_bad_records)
        pile = self.media.pile(tally)
        for batch in self.shard.read():
            column = batch.columns.get(name)
            self._check(column, batch)
            bad = batch.bad_records
            for row in range(batch.rows):
                gone = column.missing is not None and column.missing[row]
                data = None if gone else column.values[row]
                pile.add(row, data, batch.file, batch.record(row))
                if pile.bytes >= BATCH_BYTES:
                    yield self._batch(batch, pile, bad + tally.report())
                    bad = 0
            if pile.rows or tally.pending or bad:
                yield self._batch(batch, pile, bad + tally.report())

    def _check(self, column: arrays.Column | None, batch: arrays.Batch) -> None:
        if column is not None and len(column.values) == batch.rows:
            if column.all_missing or not batch.rows:
                return
            if column.values.dtype == object and column.values.ndim == 1:
                return
        raise errors.FeatureError(
            "The feature is no column of one string of bytes a row, as of encoded "
            f"{self.media.kind}. The file has "
            f"{', '.join(map(repr, batch.columns))}.",
            feature=self.media.feature,
            file=batch.file,
        )

    def _batch(self, batch: arrays.Batch, pile: Pile, bad: int) -> arrays.Batch:
        rows = np.array(pile.rows, np.int64)
        for name, column in batch.columns.items():
            if len(column.values) != batch.rows:
                raise errors.FeatureError(
                    f"A feature list is not read beside encoded {self.media.kind}. "
                    "Name the features to read.",
                    feature=name,
                    file=batch.file,
                )
        columns = {
            name: pile.column if name == self.media.feature else column.take(rows)
            for name, column in batch.columns.items()
        }
        records = np.array([batch.record(row) for row in pile.rows], np.int64)
        first = int(records[0]) if len(records) else 0
        made = (*batch.provenance, self.media.provenance)
        pile.clear()
        return arrays.Batch(columns, len(rows), batch.file, first, bad, records, made)


def shards_of_files(
    paths: Sequence[str],
    features: tuple[str, ...] | None,
    max_bad_records: int,
    media: Media,
) -> Iterator[FilesShard]:
    """Yields shards of files of images or audio.

    Raises:
        FeatureError: Another feature is asked for.
        OptionsError: The decoder is not installed.
    """
    for name in features or ():
        if name != media.feature:
            kind = type(media).__name__
            raise errors.FeatureError(
                f"Files of {media.kind} have one feature, {media.feature!r}. Call it "
                f"that, or pass `{kind.lower()}={kind}({name!r})`.",
                feature=name,
                file=paths[0],
            )
    media.load()
    for some in _runs(paths, media.files):
        yield FilesShard(some[0], (media.feature,), max_bad_records, some, media)


def _runs(paths: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Yields runs of about so many paths, at most four times as many.

    A name tells whether a run ends with it, so one more file changes one run, and not
    all behind it: what a cache keeps of the others is found again.
    """
    run: list[str] = []
    for path in paths:
        run.append(path)
        last = zlib.crc32(os.fsencode(os.path.basename(path))) % length == 0
        if last or len(run) == 4 * length:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)


def shards_within(
    found: Sequence[shards.Shard], max_bad_records: int, media: Media
) -> Iterator[EncodedShard]:
    """Yields shards that decode what the given ones read.

    Raises:
        OptionsError: The decoder is not installed.
    """
    media.load()
    for shard in found:
        if hasattr(shard, "batch_rows"):
            shard = dataclasses.replace(shard, batch_rows=PARQUET_ROWS)
        yield EncodedShard(shard.path, shard.features, max_bad_records, shard, media)


def recorded(shard: shards.Shard) -> list[str]:
    """Returns what `Statistics.sources` will say of a shard: a file, or folders."""
    if isinstance(shard, FilesShard):
        return sorted({os.path.dirname(path) or "." for path in shard.files})
    return [shard.path]


def decoding(found: Sequence[shards.Shard]) -> set[str]:
    """Returns what provenance will say of how shards decode images and audio."""
    used: set[Media] = set()
    for shard in found:
        within: shards.Shard | None = shard
        while isinstance(within, FilesShard | EncodedShard):
            if within.media is not None:
                used.add(within.media)
            within = within.shard if isinstance(within, EncodedShard) else None
    return {media.provenance for media in used}
