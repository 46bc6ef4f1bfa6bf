# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes files and folders whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from tfnorm import errors

_ATTEMPTS = 10


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path that becomes `path` if the body succeeds.

    Raises:
        ArtifactError: if the file cannot be written; nothing is left behind.
    """
    path = pathlib.Path(path)
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
    path = pathlib.Path(path)
    check_replaceable(path, marker)
    with _reported(path), _temporary(path) as folder:
        fresh = folder / "new"
        fresh.mkdir()
        yield fresh
        for attempt in range(_ATTEMPTS):
            before = folder / f"old-{attempt}"
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, before)
            try:
                os.rename(fresh, path)
                return
            except OSError:
                # Somebody else's came in between, which the next attempt replaces.
                if attempt + 1 == _ATTEMPTS or not path.exists():
                    if before.exists():
                        os.rename(before, path)
                    raise


def check_replaceable(path: str | os.PathLike, marker: str) -> None:
    """Raises an ArtifactError where `path` holds other things than such a folder.

    Args:
        path: The folder that is to be written.
        marker: Name of a file that every folder of this kind holds.
    """
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


@contextlib.contextmanager
def _temporary(path: pathlib.Path) -> Iterator[pathlib.Path]:
    # In the same folder, so that renaming never copies.
    path.parent.mkdir(parents=True, exist_ok=True)
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
