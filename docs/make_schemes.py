# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes schemes.md: every layer, from what the code says of it.

python -m docs.make_schemes
"""

import inspect
import pathlib

from tfnorm import bijectors
from tfnorm import layers
from tfnorm import schemes

PAGE = pathlib.Path(__file__).absolute().parent / "schemes.md"

# Layer to its formula and to the peers that have the like.
LAYERS = {
    "ZScore": (
        "(x - mean) / std",
        "Keras Normalization, scikit-learn StandardScaler, tft scale_to_z_score",
    ),
    "MinMax": (
        "low + (high - low) (x - min) / (max - min)",
        "scikit-learn MinMaxScaler, tft scale_by_min_max",
    ),
    "MaxAbs": ("x / max abs x", "scikit-learn MaxAbsScaler"),
    "MeanRange": ("(x - mean) / (max - min)", ""),
    "Robust": ("(x - median) / (q_high - q_low)", "scikit-learn RobustScaler"),
    "PercentileClip": ("clip to [q_low, q_high], then a scheme", ""),
    "Quantile": (
        "empirical CDF, then the inverse CDF of the output",
        "scikit-learn QuantileTransformer",
    ),
    "Power": (
        "Box-Cox or Yeo-Johnson, lambda by maximum likelihood",
        "scikit-learn PowerTransformer",
    ),
    "Log": ("log, log1p, sign(x) log1p abs x or asinh, then a scheme", ""),
    "TukeyHH": ("inverse of Tukey's HH of (x - loc) / scale", "tft scale_to_gaussian"),
    "Whitening": (
        "W (x - mean), W'W the inverse covariance",
        "scikit-learn PCA(whiten=True), kornia ZCAWhitening",
    ),
    "Chain": ("schemes one after the other", "scikit-learn Pipeline"),
    "PerKey": ("a scheme within each key", "tft scale_to_z_score_per_key"),
    "Learned": ("a scheme, then (x - a) * b with trained a and b", ""),
    "Adaptive": ("a scheme by domain, given or recognized", ""),
    "Running": (
        "(x - mean) / std, of what came so far",
        "Gymnasium NormalizeObservation",
    ),
    "Affine": ("(x - loc) / scale", "Keras Rescaling, torchvision Normalize"),
    "Rescale": ("one range to another", "Keras Rescaling"),
    "Preset": ("(x - mean) / std of published constants", "Keras preprocess_input"),
    "PerImage": (
        "(x - mean) / std or (x - min) / (max - min) of the image",
        "tf.image.per_image_standardization, Albumentations Normalize",
    ),
    "UnitNorm": (
        "x / norm x",
        "Keras UnitNormalization, scikit-learn Normalizer",
    ),
    "SumToOne": ("x / sum x", ""),
    "LocalNormalization": ("(x - local mean) / local deviation", ""),
    "PercentileStretch": ("(x - q_low) / (q_high - q_low) of the image, clipped", ""),
    "IntensityWindow": ("(x - center) / width + 1/2, clipped", "MONAI, DICOM viewers"),
    "Foreground": ("a scheme above a threshold, 0 below", "nnU-Net, TorchIO"),
    "Peak": ("x * target / max abs x", "SpeechBrain normalize"),
    "RMSLevel": ("x * target / rms x", "SpeechBrain rescale"),
    "Loudness": ("x * gain to a loudness of ITU-R BS.1770", "pyloudnorm"),
    "CMVN": ("(x - mean) / std over time", "SpeechBrain InputNormalization, Kaldi"),
    "SlidingCMVN": (
        "(x - mean) / std over a window of time",
        "torchaudio sliding_window_cmn, Kaldi",
    ),
    "PCEN": ("(x / (eps + M)^gain + bias)^power - bias^power", "librosa pcen"),
    "LogMel": (
        "log of at least a floor, then a scheme",
        "KerasHub WhisperAudioConverter",
    ),
    "RevIN": ("(x - mean) / std of the series, undone on the forecast", ""),
    "MeanScale": ("x / mean abs x, undone on the forecast", "GluonTS MeanScaler"),
    "Features": (
        "a scheme for each column",
        "Keras FeatureSpace, scikit-learn ColumnTransformer",
    ),
    "Denormalize": ("the inverse of another layer", "scikit-learn inverse_transform"),
}

# Layer within a network to its formula, what its statistics are of, and its peers.
NETWORK = {
    "BatchNormalization": (
        "gamma (x - mean) / sqrt(var + eps) + beta",
        "the batch; moving ones in inference",
        "Keras BatchNormalization",
    ),
    "BatchRenormalization": (
        "batch normalization, then r x + d towards the moving statistics",
        "the batch; moving ones in inference",
        "Keras BatchNormalization(renorm=True)",
    ),
    "GhostBatchNormalization": (
        "batch normalization by parts of the batch",
        "part of the batch; moving ones in inference",
        "timm SplitBatchNorm2d",
    ),
    "SwitchableNormalization": (
        "(x - m) / sqrt(v + eps), m and v mixed by softmax",
        "the sample's channel, the sample, and the batch",
        "the authors' code",
    ),
    "EvoNormB0": (
        "gamma x / max(sqrt(batch var + eps), v x + sqrt(own var + eps)) + beta",
        "the batch, and the sample's channel",
        "timm EvoNorm2dB0",
    ),
    "WhiteningBatchNormalization": (
        "gamma W (x - mean) + beta, W by Newton's iterations",
        "the batch; moving ones in inference",
        "the authors' IterNorm",
    ),
    "FrozenBatchNormalization": (
        "gamma (x - mean) / sqrt(var + eps) + beta",
        "stored ones alone",
        "torchvision FrozenBatchNorm2d",
    ),
    "LayerNormalization": (
        "gamma (x - mean) / sqrt(var + eps) + beta",
        "the sample, along `axis`",
        "Keras LayerNormalization",
    ),
    "RMSNormalization": (
        "scale x / sqrt(mean x^2 + eps) + offset",
        "the sample, along `axis`",
        "Keras RMSNormalization",
    ),
    "GroupNormalization": (
        "gamma (x - mean) / sqrt(var + eps) + beta",
        "the sample's group of channels",
        "Keras GroupNormalization",
    ),
    "InstanceNormalization": (
        "gamma (x - mean) / sqrt(var + eps) + beta",
        "the sample's channel; moving ones on request",
        "torch InstanceNorm1d",
    ),
    "AdaptiveInstanceNormalization": (
        "deviation (x - mean) / sqrt(var + eps) + style's mean",
        "the sample's channel, and the style's",
        "the authors' code",
    ),
    "LocalResponseNormalization": (
        "x / (bias + alpha energy)^beta",
        "the channels around each",
        "tf.nn.local_response_normalization, torch LocalResponseNorm",
    ),
    "FilterResponseNormalization": (
        "gamma x / sqrt(mean x^2 + eps) + beta",
        "the sample's channel",
        "timm FilterResponseNormTlu2d",
    ),
    "ThresholdedLinearUnit": ("max(x, tau)", "-", "timm FilterResponseNormTlu2d"),
    "EvoNormS0": (
        "gamma x sigmoid(v x) / sqrt(var + eps) + beta",
        "the sample's group of channels",
        "timm EvoNorm2dS0",
    ),
    "GlobalResponseNormalization": (
        "x + gamma x norm / (mean norm + eps) + beta",
        "the sample",
        "timm GlobalResponseNorm",
    ),
    "ScaleNorm": ("g x / norm x", "the sample, along `axis`", "-"),
    "DynamicTanh": ("gamma tanh(alpha x) + beta", "-", "timm DynamicTanh"),
    "WeightStandardization": (
        "the layer with (kernel - mean) / sqrt(var + eps)",
        "the kernel, by output channel",
        "timm StdConv2d",
    ),
    "WeightNormalization": (
        "the layer with g kernel / norm kernel",
        "the kernel, by output channel",
        "torch weight_norm",
    ),
    "SpectralNormalization": (
        "the layer with kernel / its greatest singular value",
        "the kernel",
        "Keras SpectralNormalization, torch spectral_norm",
    ),
    "ChannelPadding": ("a constant of each channel around x", "-", "-"),
}

HEADER = """# Every normalization

Generated by `python -m docs.make_schemes`; a test holds it to the code.

* **statistic**: what is computed of the whole data set, by `adapt`, `tfnorm.analyze` or
  the Beam job; "-" where nothing is.
* **inverse**: whether `Denormalize` gives the input back; "inside" where what was
  clipped cannot come back.
* **foldable**: whether the map is affine (or a matrix), so that it can be merged into
  the weights of the next layer.
* **runs in**: "layer" is Keras on TensorFlow, JAX and torch, and `tf.data` under each;
  "recipe" is NumPy, Beam, `tf.data` and baked models.

| layer | formula | statistic | inverse | foldable | runs in | peers |
| --- | --- | --- | --- | --- | --- | --- |
"""


NETWORK_HEADER = """
## Within a network

These are Keras layers alone, trained with the network that they are in; they run on
TensorFlow, JAX and torch. Those that Keras has too take its arguments and weights
(`tfnorm.layers.replace(model)` swaps them in). "the sample's channel" is over its steps
or pixels; padded steps enter no statistic.

| layer | formula | statistics of | peers |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Returns the page, as the code has it now."""
    network = [[f"`{name}`", *row] for name, row in NETWORK.items()]
    return f"{HEADER}{_rows(map(_row, LAYERS))}{NETWORK_HEADER}{_rows(network)}"


def layers_there() -> set[str]:
    """Returns the names of the layers there are."""
    names = set(layers.__all__) - {"SchemeLayer"}
    return {name for name in names if inspect.isclass(getattr(layers, name))}


def _rows(rows) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str) -> list[str]:
    formula, peers = LAYERS[name]
    rows = [r for r in schemes.REGISTRY.values() if type(r.scheme).__name__ == name]
    scheme = getattr(schemes, name, None)
    statistic, inverse, foldable = "-", "", ""
    if rows:
        needed = {part for row in rows for part in row.scheme.requires}
        statistic = ", ".join(sorted(needed)) or "-"
        ways = {row.inverse: None for row in rows}
        inverse = (
            " or ".join(ways).replace("everywhere", "yes").replace("nowhere", "no")
        )
        foldable = _foldable([row.scheme.template(()) for row in rows])
    elif name in _OTHERS:
        statistic, inverse, foldable = _OTHERS[name]
    runs = "layer, recipe" if inspect.isclass(scheme) else "layer"
    where = f"`{name}`"
    return [where, formula, statistic, inverse, foldable, runs, peers or "-"]


# Statistic, inverse and foldable of what is no single scheme.
_OTHERS = {
    "Chain": ("of each step, a pass each", "of the steps", "of the steps"),
    "PerKey": ("of the scheme, by key", "of the scheme", "no"),
    "Learned": ("of the scheme", "of the scheme", "once trained"),
    "Adaptive": ("of the scheme, by domain", "with given domains", "no"),
    "Running": ("moments, live", "yes", "once trained"),
    "RevIN": ("-", "yes, with its statistics", "no"),
    "MeanScale": ("-", "yes, with its statistics", "no"),
    "Features": ("of each scheme", "feature by feature", "feature by feature"),
    "Denormalize": ("-", "-", "of its layer"),
}


def _foldable(maps: list[bijectors.Bijector]) -> str:
    affine = [isinstance(one, bijectors.Affine | bijectors.Matrix) for one in maps]
    return "yes" if all(affine) else "in part" if any(affine) else "no"


if __name__ == "__main__":
    assert {*LAYERS, *NETWORK} == layers_there()
    PAGE.write_text(page(), encoding="utf-8")
