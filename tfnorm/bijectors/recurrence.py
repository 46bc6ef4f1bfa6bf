# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Linear recurrences along the steps of a series, without a loop over them."""

import collections.abc
import typing

from tfnorm import arrays

# Steps that are taken one after the other, for all blocks at once.
_BLOCK = 8
# Decays below this are below the last place: float32 and float64.
_LOWEST_LOG = {"float32": -17.0, "float64": -37.0}


def carried(
    ends: typing.Any,
    advance: collections.abc.Callable[[typing.Any, int], typing.Any],
    reach: float,
    *,
    axis: int,
) -> typing.Any:
    """Solves `state[i] = advance(state[i - 1], 1) + ends[i]` along an axis.

    By doubling: after n steps, a state holds what 2**n blocks before it left.

    Args:
        ends: What each block adds by itself.
        advance: Takes states over a number of blocks, where nothing is added.
        reach: After so many blocks, nothing is left of a state.
        axis: The axis of the blocks.
    """
    there, width = arrays.size(ends, axis), 1
    if isinstance(there, int):
        reach = min(reach, there)
    while width < reach:
        ends = ends + advance(arrays.shifted(ends, width, axis, 0.0), width)
        width *= 2
    return ends


def smoothed(
    x: typing.Any,
    weight: typing.Any,
    of: collections.abc.Callable[[typing.Any, typing.Any], typing.Any],
    *,
    start: float,
    least: float,
) -> typing.Any:
    """What is made of `m[t] = (1 - weight) m[t - 1] + weight x[t]`, for each step.

    Eight steps are taken one by one, in all blocks of eight at once; what a block
    carries into the next is found by doubling.

    Args:
        x: Tensor of shape (rows, steps, ...).
        weight: Number, or tensor that broadcasts against one step: above 0, below 1.
        of: Makes a tensor of some steps of `x` and of `m`, which it gets in shape
            (rows, blocks, ...), so that they stay in a processor's cache.
        start: What `m` is before the first step.
        least: Least weight there may be: it says how long something is remembered.

    Returns:
        What `of` made, in the shape of `x`.
    """
    xp = arrays.namespace(x)
    log_decay = xp.log1p(-weight)
    cut = arrays.blocks(x, 1, _BLOCK)
    steps = [cut[:, :, index] for index in range(_BLOCK)]
    smooth = [weight * steps[0]]
    for step in steps[1:]:
        smooth.append(smooth[-1] + weight * (step - smooth[-1]))

    first = xp.ones_like(arrays.part(smooth[-1], 1, 0, 1)) * start
    states = carried(
        arrays.joined([first, smooth[-1]], 1),
        lambda state, blocks: state * xp.exp(log_decay * float(blocks * _BLOCK)),
        _LOWEST_LOG[arrays.dtype_name(x)] / -least / _BLOCK,
        axis=1,
    )
    before = arrays.part(states, 1, None, -1)
    made = [
        of(step, own + before * xp.exp(log_decay * float(index + 1)))
        for index, (step, own) in enumerate(zip(steps, smooth, strict=True))
    ]
    return arrays.unblocked(xp.stack(made, 2), 1, arrays.size(x, 1))
