# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TukeyHH takes heavy tails away as tf.Transform does, only more exactly."""

import importlib.util
import itertools
import math
import pathlib

import numpy as np
import pytest

from tests import contracts
from tfnorm import bijectors
from tfnorm import layers
from tfnorm import schemes
from tfnorm.schemes import tukey_hh

RNG = np.random.default_rng(0)


def _peer():
    # That module alone: importing all of tf.Transform switches Keras to version 2.
    package = importlib.util.find_spec("tensorflow_transform")
    path = pathlib.Path(package.submodule_search_locations[0], "gaussianization.py")
    spec = importlib.util.spec_from_file_location("gaussianization", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TFT = _peer()


def heavy(left, right, size=4000):
    u = RNG.normal(size=size)
    return u * np.exp(np.where(u < 0, left, right) * u * u / 2)


HEAVINESS = [(0.1, 0.2), (0.3, 0.05), (0.4, 0.4), (0.02, 0.6), (0.8, 0.9)]
each_heaviness = pytest.mark.parametrize(("left", "right"), HEAVINESS)


@each_heaviness
def test_maps_as_tf_transform_does(left, right):
    x = np.concatenate([RNG.normal(size=99) * 3, [0.0, 1e-9, -400.0, 5e4]])
    wanted = TFT.inverse_tukey_hh(x, np.float64(left), np.float64(right))
    found = bijectors.TukeyHH(left, right).forward(x)
    # The constants are float32.
    np.testing.assert_allclose(found, wanted, rtol=2.0**-23)


@each_heaviness
def test_has_the_l_moments_of_tf_transform(left, right):
    h = np.array([left, right])
    mean, second, third, fourth = tukey_hh._moments_of_hh(*h)
    ratios = TFT._tukey_hh_l_skewness_and_kurtosis(h)
    wanted = *TFT.tukey_hh_l_mean_and_scale(h), *ratios
    found = mean, second, third / second, fourth / second
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@each_heaviness
def test_finds_the_heaviness_of_l_moments(left, right):
    _, second, third, fourth = tukey_hh._moments_of_hh(np.array(left), np.array(right))
    found = tukey_hh.heaviness(third / second, fourth / second)
    np.testing.assert_allclose(found, (left, right), rtol=0, atol=1e-10)


RATIOS = [(0.0, 0.3), (0.2, 0.25), (-0.3, 0.15), (0.5, 0.2), (-0.1, 0.4), (0.1, 0.1)]


@pytest.mark.parametrize(("skewness", "kurtosis"), RATIOS)
def test_finds_the_heaviness_that_tf_transform_finds(skewness, kurtosis):
    wanted = TFT.compute_tukey_hh_params(np.array([skewness, kurtosis]))
    found = tukey_hh.heaviness(np.array(skewness), np.array(kurtosis))
    # It halves intervals until they are 1e-3 wide, and stops after 20 rounds.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    "values", [[1.0, 2, 4], [5.0], [3, 3, 3, 3], [1, 1, 2, 7, 7, 9.5], [-2, 0, 1, 8]]
)
def test_l_moments_are_means_over_all_groups(values):
    weights = {1: [1], 2: [-1, 1], 3: [1, -2, 1], 4: [-1, 3, -3, 1]}
    wanted = [
        np.mean(
            [
                np.dot(own, sorted(group)) / order
                for group in itertools.combinations(values, order)
            ]
            or [0.0]
        )
        for order, own in weights.items()
    ]
    found = tukey_hh.l_moments(*np.unique(values, return_counts=True))
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-14)


@each_heaviness
def test_makes_heavy_tails_normal(left, right):
    x = 70 + 3 * heavy(left, right, 20_000)
    y = contracts.fitted(schemes.TukeyHH(), x).forward(x)
    shares = np.array([0.001, 0.05, 0.3, 0.5, 0.8, 0.99])
    normal = bijectors.Probit().forward(shares)
    # Two errors of a quantile of 20,000 values, of which the outer vary most.
    atol = 2 * np.sqrt(shares * (1 - shares) / 20_000)
    atol /= np.exp(-0.5 * normal**2) / math.sqrt(2 * math.pi)
    np.testing.assert_array_less(np.abs(np.quantile(y, shares) - normal), atol + 0.05)


@each_heaviness
def test_gives_heavy_tails_back(left, right):
    x = (70 + 3 * heavy(left, right)).astype(np.float32)
    contracts.assert_inverts(contracts.fitted(schemes.TukeyHH(), x), x)


@pytest.mark.parametrize(
    "x",
    [RNG.random((500, 2)), RNG.integers(0, 2, (500, 1)), np.array([1.0, 2.0, 900.0])],
    ids=["uniform", "two values", "three values"],
)
def test_light_tails_are_standardized(x):
    found = contracts.fitted(schemes.TukeyHH(), x).forward(x)
    wanted = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(found, wanted, rtol=2.0**-22, atol=2.0**-22)


def test_each_channel_has_tails_of_its_own():
    x = np.stack([heavy(0, 0), heavy(0.5, 0.1), RNG.random(4000)], axis=-1)
    tails = contracts.fitted(schemes.TukeyHH(), x).parts[1]
    assert tails.left[1] > 0.3 > tails.right[1] > 0
    assert tails.left[2] == tails.right[2] == 0


def test_a_constant_is_centered():
    y = contracts.fitted(schemes.TukeyHH(), np.full(50, 7.0)).forward([7.0, 9.5])
    np.testing.assert_array_equal(y, [0.0, 2.5])


def test_keeps_small_deviations_at_a_large_offset():
    x = 1_700_000_000_000_000 + np.round(1e6 * heavy(0.3, 0.3, 500)).astype(np.int64)
    layer = layers.TukeyHH()
    layer.adapt(x)
    small = contracts.fitted(schemes.TukeyHH(), x - 1_700_000_000_000_000)
    wanted = small.forward(x - 1_700_000_000_000_000)
    np.testing.assert_allclose(layer(x), wanted, rtol=0, atol=1e-5)
