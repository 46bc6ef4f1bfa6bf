# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Columns of data, and the one crossing of constants into tensors."""

from tfnorm.arrays.axes import broadcast
from tfnorm.arrays.axes import kept_axes
from tfnorm.arrays.columns import Batch
from tfnorm.arrays.columns import Column
from tfnorm.arrays.memory import keep_freed_memory
from tfnorm.arrays.tensors import asarray
from tfnorm.arrays.tensors import cast
from tfnorm.arrays.tensors import compute_dtype
from tfnorm.arrays.tensors import constants
from tfnorm.arrays.tensors import dtype_name
from tfnorm.arrays.tensors import fence
from tfnorm.arrays.tensors import flip
from tfnorm.arrays.tensors import framework
from tfnorm.arrays.tensors import full
from tfnorm.arrays.tensors import integer_bits
from tfnorm.arrays.tensors import namespace
from tfnorm.arrays.tensors import rank
from tfnorm.arrays.tensors import reduce
from tfnorm.arrays.tensors import rounded

__all__ = [
    "Batch",
    "Column",
    "asarray",
    "broadcast",
    "cast",
    "compute_dtype",
    "constants",
    "dtype_name",
    "fence",
    "flip",
    "framework",
    "full",
    "integer_bits",
    "keep_freed_memory",
    "kept_axes",
    "namespace",
    "rank",
    "reduce",
    "rounded",
]
