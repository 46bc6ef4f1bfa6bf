# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TFRecord framing: a file in large blocks, every checksum verified.

A record is `length (8 bytes), crc(length) (4), data, crc(data) (4)`, all little
endian; the checksums are CRC32C, masked by a rotation and an offset.
"""

import dataclasses
import functools
import struct
import warnings
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import errors
from tfnorm import files
from tfnorm.sources import streams

HEADER = 12
FOOTER = 4
# Decoders gather whole words around a position, so they may look past the end
# of the last record: an entry's 130 bytes and the words of the longest key.
PADDING = 512


@dataclasses.dataclass(frozen=True)
class Block:
    """Some consecutive records, whole and verified.

    Args:
        data: The bytes they lie in, padded.
        starts: First byte of each record's data in `data`, shape (records,).
        ends: One past its last byte, shape (records,).
        records: Index of each record in the file, shape (records,).
        offset: Byte offset in the uncompressed file of `data[0]`; `None` where
            records do not lie in the file as they are.
        faults: An error for each record left out, in the order of the file.
    """

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    records: np.ndarray
    offset: int | None
    faults: tuple[errors.DataError, ...] = ()

    def place(self, row: int) -> int | None:
        """Returns the byte offset in the file of a record's header, if it has one."""
        if self.offset is None:
            return None
        return self.offset + int(self.starts[row]) - HEADER


def checksum(data: bytes) -> int:
    """Returns the masked CRC32C of `data`."""
    crc = _crc32c()(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """Returns `data` as one TFRecord record."""
    return b"".join((_header(len(data)), data, struct.pack("<I", checksum(data))))


def _header(length: int) -> bytes:
    header = struct.pack("<Q", length)
    return header + struct.pack("<I", checksum(header))


class Framer:
    """Frames records as `frame` does, with the header of each length made once."""

    def __init__(self):
        self._headers: dict[int, bytes] = {}

    def __call__(self, data: bytes) -> bytes:
        """Returns `data` as one TFRecord record."""
        header = self._headers.get(len(data))
        if header is None:
            header = self._headers[len(data)] = _header(len(data))
        return header + data + checksum(data).to_bytes(4, "little")


def block_of(
    data: Sequence[bytes], first: int, faults: dict[int, errors.DataError] | None = None
) -> Block:
    """Returns records that were read one by one.

    Args:
        data: The records.
        first: Index in the file of the first one.
        faults: Why records are left out, by their places in `data`.
    """
    faults = faults or {}
    kept = [i for i in range(len(data)) if i not in faults]
    ends = np.cumsum([len(data[i]) for i in kept], dtype=np.int64)
    starts = np.concatenate((np.zeros(1, np.int64), ends))[: len(kept)]
    joined = b"".join([*(data[i] for i in kept), bytes(PADDING)])
    records = np.array(kept, np.int64) + first
    return Block(
        joined, starts, ends, records, None, tuple(faults[i] for i in sorted(faults))
    )


def looks_like_tfrecord(path: str) -> bool:
    """Says whether the first record's length has a right checksum."""
    try:
        with files.open(path, ranges=True) as file:
            header = file.read(HEADER)
            compression = streams.compression_by_content(header)
            if compression is not None:
                file.seek(0)
                header = streams.stream(file, compression).read(HEADER)
    except OSError:
        return False
    return len(header) == HEADER and checksum(header[:8]) == int.from_bytes(
        header[8:], "little"
    )


def read_blocks(path: str, *, block_bytes: int = 8 << 20) -> Iterator[Block]:
    """Yields the records of one file, about `block_bytes` at a time.

    A record of wrong checksum, and a record that the end of the file cuts off,
    is left out and described in `Block.faults`.

    Args:
        path: A TFRecord file, plain, gzip or zstd.
        block_bytes: Bytes to read at once; a longer record gets what it needs.

    Raises:
        FormatError: A record's length is damaged, so that nothing says where the
            next one starts, or the compressed stream is; or name and content disagree
            about the compression.
    """
    with streams.opened(path) as stream:
        yield from _Scanner(path, stream, block_bytes).blocks()


class _Scanner:
    """Finds the records of one open file."""

    def __init__(self, path: str, file, block_bytes: int):
        self._path = path
        self._file = file
        self._block_bytes = block_bytes
        self._crc = _crc32c()
        self._record = 0
        self._offset = 0
        # Verified headers; records of one writer have few distinct lengths.
        self._lengths: dict[bytes, int] = {}

    def blocks(self) -> Iterator[Block]:
        rest = b""
        wanted = self._block_bytes
        while True:
            chunk = self._file.read(max(1, wanted - len(rest)))
            size = len(rest) + len(chunk)
            if not chunk:
                break
            data = b"".join((rest, chunk, bytes(PADDING)))
            del chunk
            stops, crcs, position, fault = self._scan(data, size)
            rest = data[position:size]
            # A record longer than a block: read all of it next time.
            wanted = max(self._block_bytes, self._need(rest))
            if stops:
                yield self._verify(data, stops, crcs)
                del data
            self._offset += position
            if fault is not None:
                raise fault
        damage = self._file.damage
        if rest or damage is not None:
            yield from self._truncated(rest, damage)

    def _scan(self, data: bytes, size: int):
        """Walks from record to record; stops at the last whole one."""
        stops: list[int] = []
        crcs: list[int] = []
        add_stop, add_crc = stops.append, crcs.append
        lengths, crc = self._lengths, self._crc
        position = 0
        fault = None
        while True:
            start = position + 12
            length = lengths.get(data[position:start])
            if length is None:
                if start > size:
                    break
                header = data[position:start]
                if checksum(header[:8]) != int.from_bytes(header[8:], "little"):
                    fault = self._bad_length(position, self._record + len(stops))
                    break
                length = int.from_bytes(header[:8], "little")
                if len(lengths) > 65536:
                    lengths.clear()
                lengths[header] = length
            end = start + length
            following = end + 4
            if following > size:
                break
            add_crc(crc(data[start:end]))
            add_stop(following)
            position = following
        return stops, crcs, position, fault

    def _verify(self, data: bytes, stops: list[int], crcs: list[int]) -> Block:
        """Compares all checksums of a block at once."""
        ends = np.array(stops, np.int64) - FOOTER
        starts = np.concatenate(([0], ends[:-1] + FOOTER)) + HEADER
        crc = np.array(crcs, np.uint32)
        masked = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)
        stored = np.ndarray((len(data) - 3,), "<u4", data, 0, (1,))[ends]
        records = np.arange(self._record, self._record + len(starts))
        self._record += len(starts)
        good = masked == stored
        faults = []
        if not good.all():
            for i in np.flatnonzero(~good):
                fault = errors.FormatError(
                    f"The checksum of the record's {ends[i] - starts[i]} bytes is "
                    f"wrong (computed {masked[i]:#010x}, stored {stored[i]:#010x}): "
                    "a byte was changed. Write the file again.",
                    file=self._path,
                    record=int(records[i]),
                    offset=self._offset + int(starts[i]) - HEADER,
                )
                faults.append(fault)
            starts, ends, records = starts[good], ends[good], records[good]
        return Block(data, starts, ends, records, self._offset, tuple(faults))

    def _need(self, rest: bytes) -> int:
        length = self._lengths.get(rest[:HEADER])
        return 0 if length is None else length + HEADER + FOOTER

    def _bad_length(self, position: int, record: int) -> errors.FormatError:
        return errors.FormatError(
            "The checksum of the record's length is wrong: the file is damaged here "
            "or is no TFRecord file. Such a record cannot be skipped, since nothing "
            "says where the next one starts. Write the file again.",
            file=self._path,
            record=record,
            offset=self._offset + position,
        )

    def _truncated(self, rest: bytes, damage: str | None) -> Iterator[Block]:
        length = self._lengths.get(rest[:HEADER])
        if damage is not None:
            message = f"The compressed stream is damaged here ({damage})."
        elif length is None:
            message = (
                f"The file ends after {len(rest)} of the {HEADER} bytes of a record's "
                "header: it was cut off."
            )
        else:
            message = (
                f"The file ends after {len(rest)} of the record's "
                f"{length + HEADER + FOOTER} bytes: it was cut off."
            )
        fault = errors.FormatError(
            message + " Write the file again.",
            file=self._path,
            record=self._record,
            offset=self._offset,
        )
        if damage not in (None, "cut off"):
            raise fault
        none = np.zeros(0, np.int64)
        yield Block(bytes(PADDING), none, none, none, self._offset, (fault,))


@functools.cache
def _crc32c():
    import google_crc32c

    if google_crc32c.implementation != "c":
        warnings.warn(
            "google_crc32c runs in pure Python here, which is some 1,000 times slower. "
            "Install a wheel of google-crc32c for this platform.",
            RuntimeWarning,
            stacklevel=2,
        )
    return google_crc32c.value
