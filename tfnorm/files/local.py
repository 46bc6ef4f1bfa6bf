# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes files and folders of this machine whole or not at all."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

from tfnorm import errors
from tfnorm.files import ending
from tfnorm.files import remote

_ATTEMPTS = 10

_Read = TypeVar("_Read")


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path that becomes `path` if the body succeeds.

    Raises:
        ArtifactError: if the file cannot be written; nothing is left behind.
    """
    path = pathlib.Path(os.path.realpath(path))
    with _reported(path), _temporary(path) as folder:
        temporary = folder / path.name
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike, marker: str) -> Iterator[pathlib.Path]:
    """Yields a temporary folder that becomes `path` if the body succeeds.

    A folder of the same kind that is there already is replaced. Of two that write
    one path at a time, the last one wins whole.

    Args:
        path: The folder to write.
        marker: Name of a file that every folder of this kind holds.

    Raises:
        ArtifactError: if it cannot be written, or `path` is something else; what
            was there before stays.
    """
    check_replaceable(path, marker)
    path = pathlib.Path(os.path.realpath(path))
    with _reported(path), _temporary(path) as folder:
        fresh = folder / "new"
        fresh.mkdir()
        yield fresh
        for attempt in range(_ATTEMPTS):
            try:
                _swap(fresh, path, folder / f"old-{attempt}")
                return
            except OSError:
                # Somebody else's came or went in between: try again.
                if attempt + 1 == _ATTEMPTS:
                    raise


def read_whole_folder(path: str | os.PathLike, read: Callable[[], _Read]) -> _Read:
    """Returns what `read` does, again if the folder was replaced meanwhile.

    Args:
        path: A folder that `whole_folder` may be writing at the same time.
        read: Reads files of it.
    """
    for _ in range(_ATTEMPTS):
        before = _identity(path)
        try:
            return read()
        except errors.ArtifactError:
            if before == _identity(path):
                raise
    return read()


def check_replaceable(path: str | os.PathLike, marker: str) -> None:
    """Raises an ArtifactError where `path` holds other things than such a folder.

    Args:
        path: The folder that is to be written.
        marker: Name of a file that every folder of this kind holds.
    """
    if remote.is_remote(path):
        raise errors.ArtifactError(
            "is on a file system where no folder is renamed. Write it to this machine, "
            "and copy it there.",
            file=os.fspath(path),
        )
    folder = pathlib.Path(path)
    with _reported(folder):
        if not folder.exists() or (folder / marker).is_file():
            return
        if folder.is_dir() and not any(folder.iterdir()):
            return
    raise errors.ArtifactError(
        f"is there already and holds no {marker}. Name another folder.",
        file=os.fspath(path),
    )


def _swap(fresh: pathlib.Path, path: pathlib.Path, before: pathlib.Path) -> None:
    """Puts `fresh` in the place of `path`, in one step where the system has it."""
    if not path.exists():
        os.rename(fresh, path)
    elif not _exchange(fresh, path):
        os.rename(path, before)
        try:
            os.rename(fresh, path)
        except OSError:
            if not path.exists():
                os.rename(before, path)
            raise


def _exchange(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Swaps two folders by `renameat2(2)`; false if it cannot be done here."""
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    if call is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE.
    return call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _identity(path: str | os.PathLike) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_ctime_ns


@contextlib.contextmanager
def _temporary(path: pathlib.Path) -> Iterator[pathlib.Path]:
    # In the same folder, so that renaming never copies.
    path.parent.mkdir(parents=True, exist_ok=True)
    with ending.orderly():
        folder = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            yield pathlib.Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _reported(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.ArtifactError(
            f"cannot be written: {reason}.", file=os.fspath(path)
        ) from error
