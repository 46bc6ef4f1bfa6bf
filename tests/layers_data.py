# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Data, recipes and models for the tests of layers."""

import collections.abc
import inspect

import keras
import numpy as np

from tests import contracts
from tests import layers_audio
from tests import layers_network
from tfnorm import analysis
from tfnorm import layers
from tfnorm import recipe
from tfnorm import schemes

_RNG = np.random.default_rng(0)

REAL = _RNG.normal([0, 50, -3], [1, 10, 0.1], (64, 3)).astype(np.float32)
FAR = _RNG.normal(1e5, 3, (64, 3)).astype(np.float32)
PIXELS = _RNG.integers(0, 256, (8, 9, 7, 3)).astype(np.float32)
MICROSECONDS = 1_700_000_000_000_000 + 1_000_000 * np.arange(60)

LAYERS = {
    "affine": (layers.Affine, {"loc": (1.0, 2.0, 3.0), "scale": 4.0}),
    "foreground": (layers.Foreground, {"threshold": -1.0}),
    "foreground_z_score": (
        layers.Foreground,
        {"then": schemes.ZScore(), "threshold": -3.0},
    ),
    "intensity_window": (layers.IntensityWindow, {"center": 40.0, "width": 100.0}),
    "local": (layers.LocalNormalization, {"size": 3, "axis": None}),
    "local_contrast": (
        layers.LocalNormalization,
        {"size": 3, "kind": "contrast", "axis": None},
    ),
    "log_log": (layers.Log, {"kind": "log"}),
    "log_signed": (layers.Log, {"kind": "signed", "then": schemes.Robust()}),
    "max_abs": (layers.MaxAbs, {}),
    "mean_range": (layers.MeanRange, {"axis": None}),
    "min_max": (layers.MinMax, {"low": -1.0}),
    "min_max_clip": (layers.MinMax, {"out_of_range_policy": "clip"}),
    "per_image": (layers.PerImage, {}),
    "per_image_extrema": (layers.PerImage, {"statistic": "extrema", "clip": 20.0}),
    "percentile_clip": (layers.PercentileClip, {"low": 0.1, "high": 0.9}),
    "percentile_stretch": (layers.PercentileStretch, {"low": 0.1, "high": 0.9}),
    "power": (layers.Power, {}),
    "power_box_cox": (layers.Power, {"method": "box-cox", "axis": None}),
    "preset_caffe": (layers.Preset, {"preset": "caffe"}),
    "preset_imagenet": (layers.Preset, {"preset": "imagenet"}),
    "quantile": (layers.Quantile, {}),
    "quantile_normal": (layers.Quantile, {"output": "normal", "knots": 20}),
    "rescale": (layers.Rescale, {"input_range": (0.0, 100.0)}),
    "robust": (layers.Robust, {"quantile_range": (0.1, 0.9), "unit_variance": True}),
    "sum_to_one": (layers.SumToOne, {}),
    "tukey_hh": (layers.TukeyHH, {}),
    "unit_norm": (layers.UnitNorm, {}),
    "unit_norm_3": (layers.UnitNorm, {"order": 3.0}),
    "whitening": (layers.Whitening, {}),
    "whitening_pca_cor": (layers.Whitening, {"kind": "pca-cor", "shrinkage": 0.1}),
    "z_score": (layers.ZScore, {}),
    "z_score_center": (layers.ZScore, {"scale": False}),
    "z_score_per_image": (layers.ZScore, {"deviation": "per_image"}),
}

# Those that take numbers above 0 only.
_POSITIVE = {"log_log", "power_box_cox"}

# Layers that are called with more than values, or that are not of one scheme.
OTHERS: dict[str, tuple] = {
    "adaptive": (layers.Adaptive, {"domains": 3}),
    "adaptive_gate": (layers.Adaptive, {"domains": 3, "router": "gate"}),
    "chain": (layers.Chain, {"steps": (schemes.Robust(), schemes.MinMax())}),
    "learned": (layers.Learned, {}),
    "mean_scale": (layers.MeanScale, {}),
    "per_key": (layers.PerKey, {"scheme": schemes.MinMax()}),
    "per_key_vocabulary": (layers.PerKey, {"keys": (0, 2, 5)}),
    "per_key_nan": (layers.PerKey, {"unseen_key_policy": "nan", "shrinkage": 4.0}),
    "rev_in": (layers.RevIN, {}),
    "rev_in_last": (layers.RevIN, {"subtract_last": True}),
    "running": (layers.Running, {}),
    "running_fading": (layers.Running, {"momentum": 0.9}),
}
# Images with the channels last, and with the channels first.
IMAGES = {
    "image_foreground": (layers.Foreground, {"threshold": 100.0}),
    "image_local": (layers.LocalNormalization, {"size": (3, 5)}),
    "image_per_image": (layers.PerImage, {}),
    "image_preset": (layers.Preset, {"preset": "imagenet"}),
    "image_quantile": (layers.Quantile, {"knots": 20}),
    "image_running": (layers.Running, {}),
    "image_stretch": (layers.PercentileStretch, {}),
    "image_whitening": (layers.Whitening, {}),
    "image_z_score": (layers.ZScore, {"deviation": "per_image"}),
    "first_foreground": (layers.Foreground, {"then": schemes.ZScore(), "axis": 1}),
    "first_local": (layers.LocalNormalization, {"size": 3, "axis": 1}),
    "first_per_image": (layers.PerImage, {"per_channel": True, "axis": 1}),
    "first_preset": (layers.Preset, {"preset": "caffe", "axis": 1}),
    "first_quantile": (layers.Quantile, {"knots": 20, "axis": 1}),
    "first_running": (layers.Running, {"axis": 1}),
    "first_stretch": (layers.PercentileStretch, {"per_channel": True, "axis": 1}),
    "first_whitening": (layers.Whitening, {"axis": 1}),
    "first_z_score": (layers.ZScore, {"deviation": "per_image", "axis": 1}),
}
EVERY = {
    **LAYERS,
    **OTHERS,
    **IMAGES,
    **layers_audio.LAYERS,
    **layers_network.LAYERS,
}

RECIPE = recipe.Recipe(
    {
        "far": schemes.ZScore(),
        "when": schemes.ZScore(),
        "gaps": recipe.Feature(
            schemes.Robust(), missing="impute", impute_with="median", indicator=True
        ),
        "three values": schemes.MinMax(),
        "target": schemes.ZScore(),
    }
)


def data_for(name: str) -> np.ndarray:
    """Returns data that a layer of `EVERY` takes."""
    if name in layers_audio.LAYERS:
        return layers_audio.data_for(name)
    if name in layers_network.LAYERS:
        return layers_network.data_for(name)
    if name in IMAGES:
        return np.moveaxis(PIXELS, -1, 1) if name.startswith("first") else PIXELS
    if name.startswith(("rev_in", "mean_scale")):
        return layers_audio.FEATURES
    return np.abs(REAL) + 0.5 if name in _POSITIVE else REAL


def given_for(name: str) -> tuple[np.ndarray, ...]:
    """Returns what a layer of `EVERY` is called with beside the data."""
    if name in layers_network.LAYERS:
        return layers_network.given_for(name)
    keyed = name.startswith("per_key") or name == "adaptive"
    return (np.arange(64, dtype=np.int32) % 3,) if keyed else ()


def made(name: str, **kwargs) -> layers.SchemeLayer:
    """Returns a layer of `EVERY`, adapted."""
    if name in layers_network.LAYERS:
        return layers_network.made(name, **kwargs)
    kind, arguments = EVERY[name]
    layer = kind(**arguments, **kwargs)
    if isinstance(layer, layers.PerKey):
        layer.adapt(data_for(name), np.arange(64, dtype=np.int32) % 3)
    elif isinstance(layer, layers.Running):
        layer(data_for(name), training=True)
    elif isinstance(layer, layers.SchemeLayer) and layer.scheme.fitted_on_data:
        layer.adapt(data_for(name))
    return layer


def is_masked(layer: keras.layers.Layer) -> bool:
    """Whether a mask changes what the layer computes."""
    if isinstance(layer, layers.SchemeLayer):
        return "mask" in layer.live.structure.context
    if isinstance(layer, layers.LayerNormalization | layers.RMSNormalization):
        # Of whole steps only, unless told otherwise: test_network_rows.py.
        return False
    return "mask" in inspect.signature(layer.call).parameters


def undoes(name: str) -> bool:
    """Whether `Denormalize` gives the data back."""
    layer = made(name)
    clips = ("clip", "window", "foreground")
    if any(word in name for word in clips):
        return False
    return getattr(layer, "invertible", hasattr(layer, "inverse"))


def constants_for(name: str) -> tuple[float, ...]:
    """Values that a layer takes as a constant sample."""
    return (7.0,) if name in _POSITIVE else (0.0, 7.0)


def fitted(name: str) -> recipe.FittedRecipe:
    """Returns what a recipe fits where `made` adapts."""
    kind, arguments = LAYERS[name]
    layer = kind(**arguments)
    asked = recipe.Recipe({"": recipe.Feature(layer.scheme, axis=layer.axis)})
    return asked.fit(analysis.analyze(data_for(name), asked))


def normalized() -> collections.abc.Iterator[tuple]:
    """Yields the name of each layer, a type, and what it makes of such data."""
    for name in LAYERS:
        layer = made(name)
        for dtype in ("float32", "float16", "int32", "uint8"):
            x = np.clip(np.abs(data_for(name)) + 1, 1, 200)
            yield name, dtype, layer(contracts.array(x, dtype))


def framework_error(layer: layers.SchemeLayer) -> float:
    """Returns how far two frameworks may lie apart, 0 without logarithms and sums.

    Each rounds logarithms up to 8 (of data up to 2,980) right to 2 ulp, and the
    scheme after it stretches the difference.
    """
    if isinstance(layer.scheme, schemes.per_sample.PerSample | schemes.Foreground):
        # Some ten roundings of numbers up to 4, in sums of another order.
        return 10 * contracts.ULP * 4
    if isinstance(layer, layers.Whitening):
        # Seven roundings at most of three products with numbers up to 256.
        rows = keras.ops.sum(keras.ops.abs(layer.live.weights["matrix"]), axis=1)
        return 7 * contracts.ULP * 256 * float(keras.ops.max(rows))
    if isinstance(layer, layers.Quantile):
        # Shares are right to 2 ulp of 1: at 4 deviations, 1e-4 dense, by that much.
        density = 1.0 if layer.scheme.output == "uniform" else 1e-4
        return 2 * contracts.ULP / density
    if isinstance(layer, layers.TukeyHH):
        return 4 * contracts.ULP * 4
    if isinstance(layer, layers.Power):
        # Of numbers that are a mean before it is subtracted.
        own = [layer.live.weights[key] for key in ("2.loc_hi", "2.inverse_scale")]
        means = keras.ops.abs(own[0] * own[1])
        return 8 * contracts.ULP * (4 + float(keras.ops.max(means)))
    stretch = layer.live.weights.get("1.inverse_scale")
    if not isinstance(layer, layers.Log):
        return 0.0
    return 4 * contracts.ULP * 8 * float(keras.ops.max(keras.ops.abs(stretch)))


def framework_ratio(layer: layers.SchemeLayer) -> float:
    """Returns the same beside the size of a number, 0 without exponentials."""
    if isinstance(layer, layers.Power | layers.TukeyHH):
        # Exponents of at most 40 are rounded before the exponential.
        return 2 * contracts.ULP * 40
    return 0.0


def standardized(x: np.ndarray) -> np.ndarray:
    """Returns the z-score, in float64."""
    x = x.astype(np.float64)
    return (x - x.mean(0)) / x.std(0)


def columns() -> dict[str, np.ndarray]:
    """Returns raw columns, without the target, and one that is in no recipe."""
    # JAX has no int64; there, timestamps are normalized outside of models.
    jax = keras.backend.backend() == "jax"
    when = np.arange(60, dtype=np.int32) if jax else MICROSECONDS
    return {
        "far": FAR[:, 0],
        "when": when[np.arange(64) % 60],
        "gaps": np.where(REAL[:, 2] > -2.9, np.nan, REAL[:, 2]).astype(np.float32),
        "three values": REAL,
        "more": np.arange(64, dtype=np.int32),
    }


def tabular_model() -> keras.Model:
    """Returns a model of raw columns, with the target in its own unit."""
    inputs = {
        name: keras.Input(column.shape[1:], name=name, dtype=column.dtype.name)
        for name, column in columns().items()
    }
    features = layers.Features(FITTED)
    found = features(inputs)
    flat = keras.layers.Concatenate()(
        [
            found["three values"],
            *(
                keras.layers.Reshape((1,))(found[name])
                for name in ("far", "when", "gaps", "gaps_missing")
            ),
        ]
    )
    outputs = layers.Denormalize(features, "target")(keras.layers.Dense(1)(flat))
    return keras.Model(inputs, outputs)


def assert_columns_equal(found, wanted) -> None:
    """Checks law 4: the very numbers of the fitted recipe in NumPy."""
    for name, column in wanted.items():
        # The recipe keeps float64; layers return their compute dtype.
        column = column.astype(found[name].dtype)
        np.testing.assert_array_equal(found[name], column, err_msg=name)


FITTED = RECIPE.fit(analysis.analyze({**columns(), "target": REAL[:, 1] * 7}, RECIPE))
