# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantile maps as scikit-learn does, at any offset and in any range."""

import numpy as np
import pytest
import sklearn.preprocessing

import tfnorm
from tests import contracts
from tfnorm import arrays
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(2000, 3)) * [1, 100, 1e-3] + [0, 1e4, 5]

# Of shape (rows, channels); not more distinct values than a histogram keeps apart.
DATA = {
    "normal": NORMAL,
    "long tail": RNG.lognormal(sigma=3, size=(2000, 2)),
    "few rows": RNG.normal(size=(50, 2)),
    "ties": RNG.poisson(3, size=(2500, 2)).astype(float),
    "mostly zero": RNG.binomial(3, 0.05, size=(2500, 1)) * 1.5,
    "two values": RNG.integers(0, 2, size=(3001, 1)) * 7.0,
    "constant": np.full((100, 1), 0.1),
    "NaN": np.where(RNG.random((2300, 3)) < 0.1, np.nan, RNG.normal(size=(2300, 3))),
}
# Knots are float32, and a thousandth of the data may lie in the 5,000th part between
# two of them: 2**-24 of a knot moves a share by so much.
ATOL = 2.0**-21

each_data = pytest.mark.parametrize("x", DATA.values(), ids=DATA)
each_output = pytest.mark.parametrize("output", ["uniform", "normal"])


def peer(x, output="uniform", knots=1000):
    made = sklearn.preprocessing.QuantileTransformer(
        n_quantiles=min(knots, len(x)), output_distribution=output, subsample=None
    )
    return made.fit(x)


def fitted(x, output="uniform", knots=1000):
    return contracts.fitted(schemes.Quantile(output, knots=knots), x)


def around(x):
    """The data, numbers between them, and numbers outside."""
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    between = low + RNG.random((500, x.shape[1])) * (high - low)
    return np.concatenate([x, between, [low - 1, high + 1, low, high]])


def truth(x, seen, knots=1000):
    """scikit-learn's rule, at quantiles whose ranks are exact."""
    knots = min(knots, len(x))
    result = np.full(seen.shape, np.nan)
    y = np.arange(knots) / (knots - 1)
    for channel in range(x.shape[1]):
        values = np.sort(x[~np.isnan(x[:, channel]), channel])
        rank, rest = np.divmod(np.arange(knots) * (len(values) - 1), knots - 1)
        following = values[np.minimum(rank + 1, len(values) - 1)]
        q = values[rank] + (following - values[rank]) * (rest / (knots - 1))
        column = seen[:, channel]
        upper = np.interp(column, q, y)
        lower = -np.interp(-column, -q[::-1], -y[::-1])
        result[:, channel] = (upper + lower) / 2
        result[column >= q[-1], channel] = 1
        result[column <= q[0], channel] = 0
        result[column > values[-1], channel] = 1
    return result


@each_data
def test_gives_shares_by_the_rule_of_scikit_learn(x):
    seen = around(x)
    np.testing.assert_allclose(
        fitted(x).forward(seen), truth(x, seen), rtol=0, atol=ATOL
    )


@each_output
@pytest.mark.parametrize("name", sorted(DATA.keys() - {"ties", "mostly zero"}))
def test_transforms_as_scikit_learn_does(name, output):
    x = DATA[name]
    seen = around(x)
    wanted = peer(x, output).transform(seen)
    found = fitted(x, output).forward(seen)
    if output == "normal":
        # Compared as shares: at 5 deviations, a float32 share moves them by 0.1.
        wanted, found = (bijectors.Probit().inverse(z) for z in (wanted, found))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize("name", ["ties", "mostly zero"])
def test_transforms_ties_as_scikit_learn_does_but_for_its_rounding(name):
    x = DATA[name]
    seen = around(x)
    # It rounds the rank of a quantile, and may take a knot for one before a jump.
    atol = 0.5 / 999 + ATOL
    wanted = peer(x).transform(seen)
    np.testing.assert_allclose(fitted(x).forward(seen), wanted, rtol=0, atol=atol)


@each_output
@each_data
def test_inverts_as_scikit_learn_does(x, output):
    y = np.concatenate([RNG.random((500, x.shape[1])), np.zeros((1, x.shape[1]))])
    y = np.concatenate([y, y - 1, y + 1]) if output == "uniform" else 12 * y - 6
    wanted = peer(x, output).inverse_transform(y)
    found = fitted(x, output).inverse(y)
    # Where many values are equal, the next one is a float32 share away.
    steep = np.nanmax(np.abs(np.diff(peer(x).quantiles_, axis=0)), axis=0) * 999
    sizes = np.nanmax(np.abs(x), axis=0)
    bound = (steep + sizes) * 2**-22
    assert (np.abs(found - wanted) <= bound).all()


@each_output
def test_gives_back_what_lies_inside(output):
    x = DATA["normal"]
    bijector = fitted(x, output)
    again = bijector.inverse(bijector.forward(x))
    # A share is right to 2**-24, and the gaps at the ends are a fifth of the range.
    np.testing.assert_allclose(again, x, rtol=0, atol=np.ptp(x, axis=0).max() * 2e-5)


def test_many_distinct_values_are_within_the_interval_of_the_statistics():
    x = RNG.lognormal(size=(40_000, 1))
    found = statistics.FeatureStatistics.of(x)
    knots = np.linspace(0, 1, 1000)
    bounds = found.quantile(knots)
    assert ((bounds.lower <= bounds.upper) & (bounds.lower < bounds.value.max())).all()
    exact = np.quantile(x[:, 0], knots)
    assert ((bounds.lower <= exact) & (exact <= bounds.upper)).all()
    wanted = peer(x).transform(x)
    # Half a bucket, some 2**-9 of a value wide, of a density of at most 0.7.
    np.testing.assert_allclose(fitted(x).forward(x), wanted, rtol=0, atol=1e-3)


OFFSETS = {
    "timestamps": 1_700_000_000_000_000 + 1_000_000 * np.arange(60),
    "nanoseconds": (1_700_000_000 + np.arange(60)) * 10**9,
    "float64": 1e6 + RNG.normal(size=60),
    "and an outlier": np.append(1e6 + RNG.normal(size=59), -1.0),
    "wide": 10.0 ** RNG.uniform(-20, 20, 60),
}


@pytest.mark.parametrize("x", OFFSETS.values(), ids=OFFSETS)
def test_values_far_from_0_or_apart_keep_their_ranks(x):
    y = fitted(x).forward(x)
    ranks = np.argsort(np.argsort(x)) / 59
    np.testing.assert_allclose(y, ranks, rtol=0, atol=2**-20)


def test_float32_values_keep_their_ranks():
    x = np.unique((1e6 + RNG.normal(size=(500, 1))).astype(np.float32))
    y = fitted(x).forward(x)
    assert y.dtype == np.float32
    # 60 values or so, 1/16 apart.
    np.testing.assert_allclose(y, np.linspace(0, 1, x.size), rtol=0, atol=2**-20)


def test_pooled_channels_and_other_axes():
    x = RNG.normal(size=(20, 4, 5, 3)).astype(np.float32)
    pooled = layers.Quantile(axis=None)
    pooled.adapt(x)
    np.testing.assert_allclose(
        np.ravel(pooled(x)),
        truth(x.reshape(-1, 1), x.reshape(-1, 1))[:, 0],
        atol=2**-20,
    )
    both = layers.Quantile(axis=(1, 3), knots=10)
    both.adapt(x)
    column = x[:, 2, :, 1].reshape(-1, 1)
    np.testing.assert_allclose(
        np.asarray(both(x))[:, 2, :, 1].reshape(-1, 1),
        truth(column, column, knots=10),
        atol=2**-20,
    )


def test_other_schemes_take_it():
    x = np.exp(NORMAL[:, :1])
    then = schemes.Quantile(knots=100)
    by_log = contracts.fitted(schemes.Log("log", then=then), x)
    np.testing.assert_allclose(
        by_log.forward(x), fitted(x, knots=100).forward(x), atol=1e-2
    )
    clipped = contracts.fitted(schemes.PercentileClip(0.2, 0.8, then=then), x)
    low, high = np.quantile(x, [0.2, 0.8])
    wanted = fitted(np.clip(x, low, high), knots=100).forward(np.clip(x, low, high))
    # Ties at both ends: their 20 knots are one jump.
    np.testing.assert_allclose(clipped.forward(x), wanted, rtol=0, atol=0.011)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"output": "gauss"}, "output='gauss'"), ({"knots": 1}, "knots=1")],
)
def test_says_what_is_wrong_with_an_argument(arguments, message):
    with pytest.raises(errors.RecipeError, match=message):
        schemes.Quantile(**arguments)


def test_statistics_without_quantiles_are_an_error():
    column = arrays.Column(contracts.samples("real"))
    found = statistics.FeatureStatistics().add(column, quantiles=False)
    with pytest.raises(errors.StatisticsError, match="quantiles were not taken"):
        schemes.Quantile().fit(found)


@pytest.mark.parametrize(
    "scheme",
    [schemes.Quantile(knots=8), schemes.Power(), schemes.TukeyHH()],
    ids=["Quantile", "Power", "TukeyHH"],
)
def test_each_key_has_a_distribution_of_its_own(scheme):
    keys = np.arange(600) % 3
    x = (RNG.lognormal(size=(600, 2)) * 10.0 ** keys[:, np.newaxis]).astype(np.float32)
    columns = {"x": x, "shop": keys}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(scheme, "shop")})
    found = recipe.fit(tfnorm.analyze(columns, recipe)).forward(columns)["x"]
    for key in range(3):
        own = x[keys == key]
        wanted = contracts.fitted(scheme, own).forward(own)
        np.testing.assert_allclose(found[keys == key], wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "scheme",
    [schemes.Quantile(knots=8), schemes.Power(), schemes.TukeyHH()],
    ids=["Quantile", "Power", "TukeyHH"],
)
def test_rare_keys_have_a_distribution_close_to_that_of_all(scheme):
    keys = np.minimum(np.arange(600) % 300, 1)
    x = RNG.lognormal(size=(600, 2))
    columns = {"x": x, "shop": keys}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(scheme, "shop", shrinkage=1e6)})
    found = recipe.fit(tfnorm.analyze(columns, recipe)).forward(columns)["x"]
    wanted = contracts.fitted(scheme, x).forward(x)
    # L-moments of 600 rows differ by so much from those of a million.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["ties", "normal", "NaN"])
def test_many_quantiles_at_once_are_those_one_by_one(name):
    found = statistics.FeatureStatistics.of(DATA[name])
    q = np.array([[0.0, 0.3], [0.999, 1.0]])
    every = found.quantile(q)
    assert every.value.shape == (DATA[name].shape[1], 2, 2)
    for index in np.ndindex(2, 2):
        one = found.quantile(q[index])
        np.testing.assert_array_equal(every.value[:, *index], one.value)
        np.testing.assert_array_equal(every.upper[:, *index], one.upper)


def test_quantiles_of_nothing_are_not_a_number():
    assert np.isnan(statistics.FeatureStatistics().quantile([0.1, 0.9]).value).all()


@pytest.mark.parametrize("scheme", [schemes.Power(), schemes.Power("box-cox")], ids=str)
def test_powers_are_fitted_to_clipped_data(scheme):
    x = RNG.lognormal(size=500)
    low, high = np.quantile(x, [0.1, 0.9])
    clipped = np.clip(x, low, high)
    found = contracts.fitted(schemes.PercentileClip(0.1, 0.9, then=scheme), x)
    wanted = contracts.fitted(scheme, clipped).forward(clipped)
    np.testing.assert_allclose(found.forward(x), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "scheme", [schemes.Quantile(), schemes.Power(), schemes.TukeyHH()], ids=str
)
def test_integers_too_close_for_float64_are_refused(scheme):
    x = 2**60 + np.arange(5)
    with pytest.raises(errors.DataError, match="Subtract an integer"):
        contracts.fitted(scheme, x)
    assert np.ptp(contracts.fitted(scheme, x - 2**60).forward(x - 2**60)) >= 1
