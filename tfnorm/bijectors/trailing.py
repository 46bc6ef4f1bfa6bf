# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Moments of the window that ends at each step of a series."""

import collections.abc
import itertools
import typing

from tfnorm import arrays

# Steps that are taken one after the other, for all blocks at once.
_BLOCK = 8


class Totals(typing.NamedTuple):
    """How many there are, and their sum."""

    count: typing.Any
    total: typing.Any

    @property
    def mean(self):
        return self.total / self.count

    def merged(self, other: "Totals") -> "Totals":
        """Those of both; only `other` may be empty."""
        return Totals(self.count + other.count, self.total + other.total)


class Moments(typing.NamedTuple):
    """How many there are, their mean, and the sum of squares about it."""

    count: typing.Any
    mean: typing.Any
    squares: typing.Any

    def merged(self, other: "Moments") -> "Moments":
        """Those of both, by Chan's formula; only `other` may be empty."""
        share = other.count / (self.count + other.count)
        step = other.mean - self.mean
        squares = self.squares + other.squares + step * step * (self.count * share)
        return Moments(self.count + other.count, self.mean + step * share, squares)


_Found = typing.TypeVar("_Found", Totals, Moments)


def _earlier(found: _Found, blocks: int) -> _Found:
    """Those of as many blocks ago: none, where there are none so early."""
    if not blocks:
        return found
    return type(found)(*(arrays.shifted(t, blocks, 1, 0.0) for t in found))


def found(
    kind: type[_Found],
    x: typing.Any,
    window: int,
    of: collections.abc.Callable[[_Found], tuple],
) -> tuple:
    """What is made of the statistics of the window that ends at each step.

    A window is the end of one block, some whole blocks, and the beginning of one, and
    its statistics are merged from theirs: what lies outside does not touch it. Windows
    that begin before the first step are cut.

    Args:
        kind: `Totals`, or `Moments`.
        x: Tensor of shape (rows, steps, ...).
        window: Steps in a window, 2 or more.
        of: Makes tensors of statistics. It gets every `_BLOCK`-th step in one call,
            on tensors of shape (rows, blocks, ...) that stay in a processor's cache.

    Returns:
        What `of` made, each in the shape of `x`.
    """
    block = min(_BLOCK, window - 1)
    whole, more = divmod(window - 1, block)
    cut = arrays.blocks(x, 1, block)
    steps = [cut[:, :, index] for index in range(block)]
    begins = _beginnings(kind, steps)
    ends = _beginnings(kind, steps[::-1])[::-1]
    fewer, whole_ones = (_earlier(t, 1) for t in _between(begins[-1], whole))

    made = []
    for index, begin in enumerate(begins):
        if index < more:
            others = whole_ones
            end = _earlier(ends[index - more + block], whole + 1)
        else:
            others, end = fewer, _earlier(ends[index - more], whole)
        made.append(of(begin.merged(others).merged(end)))
    xp, length = arrays.namespace(x), arrays.size(x, 1)
    return tuple(
        arrays.unblocked(xp.stack(part, 2), 1, length)
        for part in zip(*made, strict=True)
    )


def _beginnings(kind: type[_Found], steps: list) -> list[_Found]:
    """Statistics of the first step alone, of the first two, and so on."""
    first = steps[0]
    one = arrays.cast(arrays.positions(first, 1) * 0 + 1, arrays.dtype_name(first))
    if kind is Totals:
        sums = itertools.accumulate(steps)
        return [Totals(one * (n + 1), total) for n, total in enumerate(sums)]
    made = [Moments(one, first, arrays.namespace(first).zeros_like(first))]
    for step in steps[1:]:
        _, mean, squares = made[-1]
        count, rest = len(made) + 1, step - mean
        squares = squares + rest * rest * (1 - 1 / count)
        made.append(Moments(one * count, mean + rest * (1 / count), squares))
    return made


def _between(blocks: _Found, count: int) -> tuple[_Found, _Found]:
    """Statistics of `count - 1` and of `count` blocks up to each, itself included."""
    fewer = count - 1
    found, reach, width, doubled = None, 0, 1, blocks
    while width <= fewer:
        if fewer & width:
            found = doubled if found is None else found.merged(_earlier(doubled, reach))
            reach += width
        if 2 * width <= fewer:
            doubled = doubled.merged(_earlier(doubled, width))
        width *= 2
    if found is None:
        none = (arrays.namespace(t).zeros_like(t) for t in blocks)
        return type(blocks)(*none), blocks
    return found, found.merged(_earlier(blocks, fewer))
