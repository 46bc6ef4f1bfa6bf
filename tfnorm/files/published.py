# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders written whole or not at all where no folder can be renamed.

What such a folder holds lies in a part of it whose name nobody else uses, and a
summary, one small file, names the part. The summary is written last, in one step, and
is all that a reader starts from: so it finds all of one writer or all of another. Of
two writers, the last summary wins. Each removes the part that the summary before its
own named, as nobody starts from that any more. Of writers that end at one moment, the
part of one may stay: nobody reads it.
"""

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

from tfnorm import errors
from tfnorm.files import ending
from tfnorm.files import listing
from tfnorm.files import remote
from tfnorm.files import streams

_ATTEMPTS = 10
_Read = TypeVar("_Read")
# From the bytes of a summary to the name of the part that it names, if it is one.
Names = Callable[[bytes], str | None]


@dataclasses.dataclass
class Publication:
    """What is being published.

    Args:
        part: Name of the part, within the folder.
        path: Path of the part, to be written by the body.
        summary: Bytes of the summary, to be set by the body.
    """

    part: str
    path: str
    summary: bytes = b""


@contextlib.contextmanager
def published(path: str, marker: str, names: Names, part: str) -> Iterator[Publication]:
    """Yields where to write a part; if the body succeeds, its summary is published.

    Args:
        path: The remote folder.
        marker: Name of the summary.
        names: Tells which part a summary names.
        part: What the part is called, by all who write there: `{}` in it becomes a word
            that no other uses.

    Raises:
        ArtifactError: if it cannot be written, or `path` holds something else; what
            was there before stays.
    """
    check_publishable(path, marker, names, part)
    path = path.rstrip("/")
    name = part.format(uuid.uuid4().hex[:12])
    made = Publication(name, f"{path}/{name}")
    with ending.orderly():
        try:
            yield made
            # Another may have published while the body ran.
            before = _part(path, marker, names)
            with streams.whole_file(f"{path}/{marker}") as temporary:
                temporary.write_bytes(made.summary)
        except BaseException:
            listing.remove(made.path)
            raise
    if before is not None and before != _part(path, marker, names):
        listing.remove(f"{path}/{before}")


def check_publishable(path: str, marker: str, names: Names, part: str) -> None:
    """Raises an ArtifactError where `path` holds other things than such parts.

    Args:
        path: As of `published`, and so are the others.
        marker: Name of the summary.
        names: Tells which part a summary names.
        part: What the part is called.
    """
    path = path.rstrip("/")
    if _part(path, marker, names) is not None:
        return
    with remote.writing(path):
        found = listing.matches(f"{path}/**")
    head = part.partition("{")[0]
    for entry in found:
        name = entry.path.removeprefix(f"{path}/")
        # A writer that was killed may have left a part.
        if name != marker and not name.startswith((head, f".{marker}.")):
            raise errors.ArtifactError(
                f"is there already and holds no {marker}. Name another folder.",
                file=path,
            )


def follow(path: str, marker: str, read: Callable[[bytes], _Read]) -> _Read:
    """Returns what `read` makes of a summary, again if that is replaced meanwhile.

    Args:
        path: The remote folder.
        marker: Name of the summary.
        read: From the bytes of the summary to what is wanted.

    Raises:
        ArtifactError: if there is none, or it cannot be read.
    """
    path = path.rstrip("/")
    summary = _summary(path, marker)
    for _ in range(_ATTEMPTS):
        try:
            return read(summary)
        except errors.TfnormError:
            now = _summary(path, marker)
            if now == summary:
                raise
            summary = now
    return read(summary)


def _summary(path: str, marker: str) -> bytes:
    place = f"{path}/{marker}"
    for attempt in range(_ATTEMPTS):
        try:
            return listing.read(place)
        except errors.DataError as error:
            absent = isinstance(error, errors.EmptyDataError)
            # Where replacing takes two steps, somebody may be between them.
            if absent and attempt + 1 < _ATTEMPTS and listing.matches(f"{path}/*"):
                time.sleep(0.02)
                continue
            raise errors.ArtifactError(
                f"cannot be read: {error.message}", file=place
            ) from error
    raise AssertionError


def _part(path: str, marker: str, names: Names) -> str | None:
    try:
        return names(listing.read(f"{path}/{marker}"))
    except errors.EmptyDataError:
        return None
    except errors.DataError as error:
        raise errors.ArtifactError(error.message, file=path) from error
