# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Torch's own kernels; their arguments are those of `kernels`, channels last."""

import math
import sys
import typing

from tfnorm.layers.network import moments

# Batch norm reads and writes half precision, and computes it in float32.
HALF = True


def takes(x: typing.Any, epsilon: float) -> bool:
    """Whether there are kernels for a tensor."""
    return math.prod(x.shape) > 0


def by_batch(x, epsilon: float, gamma, beta) -> tuple:
    """Returns the result, and mean and population variance of the batch."""
    torch = sys.modules["torch"]
    flat = x.reshape(-1, x.shape[-1])
    rows = flat.shape[0]
    shift = _shift(x)
    flat = flat if shift is None else flat - shift
    mean, variance = torch.zeros_like(gamma), torch.zeros_like(beta)
    # A momentum of 1 hands the batch's own out: of the variance, the unbiased one.
    y, *_ = torch.native_batch_norm(
        flat, gamma, beta, mean, variance, True, 1.0, epsilon
    )
    # Of one row it is NaN.
    share = (rows - 1) / rows
    variance = variance * share if share else torch.zeros_like(variance)
    return y.reshape(x.shape), mean if shift is None else mean + shift, variance


def by_constants(x, epsilon: float, gamma, beta, mean, variance):
    """Returns the result by given statistics, in one pass."""
    torch = sys.modules["torch"]
    flat = x.reshape(-1, x.shape[-1])
    y = torch.nn.functional.batch_norm(
        flat, mean, variance, gamma, beta, training=False, eps=epsilon
    )
    return y.reshape(x.shape)


def by_rows(x, epsilon: float, gamma, beta, center: bool):
    """Returns each row by its own statistics; of `center=False`, beside 0."""
    torch = sys.modules["torch"]
    beta = torch.zeros_like(gamma) if beta is None else beta
    if center:
        return torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta, epsilon)
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    inverse = torch.rsqrt(norm.square() / x.shape[-1] + epsilon)
    return torch.addcmul(beta, x * inverse, gamma)


def by_groups(x, groups: int, epsilon: float, gamma, beta):
    """Returns each group of (rows, steps, channels) by its own statistics."""
    torch = sys.modules["torch"]
    y = torch.nn.functional.group_norm(x.transpose(1, 2), groups, gamma, beta, epsilon)
    return y.transpose(1, 2)


def _shift(x):
    """What brings data near 0 that lie far from it; `None` where they do not.

    The kernel adds numbers one by one on CPUs: of 200,000 at 1e4 the mean is off by 7.
    """
    torch = sys.modules["torch"]
    if x.device.type != "cpu":
        return None
    some = moments.sample(x.detach(), range(x.dim() - 1)).reshape(-1, x.shape[-1])
    own = torch.promote_types(x.dtype, torch.float32)
    variance, middle = torch.var_mean(some.to(own), 0, correction=0)
    if torch.compiler.is_compiling():
        return middle  # Nothing may depend on values, and all of it is one loop.
    return middle if bool((middle.abs() > 8 * variance.sqrt()).any()) else None
