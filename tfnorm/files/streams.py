# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Opens files here and elsewhere to read, and writes single ones whole."""

import builtins
import contextlib
import io
import os
import pathlib
import shutil
import tempfile
import typing
import uuid
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO

from tfnorm.files import local
from tfnorm.files import remote

# Object stores: there is an object as soon as it is written whole, and not before.
_OBJECTS = ("azfs", "gs", "s3")
_PIECE = 8 << 20
_ATTEMPTS = 20


def open(
    path: str | os.PathLike, *, buffering: int = -1, ranges: bool = False
) -> BinaryIO:
    """Opens a file to read its bytes.

    Args:
        path: Its path.
        buffering: As of `open`, of files here.
        ranges: Whether few and small parts of it are read, so that of a remote file
            no more is asked for than what is read.

    Raises:
        OSError: A file here cannot be opened.
        DataError: A remote one cannot.
    """
    if not remote.is_remote(path):
        return builtins.open(path, "rb", buffering)
    path = os.fspath(path)
    system = remote.system(path)
    with remote.reading(path):
        from apache_beam.io import filesystem

        plain = filesystem.CompressionTypes.UNCOMPRESSED
        file = system.open(path, compression_type=plain)
        if ranges and isinstance(file, io.BufferedReader):
            file = file.detach()  # It would ask for 16 MiB after each seek.
    return typing.cast(BinaryIO, _Remote(path, file))


class _Remote(io.RawIOBase):
    """A remote file, whose failures are typed errors that name it."""

    def __init__(self, path: str, file: Any):
        super().__init__()
        self.name = path
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with remote.reading(self.name):
            self._file.seek(offset, whence)
            return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Returns so many bytes, fewer only at the end of the file."""
        pieces = []
        left = -1 if size is None else size
        with remote.reading(self.name):
            while left:
                piece = self._file.read(left if left > 0 else _PIECE)
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece) if left > 0 else 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readall(self) -> bytes:
        return self.read()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path here, which becomes `path` if the body succeeds.

    A remote file is uploaded then: an object store shows it when it is whole, and
    elsewhere it is renamed when it is.

    Raises:
        ArtifactError: if the file cannot be written; nothing is left behind.
    """
    if not remote.is_remote(path):
        with local.whole_file(path) as temporary:
            yield temporary
        return
    path = os.fspath(path)
    with tempfile.TemporaryDirectory() as folder:
        temporary = pathlib.Path(folder, path.rpartition("/")[2])
        yield temporary
        _upload(temporary, path)


def _upload(source: pathlib.Path, path: str) -> None:
    system = remote.system(path)
    if system.scheme() in _OBJECTS:
        _write(system, source, path)
        return
    parent, _, name = path.rpartition("/")
    hidden = f"{parent}/.{name}.{uuid.uuid4().hex[:12]}"
    _write(system, source, hidden)
    with remote.writing(path):
        for attempt in range(_ATTEMPTS):
            try:
                system.rename([hidden], [path])
                return
            except Exception:
                # Some file systems do not rename to what is there, and between two
                # of our steps somebody else may write it again.
                if attempt + 1 == _ATTEMPTS or not system.exists(hidden):
                    raise
                with contextlib.suppress(Exception):
                    system.delete([path])


def _write(system, source: pathlib.Path, path: str) -> None:
    from apache_beam.io import filesystem

    plain = filesystem.CompressionTypes.UNCOMPRESSED
    with remote.writing(path):
        target = system.create(path, compression_type=plain)
        try:
            with builtins.open(source, "rb") as file:
                shutil.copyfileobj(file, target, _PIECE)
            target.close()
        except BaseException:
            # Closing may make an object of what was written so far.
            with contextlib.suppress(Exception):
                target.close()
            with contextlib.suppress(Exception):
                system.delete([path])
            raise
