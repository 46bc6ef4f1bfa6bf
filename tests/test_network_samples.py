# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that need no batch give what their papers and peers give."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tests import contracts
from tfnorm import layers

RNG = np.random.default_rng(0)
STEPS = RNG.normal([0, 50, -3, 1], [1, 10, 0.1, 2], (5, 12, 4)).astype(np.float32)
IMAGES = RNG.normal(2, 3, (3, 6, 5, 8)).astype(np.float32)
FIRST = np.moveaxis(IMAGES, -1, 1)
# Sums of some 100 numbers, then a few roundings, beside results of up to 8.
CLOSE = {"rtol": 0, "atol": 8 * 16 * contracts.ULP}
# Of steps whose mean is 30 deviations away, and rounds as such.
NEAR = {"rtol": 0, "atol": 8 * 64 * contracts.ULP}


def with_weights(layer, x, seed=1):
    """Returns the layer, built, with weights that are not those of the start."""
    layer.build(x.shape)
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return layer


def named(layer) -> dict[str, np.ndarray]:
    return {w.name: np.asarray(w.value, np.float64) for w in layer.weights}


def gradients(layer, x, *given, **kwargs):
    """Of the sum of squares, by the input and by the weights."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, *given, **kwargs) ** 2)
    return [
        np.asarray(one)
        for one in tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])
    ]


# Instance normalization.


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (np.moveaxis(STEPS, -1, 1), torch.nn.InstanceNorm1d),
        (FIRST, torch.nn.InstanceNorm2d),
    ],
)
def test_instance_norm_is_that_of_torch(x, kind):
    peer = kind(x.shape[1], eps=1e-5, affine=True)
    layer = with_weights(layers.InstanceNormalization(1, epsilon=1e-5), x)
    with torch.no_grad():
        peer.weight[:] = torch.tensor(np.asarray(layer.gamma))
        peer.bias[:] = torch.tensor(np.asarray(layer.beta))
        wanted = peer(torch.tensor(x)).numpy()
    np.testing.assert_allclose(layer(x), wanted, **NEAR)


def test_moving_statistics_are_those_of_torch_but_for_the_ddof():
    x = np.moveaxis(STEPS, -1, 1)
    peer = torch.nn.InstanceNorm1d(4, momentum=0.25, track_running_stats=True)
    layer = layers.InstanceNormalization(1, running_statistics=True, momentum=0.75)
    for batch in (x, x[:2] * 3):
        peer(torch.tensor(batch))
        layer(batch, training=True)
    np.testing.assert_allclose(layer.moving_mean, peer.running_mean, rtol=1e-5)
    ratio = 11 / 12  # Of 12 steps.
    start = 0.75**2
    wanted = start + (peer.running_var.numpy() - start) * ratio
    np.testing.assert_allclose(layer.moving_variance, wanted, rtol=1e-5)


def test_moving_statistics_are_what_inference_normalizes_by():
    layer = layers.InstanceNormalization(running_statistics=True, momentum=0.0)
    layer(STEPS, training=True)
    mean, variance = STEPS.mean(1, float).mean(0), STEPS.var(1, dtype=float).mean(0)
    wanted = (STEPS[:2] - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(layer(STEPS[:2]), wanted, **NEAR)
    before = layer.get_weights()
    layer(STEPS * 7)
    np.testing.assert_array_equal(layer.get_weights(), before)


def test_a_sample_counts_as_much_as_any_other():
    layer = layers.InstanceNormalization(running_statistics=True, momentum=0.0)
    mask = np.arange(12) < np.array([12, 3, 1, 0, 7])[:, None]
    layer(np.where(mask[..., None], STEPS, np.nan), training=True, mask=mask)
    means = [x[m].mean(0, float) for x, m in zip(STEPS, mask, strict=True) if m.any()]
    np.testing.assert_allclose(layer.moving_mean, np.mean(means, 0), rtol=1e-5)


def test_a_batch_of_nothing_but_padding_moves_nothing():
    layer = layers.InstanceNormalization(running_statistics=True, momentum=0.5)
    layer(STEPS, training=True)
    before = layer.get_weights()
    y = layer(STEPS, training=True, mask=np.zeros((5, 12), bool))
    np.testing.assert_array_equal(layer.get_weights(), before)
    np.testing.assert_array_equal(y, np.zeros_like(STEPS))


def test_a_frozen_layer_moves_nothing():
    layer = layers.InstanceNormalization(running_statistics=True)
    layer.trainable = False
    layer(STEPS, training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(4))


def test_nothing_cancels_beside_a_large_mean():
    x = (RNG.normal(size=(2, 4096, 1)) + 1e4).astype(np.float32)
    exact = x.astype(float)
    wanted = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
    y = layers.InstanceNormalization(epsilon=0.0)(x)
    # The mean is a float32, right to half an ulp of 1e4: 1e4 * 2**-24.
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e4 * contracts.ULP / 2)


def test_float16_does_not_overflow():
    x = (IMAGES * 5000).astype(np.float16)
    y = np.asarray(layers.InstanceNormalization(dtype="mixed_float16")(x))
    exact = x.astype(float)
    mean, deviation = (f(exact, (1, 2), keepdims=True) for f in (np.mean, np.std))
    assert y.dtype == np.float16
    # Rounded once, of results up to 4.
    np.testing.assert_allclose(y, (exact - mean) / deviation, rtol=0, atol=4 * 2**-11)


# Masks, of all whose statistics are those of a sample.

OF_SAMPLES = {
    "instance": layers.InstanceNormalization(),
    "instance_first": layers.InstanceNormalization(1),
    "filter": layers.FilterResponseNormalization(learned_epsilon=True),
    "global": layers.GlobalResponseNormalization(),
    "global_first": layers.GlobalResponseNormalization(1),
    "evo": layers.EvoNormS0(4),
    "evo_first": layers.EvoNormS0(2, 1),
}


@pytest.fixture(params=OF_SAMPLES)
def masked(request):
    """A layer, images, a mask of their pixels and the images without what is masked."""
    first = OF_SAMPLES[request.param].axis == 1
    kind = type(OF_SAMPLES[request.param])
    x = FIRST if first else IMAGES
    layer = with_weights(kind.from_config(OF_SAMPLES[request.param].get_config()), x)
    mask = np.ones((3, 6, 5), bool)
    mask[:, 4:] = mask[:, :, 3:] = False
    mask[2] = False
    less = x[:2, :, :4, :3] if first else x[:2, :4, :3]
    return layer, x, mask, less


def test_masked_pixels_enter_no_statistic(masked):
    layer, x, mask, less = masked
    where = np.expand_dims(mask, layer.axis)
    y = np.asarray(layer(np.where(where, x, np.nan), mask=mask))
    assert (np.where(where, 0, y) == 0).all()
    kept = y[:2, :, :4, :3] if layer.axis == 1 else y[:2, :4, :3]
    np.testing.assert_allclose(kept, layer(less), **CLOSE)


def test_nan_in_padding_reaches_no_gradient(masked):
    layer, x, mask, less = masked
    where = np.expand_dims(mask, layer.axis)
    found = gradients(layer, np.where(where, x, np.nan), mask=mask)
    wanted = gradients(layer, less)
    assert np.isfinite(found[0]).all()
    for one, other in zip(found[1:], wanted[1:], strict=True):
        # Sums of some 200 products of up to 64.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_a_mask_of_rows_makes_them_zero(masked):
    layer, x, _, _ = masked
    y = np.asarray(layer(x, mask=np.array([True, False, True])))
    assert (y[1] == 0).all()
    np.testing.assert_allclose(y[[0, 2]], layer(x[[0, 2]]), **CLOSE)


def test_a_model_hands_its_mask_over():
    inputs = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(inputs)
    layer = layers.InstanceNormalization()
    model = keras.Model(inputs, layer(embedded))
    tokens = np.array([[3, 5, 1, 2]])
    padded = np.pad(tokens, ((0, 0), (0, 3)))
    y = np.asarray(model(padded))
    np.testing.assert_allclose(y[:, :4], model(tokens), **CLOSE)
    assert (y[:, 4:] == 0).all()


@pytest.mark.parametrize("layer", OF_SAMPLES.values(), ids=OF_SAMPLES)
def test_gradients_of_zeros_are_finite(layer):
    fresh = type(layer).from_config(layer.get_config())
    for found in gradients(fresh, np.zeros((2, 4, 4, 4), np.float32), training=True):
        assert np.isfinite(found).all()


# Styles.


def styled(x, style):
    """Huang and Belongie's, with population variances, in float64."""
    x, style = x.astype(float), style.astype(float)
    rest = tuple(range(1, x.ndim - 1))
    mean, std = (
        [f(one, rest, keepdims=True) for one in (x, style)]
        for f in (np.mean, lambda a, *b, **c: np.sqrt(np.var(a, *b, **c) + 1e-5))
    )
    return (x - mean[0]) / std[0] * std[1] + mean[1]


def test_a_style_gives_its_statistics():
    style = (IMAGES[::-1, :4] * 2 + 5).astype(np.float32)
    y = layers.AdaptiveInstanceNormalization()(IMAGES, style)
    np.testing.assert_allclose(y, styled(IMAGES, style), rtol=0, atol=1e-5 * 4)


@pytest.mark.parametrize("axis", [-1, 1])
def test_a_style_may_be_given_by_its_statistics(axis):
    style = IMAGES[::-1] * 2 + 5
    mean, std = style.mean((1, 2)), np.sqrt(style.var((1, 2)) + 1e-5)
    x = np.moveaxis(IMAGES, -1, axis)
    y = layers.AdaptiveInstanceNormalization(axis)(x, mean, std)
    y = np.moveaxis(np.asarray(y), axis, -1)
    np.testing.assert_allclose(y, styled(IMAGES, style), rtol=0, atol=1e-5 * 4)


def test_masks_of_content_and_style_are_apart():
    layer = layers.AdaptiveInstanceNormalization()
    content, style = STEPS[:2], STEPS[2:4] / 10
    content_mask = np.arange(12) < np.array([[5], [5]])
    style_mask = np.arange(12) >= np.array([[4], [4]])
    y = np.asarray(
        layer(content, style, content_mask=content_mask, style_mask=style_mask)
    )
    wanted = styled(content[:, :5], style[:, 4:])
    np.testing.assert_allclose(y[:, :5], wanted, **NEAR)
    assert (y[:, 5:] == 0).all()


def test_a_style_without_a_deviation_is_refused():
    with pytest.raises(ValueError, match="together with a deviation"):
        layers.AdaptiveInstanceNormalization()(IMAGES, IMAGES[:, 0, 0])


# Responses.


@pytest.mark.parametrize("size", [1, 2, 4, 5, 11, 20])
def test_local_response_norm_is_that_of_torch(size):
    wanted = torch.nn.LocalResponseNorm(size, 0.3, 0.6, 1.5)(torch.tensor(FIRST))
    arguments = {"alpha": 0.3, "beta": 0.6, "bias": 1.5}
    layer = layers.LocalResponseNormalization(size, **arguments, axis=1)
    np.testing.assert_allclose(layer(FIRST), wanted.numpy(), **CLOSE)


@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75])
@pytest.mark.parametrize("radius", [0, 1, 5])
def test_local_response_norm_is_that_of_tensorflow(radius, beta):
    wanted = tf.nn.local_response_normalization(IMAGES, radius, 1.5, 0.3, beta)
    arguments = {"alpha": 0.3, "beta": beta, "bias": 1.5, "average": False}
    layer = layers.LocalResponseNormalization(2 * radius + 1, **arguments)
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_a_small_response_beside_a_large_one_keeps_its_energy():
    # Differences of cumulative sums would lose all of the last two.
    x = np.float32([[1e5, 0, 0, 1e-2, 1e-2]])
    layer = layers.LocalResponseNormalization(3, alpha=1.0, beta=1.0, average=False)
    exact = 1e-2 / (1 + 2e-4)
    np.testing.assert_allclose(layer(x)[0, -1], exact, rtol=4 * contracts.ULP)


@pytest.mark.parametrize("arguments", [{"size": 0}, {"bias": 0.0}])
def test_a_window_or_a_bias_of_nothing_is_refused(arguments):
    with pytest.raises(ValueError, match="must be positive"):
        layers.LocalResponseNormalization(**arguments)


@pytest.mark.parametrize("learned", [False, True])
def test_filter_response_norm_is_that_of_the_paper(learned):
    layer = layers.FilterResponseNormalization(learned_epsilon=learned)
    given = named(with_weights(layer, IMAGES))
    x = IMAGES.astype(float)
    epsilon = 1e-6 + abs(given.get("added_epsilon", 0))
    wanted = x / np.sqrt((x**2).mean((1, 2), keepdims=True) + epsilon)
    wanted = wanted * given["gamma"] + given["beta"]
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_the_learned_epsilon_starts_where_the_paper_starts():
    layer = layers.FilterResponseNormalization(learned_epsilon=True)
    layer.build(IMAGES.shape)
    np.testing.assert_allclose(layer.added_epsilon, 1e-4)


def test_a_threshold_is_of_its_channel():
    layer = with_weights(layers.ThresholdedLinearUnit(1), FIRST)
    tau = np.asarray(layer.tau)[:, None, None]
    np.testing.assert_array_equal(layer(FIRST), np.maximum(FIRST, tau))


def test_global_response_norm_is_that_of_the_paper():
    layer = layers.GlobalResponseNormalization()
    given = named(with_weights(layer, IMAGES))
    x = IMAGES.astype(float)
    norm = np.sqrt((x**2).sum((1, 2), keepdims=True))
    share = norm / (norm.mean(-1, keepdims=True) + 1e-6)
    wanted = given["gamma"] * (x * share) + given["beta"] + x
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_global_response_norm_starts_as_nothing():
    np.testing.assert_array_equal(layers.GlobalResponseNormalization()(IMAGES), IMAGES)


# EvoNorm-S0.


@pytest.mark.parametrize("groups", [1, 2, 4, -1])
def test_evo_norm_s0_is_that_of_timm(groups):
    layer = layers.EvoNormS0(groups)
    given = named(with_weights(layer, IMAGES))
    x = IMAGES.astype(float)
    rows, high, wide, channels = x.shape
    groups = channels if groups == -1 else groups
    apart = x.reshape(rows, high, wide, groups, channels // groups)
    deviation = np.sqrt(apart.var((1, 2, 4), keepdims=True) + 1e-5)
    deviation = np.broadcast_to(deviation, apart.shape).reshape(x.shape)
    wanted = x / (1 + np.exp(-given["v"] * x)) / deviation
    wanted = wanted * given["gamma"] + given["beta"]
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


@pytest.mark.parametrize("groups", [3, 0, -2])
def test_groups_that_do_not_divide_are_refused(groups):
    with pytest.raises(ValueError, match="do not divide"):
        layers.EvoNormS0(groups)(IMAGES)


# What needs no statistic of the steps.


@pytest.mark.parametrize("axis", [-1, 1])
def test_scale_norm_is_that_of_the_paper(axis):
    layer = with_weights(layers.ScaleNorm(axis), IMAGES)
    x = IMAGES.astype(float)
    norm = np.maximum(np.sqrt((x**2).sum(axis, keepdims=True)), 1e-5)
    wanted = float(layer.g) * x / norm
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_scale_norm_starts_from_the_root_of_the_length():
    layer = layers.ScaleNorm()
    layer.build((None, 16))
    assert float(layer.g) == 4


def test_dynamic_tanh_is_that_of_the_paper():
    layer = layers.DynamicTanh()
    given = named(with_weights(layer, IMAGES))
    wanted = np.tanh(given["alpha"] * IMAGES.astype(float))
    wanted = wanted * given["gamma"] + given["beta"]
    np.testing.assert_allclose(layer(IMAGES), wanted, **CLOSE)


def test_dynamic_tanh_starts_from_the_alpha_it_is_given():
    layer = layers.DynamicTanh(0.8)
    np.testing.assert_allclose(layer(IMAGES), np.tanh(0.8 * IMAGES), **CLOSE)


def test_dynamic_tanh_has_no_epsilon():
    with pytest.raises(ValueError, match="no `epsilon`"):
        layers.DynamicTanh(epsilon=1e-3)


# All of them.


@pytest.mark.parametrize(
    "layer",
    [layers.InstanceNormalization(), layers.FilterResponseNormalization()],
    ids=["instance", "filter"],
)
def test_an_input_without_steps_is_refused(layer):
    with pytest.raises(ValueError, match="at least 3 axes"):
        layer(STEPS[:, 0])


@pytest.mark.parametrize("axis", [0, 3, -3])
def test_an_axis_that_counts_no_channels_is_refused(axis):
    with pytest.raises(ValueError, match="Use -1 for channels last"):
        layers.InstanceNormalization(axis)(STEPS)


def test_an_unknown_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="Give them in `keras.Input`"):
        layers.InstanceNormalization()(keras.Input((None, None)))


def test_a_network_of_them_trains_and_is_saved(tmp_path):
    def made():
        return keras.Sequential(
            [
                keras.Input((None, None, 8)),
                layers.LocalResponseNormalization(3),
                keras.layers.Conv2D(8, 3),
                layers.FilterResponseNormalization(learned_epsilon=True),
                layers.ThresholdedLinearUnit(),
                keras.layers.Conv2D(8, 1),
                layers.EvoNormS0(2),
                layers.GlobalResponseNormalization(),
                layers.InstanceNormalization(running_statistics=True),
                keras.layers.GlobalAveragePooling2D(),
                layers.ScaleNorm(),
                layers.DynamicTanh(),
            ]
        )

    model = made()
    model.compile("sgd", "mse")
    model.fit(IMAGES, IMAGES[:, 0, 0], verbose=0)
    wanted = model.predict(IMAGES, verbose=0)
    assert np.isfinite(wanted).all()
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again, other = keras.saving.load_model(tmp_path / "model.keras"), made()
    other.load_weights(tmp_path / "model.weights.h5")
    for one in (again, other):
        np.testing.assert_array_equal(one.predict(IMAGES, verbose=0), wanted)
