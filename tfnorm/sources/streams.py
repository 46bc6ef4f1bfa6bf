# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads plain, gzip and zstd files, and tells which one is which."""

import contextlib
import os
import re
import zlib
from collections.abc import Iterator

from tfnorm import errors
from tfnorm import files

# What the first bytes of a compressed file are, and how its name ends.
# The length of a first record may be like two bytes of gzip's, hardly like three.
MAGIC = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}
ENDS = {"gzip": (".gz",), "zstd": (".zst", ".zstd")}
_SHARD = re.compile(r"-\d{5,}-of-\d{5,}(?=$|\.)")


def stream(file, compression: str | None) -> "Plain | Gunzip | Unzstd":
    """Returns the stream that reads an open file."""
    return {None: Plain, "gzip": Gunzip, "zstd": Unzstd}[compression](file)


def compression_by_content(data: bytes) -> str | None:
    """Returns "gzip", "zstd" or `None`, by the first bytes of a file."""
    return next((kind for kind, m in MAGIC.items() if data.startswith(m)), None)


@contextlib.contextmanager
def opened(path: str) -> "Iterator[Plain | Gunzip | Unzstd]":
    """Opens a file, here or elsewhere, to read what is in it uncompressed.

    Raises:
        FormatError: Its first bytes and its name disagree about the compression.
    """
    if files.is_remote(path):
        with files.open(path) as file:
            kind = _compression(path, file.read(4))
            file.seek(0)
            yield stream(file, kind)
        return
    kind = compression(path)
    with open(path, "rb", buffering=-1 if kind else 0) as file:
        yield stream(file, kind)


def compression(path: str) -> str | None:
    """Returns "gzip", "zstd" or `None`, by the file's first bytes and its name.

    Raises:
        FormatError: The two disagree.
    """
    with files.open(path, ranges=True) as file:
        return _compression(path, file.read(4))


def _compression(path: str, magic: bytes) -> str | None:
    by_content = compression_by_content(magic)
    name = _SHARD.sub("", os.path.basename(path)).lower()
    by_name = next((kind for kind, ends in ENDS.items() if name.endswith(ends)), None)
    if by_name is None and ".tfrecord" not in name:
        return by_content
    if by_name is not None and not magic:
        # An empty file holds no records; gzip of nothing is 20 bytes.
        raise errors.FormatError(
            f"The file is empty, which is not {by_name}: it was cut off at its start.",
            file=path,
            record=0,
            offset=0,
        )
    if by_content == by_name or not magic:
        return by_name
    content = "not compressed" if by_content is None else by_content
    end = f"does not end in {ENDS[by_content][0]!r}" if by_content else ""
    if by_name is not None:
        content = f"not {by_name}" if by_content is None else by_content
        end = f"ends in {name[name.rindex('.') :]!r}"
    raise errors.FormatError(
        f"The bytes are {content} but the name {end}. Are files of different "
        "compression mixed up? Rename the file.",
        file=path,
        record=0,
        offset=0,
    )


class Plain:
    """Reads a file; never asks for more memory than the file has bytes."""

    damage = None

    def __init__(self, file):
        self._file = file
        self._left = file.seek(0, os.SEEK_END)
        file.seek(0)

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


class Gunzip:
    """Reads gzip in pieces of one size, so that damage always shows at one place.

    `damage` is `None`, "cut off", or what zlib says of damaged bytes.
    """

    def __init__(self, file):
        self._file = file
        self._stream = zlib.decompressobj(31)
        self._input = b""
        self._started = False
        self._output: list[bytes] = []
        self._have = 0
        self.damage: str | None = None

    def read(self, size: int) -> bytes:
        """Returns `size` bytes, or what there is before the end or the damage."""
        while self._have < size and self._fill():
            pass
        data = b"".join(self._output)
        self._output = [data[size:]]
        self._have = len(self._output[0])
        return data[:size]

    def _fill(self) -> bool:
        if self.damage is not None:
            return False
        if self._stream.eof:
            # Another member may follow; trailing zeros are padding (gzip does so).
            self._input = self._stream.unused_data.lstrip(b"\0")
            self._stream = zlib.decompressobj(31)
            self._started = False
        if not self._input:
            self._input = self._file.read(1 << 18)
            if not self._started:
                self._input = self._input.lstrip(b"\0")
        if not self._input:
            if self._started:
                self.damage = "cut off"
            return False
        self._started = True
        try:
            piece = self._stream.decompress(self._input, 1 << 20)
        except zlib.error as error:
            self.damage = str(error)
            return False
        self._input = self._stream.unconsumed_tail
        self._output.append(piece)
        self._have += len(piece)
        return True


class Unzstd:
    """Reads Zstandard in pieces of one size; `damage` is what Arrow says of damage."""

    def __init__(self, file):
        import pyarrow as pa

        self._failures = (pa.ArrowException, OSError)
        self._stream = pa.CompressedInputStream(file, "zstd")
        self._output: list[bytes] = []
        self._have = 0
        self._ended = False
        self.damage: str | None = None

    def read(self, size: int) -> bytes:
        """Returns `size` bytes, or what there is before the end or the damage."""
        while self._have < size and not self._ended:
            try:
                piece = self._stream.read(1 << 18)
            except self._failures as error:
                self.damage = str(error)
                piece = b""
            self._ended = not piece
            self._output.append(piece)
            self._have += len(piece)
        data = b"".join(self._output)
        self._output = [data[size:]]
        self._have = len(self._output[0])
        return data[:size]
