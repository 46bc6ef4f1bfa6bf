# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Columns of data, and the one crossing of constants into tensors."""

from tfnorm.arrays.axes import broadcast
from tfnorm.arrays.axes import kept_axes
from tfnorm.arrays.columns import Batch
from tfnorm.arrays.columns import Column
from tfnorm.arrays.columns import column_of
from tfnorm.arrays.filters import Filters
from tfnorm.arrays.filters import parse_filter
from tfnorm.arrays.indexing import detached
from tfnorm.arrays.indexing import divisor
from tfnorm.arrays.indexing import equal
from tfnorm.arrays.indexing import joined
from tfnorm.arrays.indexing import matmul
from tfnorm.arrays.indexing import padded
from tfnorm.arrays.indexing import part
from tfnorm.arrays.indexing import positions
from tfnorm.arrays.indexing import shifted
from tfnorm.arrays.indexing import size
from tfnorm.arrays.indexing import sort
from tfnorm.arrays.indexing import take
from tfnorm.arrays.indexing import take_along
from tfnorm.arrays.memory import keep_freed_memory
from tfnorm.arrays.pixels import ImageColumn
from tfnorm.arrays.pixels import byte_counts
from tfnorm.arrays.steps import Packed
from tfnorm.arrays.steps import axis_of_steps
from tfnorm.arrays.steps import blocks
from tfnorm.arrays.steps import reshaped
from tfnorm.arrays.steps import take_steps
from tfnorm.arrays.steps import unblocked
from tfnorm.arrays.tensors import as_written
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
from tfnorm.arrays.texts import encoded
from tfnorm.arrays.texts import text

__all__ = [
    "Batch",
    "Column",
    "Filters",
    "ImageColumn",
    "Packed",
    "as_written",
    "asarray",
    "axis_of_steps",
    "blocks",
    "broadcast",
    "byte_counts",
    "cast",
    "column_of",
    "compute_dtype",
    "constants",
    "detached",
    "divisor",
    "dtype_name",
    "encoded",
    "equal",
    "fence",
    "flip",
    "framework",
    "full",
    "integer_bits",
    "joined",
    "keep_freed_memory",
    "kept_axes",
    "matmul",
    "namespace",
    "padded",
    "parse_filter",
    "part",
    "positions",
    "rank",
    "reduce",
    "reshaped",
    "rounded",
    "shifted",
    "size",
    "sort",
    "take",
    "take_along",
    "take_steps",
    "text",
    "unblocked",
]
