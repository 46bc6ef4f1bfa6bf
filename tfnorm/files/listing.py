# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What files there are, here and elsewhere, and what tells them from others."""

import concurrent.futures
import contextlib
import dataclasses
import glob
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeVar

from tfnorm import errors
from tfnorm.files import ending
from tfnorm.files import remote
from tfnorm.files import streams

is_remote = remote.is_remote

_REQUESTS = 16
_Read = TypeVar("_Read")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file of a remote file system.

    Args:
        path: Its path.
        size: Its bytes.
        updated: When it was last written, in seconds; 0 where nobody knows.
    """

    path: str
    size: int
    updated: float


def status(path: str) -> Entry:
    """Returns what is known of one remote file.

    Raises:
        EmptyDataError: There is no such file.
        DataError: It cannot be reached.
    """
    system = remote.system(path)
    with remote.reading(path):
        return _entry(system.metadata(path))


def matches(pattern: str) -> list[Entry]:
    """Returns the remote files that match a pattern, sorted by path.

    Patterns are Beam's: `*` stays within a folder, `**` does not; as elsewhere, `**/`
    may also be nothing.

    Raises:
        DataError: The file system cannot be reached.
    """
    system = remote.system(pattern)
    found: dict[str, Entry] = {}
    with remote.reading(pattern):
        for one in sorted({pattern, pattern.replace("/**/", "/")}):
            for path, entry in _matches(system, one).items():
                # Object stores may hold an empty object as the name of a folder.
                if not path.endswith("/"):
                    found[path] = entry
    return [found[path] for path in sorted(found)]


def _matches(system, pattern: str) -> dict[str, Entry]:
    head, *parts = _split(pattern)
    if not system.has_dirs() or "**" in pattern or not any(map(_magic, parts[:-1])):
        return _matched(system, pattern)
    found = _matched(system, pattern)
    if found:
        return found
    # Some file systems list one folder at a time.
    places = [head]
    for part in parts:
        tried = [f"{place}/{part}" for place in places]
        places = tried
        if _magic(part):
            found = {}
            for place in tried:
                found |= _matched(system, place)
            places = list(found)
    if _magic(parts[-1]):
        return found
    there = [place for place in places if system.exists(place)]
    return {place: _entry(system.metadata(place)) for place in there}


def _matched(system, pattern: str) -> dict[str, Entry]:
    fixed = pattern[: next(i for i, c in enumerate(pattern + "*") if c in "*?[")]
    folder = fixed.rpartition("/")[0]
    if system.has_dirs() and not folder.endswith("/") and not system.exists(folder):
        return {}
    (result,) = system.match([pattern])
    return {found.path: _entry(found) for found in result.metadata_list}


def _split(pattern: str) -> list[str]:
    """The scheme and what follows it up to a slash, and the parts behind."""
    scheme, _, rest = pattern.partition("://")
    first, *parts = rest.split("/")
    return [f"{scheme}://{first}", *parts]


def _magic(part: str) -> bool:
    return glob.has_magic(part)


def exists(path: str) -> bool:
    """Says whether there is such a file.

    Raises:
        DataError: The file system cannot be reached.
    """
    if not is_remote(path):
        return os.path.lexists(path)
    with remote.reading(path):
        return bool(remote.system(path).exists(path))


def size(path: str) -> int:
    """Returns how many bytes a file has.

    Raises:
        OSError: It cannot be reached; of a remote one, a DataError.
    """
    return status(path).size if is_remote(path) else os.path.getsize(path)


def identity(path: str) -> list:
    """Returns numbers and words that change when a file is written again.

    Here it is size and times of change; elsewhere size, time of change, and the
    checksum that the file system keeps, where it keeps one.

    Raises:
        DataError: It cannot be reached.
    """
    if not is_remote(path):
        found = os.stat(path)
        return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    entry = status(path)
    try:
        checksum = remote.system(path).checksum(path)
    except Exception:  # Not every file system has them; time and size remain.
        checksum = None
    return [entry.size, entry.updated, str(checksum)]


def read(path: str | os.PathLike) -> bytes:
    """Returns the bytes of a file.

    Raises:
        OSError: It cannot be read; of a remote one, a DataError.
    """
    with streams.open(path) as file:
        return file.read()


def remove(path: str) -> None:
    """Removes a file, or a folder with all in it, if it is there and can be."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.remove(path)
        return
    with contextlib.suppress(Exception):
        system = remote.system(path)
        # Of folders that are no more than names, the files in them are removed.
        within = [] if system.has_dirs() else matches(f"{path}/**")
        system.delete([entry.path for entry in within] or [path])


def each(read: Callable[[str], _Read], paths: Sequence[str]) -> Iterator[_Read]:
    """Yields what each file has to say, in order; of remote ones, asks many at once.

    Args:
        read: Reads a little of a file, whose path it gets.
        paths: The files.
    """
    if not any(map(is_remote, paths)):
        yield from map(read, paths)
        return
    # What takes time is the way there and back.
    with concurrent.futures.ThreadPoolExecutor(_REQUESTS) as pool:
        yield from pool.map(read, paths)


@contextlib.contextmanager
def scratch(beside: str | os.PathLike) -> Iterator[str]:
    """Yields a folder beside a path, on its file system, that goes with the body.

    Raises:
        ArtifactError: It cannot be made.
    """
    beside = os.fspath(beside)
    if is_remote(beside):
        folder = f"{beside.rstrip('/')}.{uuid.uuid4().hex[:12]}"
        with ending.orderly():
            try:
                yield folder
            finally:
                remove(folder)
        return
    parent = os.path.dirname(os.path.abspath(beside))
    prefix = f".{os.path.basename(os.path.abspath(beside))}."
    with ending.orderly():
        try:
            os.makedirs(parent, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=prefix, dir=parent)
        except OSError as error:
            raise errors.ArtifactError(
                f"cannot be written: {error.strerror}.", file=beside
            ) from error
        try:
            yield folder
        finally:
            remove(folder)


def _entry(found) -> Entry:
    return Entry(found.path, found.size_in_bytes, found.last_updated_in_seconds or 0.0)
