# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Recursive filters of fixed coefficients, as products of matrices."""

import dataclasses
import functools
import typing

import numpy as np

from tfnorm import arrays
from tfnorm.bijectors import recurrence

# Samples in a block: within it a filter is one matrix.
_BLOCK = 128
# What is left of a state below this is below the last place of float64.
_FORGOTTEN = 2.0**-60


@dataclasses.dataclass(frozen=True, eq=False)
class Filter:
    """A linear filter on blocks of samples, in float64.

    Args:
        within: From the samples of a block to its output where nothing came before,
            and to the state behind it.
        into: From the state before a block to its output.
        across: From the state before a block to that behind it.
        reach: After so many blocks, nothing is left of a state.
    """

    within: np.ndarray
    into: np.ndarray
    across: np.ndarray
    reach: int


@functools.lru_cache(maxsize=32)
def cascade(sections: tuple[tuple[float, ...], ...]) -> Filter:
    """Makes a filter of biquads, one after the other.

    Args:
        sections: Of each biquad (b0, b1, b2, a1, a2), where a0 is 1; its poles lie
            inside the unit circle.
    """
    a, b, c, d = _balanced(*_joined(sections))
    powers = [np.eye(len(a))]
    for _ in range(_BLOCK):
        powers.append(a @ powers[-1])
    response = np.array([d] + [c @ power @ b for power in powers[: _BLOCK - 1]])
    delay = np.arange(_BLOCK) - np.arange(_BLOCK)[:, None]
    toeplitz = np.where(delay >= 0, response[np.maximum(delay, 0)], 0.0)
    behind = np.stack([powers[_BLOCK - 1 - index] @ b for index in range(_BLOCK)])
    reach, left = 1, powers[_BLOCK]
    while np.abs(left).max() > _FORGOTTEN:
        reach, left = 2 * reach, left @ left
    return Filter(
        np.concatenate([toeplitz, behind], 1),
        np.stack([c @ power for power in powers[:_BLOCK]], 1),
        powers[_BLOCK].T,
        reach,
    )


def filtered(x: typing.Any, by: Filter) -> typing.Any:
    """Filters the samples along the last axis, which nothing came before."""
    length, axis = arrays.size(x, -1), arrays.rank(x) - 1

    def matrix(value):
        return arrays.constants(value.astype(arrays.dtype_name(x)), like=x)

    def advanced(state, blocks):
        return arrays.matmul(state, matrix(np.linalg.matrix_power(by.across, blocks)))

    found = arrays.matmul(arrays.blocks(x, axis, _BLOCK), matrix(by.within))
    ends = arrays.part(found, -1, _BLOCK, None)
    states = recurrence.carried(ends, advanced, by.reach, axis=-2)
    before = arrays.shifted(states, 1, -2, 0.0)
    y = arrays.part(found, -1, None, _BLOCK) + arrays.matmul(before, matrix(by.into))
    return arrays.unblocked(y, axis, length)


def _joined(sections) -> tuple:
    """State, input, output and feed-through of biquads in a row."""
    a, b, c, d = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for b0, b1, b2, a1, a2 in sections:
        own = np.array([[-a1, 1.0], [-a2, 0.0]])
        gain = np.array([b1 - a1 * b0, b2 - a2 * b0])
        upper = np.concatenate([a, np.zeros((len(a), 2))], 1)
        a = np.concatenate([upper, np.concatenate([np.outer(gain, c), own], 1)])
        b = np.concatenate([b, gain * d])
        c = np.concatenate([b0 * c, [1.0, 0.0]])
        d = b0 * d
    return a, b, c, d


def _balanced(a, b, c, d) -> tuple:
    """The same filter with states as large as what they leave in the output.

    Poles near 1 make the states of a biquad so much larger than its output that
    float32 would lose it in their difference.

    Reference: A. J. Laub et al., "Computation of system balancing transformations",
    IEEE Transactions on Automatic Control 32(2), 1987.
    """
    size = len(a)
    whole = np.eye(size * size)
    reached = np.linalg.solve(whole - np.kron(a, a), np.outer(b, b).ravel())
    seen = np.linalg.solve(whole - np.kron(a.T, a.T), np.outer(c, c).ravel())
    root = np.linalg.cholesky(reached.reshape(size, size))
    squares, turn = np.linalg.eigh(root.T @ seen.reshape(size, size) @ root)
    change = root @ turn * squares**-0.25
    return (
        np.linalg.solve(change, a @ change),
        np.linalg.solve(change, b),
        c @ change,
        d,
    )
