# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The correction of batch renormalization."""

import collections.abc
import typing

import keras


def correction(
    mean: typing.Any,
    variance: typing.Any,
    epsilon: float,
    before: tuple[typing.Any, typing.Any],
    limits: collections.abc.Mapping[str, float],
) -> tuple:
    """Returns r and d, by which `(x - mean) / deviation * r + d` is of moving moments.

    `r = clip(deviation / moving, rmin, rmax)` and `d = clip((mean - moving mean) /
    moving, -dmax, dmax)`, where `deviation = sqrt(variance + epsilon)`. No gradient
    passes through either.

    Args:
        mean: Of the batch.
        variance: Of the batch.
        epsilon: Added to the variance; the moving deviation is its root at least.
        before: The moving mean and deviation, without this batch.
        limits: "rmin", "rmax" and "dmax"; no limit where one is missing.

    Reference:
        Ioffe, Batch Renormalization: Towards Reducing Minibatch Dependence in
        Batch-Normalized Models, 2017.
    """
    ops = keras.ops
    moving_mean, moving = before
    moving = ops.maximum(moving, epsilon**0.5)
    r = ops.sqrt(variance + epsilon) / moving
    d = (mean - moving_mean) / moving
    if limits.get("rmin") is not None:
        r = ops.maximum(r, limits["rmin"])
    if limits.get("rmax") is not None:
        r = ops.minimum(r, limits["rmax"])
    if limits.get("dmax") is not None:
        d = ops.clip(d, -limits["dmax"], limits["dmax"])
    return ops.stop_gradient(r), ops.stop_gradient(d)


def check_limits(limits: collections.abc.Mapping[str, float]) -> None:
    """Raises `ValueError` for limits that bound nothing.

    Args:
        limits: As in `correction`.
    """
    keys = ("rmax", "rmin", "dmax")
    if set(limits) - set(keys):
        raise ValueError(
            f"Received invalid keys in `renorm_clipping={dict(limits)}`. Supported "
            f"are {keys}."
        )
    rmin, rmax = limits.get("rmin"), limits.get("rmax")
    if rmin is not None and rmax is not None and rmax < rmin:
        raise ValueError(f"`rmax={rmax}` must not be less than `rmin={rmin}`.")
    dmax = limits.get("dmax")
    if dmax is not None and dmax < 0:
        raise ValueError(f"`dmax={dmax}` must not be negative.")
