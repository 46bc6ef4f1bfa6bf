# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of all schemes: what stands here, every law is tested on."""

import dataclasses
import math

from tfnorm.schemes import base
from tfnorm.schemes import fixed
from tfnorm.schemes import log
from tfnorm.schemes import min_max
from tfnorm.schemes import per_sample
from tfnorm.schemes import presets
from tfnorm.schemes import robust
from tfnorm.schemes import z_score


@dataclasses.dataclass(frozen=True)
class Row:
    """One scheme, and which laws it obeys.

    Args:
        scheme: The scheme.
        domain: The data it takes: "real", "above_minus_one", "positive", "pixels"
            (three channels of 0 to 255) or "mel" (energies).
        inverse: Where its map can be undone: "everywhere", "inside" (the range
            that it clips to) or "nowhere".
    """

    scheme: base.Scheme
    domain: str = "real"
    inverse: str = "everywhere"


REGISTRY: dict[str, Row] = {
    "z_score": Row(z_score.ZScore()),
    "z_score_center_only": Row(z_score.ZScore(scale=False)),
    "z_score_scale_only": Row(z_score.ZScore(center=False)),
    "min_max": Row(min_max.MinMax()),
    "min_max_symmetric": Row(min_max.MinMax(-1, 1)),
    "min_max_clip": Row(min_max.MinMax(out_of_range_policy="clip"), inverse="inside"),
    "min_max_nan": Row(
        min_max.MinMax(-1, 1, out_of_range_policy="nan"), inverse="inside"
    ),
    "max_abs": Row(min_max.MaxAbs()),
    "mean_range": Row(min_max.MeanRange()),
    "robust": Row(robust.Robust()),
    "robust_unit_variance": Row(robust.Robust((0.1, 0.9), unit_variance=True)),
    "percentile_clip": Row(robust.PercentileClip(), inverse="inside"),
    "percentile_clip_robust": Row(
        robust.PercentileClip(0.1, 0.9, then=robust.Robust()), inverse="inside"
    ),
    "log": Row(log.Log("log"), domain="positive"),
    "log1p": Row(log.Log(), domain="above_minus_one"),
    "log_signed": Row(log.Log("signed", then=min_max.MinMax())),
    "log_asinh": Row(log.Log("asinh", then=robust.Robust())),
    "affine": Row(fixed.Affine(loc=(1.0, -2.0, 3.0), scale=(0.5, 2.0, -4.0))),
    "rescale": Row(fixed.Rescale(), domain="pixels"),
    **{
        name: Row(presets.get(name), domain="pixels")
        for name in presets.NAMES
        if name != "whisper"
    },
    "per_image": Row(per_sample.PerImage(), "pixels", "nowhere"),
    "per_image_per_channel": Row(
        per_sample.PerImage(per_channel=True, clip=20.0), "pixels", "nowhere"
    ),
    "per_image_extrema": Row(per_sample.PerImage("extrema"), "pixels", "nowhere"),
    "per_image_count": Row(
        per_sample.PerImage(epsilon_mode="count"), "pixels", "nowhere"
    ),
    "unit_norm": Row(per_sample.UnitNorm(), inverse="nowhere"),
    "unit_norm_1": Row(per_sample.UnitNorm(1), inverse="nowhere"),
    "unit_norm_3": Row(per_sample.UnitNorm(3), inverse="nowhere"),
    "unit_norm_inf": Row(per_sample.UnitNorm(math.inf), inverse="nowhere"),
    "sum_to_one": Row(per_sample.SumToOne(), "positive", "nowhere"),
    "whisper": Row(presets.whisper(), domain="mel", inverse="nowhere"),
}
