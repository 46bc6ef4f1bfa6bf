# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What the first bytes of a JPEG or PNG say of it, whatever decodes it then."""

import struct
import typing

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Channels by PNG's colour type: grey, colour, palette, grey and alpha, all.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
# Frames of JPEG (SOF0 to SOF15), but for the markers that lie among them.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD8)}


class Header(typing.NamedTuple):
    """What an image is: "JPEG" or "PNG", its channels, and the bits of each."""

    kind: str
    channels: int
    bits: int


def read(data: bytes) -> Header:
    """Returns what an encoded image says of itself.

    Raises:
        ValueError: It is neither JPEG nor PNG, or ends too early.
    """
    if data.startswith(_PNG):
        if len(data) < 26 or data[12:16] != b"IHDR":
            raise ValueError("the PNG has no header")
        bits, color = data[24], data[25]
        if color not in _PNG_CHANNELS:
            raise ValueError(f"the PNG is of unknown colour type {color}")
        return Header("PNG", _PNG_CHANNELS[color], bits)
    if data.startswith(_JPEG):
        return _jpeg(data)
    start = " ".join(f"{byte:02x}" for byte in data[:4]) or "none"
    raise ValueError(f"it is neither JPEG nor PNG by its first bytes ({start})")


def _jpeg(data: bytes) -> Header:
    place = 2
    while place + 10 <= len(data):
        if data[place] != 0xFF:
            raise ValueError("a segment of the JPEG does not start where it should")
        marker = data[place + 1]
        if marker == 0xFF:  # Padding.
            place += 1
        elif marker in _BARE:
            place += 2
        elif marker in _FRAMES:
            return Header("JPEG", data[place + 9], data[place + 4])
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    raise ValueError("the JPEG ends before its frame")
