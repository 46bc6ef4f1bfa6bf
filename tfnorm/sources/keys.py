# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds which of the known keys stands at many places at once, exactly."""

import numpy as np

# A longer key takes two bytes for its length: the walk leaves those records to
# protobuf.
LONGEST_KEY = 127


class KeyTable:
    """A perfect hash of keys, compared byte by byte after the look-up.

    The words of a key are those of an entry seen from its tag: the first holds
    the key's length and its first four bytes, each further one eight bytes.

    Args:
        keys: The keys that are looked for, in the order of their indices.
    """

    def __init__(self, keys: tuple[bytes, ...]):
        self.keys = keys
        self.index = {key: i for i, key in enumerate(keys)}
        # At least one key, which nothing equals, keeps the arrays from being empty.
        short = [i for i, key in enumerate(keys) if len(key) <= LONGEST_KEY]
        longest = max((len(keys[i]) for i in short), default=0)
        self.words = 1 + max(0, -(-(longest - 4) // 8))
        self.bytes = 8 * self.words
        self._masks = _masks(self.words)
        self._expected = np.full((self.words, len(keys) + 1), 2**64 - 1, np.uint64)
        for i in short:
            self._expected[:, i] = _words(keys[i], self.words)
        lengths = {len(keys[i]) for i in short}
        # With keys of one length, or none shorter than four, masks are constant.
        self._length = lengths.pop() if len(lengths) == 1 else None
        self._mask_first = self._length is None and min(lengths, default=4) < 4
        self._hash(short)

    def find(self, words: np.ndarray, lengths: np.ndarray):
        """Returns an index for each entry, and whether the key is that one.

        Args:
            words: uint64 array of shape (entries, words), from each entry's tag.
            lengths: int64 array of shape (entries,), the keys' lengths, below 128.
        """
        parts = [words[:, 0] >> np.uint64(24)]
        if self._mask_first:
            parts[0] &= self._masks[0].take(lengths)
        elif self._length is not None:
            parts[0] &= self._masks[0][self._length]
        for i in range(1, self.words):
            if self._length is None:
                parts.append(words[:, i] & self._masks[i].take(lengths))
            else:
                parts.append(words[:, i] & self._masks[i][self._length])
        hashed = None
        for i, factor in self._factors:
            term = parts[i] * factor
            hashed = term if hashed is None else hashed ^ term
        hashed >>= self._shift
        index = self._slots.take(hashed.view(np.int64))
        same = self._expected[0].take(index) == parts[0]
        for i in range(1, self.words):
            same &= self._expected[i].take(index) == parts[i]
        return index, same

    def _hash(self, short: list[int]) -> None:
        """Searches multipliers under which no two keys share a slot."""
        random = np.random.default_rng(0)
        keys = self._expected[:, short]
        varying = [i for i in range(self.words) if len(np.unique(keys[i])) > 1] or [0]
        bits = max(3, (4 * len(short)).bit_length())
        while True:
            for _ in range(40):
                factors = random.integers(1, 2**63, len(varying), dtype=np.uint64)
                factors = factors * np.uint64(2) + np.uint64(1)
                hashed = np.zeros(len(short), np.uint64)
                for i, factor in zip(varying, factors, strict=True):
                    hashed ^= keys[i] * factor
                hashed >>= np.uint64(64 - bits)
                if len(np.unique(hashed)) == len(short):
                    self._factors = list(zip(varying, factors, strict=True))
                    self._shift = np.uint64(64 - bits)
                    self._slots = np.full(1 << bits, len(self.keys), np.int64)
                    self._slots[hashed.view(np.int64)] = short
                    return
            bits += 1


def _words(key: bytes, count: int) -> list[int]:
    first = len(key) | int.from_bytes(key[:4], "little") << 8
    rest = key[4:].ljust(8 * (count - 1), b"\0")
    return [first, *np.frombuffer(rest, "<u8").tolist()]


def _masks(count: int) -> np.ndarray:
    """Returns which bits of each word are the key's, shape (words, length)."""
    masks = np.zeros((count, LONGEST_KEY + 1), np.uint64)
    for length in range(LONGEST_KEY + 1):
        masks[0, length] = 0xFF | ((1 << 8 * min(length, 4)) - 1) << 8
        for i in range(1, count):
            held = min(max(length - 4 - 8 * (i - 1), 0), 8)
            masks[i, length] = (1 << 8 * held) - 1
    return masks
