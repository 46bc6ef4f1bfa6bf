# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers within a network, and data for them."""

import keras
import numpy as np

from tfnorm import layers
from tfnorm.layers.network import batch

_RNG = np.random.default_rng(1)

# (rows, steps, channels), and (rows, height, width, channels).
STEPS = _RNG.normal([0, 50, -3, 1, 7, -20, 2, 0], 2, (6, 10, 8)).astype(np.float32)
IMAGES = _RNG.normal([0, 50, -3, 1, 7, -20, 2, 0], 2, (4, 6, 5, 8)).astype(np.float32)


def _dense() -> keras.layers.Dense:
    # Seeded, since contracts compare two of them.
    start = keras.initializers.GlorotUniform(seed=3)
    return keras.layers.Dense(4, kernel_initializer=start, name="dense")


# Of steps; of images where the name begins with "image", and of images whose channels
# come first where it begins with "first".
LAYERS: dict[str, tuple] = {
    "layer_norm": (layers.LayerNormalization, {}),
    "layer_norm_steps": (layers.LayerNormalization, {"axis": (1, 2), "scale": False}),
    "image_layer_norm": (layers.LayerNormalization, {"axis": (1, 3)}),
    "rms_norm": (layers.RMSNormalization, {"use_offset": True}),
    "rms_norm_partial": (layers.RMSNormalization, {"partial": 0.5}),
    "image_rms_norm": (layers.RMSNormalization, {"axis": 2}),
    "group_norm": (layers.GroupNormalization, {"groups": 4}),
    "image_group_norm": (layers.GroupNormalization, {"groups": -1}),
    "first_group_norm": (layers.GroupNormalization, {"groups": 2, "axis": 1}),
    "batch_renorm": (layers.BatchRenormalization, {"rmax": 1.5, "dmax": 1.0}),
    "evo_norm_b0": (layers.EvoNormB0, {"momentum": 0.5}),
    "first_evo_norm_b0": (layers.EvoNormB0, {"axis": 1}),
    "frozen_batch_norm": (layers.FrozenBatchNormalization, {}),
    "first_frozen_batch_norm": (
        layers.FrozenBatchNormalization,
        {"axis": 1, "trainable_constants": True},
    ),
    "ghost_batch_norm": (layers.GhostBatchNormalization, {"ghost_size": 4}),
    "image_ghost_batch_norm": (layers.GhostBatchNormalization, {"ghost_size": 2}),
    "first_ghost_batch_norm": (
        layers.GhostBatchNormalization,
        {"ghost_size": 3, "axis": 1},
    ),
    "switchable": (layers.SwitchableNormalization, {"momentum": 0.5}),
    "image_switchable": (layers.SwitchableNormalization, {}),
    "first_switchable": (layers.SwitchableNormalization, {"axis": 1}),
    "whitening_batch_norm": (layers.WhiteningBatchNormalization, {"momentum": 0.5}),
    "image_whitening_batch_norm": (
        layers.WhiteningBatchNormalization,
        {"groups": 2, "iterations": 8},
    ),
    "first_whitening_batch_norm": (
        layers.WhiteningBatchNormalization,
        {"groups": 4, "axis": 1},
    ),
    "batch_norm": (layers.BatchNormalization, {"momentum": 0.5}),
    "batch_norm_renorm": (
        layers.BatchNormalization,
        {"renorm": True, "renorm_clipping": {"rmax": 1.5, "dmax": 1.0}},
    ),
    "batch_norm_debiased": (layers.BatchNormalization, {"debiased": True}),
    "image_batch_norm": (layers.BatchNormalization, {"epsilon": 1e-5}),
    "first_batch_norm_prior": (
        layers.BatchNormalization,
        {"axis": 1, "prior_count": 8.0},
    ),
    "first_batch_norm": (layers.BatchNormalization, {"axis": 1}),
    "adaptive_instance_norm": (layers.AdaptiveInstanceNormalization, {}),
    "dynamic_tanh": (layers.DynamicTanh, {}),
    "first_dynamic_tanh": (layers.DynamicTanh, {"axis": 1, "center": False}),
    "evo_norm_s0": (layers.EvoNormS0, {"groups": 4}),
    "first_evo_norm_s0": (layers.EvoNormS0, {"groups": 2, "axis": 1}),
    "filter_response": (layers.FilterResponseNormalization, {}),
    "image_filter_response": (
        layers.FilterResponseNormalization,
        {"learned_epsilon": True},
    ),
    "first_filter_response": (layers.FilterResponseNormalization, {"axis": 1}),
    "global_response": (layers.GlobalResponseNormalization, {}),
    "first_global_response": (layers.GlobalResponseNormalization, {"axis": 1}),
    "instance_norm": (layers.InstanceNormalization, {}),
    "instance_norm_running": (
        layers.InstanceNormalization,
        {"running_statistics": True, "momentum": 0.5},
    ),
    "image_instance_norm": (layers.InstanceNormalization, {"epsilon": 1e-5}),
    "first_instance_norm": (
        layers.InstanceNormalization,
        {"axis": 1, "running_statistics": True, "momentum": 0.5},
    ),
    "local_response": (layers.LocalResponseNormalization, {}),
    "local_response_sum": (
        layers.LocalResponseNormalization,
        {"size": 4, "alpha": 0.1, "beta": 0.5, "average": False},
    ),
    "first_local_response": (layers.LocalResponseNormalization, {"axis": 1}),
    "scale_norm": (layers.ScaleNorm, {}),
    "first_scale_norm": (layers.ScaleNorm, {"axis": 1}),
    "spectral_norm": (
        layers.SpectralNormalization,
        {"layer": _dense(), "power_iterations": 20},
    ),
    "thresholded": (layers.ThresholdedLinearUnit, {}),
    "first_thresholded": (layers.ThresholdedLinearUnit, {"axis": 1}),
    "weight_norm": (layers.WeightNormalization, {"layer": _dense()}),
    "weight_standard": (layers.WeightStandardization, {"layer": _dense()}),
}

# Those whose statistics are of the batch, and of no row alone.
_OF_ROWS_TOO = (layers.EvoNormB0, layers.SwitchableNormalization)
OVER_THE_BATCH = frozenset(
    name
    for name, (kind, _) in LAYERS.items()
    if issubclass(kind, batch.BatchLayer) and kind not in _OF_ROWS_TOO
)


def data_for(name: str) -> np.ndarray:
    """Returns data that a layer of `LAYERS` takes."""
    if name.startswith("first"):
        return np.moveaxis(IMAGES, -1, 1)
    return IMAGES if name.startswith("image") else STEPS


def given_for(name: str) -> tuple[np.ndarray, ...]:
    """Returns what a layer of `LAYERS` is called with beside the data."""
    style = (STEPS - STEPS.mean((0, 1)))[::-1, :7]
    return (style,) if name == "adaptive_instance_norm" else ()


def made(name: str, **kwargs) -> keras.layers.Layer:
    """Returns a layer of `LAYERS` with weights that are not those of the start."""
    kind, arguments = LAYERS[name]
    layer = kind(**fresh(arguments), **kwargs)
    x = data_for(name)
    layer.build(x.shape)
    rng = np.random.default_rng(2)
    for weight in layer.trainable_weights:
        value = keras.ops.convert_to_numpy(weight.value)
        weight.assign(value + rng.uniform(0.1, 0.5, weight.shape).astype(value.dtype))
    layer(x, *given_for(name), training=True)
    return layer


def fresh(arguments: dict) -> dict:
    """Returns arguments with layers of their own, for two must not share weights."""
    return {
        key: type(value).from_config(value.get_config())
        if isinstance(value, keras.layers.Layer)
        else value
        for key, value in arguments.items()
    }
