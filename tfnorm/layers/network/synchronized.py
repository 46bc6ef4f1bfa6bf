# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Statistics of a batch that several replicas share."""

import functools
import math
import sys
import typing

import keras

from tfnorm import arrays
from tfnorm.layers.network import moments


def over_replicas(
    count: typing.Any, mean: typing.Any, variance: typing.Any
) -> tuple[typing.Any, typing.Any, typing.Any]:
    """Returns count, mean and population variance over all replicas.

    Replicas are those of TensorFlow's strategy, where the caller runs in one of its
    replicas, and torch's default process group. One collective brings the numbers of
    each to all, and one brings their gradients back: of the sum of the replicas'
    losses, as in one big batch. (`DistributedDataParallel` then divides gradients of
    weights by the number of processes.) Nothing large is subtracted, so a mean of 1e4
    costs no variance; a replica that counted nothing changes nothing.

    On JAX nothing is to be done: what `keras.distribution.DataParallel` splits is one
    array to the layer, and its statistics are those of the whole batch already. (Of
    `jax.pmap` and `shard_map`, which hand a layer a part, Keras knows nothing.)

    Args:
        count: How many values this replica has: a number, or of the mean's shape. All
            replicas must call, in the same order, also those that counted nothing.
        mean: This replica's.
        variance: This replica's population variance, of the mean's shape.

    Returns:
        Count, mean and variance, in the shapes that came.
    """
    framework = arrays.framework(mean)
    gather = _GATHERS[framework]() if framework in _GATHERS else None
    if gather is None or _is_abstract(mean):
        return count, mean, variance
    ops = keras.ops
    count = ops.convert_to_tensor(count, dtype=mean.dtype)
    shapes = [tuple(one.shape) for one in (count, mean, variance)]
    sizes = [math.prod(shape) for shape in shapes]
    row = ops.concatenate([ops.reshape(one, (-1,)) for one in (count, mean, variance)])
    rows = gather(row)
    # Flat, so that a number of counts broadcasts to whatever shape the mean has.
    parts = [rows[:, sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]
    together = moments.pooled(*parts)
    return tuple(map(ops.reshape, together, shapes))


def _gather_tensorflow():
    """Returns what brings each replica's row to all; `None` where there is one."""
    tf = sys.modules["tensorflow"]
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None

    def gather(row):
        # A sum of rows among zeros, which rounds nothing: `all_gather` is several
        # collectives (of the sizes too), and not for XLA.
        numbers = tf.range(context.num_replicas_in_sync)
        mine = tf.equal(numbers, context.replica_id_in_sync_group)
        spread = tf.where(mine[:, tf.newaxis], row, tf.zeros_like(row))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, spread)

    return gather


def _gather_torch():
    """Returns what brings each process' row to all; `None` where there is one."""
    distributed = sys.modules["torch"].distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return None
    return _torch_function().apply if distributed.get_world_size() > 1 else None


@functools.cache
def _torch_function():
    torch = sys.modules["torch"]

    class AllGather(torch.autograd.Function):
        @staticmethod
        def forward(context, row):
            row = row.contiguous()
            rows = [
                torch.empty_like(row) for _ in range(torch.distributed.get_world_size())
            ]
            torch.distributed.all_gather(rows, row)
            return torch.stack(rows)

        @staticmethod
        def backward(context, gradients):
            # Each process' loss depends on this row.
            total = gradients.clone(memory_format=torch.contiguous_format)
            torch.distributed.all_reduce(total)
            return total[torch.distributed.get_rank()]

    return AllGather


_GATHERS = {"tensorflow": _gather_tensorflow, "torch": _gather_torch}


def _is_abstract(x: typing.Any) -> bool:
    """Whether torch only asks which shape a result has."""
    return getattr(getattr(x, "device", None), "type", None) == "meta"
