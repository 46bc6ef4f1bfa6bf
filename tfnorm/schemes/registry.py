# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of all schemes: what stands here, every law is tested on."""

import dataclasses
import math

from tfnorm.schemes import audio_features
from tfnorm.schemes import audio_gain
from tfnorm.schemes import audio_log_mel
from tfnorm.schemes import base
from tfnorm.schemes import fixed
from tfnorm.schemes import images
from tfnorm.schemes import log
from tfnorm.schemes import min_max
from tfnorm.schemes import per_sample
from tfnorm.schemes import power
from tfnorm.schemes import presets
from tfnorm.schemes import quantile
from tfnorm.schemes import robust
from tfnorm.schemes import tukey_hh
from tfnorm.schemes import whitening
from tfnorm.schemes import z_score


@dataclasses.dataclass(frozen=True)
class Row:
    """One scheme, and which laws it obeys.

    Args:
        scheme: The scheme.
        domain: The data it takes: "real", "above_minus_one", "positive", "pixels"
            (three channels of 0 to 255), "images" of them, "wave" (stereo sound),
            "frames" (features of frames) or "mel" (energies).
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
    "z_score_per_image": Row(z_score.ZScore(deviation="per_image"), "images"),
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
    "quantile": Row(quantile.Quantile(), inverse="inside"),
    "quantile_normal": Row(quantile.Quantile("normal", knots=20), inverse="inside"),
    "power": Row(power.Power()),
    "power_plain": Row(power.Power(standardize=False), "positive"),
    "power_box_cox": Row(power.Power("box-cox"), "positive"),
    "tukey_hh": Row(tukey_hh.TukeyHH()),
    "whitening": Row(whitening.Whitening()),
    "whitening_pca": Row(whitening.Whitening("pca", ddof=1)),
    "whitening_cholesky": Row(whitening.Whitening("cholesky", shrinkage=0.1)),
    "whitening_zca_cor": Row(whitening.Whitening("zca-cor")),
    "whitening_pca_cor": Row(whitening.Whitening("pca-cor")),
    "affine": Row(fixed.Affine(loc=(1.0, -2.0, 3.0), scale=(0.5, 2.0, -4.0))),
    "rescale": Row(fixed.Rescale(), domain="pixels"),
    **{
        name: Row(presets.get(name), domain="pixels")
        for name in presets.NAMES
        if name != "whisper"
    },
    "intensity_window": Row(images.IntensityWindow(127.5, 250), "pixels", "inside"),
    "intensity_window_linear": Row(
        images.IntensityWindow(
            (128, 120, 125), 256, function="linear", output_range=(-1, 1)
        ),
        "pixels",
        "inside",
    ),
    "local": Row(images.LocalNormalization(5), "images", "nowhere"),
    "local_subtractive": Row(
        images.LocalNormalization(3, kind="subtractive"), "images", "nowhere"
    ),
    "local_divisive": Row(
        images.LocalNormalization(3, kind="divisive"), "images", "nowhere"
    ),
    "local_contrast": Row(
        images.LocalNormalization(9, kind="contrast", per_channel=False),
        "images",
        "nowhere",
    ),
    "percentile_stretch": Row(images.PercentileStretch(), "images", "nowhere"),
    "percentile_stretch_per_channel": Row(
        images.PercentileStretch(0.1, 0.8, per_channel=True), "images", "nowhere"
    ),
    "foreground": Row(images.Foreground(threshold=9.0), "images", "nowhere"),
    "foreground_z_score": Row(
        images.Foreground(z_score.ZScore(), threshold=0.5), "images", "nowhere"
    ),
    "foreground_log": Row(
        images.Foreground(log.Log("log"), threshold=0.5), "images", "nowhere"
    ),
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
    "peak": Row(audio_gain.Peak(), inverse="nowhere"),
    "rms_level": Row(audio_gain.RMSLevel(), inverse="nowhere"),
    "loudness": Row(audio_gain.Loudness(sample_rate=8000), "wave", "nowhere"),
    "cmvn": Row(audio_features.CMVN(), "frames", "nowhere"),
    "cmvn_mean": Row(audio_features.CMVN(False), "frames", "nowhere"),
    "sliding_cmvn": Row(
        audio_features.SlidingCMVN(9, min_window=4), "frames", "nowhere"
    ),
    "sliding_cmvn_center": Row(
        audio_features.SlidingCMVN(30, center=True, variance=True), "frames", "nowhere"
    ),
    "pcen": Row(audio_features.PCEN(), "mel", "nowhere"),
    "whisper": Row(presets.whisper(), domain="mel", inverse="nowhere"),
    "log_mel": Row(audio_log_mel.LogMel("log"), "mel", "nowhere"),
    "log_mel_db": Row(audio_log_mel.LogMel("db", relative=True), "mel", "nowhere"),
    "log_mel_cmvn": Row(
        audio_log_mel.LogMel("log10", then=audio_features.CMVN()), "mel", "nowhere"
    ),
    "log_mel_z_score": Row(
        audio_log_mel.LogMel("log10", then=z_score.ZScore()), "mel", "nowhere"
    ),
}
