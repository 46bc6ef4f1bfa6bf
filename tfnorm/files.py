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
def whole_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary folder that becomes `path` if the body succeeds.

    A folder that is there already is replaced.

    Raises:
        ArtifactError: if it cannot be written; what was there before stays.
    """
    path = pathlib.Path(path)
    with _reported(path), _temporary(path) as folder:
        fresh, before = folder / "new", folder / "old"
        fresh.mkdir()
        yield fresh
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, before)
        try:
            os.rename(fresh, path)
        except OSError:
            if before.exists():
                os.rename(before, path)
            raise


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
