# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps with their inverses, on arrays and tensors of every framework."""

from tfnorm.bijectors.affine import Affine
from tfnorm.bijectors.affine import between
from tfnorm.bijectors.base import Bijector
from tfnorm.bijectors.chain import Chain
from tfnorm.bijectors.clip import Clip
from tfnorm.bijectors.flip import Flip
from tfnorm.bijectors.identity import Identity
from tfnorm.bijectors.impute import Impute
from tfnorm.bijectors.log_floor import LogFloor
from tfnorm.bijectors.per_sample import PerSample
from tfnorm.bijectors.pointwise import Pointwise

__all__ = [
    "Affine",
    "Bijector",
    "Chain",
    "Clip",
    "Flip",
    "Identity",
    "Impute",
    "LogFloor",
    "PerSample",
    "Pointwise",
    "between",
]
