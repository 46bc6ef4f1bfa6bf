# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a WAV file is whole: libsndfile reads what is there of it, and is silent."""

import struct

# What writers to a pipe put where they do not know the length, or more.
_UNKNOWN = 0x7FFFF000


def check(data: bytes) -> None:
    """Checks that the bytes are FLAC, or a WAV that does not end too early.

    Raises:
        ValueError: They are not.
    """
    if data.startswith(b"fLaC"):  # Checksums tell of the rest.
        return
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        start = " ".join(f"{byte:02x}" for byte in data[:4]) or "none"
        raise ValueError(f"it is neither WAV nor FLAC by its first bytes ({start})")
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        if name == b"data":
            there = len(data) - place - 8
            if there < size < _UNKNOWN:
                raise ValueError(
                    f"the WAV ends after {there} of its {size} bytes of samples"
                )
            return
        place += 8 + size + size % 2
    raise ValueError("the WAV ends before its samples")
