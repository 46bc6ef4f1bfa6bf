# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps with their inverses, on arrays and tensors of every framework."""

from tfnorm.bijectors.affine import Affine
from tfnorm.bijectors.affine import between
from tfnorm.bijectors.base import Bijector
from tfnorm.bijectors.chain import Chain
from tfnorm.bijectors.clip import Clip
from tfnorm.bijectors.flip import Flip
from tfnorm.bijectors.foreground import Above
from tfnorm.bijectors.foreground import Foreground
from tfnorm.bijectors.identity import Identity
from tfnorm.bijectors.impute import Impute
from tfnorm.bijectors.local import Local
from tfnorm.bijectors.log_floor import LogFloor
from tfnorm.bijectors.loudness import Loudness
from tfnorm.bijectors.matrix import Matrix
from tfnorm.bijectors.pcen import PCEN
from tfnorm.bijectors.per_key import PerKey
from tfnorm.bijectors.per_key import Places
from tfnorm.bijectors.per_sample import PerSample
from tfnorm.bijectors.percentiles import Stretch
from tfnorm.bijectors.piecewise_linear import PiecewiseLinear
from tfnorm.bijectors.pointwise import Pointwise
from tfnorm.bijectors.power import Power
from tfnorm.bijectors.probit import Probit
from tfnorm.bijectors.row_moments import RowMoments
from tfnorm.bijectors.sliding import Sliding
from tfnorm.bijectors.tukey_hh import TukeyHH

__all__ = [
    "PCEN",
    "Above",
    "Affine",
    "Bijector",
    "Chain",
    "Clip",
    "Flip",
    "Foreground",
    "Identity",
    "Impute",
    "Local",
    "LogFloor",
    "Loudness",
    "Matrix",
    "PerKey",
    "PerSample",
    "PiecewiseLinear",
    "Places",
    "Pointwise",
    "Power",
    "Probit",
    "RowMoments",
    "Sliding",
    "Stretch",
    "TukeyHH",
    "between",
]
