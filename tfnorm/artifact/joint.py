# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The exact state of co-moments as plain arrays, in one canonical form."""

import numpy as np

from tfnorm import statistics
from tfnorm.artifact import integers


def pack(found: list[statistics.CoMoments | None]) -> dict[str, np.ndarray]:
    """Turns the co-moments of all features into little-endian arrays.

    Each array is that of all features which have any, one after the other;
    `complete` holds the count and the number of columns of every feature, -1 for
    those without.
    """
    sums = [one.sums.canonical() for one in found if one is not None]
    totals, total_sizes = integers.pack([n for s in sums for n in s.totals])
    products, product_sizes = integers.pack([n for s in sums for n in s.products])
    counts = [(-1, -1) if one is None else (one.count, one.columns) for one in found]
    exponents = [np.zeros(0, "<i8"), *(one.exponents for one in sums)]
    return {
        "complete": np.array(counts, "<i8"),
        "exponents": np.concatenate(exponents, dtype="<i8"),
        "joint_totals": totals,
        "joint_total_sizes": total_sizes,
        "joint_products": products,
        "joint_product_sizes": product_sizes,
    }


def unpack(arrays) -> list[statistics.CoMoments | None]:
    """The inverse of `pack`."""
    exponents = arrays["exponents"].astype(np.int64)
    totals = _numbers(arrays["joint_totals"], arrays["joint_total_sizes"])
    products = _numbers(arrays["joint_products"], arrays["joint_product_sizes"])
    found: list[statistics.CoMoments | None] = []
    for count, columns in arrays["complete"].tolist():
        if columns < 0:
            found.append(None)
            continue
        pairs = columns * (columns + 1) // 2
        sums = statistics.PairSums(
            exponents[:columns], totals[:columns], products[:pairs]
        )
        exponents, totals = exponents[columns:], totals[columns:]
        products = products[pairs:]
        found.append(statistics.CoMoments(columns, count, sums))
    return found


def _numbers(data: np.ndarray, widths: np.ndarray) -> np.ndarray:
    return np.array([*integers.unpack(data, widths), None], object)[:-1]
