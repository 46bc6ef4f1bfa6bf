# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Expands paths and patterns, and tells the format of each file."""

import collections
import glob
import os
import re
from collections.abc import Sequence
from typing import Any

from tfnorm import errors
from tfnorm.sources import framing

TFRECORD, PARQUET, CSV = "TFRecord", "Parquet", "CSV"
ARROW, NUMPY, IMAGE, AUDIO = "Arrow", "NumPy", "image", "audio"
_SUFFIXES = {
    ".tfrecord": TFRECORD,
    ".tfrecords": TFRECORD,
    ".tfrecord.gz": TFRECORD,
    ".tfrecords.gz": TFRECORD,
    ".tfrecord.zst": TFRECORD,
    ".tfrecords.zst": TFRECORD,
    ".parquet": PARQUET,
    ".csv": CSV,
    ".csv.gz": CSV,
    ".arrow": ARROW,
    ".feather": ARROW,
    ".npy": NUMPY,
    ".npz": NUMPY,
    ".jpg": IMAGE,
    ".jpeg": IMAGE,
    ".png": IMAGE,
    ".wav": AUDIO,
    ".flac": AUDIO,
}
_SHARD = re.compile(r"-\d{5,}-of-\d{5,}")


def is_path_like(data: Any) -> bool:
    """Says whether `data` is a path, a pattern, or a list of them."""
    if isinstance(data, str | os.PathLike):
        return True
    return (
        isinstance(data, list | tuple)
        and len(data) > 0
        and all(isinstance(item, str | os.PathLike) for item in data)
    )


def expand(data: Any) -> list[str]:
    """Returns the files that paths and patterns name, each pattern's in order.

    Raises:
        EmptyDataError: A pattern matches nothing.
        DataError: A path is no file that can be read.
    """
    if isinstance(data, str | os.PathLike):
        data = [data]
    found: list[str] = []
    for item in data:
        pattern = os.fsdecode(os.fspath(item))
        if re.match(r"[a-z0-9]+://", pattern):
            raise errors.DataError(
                "Remote paths cannot be read. Mount the file system, or copy the "
                "files.",
                file=pattern,
            )
        if os.path.exists(pattern) or not glob.has_magic(pattern):
            files = [pattern]
        else:
            files = sorted(glob.glob(pattern, recursive=True))
            if not files:
                raise errors.EmptyDataError(
                    "No file matches the pattern. Patterns know `*`, `?`, `[...]` "
                    "and `**`; quote them on the command line.",
                    file=pattern,
                )
        for file in files:
            _check(file)
        found += files
    counts = collections.Counter(found)
    repeated = [file for file, count in counts.items() if count > 1]
    if repeated:
        raise errors.DataError(
            "The file is named twice, so its rows would count twice.",
            file=min(repeated),
        )
    return found


def format_of(paths: Sequence[str]) -> str:
    """Returns the one format of all files.

    Raises:
        FormatError: A file is of no known format, or of another than the first.
    """
    formats = [_format(path) for path in paths]
    for path, kind in zip(paths, formats, strict=True):
        if kind != formats[0]:
            raise errors.FormatError(
                f"The file is {kind} by its name, but {paths[0]!r} is {formats[0]}. "
                "Read one format at a time, and merge the statistics.",
                file=path,
            )
    return formats[0]


def _check(path: str) -> None:
    if os.path.isdir(path):
        raise errors.DataError(
            f"This is a directory. Name its files, as in {os.path.join(path, '*')!r}.",
            file=path,
        )
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise errors.EmptyDataError("There is no such file.", file=path) from error
    except OSError as error:
        raise errors.DataError(
            f"The file cannot be read ({error.strerror}).", file=path
        ) from error


def _format(path: str) -> str:
    name = _SHARD.sub("", os.path.basename(path).lower())
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return kind
    if framing.looks_like_tfrecord(path):
        return TFRECORD
    raise errors.FormatError(
        "The name ends in no known suffix, and the bytes are no TFRecord. Known are "
        f"{', '.join(_SUFFIXES)}, also with `-00000-of-00008`.",
        file=path,
    )
