# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Some values of one channel, made ready once for every accumulator."""

import dataclasses
import functools

import numpy as np

from tfnorm import arrays
from tfnorm import errors

# So many values that what is done once for a block costs little beside them.
MAX_VALUES = 1 << 17

# Most bins of a histogram that is indexed instead of sorted.
_MAX_BINS = 1 << 17
_MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)


@dataclasses.dataclass(frozen=True)
class Block:
    """The finite values of one channel, and counts of the others.

    Args:
        values: Finite values, float64 or int64 of shape (n,), n at most `MAX_VALUES`
            unless `weights` is given; no -0.0.
        weights: How often each value occurs, int64 of shape (n,), for distinct
            ascending values; `None` if each stands once for each time it occurs.
        nan: Number of NaNs.
        positive_infinity: Number of +inf.
        negative_infinity: Number of -inf.
    """

    values: np.ndarray
    weights: np.ndarray | None = None
    nan: int = 0
    positive_infinity: int = 0
    negative_infinity: int = 0

    @property
    def floating(self) -> bool:
        return self.values.dtype == np.float64

    @property
    def count(self) -> int:
        """Number of finite values."""
        return int(self.values.size if self.weights is None else self.weights.sum())

    @functools.cached_property
    def extrema(self) -> tuple[float, float]:
        """Least and greatest finite value, as Python numbers."""
        return self.values.min().item(), self.values.max().item()

    @functools.cached_property
    def magnitudes(self) -> tuple[float, float]:
        """Least magnitude that is not 0 (0.0 if all are), and the greatest."""
        low, high = self.extrema
        greatest = max(-low, high)
        if low > 0 or high < 0:
            return min(abs(low), abs(high)), greatest
        sizes = np.abs(self.values)
        least = sizes.min().item()
        if least == 0 < greatest:
            sizes[sizes == 0] = greatest
            least = sizes.min().item()
        return least, greatest

    def runs(self, dropped: int) -> tuple[np.ndarray, np.ndarray]:
        """The distinct sort keys without their low bits, and how often each occurs.

        Args:
            dropped: Number of low bits of `order_keys` to leave out.

        Returns:
            int64 arrays: ascending keys, and counts.
        """
        if self.weights is not None:
            return runs(order_keys(self.values) >> dropped, self.weights)
        bins = self._float_bins(dropped) if self.floating else self._bins(dropped)
        if bins is not None:
            return bins
        ordered = self.values
        if self.floating and not np.bitwise_or.reduce(ordered.view(np.int64)) << 35:
            ordered = ordered.astype(np.float32)  # Half as wide sorts faster.
        ordered = np.sort(ordered).astype(self.values.dtype, copy=False)
        return runs(order_keys(ordered) >> dropped)

    def _bins(self, dropped: int):
        """Runs of integers by indexing, or `None` if they lie too far apart."""
        first, last = (bound >> dropped for bound in self.extrema)
        if last - first >= _MAX_BINS:
            return None
        counts = np.bincount((self.values >> dropped) - first)
        present = np.flatnonzero(counts)
        return present + first, counts[present]

    def _float_bins(self, dropped: int):
        """Runs of floats by indexing, or `None` if they lie too far apart.

        Bins go by magnitude from 0 outwards on both sides and start at the least
        magnitude, since most keys between -x and x are those of tiny numbers.
        """
        low, high = self.extrema
        magnitudes = self.values.view(np.int64)
        spare = dropped
        if dropped < 29:
            # Float32 values in float64 have 29 low zeros; small integers more.
            used = int(np.bitwise_or.reduce(magnitudes)) & int(_MAGNITUDE)
            spare = max(dropped, (used & -used).bit_length() - 1)
        ends = np.array(self.magnitudes).view(np.int64) >> spare
        least, greatest = ends.tolist()
        reach = greatest - least + 1
        if reach >= _MAX_BINS // 2:
            return None
        signed = low < 0
        if signed:
            magnitudes = magnitudes & _MAGNITUDE
        magnitudes = magnitudes >> spare
        magnitudes -= least - 1
        if low <= 0 <= high:
            np.maximum(magnitudes, 0, out=magnitudes)  # The bin of 0.0.
        if signed:
            signs = self.values.view(np.int64) >> 63
            magnitudes ^= signs
            magnitudes -= signs
            magnitudes += reach
        counts = np.bincount(magnitudes)
        present = np.flatnonzero(counts)
        place = present - reach if signed else present
        keys = np.abs(place) + (least - 1)
        keys[place == 0] = 0
        keys[place < 0] = ~keys[place < 0]
        # Left-aligned keys of `spare` bits less; negative ones end in ones.
        keys = (keys << (spare - dropped)) | np.where(
            place < 0, (1 << (spare - dropped)) - 1, 0
        )
        return keys, counts[present]


def order_keys(values: np.ndarray) -> np.ndarray:
    """Maps float64 or int64 to int64 keys in the same order, one to one.

    All float widths share the order of float64 and all integer widths that of
    int64, so the width in which a file stores a column leaves no trace.
    """
    if values.dtype == np.int64:
        return values
    bits = values.view(np.int64)
    # Negative floats sort backwards as integers: flip all bits but the sign.
    return bits ^ ((bits >> 63) & _MAGNITUDE)


def key_values(keys: np.ndarray, floating: bool) -> np.ndarray:
    """The inverse of `order_keys`."""
    if not floating:
        return keys
    return (keys ^ ((keys >> 63) & _MAGNITUDE)).view(np.float64)


def runs(keys: np.ndarray, counts: np.ndarray | None = None):
    """Distinct keys of an ascending array, and how many (or much) each holds."""
    if not keys.size:
        return keys, np.zeros(0, np.int64)
    starts = np.concatenate(([True], keys[1:] != keys[:-1])).nonzero()[0]
    if counts is None:
        return keys[starts], np.diff(starts, append=keys.size)
    return keys[starts], np.add.reduceat(counts, starts)


def blocks(values: np.ndarray):
    """Yields the `Block`s of a flat array of numbers of any supported dtype."""
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.itemsize == 1 and values.dtype.kind in "iu":
        if values.size:
            yield _count_bytes(values)
        return
    read = _read_integers if values.dtype.kind in "iu" else _read_floats
    for start in range(0, values.size, MAX_VALUES):
        yield read(values[start : start + MAX_VALUES])


def is_floating(dtype: np.dtype) -> bool:
    """Whether values of `dtype` are real numbers; refuses what is no number."""
    if dtype.kind == "f" or dtype.name == "bfloat16":
        if dtype.itemsize <= 8:
            return True
        raise errors.FeatureError(
            f"{dtype.name} does not fit float64; cast the values to float64."
        )
    if dtype.kind in "iub":
        return False
    raise errors.FeatureError(
        f"expected numbers, got values of type {dtype.name!r}. Leave the feature out "
        "of the recipe, or encode it as numbers first."
    )


def _count_bytes(values: np.ndarray) -> Block:
    # 256 bins are exact and give every statistic at once.
    lowest = 0 if values.dtype.kind == "u" else -128
    shifted = values if lowest == 0 else values.view(np.uint8) ^ np.uint8(128)
    return of_counts(arrays.byte_counts(shifted[:, None])[0], lowest)


def of_counts(counts: np.ndarray, lowest: int = 0) -> Block:
    """The block of whole numbers from `lowest` on, of which there are so many each."""
    present = np.flatnonzero(counts)
    return Block(present + lowest, counts[present])


def widened(values: np.ndarray) -> np.ndarray:
    """Numbers as int64, or as float64 without -0.0, in an array of their own."""
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind not in "iu":
        wide = values.astype(np.float64)
        wide += 0.0  # Makes -0.0 and 0.0 one value.
        return wide
    if values.dtype == np.uint64 and values.max() > np.iinfo(np.int64).max:
        raise errors.FeatureError(
            f"{int(values.max())} does not fit int64; cast the values to float64."
        )
    return values.astype(np.int64)


def _read_integers(values: np.ndarray) -> Block:
    return Block(widened(values))


def _read_floats(values: np.ndarray) -> Block:
    wide = widened(values)
    finite = np.isfinite(wide)
    if finite.all():
        return Block(wide)
    return Block(
        wide[finite],
        nan=int(np.isnan(wide).sum()),
        positive_infinity=int((wide == np.inf).sum()),
        negative_infinity=int((wide == -np.inf).sum()),
    )
