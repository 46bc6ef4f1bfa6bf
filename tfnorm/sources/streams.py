# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads plain and gzip files, and tells which one is which."""

import os
import re
import zlib

from tfnorm import errors

GZIP_MAGIC = b"\x1f\x8b"
_SHARD = re.compile(r"-\d{5,}-of-\d{5,}(?=$|\.)")


def compressed(path: str) -> bool:
    """Says whether the file is gzip, by its first bytes and by its name.

    Raises:
        FormatError: The two disagree.
    """
    with open(path, "rb") as file:
        magic = file.read(2)
    by_content = magic == GZIP_MAGIC
    name = _SHARD.sub("", os.path.basename(path)).lower()
    by_name = name.endswith(".gz")
    if not by_name and ".tfrecord" not in name:
        return by_content
    if by_content == by_name or not magic:
        # An empty file holds no records; gzip of nothing is 20 bytes.
        if by_name and not magic:
            raise errors.FormatError(
                "The file is empty, which is not gzip: it was cut off at its start.",
                file=path,
                record=0,
                offset=0,
            )
        return by_name
    if by_content:
        raise errors.FormatError(
            "The bytes are gzip but the name does not end in `.gz`. Are compressed "
            "and uncompressed files mixed up? Rename the file.",
            file=path,
            record=0,
            offset=0,
        )
    raise errors.FormatError(
        "The name ends in `.gz` but the bytes are not gzip. Are compressed and "
        "uncompressed files mixed up? Rename the file.",
        file=path,
        record=0,
        offset=0,
    )


class Plain:
    """Reads a file; never asks for more memory than the file has bytes."""

    damage = None

    def __init__(self, file):
        self._file = file
        self._left = os.fstat(file.fileno()).st_size

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
