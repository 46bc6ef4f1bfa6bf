# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Keeps the C library from giving back memory that is wanted again at once."""

import functools

import numpy as np

# Below 32 MiB, the most that glibc adapts to.
_BYTES = 31 << 20


@functools.cache
def keep_freed_memory() -> None:
    """Lets arrays of some MiB, made and dropped by the thousand, reuse memory.

    glibc gets arrays of 128 KiB and more from the system and gives them back when
    they are dropped, so that each costs hundreds of page faults: half the time of
    taking statistics. Once it has seen a larger one dropped, it keeps smaller ones.
    This one is never touched, so it costs nothing. Other C libraries do not mind.

    Reference:
        M_MMAP_THRESHOLD in mallopt(3).
    """
    np.empty(_BYTES, np.uint8)
