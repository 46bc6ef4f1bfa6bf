# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Many unbounded integers as one array of digits."""

import collections.abc
import dataclasses

import numpy as np

_BITS = 32
_LOW = np.int64((1 << _BITS) - 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Limbs:
    """Integers in two's complement, on digits of 32 bits that all share.

    They have no digit more than the one of them that needs it: equal integers are
    equal arrays, and those of data of similar size take a few digits each, though
    their unit be 2**-1074.

    Args:
        low: Digit 0 counts `2**(32 * low)`.
        digits: uint32 of shape (digits, integers), the lowest first.
    """

    low: int
    digits: np.ndarray

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Limbs)
            and self.low == other.low
            and np.array_equal(self.digits, other.digits)
        )

    def __hash__(self) -> int:
        return hash((self.low, self.digits.tobytes()))

    def __len__(self) -> int:
        return self.digits.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return self.digits.nbytes

    def plus(self, other: "Limbs", sign: int = 1) -> "Limbs":
        """The sums, or with sign -1 the differences, of integers pair by pair."""
        low = min(self.low, other.low)
        high = max(one.low + len(one.digits) for one in (self, other))
        wide = np.zeros((high - low, len(self)), np.int64)
        self._add_to(wide, low, 1)
        other._add_to(wide, low, sign)
        return carried(low, wide)

    def _add_to(self, wide: np.ndarray, low: int, sign: int) -> None:
        start = self.low - low
        end = start + len(self.digits)
        wide[start:end] += sign * self.digits.astype(np.int64)
        # What was read as 2**32 more than it is, where the sign bit is set.
        negative = self.digits[-1] >> np.uint32(_BITS - 1)
        if end < len(wide):
            wide[end] -= sign * negative.astype(np.int64)
        else:
            wide[end - 1] -= sign * (negative.astype(np.int64) << _BITS)

    def take(self, index) -> "Limbs":
        """Some of the integers, by their numbers, a slice or a boolean array."""
        return _trimmed(self.low, self.digits[:, index])

    def placed(self, index: np.ndarray, count: int) -> "Limbs":
        """These integers at some places among `count`, of which the others are 0."""
        digits = np.zeros((len(self.digits), count), np.uint32)
        digits[:, index] = self.digits
        return Limbs(self.low, digits)

    def integers(self) -> list[int]:
        """The integers, as Python's."""
        width = 4 * len(self.digits)
        text = np.ascontiguousarray(self.digits.T, "<u4").tobytes()
        shift = _BITS * self.low
        return [
            int.from_bytes(text[i : i + width], "little", signed=True) << shift
            for i in range(0, len(text), width)
        ]

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """All bytes, each integer with as many as it needs, and how many those are.

        Returns:
            uint8 and int64 arrays: two's complement, little-endian, with one byte more
            than `int.bit_length` fills.
        """
        count = len(self)
        widths = self._bit_lengths() // 8 + 1
        most = int(widths.max(initial=0))
        bytes_ = np.zeros((count, max(most, 4 * (self.low + len(self.digits)))), "u1")
        start = 4 * self.low
        own = np.ascontiguousarray(self.digits.T, "<u4").view(np.uint8)
        bytes_[:, start : start + own.shape[1]] = own
        bytes_[self.negative, start + own.shape[1] :] = 0xFF
        return bytes_[np.arange(bytes_.shape[1]) < widths[:, None]], widths

    @property
    def negative(self) -> np.ndarray:
        """Which of them are below 0."""
        return self.digits[-1] >> np.uint32(_BITS - 1) != 0

    def _bit_lengths(self) -> np.ndarray:
        digits = self.digits.astype(np.int64)
        negative = self.negative
        digits[:, negative] ^= _LOW
        for row in digits:  # Adds 1 as far as it carries.
            row[negative] += 1
            negative = negative & (row > _LOW)
            row &= _LOW
        lengths = np.frexp(digits.astype(np.float64))[1].astype(np.int64)
        lengths += _BITS * (self.low + np.arange(len(digits)))[:, None]
        return np.where(digits > 0, lengths, 0).max(axis=0, initial=0)


def zeros(count: int) -> Limbs:
    """So many zeros."""
    return Limbs(0, np.zeros((1, count), np.uint32))


def of(integers: collections.abc.Sequence[int]) -> Limbs:
    """The digits of Python's integers."""
    width = max([i.bit_length() for i in integers], default=0) // _BITS * 4 + 4
    text = b"".join(i.to_bytes(width, "little", signed=True) for i in integers)
    digits = np.frombuffer(text, "<u4").reshape(len(integers), width // 4)
    return _trimmed(0, digits.T)


def unpacked(data: np.ndarray, widths: np.ndarray) -> Limbs:
    """The inverse of `packed`."""
    most = -(-int(widths.max(initial=1)) // 4) * 4
    bytes_ = np.zeros((len(widths), most), np.uint8)
    held = np.arange(most) < widths[:, None]
    bytes_[held] = data
    negative = (bytes_[np.arange(len(widths)), widths - 1] >> 7).astype(bool)
    bytes_[negative[:, None] & ~held] = 0xFF
    return _trimmed(0, bytes_.view("<u4").T)


def joined(parts: collections.abc.Sequence[Limbs]) -> Limbs:
    """The integers of all parts, one part after the other."""
    low = min(part.low for part in parts)
    high = max(part.low + len(part.digits) for part in parts)
    digits = np.zeros((high - low, sum(map(len, parts))), np.uint32)
    place = 0
    for part in parts:
        own = slice(place, place + len(part))
        start = part.low - low
        end = start + len(part.digits)
        digits[start:end, own] = part.digits
        digits[end:, own] = np.where(part.negative, np.uint32(_LOW), np.uint32(0))
        place += len(part)
    return _trimmed(low, digits)


def carried(low: int, wide: np.ndarray) -> Limbs:
    """The integers of digits that may be any int64, negative ones too.

    Args:
        low: Row 0 counts `2**(32 * low)`.
        wide: int64 of shape (digits, integers).
    """
    digits = np.empty((len(wide) + 2, wide.shape[1]), np.uint32)
    carry = np.zeros(wide.shape[1], np.int64)
    for row, digit in zip(wide, digits, strict=False):
        # Apart, since the sum of both may not fit int64.
        total = (row & _LOW) + (carry & _LOW)
        digit[:] = total & _LOW
        carry = (row >> _BITS) + (carry >> _BITS) + (total >> _BITS)
    digits[-2] = carry & _LOW
    digits[-1] = (carry >> _BITS) & _LOW
    return _trimmed(low, digits)


def _trimmed(low: int, digits: np.ndarray) -> Limbs:
    """Without digits at the ends that say nothing; at least one stays."""
    end = len(digits)
    while end > 1:
        sign = (digits[end - 2] >> np.uint32(_BITS - 1)).astype(bool)
        if (digits[end - 1] != np.where(sign, np.uint32(_LOW), np.uint32(0))).any():
            break
        end -= 1
    # One call of NumPy: sums of weights start with a hundred rows of zeros.
    held = digits[:end].any(axis=1)
    start = int(held.argmax()) if held.any() else end - 1
    if not held[start]:
        low = start = 0
        end = 1
    return Limbs(low + start, np.ascontiguousarray(digits[start:end], np.uint32))
