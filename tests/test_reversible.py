# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Series whose statistics travel to the model's output: formulas, masks, models."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tests import backends
from tests import contracts
from tfnorm import arrays
from tfnorm import errors
from tfnorm import layers
from tfnorm.bijectors import reversible

# What torch says of a machine with half a CUDA, once, when it differentiates.
pytestmark = pytest.mark.filterwarnings("ignore:CUDA initialization")

RNG = np.random.default_rng(0)
SERIES = (RNG.normal(size=(4, 12, 3)) * [1, 10, 1e-2] + [0, 50, -3]).astype(np.float32)
COUNTS = (12, 7, 1, 0)
MASK = np.arange(12) < np.array(COUNTS)[:, None]
# Of results up to 4, after sums of 12 numbers.
ATOL = 32 * contracts.ULP * 4
WEIGHTS = [np.linspace(0.5, 2, 3), np.linspace(-1, 1, 3)]


class Reference:
    """RevIN as the paper's code has it, on float64 tensors of torch."""

    def __init__(self, subtract_last=False, epsilon=1e-5):
        self.weight, self.bias = (torch.tensor(w, requires_grad=True) for w in WEIGHTS)
        self.subtract_last = subtract_last
        self.epsilon = epsilon

    def normalized(self, x):
        loc = x[:, -1:] if self.subtract_last else torch.mean(x, dim=1, keepdim=True)
        variance = torch.var(x, dim=1, keepdim=True, unbiased=False)
        self.loc = loc.detach()
        self.scale = torch.sqrt(variance + self.epsilon).detach()
        return (x - self.loc) / self.scale * self.weight + self.bias

    def restored(self, y):
        y = (y - self.bias) / (self.weight + self.epsilon * self.epsilon)
        return y * self.scale + self.loc


def weighted(layer, x=SERIES):
    """The layer with the weights of `Reference`."""
    layer(x)
    layer.set_weights(WEIGHTS)
    return layer


def exact(x):
    return torch.tensor(x, dtype=torch.float64)


@pytest.mark.parametrize("subtract_last", [False, True])
def test_revin_is_that_of_the_paper(subtract_last):
    reference = Reference(subtract_last)
    layer = weighted(layers.RevIN(subtract_last=subtract_last))
    z, statistics = layer(SERIES)
    wanted = reference.normalized(exact(SERIES)).detach()
    np.testing.assert_allclose(z, wanted, rtol=0, atol=ATOL)
    y = RNG.normal(size=(4, 5, 3)).astype(np.float32)
    found = layers.Denormalize(layer)(y, statistics)
    wanted = reference.restored(exact(y)).detach()
    np.testing.assert_allclose(found, wanted, rtol=2.0**-20, atol=2.0**-18)


def test_revin_trains_as_that_of_the_paper():
    reference = Reference()
    (reference.normalized(exact(SERIES)) ** 3).sum().backward()
    layer = weighted(layers.RevIN())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(SERIES)[0] ** 3)
    found = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    for mine, theirs in zip(found, (reference.weight, reference.bias), strict=True):
        np.testing.assert_allclose(mine, theirs.grad, rtol=1e-4)


def test_no_gradient_passes_through_the_statistics_as_in_the_paper():
    x = exact(SERIES).requires_grad_()
    (Reference().normalized(x) ** 2).sum().backward()
    for place, gradient in backends.gradients(revin_of(WEIGHTS), SERIES).items():
        np.testing.assert_allclose(gradient, x.grad, rtol=1e-3, err_msg=place)


def revin_of(weights, mask=None, **arguments):
    """RevIN in any framework, as a function of a tensor."""
    structure = reversible.RevIN(**arguments)

    def forward(x):
        own, here = (
            [arrays.constants(np.asarray(v, kind), like=x) for v in values]
            for values, kind in ((weights, "f4"), ([] if mask is None else [mask], "?"))
        )
        statistics = structure.statistics(x, *here)
        constants = dict(zip(("weight", "bias"), own, strict=True))
        return structure.forward_with(x, statistics, constants, *here)

    return forward


@pytest.mark.parametrize(
    "layer",
    [
        layers.RevIN(affine=False),
        layers.RevIN(affine=False, subtract_last=True),
        layers.MeanScale(),
    ],
    ids=["revin", "subtract_last", "mean_scale"],
)
class TestMasks:
    def test_padded_steps_change_nothing(self, layer):
        padded = np.where(MASK[..., None], SERIES, np.nan)
        z, statistics = layer(padded, mask=MASK)
        for row, count in enumerate(COUNTS[:3]):
            alone, own = layer(SERIES[row : row + 1, :count])
            np.testing.assert_allclose(z[row, :count], alone[0], rtol=1e-4, atol=ATOL)
            for mine, theirs in zip(statistics, own, strict=True):
                np.testing.assert_allclose(mine[row], theirs[0], rtol=1e-5, atol=1e-5)
        assert (np.asarray(z)[~MASK] == 0).all()

    def test_series_without_any_step_are_defined(self, layer):
        z, statistics = layer(SERIES, mask=np.zeros_like(MASK))
        assert (np.asarray(z) == 0).all()
        assert np.isfinite(layer.inverse(z, statistics)).all()

    def test_a_mask_may_tell_of_each_channel(self, layer):
        mask = RNG.random(SERIES.shape) < 0.6
        z, _ = layer(SERIES, mask=mask)
        for channel in range(3):
            part = slice(channel, channel + 1)
            alone, _ = layer(SERIES[..., part], mask=mask[..., channel])
            np.testing.assert_allclose(z[..., part], alone, rtol=1e-4, atol=ATOL)

    def test_inverse_gives_the_series_back(self, layer):
        z, statistics = layer(SERIES)
        again = layers.Denormalize(layer)(z, statistics)
        np.testing.assert_allclose(again, SERIES, rtol=2.0**-20, atol=2.0**-20)

    def test_a_mask_of_keras_arrives(self, layer):
        padded = np.concatenate([SERIES, np.zeros((4, 2, 3), np.float32)], axis=1)
        masked = keras.layers.Masking()(padded)
        np.testing.assert_allclose(
            layer(masked)[0][:, :12], layer(SERIES)[0], rtol=1e-3, atol=ATOL
        )

    def test_one_series_a_row_needs_no_channel(self, layer):
        for axis in (-1, None):
            config = {**layer.get_config(), "axis": axis}
            z, statistics = type(layer).from_config(config)(SERIES[..., 1])
            wanted, own = layer(SERIES[..., 1:2])
            np.testing.assert_allclose(z, wanted[..., 0], rtol=0, atol=ATOL)
            np.testing.assert_allclose(statistics[1], own[1][..., 0], rtol=1e-6)

    def test_channels_may_come_first(self, layer):
        config = {**layer.get_config(), "axis": 1}
        first = type(layer).from_config(config)
        z, statistics = first(np.moveaxis(SERIES, -1, 1))
        np.testing.assert_allclose(
            np.moveaxis(z, 1, -1), layer(SERIES)[0], rtol=1e-3, atol=ATOL
        )
        assert statistics[0].shape == (4, 3, 1)

    def test_config_is_what_was_given(self, layer):
        config = json.loads(json.dumps(layer.get_config()))
        assert type(layer).from_config(config).get_config() == layer.get_config()

    def test_compiles_under_xla(self, layer):
        compiled = tf.function(lambda x, m: layer(x, mask=m), jit_compile=True)
        z, _ = compiled(SERIES, MASK)
        np.testing.assert_allclose(
            z, layer(SERIES, mask=MASK)[0], rtol=1e-3, atol=100 * ATOL
        )

    def test_steps_of_any_number_run_in_tf_data(self, layer):
        rows = tf.data.Dataset.from_tensors(SERIES).map(lambda x: layer(x))
        signature = [tf.TensorSpec([None, None, 3])]
        traced = tf.function(lambda x: layer(x)[0], input_signature=signature)
        z, _ = next(iter(rows))
        np.testing.assert_allclose(z, layer(SERIES)[0], rtol=1e-3, atol=ATOL)
        np.testing.assert_allclose(traced(SERIES), z, rtol=1e-3, atol=ATOL)


def test_the_last_step_that_counts_stands_for_the_mean():
    layer = layers.RevIN(affine=False, subtract_last=True)
    mask = np.array([[True, False, True, False]])
    _, (loc, _) = layer(np.array([[[1.0], [2.0], [3.0], [4.0]]]), mask=mask)
    assert float(loc[0, 0, 0]) == 3.0


def test_mean_scale_is_that_of_gluonts():
    x, observed = SERIES.astype(np.float64), MASK[..., None].astype(np.float64)
    # Its MeanScaler, with `default_scale=1`.
    total = np.abs(x * observed).sum(1, keepdims=True)
    count = observed.sum(1, keepdims=True)
    scale = np.where(count > 0, total / np.maximum(count, 1), 1.0)
    scale = np.maximum(scale, 1e-10)
    z, (loc, found) = layers.MeanScale()(SERIES, mask=MASK)
    np.testing.assert_allclose(found, scale, rtol=1e-6)
    np.testing.assert_allclose(z, x * observed / scale, rtol=1e-6)
    assert (np.asarray(loc) == 0).all()


def test_a_series_of_zeros_has_the_default_scale():
    zeros = np.zeros((1, 4, 1), np.float32)
    layer = layers.MeanScale(default_scale=5.0)
    z, statistics = layer(zeros)
    assert (np.asarray(z) == 0).all()
    np.testing.assert_array_equal(layer.inverse(zeros + 2, statistics), zeros + 10)
    tiny = layers.MeanScale(minimum_scale=1e-3)(zeros + 1e-6)[0]
    np.testing.assert_allclose(tiny, zeros + 1e-3, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e6])
@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
@pytest.mark.parametrize("subtract_last", [False, True])
def test_a_constant_series_becomes_the_bias(value, epsilon, subtract_last):
    x = np.full((2, 5, 3), value, np.float32)
    run = revin_of(WEIGHTS, epsilon=epsilon, subtract_last=subtract_last)
    np.testing.assert_allclose(run(x), x * 0 + WEIGHTS[1], atol=1e-6)
    mask = np.array([[True] * 5, [False] * 5])
    masked = revin_of(WEIGHTS, mask, epsilon=epsilon, subtract_last=subtract_last)
    for function in (run, masked):
        for place, gradient in backends.gradients(function, x).items():
            assert np.isfinite(gradient).all(), place


def test_without_epsilon_the_unit_does_not_matter():
    layer = layers.RevIN(epsilon=0.0, affine=False)
    # By powers of two, which round nothing.
    np.testing.assert_array_equal(layer(SERIES * 2.0**-40)[0], layer(SERIES)[0])


def test_keeps_a_small_spread_at_a_large_offset():
    x = (1e6 + RNG.normal(size=(1, 500, 1))).astype(np.float32)
    layer = layers.RevIN(affine=False)
    z, statistics = layer(x)
    wanted = (x - x.mean(dtype=float)) / x.std(dtype=float)
    # The mean that is handed out is rounded to 1/16, what is normalized is not.
    np.testing.assert_allclose(z, wanted, rtol=1e-4, atol=1e-4)
    again = layers.Denormalize(layer)(z, statistics)
    np.testing.assert_allclose(again, x, rtol=0, atol=2**-4)


def test_float64_series_keep_their_digits():
    x = 1e9 + RNG.normal(size=(1, 50, 1))
    layer = layers.RevIN(affine=False, epsilon=0.0)
    z, statistics = layer(x)
    wanted = (x - x.mean()) / x.std()
    np.testing.assert_allclose(z, wanted, rtol=0, atol=1e-6)
    again = layers.Denormalize(layer, dtype="float64")(z, statistics)
    np.testing.assert_allclose(again - 1e9, x - 1e9, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", contracts.DTYPES)
def test_takes_series_of_every_type(dtype):
    x = contracts.array(RNG.integers(1, 100, (2, 8, 1)), dtype)
    for layer in (layers.RevIN(), layers.MeanScale()):
        z, statistics = layer(x)
        assert z.dtype == "float32"
        np.testing.assert_allclose(
            layer.inverse(z, statistics), x.astype(np.float64), rtol=1e-5
        )


def test_statistics_stay_float32_in_float16_models():
    inputs = keras.Input((12, 3))
    layer = layers.RevIN(dtype="mixed_float16")
    z, statistics = layer(inputs)
    again = layers.Denormalize(layer)(z, statistics)
    model = keras.Model(inputs, [z, *statistics, again])
    outputs = model.predict(SERIES + 1e5, verbose=0)
    assert [y.dtype for y in outputs] == ["float16", *["float32"] * 3]
    assert [y.dtype for y in model.outputs] == ["float16", *["float32"] * 3]
    # 12 numbers of up to 3 deviations of 10, rounded to float16; and 1e5 to 1/128.
    np.testing.assert_allclose(outputs[3], SERIES + 1e5, rtol=0, atol=0.03)


def forecaster(layer, **denormalize):
    """A model of series of any length, of which it forecasts 5 steps."""
    inputs = keras.Input((None, 3))
    z, statistics = layer(inputs)
    state = keras.layers.GlobalAveragePooling1D()(z)
    channels = len(denormalize.get("channels", (0, 1, 2)))
    flat = keras.layers.Dense(5 * channels)(state)
    steps = keras.layers.Reshape((5, channels))(flat)
    restored = layers.Denormalize(layer, **denormalize)(steps, statistics)
    return keras.Model(inputs, restored)


@pytest.mark.parametrize("layer", [layers.RevIN(epsilon=0.0), layers.MeanScale()])
def test_a_forecaster_follows_the_level_of_its_series(layer):
    model = forecaster(layer)
    model.compile("adam", "mse")
    model.fit(SERIES, SERIES[:, -5:], verbose=0)
    found, wanted = (model.predict(SERIES * unit, verbose=0) for unit in (3, 1))
    np.testing.assert_allclose(found, 3 * wanted, rtol=1e-4, atol=1e-4)


def test_a_forecaster_reloads(tmp_path):
    layer = layers.RevIN()
    model = forecaster(layer, channels=[2, 0])
    layer.set_weights(WEIGHTS)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert len(again.weights) == len(model.weights) == 4
    np.testing.assert_array_equal(
        again.predict(SERIES, verbose=0), model.predict(SERIES, verbose=0)
    )


def test_outputs_may_be_some_of_the_channels():
    layer = weighted(layers.RevIN())
    z, statistics = layer(SERIES)
    found = layers.Denormalize(layer, channels=[2, 0])(
        z.numpy()[..., [2, 0]], statistics
    )
    np.testing.assert_allclose(found, SERIES[..., [2, 0]], rtol=1e-5, atol=1e-5)


def test_other_channels_than_those_of_the_series_are_an_error():
    layer = layers.RevIN()
    z, statistics = layer(SERIES)
    with pytest.raises(ValueError, match="channels"):
        layer.inverse(z[..., :2], statistics)
    with pytest.raises(ValueError, match="do not fit"):
        layer.inverse(z[..., 0], statistics)
    with pytest.raises(ValueError, match="names 3"):
        layer.inverse(z[..., :1], statistics, channels=[3])


def test_series_of_nodes_and_channels_keep_both():
    x = SERIES.reshape(2, 12, 2, 3)
    layer = layers.RevIN(axis=(2, 3))
    z, _ = layer(x)
    assert layer.weights[0].shape == (2, 3)
    wanted = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(z, wanted, rtol=0.1, atol=1e-3)


def test_denormalize_without_statistics_is_an_error():
    layer = layers.MeanScale()
    layer(SERIES)
    with pytest.raises(TypeError, match="statistics"):
        layers.Denormalize(layer)(SERIES)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.RevIN(epsilon=-1.0),
        lambda: layers.MeanScale(default_scale=0.0),
        lambda: layers.MeanScale(minimum_scale=0.0),
        lambda: layers.RevIN(affine=False, subtract_last=True)(SERIES[None]),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()


def test_a_weight_needs_a_known_number_of_channels():
    with pytest.raises(ValueError, match="affine=False"):
        layers.RevIN()(keras.Input((12, None)))
