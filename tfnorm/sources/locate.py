# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Expands paths and patterns, and tells the format of each file."""

import collections
import glob
import json
import os
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import errors
from tfnorm import files
from tfnorm.sources import framing

TFRECORD, PARQUET, CSV = "TFRecord", "Parquet", "CSV"
ARROW, NUMPY, IMAGE, AUDIO = "Arrow", "NumPy", "image", "audio"
ARRAY_RECORD = "ArrayRecord"
# What tells of the files that `tfnorm apply` wrote to a folder.
APPLIED = "applied.json"
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
    ".array_record": ARRAY_RECORD,
    ".arrayrecord": ARRAY_RECORD,
    ".arrow": ARROW,
    ".feather": ARROW,
    ".ipc": ARROW,
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
    """Says whether `data` is a path, a pattern, a list of them, or a TFDS builder."""
    if isinstance(data, str | os.PathLike) or is_builder(data):
        return True
    return (
        isinstance(data, list | tuple)
        and len(data) > 0
        and all(isinstance(item, str | os.PathLike) for item in data)
    )


def is_builder(data: Any) -> bool:
    """Says whether `data` is a builder of TensorFlow Datasets."""
    return all(hasattr(data, name) for name in ("as_dataset", "data_dir", "info"))


def expand(data: Any) -> list[str]:
    """Returns the files that paths and patterns name, each pattern's in order.

    A folder that `tfnorm apply` wrote names the files in it. Paths of this machine
    are absolute, so that they mean the same in every working folder.

    Raises:
        EmptyDataError: A pattern matches nothing, or nothing is named.
        DataError: A path is no file that can be read.
    """
    if isinstance(data, str | os.PathLike):
        data = [data]
    found: list[str] = []
    for item in data:
        pattern = os.fsdecode(os.fspath(item))
        found += _remote(pattern) if files.is_remote(pattern) else _local(pattern)
    if not found:
        raise errors.EmptyDataError("no file is named.")
    counts = collections.Counter(real_paths(found))
    repeated = [file for file, count in counts.items() if count > 1]
    if repeated:
        raise errors.DataError(
            "The file is named twice, so its rows would count twice.",
            file=min(repeated),
        )
    return found


def real_paths(paths: Iterable[str]) -> Iterator[str]:
    """Yields for each path the one that every spelling of it and link to it shares.

    Links to one image or sound stay apart: stores that keep equal files once are full
    of them, and each is a row.
    """
    folders: dict[str, str] = {}
    for path in paths:
        if files.is_remote(path):
            yield path
            continue
        folder, name = os.path.split(os.path.abspath(path))
        if by_name(path) not in (IMAGE, AUDIO) and os.path.islink(path):
            yield os.path.realpath(path)
            continue
        # Of many files, folders are few, and each link in them is a question to disk.
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        yield os.path.join(folders[folder], name)


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


def known_format(name: str) -> str:
    """Returns the format of a name, such as "TFRecord".

    Raises:
        OptionsError: There is no such format.
    """
    known = sorted({*_SUFFIXES.values()})
    if name not in known:
        raise errors.OptionsError(
            f"{name!r} is no format of files; there are {', '.join(known)}."
        )
    return name


def _local(pattern: str) -> list[str]:
    if os.path.isfile(os.path.join(pattern, APPLIED)):
        return applied_files(os.path.abspath(pattern))
    if os.path.exists(pattern) or not glob.has_magic(pattern):
        found = [pattern]
    else:
        found = sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise _no_match(pattern)
    for path in found:
        _check(path)
    return list(map(os.path.abspath, found))


def _remote(pattern: str) -> list[str]:
    if glob.has_magic(pattern) and not files.exists(pattern):
        found = [entry.path for entry in files.matches(pattern)]
        if not found:
            raise _no_match(pattern)
        return found
    path = pattern.rstrip("/")
    if by_name(path) is None and files.exists(f"{path}/{APPLIED}"):
        return applied_files(path)
    try:
        entry = files.status(path)
    except errors.EmptyDataError:
        if files.exists(f"{path}/{APPLIED}"):
            return applied_files(path)
        if files.matches(f"{path}/*"):
            raise _directory(pattern) from None
        raise
    # Some file systems know folders as they know files, mostly as empty ones.
    if (by_name(path) is None or not entry.size) and _holds_files(path):
        if files.exists(f"{path}/{APPLIED}"):
            return applied_files(path)
        raise _directory(pattern)
    return [entry.path]


def _holds_files(path: str) -> bool:
    try:
        return bool(files.matches(f"{path}/*"))
    except errors.DataError:  # As some say of a file.
        return False


def _directory(path: str) -> errors.DataError:
    within = os.path.join(path, "*")
    return errors.DataError(
        f"This is a directory. Name its files, as in {within!r}.", file=path
    )


def applied_files(folder: str) -> list[str]:
    """Returns the files of a folder that `tfnorm apply` wrote.

    Raises:
        FormatError: What tells of them is damaged.
    """
    path = os.path.join(folder, APPLIED)
    try:
        said = json.loads(files.read(path))
        place = os.path.join(folder, os.path.basename(said.get("folder") or ""))
        return [os.path.join(place, _within(name)) for name in said["files"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.FormatError(
            f"The file does not tell what was written ({error}).", file=path
        ) from error


def _within(name: str) -> str:
    if name.startswith("/") or files.is_remote(name) or ".." in name.split("/"):
        raise ValueError(f"{name!r} lies elsewhere")
    return name


def _no_match(pattern: str) -> errors.EmptyDataError:
    return errors.EmptyDataError(
        "No file matches the pattern. Patterns know `*`, `?`, `[...]` and `**`; quote "
        "them on the command line.",
        file=pattern,
    )


def _check(path: str) -> None:
    if os.path.isdir(path):
        raise _directory(path)
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise errors.EmptyDataError("There is no such file.", file=path) from error
    except OSError as error:
        raise errors.DataError(
            f"The file cannot be read ({error.strerror}).", file=path
        ) from error


def by_name(path: str) -> str | None:
    """Returns the format that the end of a file's name tells, if it does."""
    name = _SHARD.sub("", os.path.basename(path).lower())
    return next((k for suffix, k in _SUFFIXES.items() if name.endswith(suffix)), None)


def _format(path: str) -> str:
    kind = by_name(path)
    if kind is not None:
        return kind
    if framing.looks_like_tfrecord(path):
        return TFRECORD
    raise errors.FormatError(
        "The name ends in no known suffix, and the bytes are no TFRecord. Known are "
        f"{', '.join(_SUFFIXES)}, also with `-00000-of-00008`.",
        file=path,
    )
