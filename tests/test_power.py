# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Power finds scikit-learn's powers, and keeps the digits of data far from 0."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.preprocessing

from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.schemes import minimum

RNG = np.random.default_rng(0)

# Few enough distinct values that the histogram holds them all.
POSITIVE = {
    "lognormal": RNG.lognormal(sigma=1.5, size=3000),
    "gamma": RNG.gamma(2, size=3000) * 50,
    "left": RNG.random(3000) ** 0.02 + 0.01,
    "counts": RNG.poisson(3, size=3000) + 1.0,
    "offset": RNG.normal(100, 5, size=3000),
    "far": RNG.normal(1e4, 10, size=3000),
}
ANY = {
    **POSITIVE,
    "normal": RNG.normal(size=3000),
    "negative": -RNG.gamma(2, size=3000) - 3,
    "two heaps": np.concatenate([RNG.normal(-5, 1, 1500), RNG.normal(1e3, 9, 1500)]),
    "long tails": RNG.standard_t(3, size=3000),
    "NaN": np.where(RNG.random(3000) < 0.1, np.nan, RNG.exponential(size=3000)),
}
CASES = [("box-cox", name) for name in POSITIVE]
CASES += [("yeo-johnson", name) for name in ANY]
each_case = pytest.mark.parametrize(("method", "name"), CASES)


def peer(x, method, **kwargs):
    transformer = sklearn.preprocessing.PowerTransformer(method=method, **kwargs)
    return transformer.fit(x[:, np.newaxis])


def fitted(x, method="yeo-johnson", **kwargs) -> bijectors.Chain:
    return contracts.fitted(schemes.Power(method, **kwargs), np.asarray(x))


def power_of(bijector) -> float:
    """The power of the paper: on mirrored data, the two sides change places."""
    affine, power, _ = bijector.parts
    return (power.lmbda if affine.scale > 0 else 2 - power.lmbda).item()


def spread(x, method) -> float:
    """The deviation of the logarithms, beside which powers are to be seen."""
    x = x[~np.isnan(x)]
    shifted = x if method == "box-cox" else np.sign(x) * np.log1p(np.abs(x))
    return np.log(x).std() if method == "box-cox" else shifted.std()


@each_case
def test_finds_the_power_of_scikit_learn(method, name):
    x = ANY[name]
    wanted = peer(x, method).lambdas_[0]
    # Where it matters to 1e-6: its minimum is flat to half the digits of float64, and
    # scikit-learn's likelihood loses as many again at an offset.
    atol = 3e-6 / spread(x, method)
    assert power_of(fitted(x, method)) == pytest.approx(wanted, rel=0, abs=atol)


@each_case
def test_transforms_as_scikit_learn_does(method, name):
    x = ANY[name]
    wanted = peer(x, method).transform(x[:, np.newaxis])[:, 0]
    found = fitted(x, method).forward(x)
    # The power is a float32; and 4 deviations of the far data are 1e-3 of them.
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
@pytest.mark.parametrize("name", ["lognormal", "gamma", "counts", "offset"])
def test_transforms_as_scikit_learn_does_without_standardizing(method, name):
    x = ANY[name]
    wanted = peer(x, method, standardize=False).transform(x[:, np.newaxis])[:, 0]
    found = fitted(x, method, standardize=False).forward(x)
    np.testing.assert_allclose(found, wanted, rtol=2e-5)


@each_case
def test_inverts_as_scikit_learn_does(method, name):
    x = ANY[name]
    y = np.linspace(-1, 1, 99)
    wanted = peer(x, method).inverse_transform(y[:, np.newaxis])[:, 0]
    found = fitted(x, method).inverse(y)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=2e-6 * np.nanstd(x))


@each_case
def test_gives_the_data_back(method, name):
    x = ANY[name][~np.isnan(ANY[name])].astype(np.float32)
    contracts.assert_inverts(fitted(x, method), x)


@each_case
def test_is_right_in_float32(method, name):
    x = ANY[name].astype(np.float32)
    bijector = fitted(x, method)
    truth = bijector.forward(x.astype(np.float64))
    # 2e-6 of a deviation, and of the number.
    np.testing.assert_allclose(bijector.forward(x), truth, rtol=2e-6, atol=2e-6)


@each_case
def test_mapped_data_have_mean_0_and_deviation_1(method, name):
    x = ANY[name]
    y = fitted(x, method).forward(x)
    np.testing.assert_allclose([np.nanmean(y), np.nanstd(y)], [0, 1], atol=1e-7)


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
@pytest.mark.parametrize("name", ["normal", "lognormal", "gamma", "t"])
def test_the_histogram_of_many_values_will_do(method, name):
    made = {
        "normal": lambda: RNG.normal(9, 1, size=50_000),
        "lognormal": lambda: RNG.lognormal(size=50_000),
        "gamma": lambda: RNG.gamma(2, size=50_000),
        "t": lambda: RNG.standard_t(3, size=50_000) + 200,
    }
    x = made[name]()
    bijector = fitted(x, method)
    atol = 1e-4 / spread(x, method)
    assert power_of(bijector) == pytest.approx(
        peer(x, method).lambdas_[0], rel=0, abs=atol
    )
    y = bijector.forward(x)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], rtol=0, atol=1e-4)


# Beside their medians the least are less than the last digit of float64.
NEAR_0 = {
    "beta 0.2": RNG.beta(0.2, 3, size=20_000),
    "beta 0.1": RNG.beta(0.1, 3, size=20_000),
    "beta 0.05": RNG.beta(0.05, 3, size=20_000),
    "beta 0.01": RNG.beta(0.01, 3, size=2000),
    "gamma": RNG.gamma(0.05, size=20_000),
    "p-values": scipy.stats.norm.sf(RNG.normal(6, 4, size=20_000)),
    "an outlier": np.append(RNG.lognormal(0, 0.1, size=5000), 1e-300),
}


@pytest.mark.parametrize("name", NEAR_0)
def test_box_and_cox_reach_far_towards_0(name):
    x = NEAR_0[name][NEAR_0[name] > 0]
    bijector = fitted(x, "box-cox")
    wanted = scipy.stats.boxcox(x)[1]
    # Where it matters to 2e-5: the histogram holds buckets, not values.
    atol = 2e-5 / spread(x, "box-cox")
    assert power_of(bijector) == pytest.approx(wanted, rel=0, abs=atol)
    y = bijector.forward(x)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], rtol=0, atol=1e-4)
    assert np.isfinite(bijector.forward(x.astype(np.float32))).all()


@pytest.mark.parametrize("name", NEAR_0)
def test_near_0_float32_maps_what_it_can_hold(name):
    narrow = NEAR_0[name].astype(np.float32)
    narrow = narrow[narrow > np.finfo(np.float32).tiny]
    bijector = fitted(NEAR_0[name][NEAR_0[name] > 0], "box-cox")
    wanted = bijector.forward(narrow.astype(np.float64))
    np.testing.assert_allclose(bijector.forward(narrow), wanted, rtol=1e-5, atol=1e-2)


MICROSECONDS = 1_700_000_000_000_000 + 1_000_000 * np.arange(60)
FAR = {
    "mean 1e6": 1e6 + RNG.normal(size=3000),
    "mean -1e6": RNG.normal(size=3000) - 1e6,
    "and an outlier": np.append(1e6 + RNG.normal(size=999), 1.0),
    "timestamps": MICROSECONDS,
    "seconds": MICROSECONDS / 1e6,
}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
def test_data_far_from_0_keep_their_digits(method, name):
    x = FAR[name] if method == "yeo-johnson" else np.abs(FAR[name])
    x = np.sort(x)
    bijector = fitted(x, method)
    y = bijector.forward(x)
    assert np.isfinite(y).all()
    assert (np.diff(y) > 0)[np.diff(x) > 1e-6].all()
    narrow = bijector.forward(x.astype(np.float32))
    assert np.isfinite(narrow).all()
    assert (np.diff(narrow) >= 0).all()


@pytest.mark.parametrize("name", ["mean 1e6", "mean -1e6", "seconds"])
def test_data_far_from_0_come_back(name):
    bijector = fitted(FAR[name])
    again = bijector.inverse(bijector.forward(FAR[name]))
    np.testing.assert_allclose(again, FAR[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["lognormal", "gamma", "far"])
def test_mirrored_data_are_mapped_to_the_mirror_image(name):
    x = POSITIVE[name]
    up, down = fitted(x), fitted(-x)
    assert power_of(down) == pytest.approx(
        2 - power_of(up), abs=3e-6 / spread(x, "yeo-johnson")
    )
    np.testing.assert_allclose(down.forward(-x), -up.forward(x), rtol=0, atol=1e-6)


def test_far_from_0_a_power_changes_next_to_nothing():
    x = FAR["mean 1e6"]
    y = fitted(x).forward(x)
    np.testing.assert_allclose(y, (x - x.mean()) / x.std(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
@pytest.mark.parametrize("name", POSITIVE)
def test_unseen_numbers_far_out_are_finite_and_in_order(method, name):
    far = 10.0 ** np.arange(-6, 30, 0.5)
    bijector = fitted(POSITIVE[name], method)
    seen = far if method == "box-cox" else np.concatenate([-far[::-1], [0], far])
    for dtype in ("float32", "float64"):
        y = bijector.forward(seen.astype(dtype))
        assert np.isfinite(y).all()
        # The last bits of what has the greatest logarithm.
        assert (np.diff(y) >= -(2.0**-15) * np.abs(y[1:])).all()


@pytest.mark.parametrize("value", [7.0, 0.1, -3.0, 0.0])
def test_a_constant_is_centered_and_its_power_is_1(value):
    bijector = fitted(np.full((100, 1), value))
    assert power_of(bijector) == 1
    y = bijector.forward(np.array([[value], [value + 1], [value - 5]]))
    np.testing.assert_allclose(y, [[0], [1], [-5]], rtol=0, atol=1e-6)


def test_a_constant_of_box_and_cox_is_centered():
    y = fitted(np.full(100, 7.0), "box-cox").forward([7.0, 9.0])
    np.testing.assert_allclose(y, [0, 2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("worst", [0.0, -2.5])
def test_box_and_cox_refuse_data_that_are_not_above_0(worst):
    x = np.array([[1.0, 1.0], [2.0, worst], [3.0, 3.0]])
    with pytest.raises(errors.RecipeError, match=rf"above 0, .* {worst} at 1\. `Power"):
        fitted(x, "box-cox")


@pytest.mark.parametrize("name", ["lognormal", "gamma"])
def test_below_0_box_and_cox_is_not_a_number(name):
    y = fitted(POSITIVE[name], "box-cox").forward([-1.0, np.nan, 1.0])
    np.testing.assert_array_equal(np.isnan(y), [True, True, False])


def test_powers_that_do_not_fit_float32_are_refused_unless_standardized():
    x = 5 + 1e-3 * RNG.normal(size=500) ** 3
    x[0] += 0.1
    with pytest.raises(errors.RecipeError, match="`standardize=True` keeps"):
        fitted(1e3 + x, "box-cox", standardize=False)
    assert np.isfinite(fitted(1e3 + x, "box-cox").forward(1e3 + x)).all()


def test_channels_have_powers_of_their_own():
    x = np.stack([POSITIVE["lognormal"], POSITIVE["gamma"]], axis=-1)
    layer = layers.Power("box-cox")
    layer.adapt(x)
    for index in range(2):
        wanted = fitted(x[:, index], "box-cox").forward(x[:, index].astype(np.float32))
        np.testing.assert_allclose(layer(x)[:, index], wanted, rtol=1e-5, atol=1e-5)


def test_integers_are_data_as_well():
    x = RNG.poisson(3, size=(500, 2))
    wanted = fitted(x.astype(float)).forward(x.astype(float))
    np.testing.assert_allclose(fitted(x).forward(x), wanted, rtol=0, atol=1e-5)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(errors.RecipeError, match="'yeo-johnson', 'box-cox'"):
        schemes.Power("log")


def test_histograms_of_few_distinct_values_are_the_values():
    x = RNG.integers(0, 9, size=(500, 2)) / 7
    for channel, (values, counts) in enumerate(
        statistics.FeatureStatistics.of(x).histograms()
    ):
        wanted = np.unique(x[:, channel], return_counts=True)
        np.testing.assert_array_equal([values, counts], wanted)


@pytest.mark.parametrize("least", [-1e9, -3.0, 0.0, 1e-9, 777.0])
def test_minimum_finds_what_is_far_from_where_it_starts(least):
    found = minimum.minimum(lambda x: math.hypot(x - least, 1.0), 1.0, 0.5)
    # 2**-30 of where it looked, and half the digits of float64 near the least.
    assert found == pytest.approx(least, rel=1e-8, abs=1e-6)


def test_minimum_stays_within_its_bounds():
    assert minimum.minimum(lambda x: x, 0.0, 1.0, low=-5.0) == pytest.approx(
        -5, abs=1e-6
    )
    assert minimum.minimum(lambda x: -x, 0.0, 1.0, high=5.0) == pytest.approx(
        5, abs=1e-6
    )
