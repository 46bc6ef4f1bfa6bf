# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps that are no straight lines: right, monotone, and of finite slope."""

import itertools
import math
import statistics as standard

import numpy as np
import pytest
import tensorflow as tf

from tests import backends
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm.bijectors import power

RNG = np.random.default_rng(0)

KNOTS = {
    "lines": [0.0, 1.0, 3.0, 4.0],
    "a jump": [0.0, 1.0, 1.0, 4.0],
    "jumps at the ends": [0.0, 0.0, 1.0, 4.0, 4.0, 4.0],
    "one value": [2.0, 2.0, 2.0],
    "one knot": [2.0],
    "neighbours": [1.0, 1.0, 1 + 2.0**-23, 1 + 2.0**-23, 1 + 2.0**-22, 2.0],
    "far": [1e6, 1e6 + 1 / 16, 1e6 + 1 / 8, 1e6 + 2],
    "random": np.sort(RNG.normal(size=100).astype(np.float32).astype(float)),
}
each_knots = pytest.mark.parametrize("x", KNOTS.values(), ids=KNOTS)


def ends(x):
    """Values that go with knots, from 0 to 1."""
    return np.linspace(0, 1, len(x))


def interpolated(x, y, seen):
    """`np.interp`, with scikit-learn's rule at jumps and at the ends."""
    x, y, seen = (np.asarray(v, np.float64) for v in (x, y, seen))
    falling = -np.interp(-seen, -x[::-1], -y[::-1])
    result = (np.interp(seen, x, y) + falling) / 2
    result[seen >= x[-1]] = y[-1]
    result[(seen <= x[0]) & (seen < x[-1])] = y[0]
    result[seen == x[0]] = y[0]
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_knots
def test_lines_join_the_knots(x, dtype):
    span = np.ptp(x) + 1
    seen = [*x, *(x[0] + span * RNG.uniform(-0.5, 1.5, 500)), -np.inf, np.inf]
    seen = np.array(seen, dtype)
    found = bijectors.PiecewiseLinear(x, ends(x)).forward(seen)
    np.testing.assert_allclose(
        found, interpolated(x, ends(x), seen), rtol=0, atol=2**-22
    )


@each_knots
def test_lines_are_the_same_in_every_place(x):
    y = ends(x)
    contracts.assert_same_everywhere(
        bijectors.PiecewiseLinear(x, y), np.float32([*x, *y, 1.5, -3, 9, np.nan])
    )


@each_knots
def test_what_is_next_to_a_jump_is_on_it(x):
    bijector = bijectors.PiecewiseLinear(x, ends(x))
    jumps = [one for one, other in itertools.pairwise(x) if one == other]
    near = np.array(jumps) * (1 + RNG.uniform(-1, 1, len(jumps)) * 2.0**-25)
    np.testing.assert_array_equal(bijector.forward(near), bijector.forward(jumps))


@each_knots
def test_lines_never_fall(x):
    bijector = bijectors.PiecewiseLinear(x, ends(x))
    steps = np.arange(-20, 21) * 2.0**-23
    seen = np.sort(
        (np.asarray(x)[:, np.newaxis] * (1 + steps)).astype(np.float32), None
    )
    # Each line is rounded on its own.
    assert np.diff(bijector.forward(seen)).min() >= -(2.0**-22)


def test_lines_of_several_channels_share_where_they_go():
    x = np.sort(RNG.normal(size=(2, 3, 9)))
    bijector = bijectors.PiecewiseLinear(x, ends(x[0, 0]))
    seen = RNG.normal(size=(50, 2, 3))
    found = bijector.forward(seen)
    for i, j in np.ndindex(2, 3):
        wanted = interpolated(x[i, j], ends(x[i, j]), seen[:, i, j])
        np.testing.assert_allclose(found[:, i, j], wanted, rtol=0, atol=2**-20)
    images = seen.reshape(10, 5, 2, 3).swapaxes(1, 2)
    moved = bijector.along((1, 3), 4).forward(images)
    np.testing.assert_array_equal(moved.swapaxes(1, 2).reshape(50, 2, 3), found)


def test_the_inverse_of_a_jump_is_where_it_is_and_of_a_level_its_middle():
    bijector = bijectors.PiecewiseLinear([0, 1, 1, 3, 5], [0.0, 0.25, 0.75, 1.0, 1.0])
    found = bijector.inverse([0.25, 0.4, 0.75])
    np.testing.assert_allclose(found, [1, 1, 1], rtol=0, atol=2**-22)
    assert bijector.inverse([2.0, -1.0]).tolist() == [5.0, 0.0]
    assert bijectors.PiecewiseLinear([0, 1, 3, 5], [0, 1, 1, 2]).inverse([1.0]) == 2.0


def test_numbers_far_apart_have_lines_of_their_own():
    x = [0.0, 1e-30, 1.0, 1e30]
    found = bijectors.PiecewiseLinear(x, ends(x)).forward(
        np.float32([5e-31, 0.5, 5e29])
    )
    np.testing.assert_allclose(found, np.array([0.5, 1.5, 2.5]) / 3, rtol=2**-22)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0, 0.0], [0.0, 1.0]),
        ([0.0, 1.0], [1.0, 0.0]),
        ([0.0, np.nan], [0.0, 1.0]),
        ([0.0, np.inf], [0.0, 1.0]),
        ([0.0, 1.0], [0.0, 1.0, 2.0]),
        ([], []),
        (1.0, 1.0),
    ],
)
def test_knots_that_make_no_map_are_refused(x, y):
    with pytest.raises(errors.RecipeError, match="knots"):
        bijectors.PiecewiseLinear(x, y)


SHARES = np.concatenate([RNG.random(5000), 10.0 ** RNG.uniform(-6.99, 0, 5000)])
SHARES = np.concatenate([SHARES, 1 - SHARES[5000:]])


def density(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def test_probit_is_the_quantile_of_the_normal_distribution():
    wanted = [standard.NormalDist().inv_cdf(p) for p in SHARES]
    found = bijectors.Probit().forward(SHARES)
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-16)


def test_the_inverse_of_probit_is_the_normal_distribution():
    z = RNG.uniform(-5.19, 5.19, 5000)
    wanted = [0.5 * math.erfc(-one / math.sqrt(2)) for one in z]
    np.testing.assert_allclose(bijectors.Probit().inverse(z), wanted, rtol=1e-14)


@pytest.mark.parametrize("place", backends.PLACES)
def test_probit_is_right_in_float32(place):
    p = SHARES.astype(np.float32)
    z = backends.PLACES[place](bijectors.Probit().forward, p)
    wanted = bijectors.Probit().forward(p.astype(np.float64))
    # 8 ulp: polynomials of degree 7, of rounded coefficients.
    np.testing.assert_allclose(z, wanted, rtol=8 * contracts.ULP, atol=2.0**-30)
    again = backends.PLACES[place](bijectors.Probit().inverse, z)
    exact = bijectors.Probit().inverse(z.astype(np.float64))
    np.testing.assert_allclose(again, exact, rtol=12 * contracts.ULP)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probit_clips_as_scikit_learn_does_and_comes_back(dtype):
    p = np.array([0, 1e-8, 0.5, 1 - 1e-8, 1, np.nan, -1, 2], dtype)
    z = bijectors.Probit().forward(p)
    limit = 5.199337582605575
    wanted = [-limit, -limit, 0, limit, limit, np.nan, -limit, limit]
    np.testing.assert_allclose(z, wanted, rtol=2.0**-23)
    np.testing.assert_array_equal(
        bijectors.Probit().inverse(z), [0, 0, 0.5, 1, 1, np.nan, 0, 1]
    )


POWERS = [-30.0, -2.0, -0.5, 0.0, 1e-9, 0.5, 1.0, 2.0, 3.0, 20.0]
each_power = pytest.mark.parametrize("lmbda", POWERS)


def yeo_johnson(x, lmbda):
    """The formulas of the paper, in float64 but for exact powers of 0 and 2."""
    x = np.asarray(x, np.float64)
    up, down = np.log1p(np.abs(x)), -np.log1p(np.abs(x))
    if lmbda != 0:
        up = np.expm1(lmbda * np.log1p(np.abs(x))) / lmbda
    if lmbda != 2:
        down = -np.expm1((2 - lmbda) * np.log1p(np.abs(x))) / (2 - lmbda)
    return np.where(x < 0, down, up)


@each_power
def test_a_power_of_edge_0_is_that_of_yeo_and_johnson(lmbda):
    x = np.append(RNG.uniform(-2, 2, 200), 0)  # Of at most 32 * log1p(2) = 35.
    found = bijectors.Power(lmbda, 0.0).forward(x)
    exact = float(np.float32(lmbda))
    np.testing.assert_allclose(found, yeo_johnson(x, exact), rtol=1e-13, atol=1e-15)


@each_power
@pytest.mark.parametrize("offset", [0.5, 3.0, 1e3])
def test_other_edges_move_and_scale_it(lmbda, offset):
    edge = float(np.float32(-offset / (1 + offset)))
    offset = -edge / (1 + edge)
    lmbda = float(np.float32(np.clip(lmbda, -4, 4)))
    x = np.append(RNG.uniform(-2, 3, 200), [edge, 0])
    wanted = yeo_johnson(x / (1 + edge) + offset, lmbda) - yeo_johnson(offset, lmbda)
    wanted = wanted * (1 + edge) ** lmbda
    found = bijectors.Power(lmbda, edge).forward(x)
    # The constants are float32; and so is the greatest factor bounded.
    bound = 2.0**-22 * (np.abs(wanted) + np.abs(wanted[-2]))
    below = (x < edge) & ((1 + edge) ** lmbda > 2.0**29)
    assert (np.abs(found - wanted) <= bound)[~below].all()


@each_power
def test_a_power_of_edge_minus_1_is_that_of_box_and_cox(lmbda):
    x = np.exp(RNG.uniform(-1.3, 1.3, 200))  # Of at most 39.
    exact = float(np.float32(lmbda))
    wanted = np.expm1(exact * np.log(x)) / exact if exact else np.log(x)
    found = bijectors.Power(lmbda, -1.0).forward(x - 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_below_its_edge_box_and_cox_is_not_a_number():
    found = bijectors.Power([0.5, 0.0, -1.0], -1.0).forward([[-1.5], [-1.0]])
    wanted = [[np.nan] * 3, [-2, -np.inf, -np.expm1(40)]]
    np.testing.assert_allclose(found, wanted, rtol=1e-15)


@each_power
@pytest.mark.parametrize("edge", [-1.0, -0.999999, -0.5, 0.0])
def test_powers_are_finite_and_never_fall(lmbda, edge):
    far = 10.0 ** np.arange(-6, 30, 0.25)
    x = np.concatenate([-far[::-1], [0], far]).astype(np.float32)
    x = x[x > edge] if edge == -1 else x
    y = bijectors.Power(lmbda, edge).forward(x)
    assert np.isfinite(y).all()
    # The last bits of a logarithm and of an exponential, of the greatest exponent.
    assert (np.diff(y) >= -(2.0**-16) * np.abs(y[1:])).all()


@each_power
@pytest.mark.parametrize("edge", [-1.0, -0.75, 0.0])
def test_powers_invert(lmbda, edge):
    lmbda = np.clip(lmbda, -2, 3)
    x = RNG.uniform(edge, 3, 200) if edge == -1 else RNG.normal(size=200)
    contracts.assert_inverts(bijectors.Power(lmbda, edge), x.astype(np.float32))


def test_what_a_power_does_not_reach_comes_back_as_nan():
    assert np.isnan(bijectors.Power(-1.0, 0.0).inverse([1.5]))


HEAVINESS = [(0.0, 0.0), (0.1, 0.3), (0.0, 0.9), (0.5, 0.0), (1.0, 1.0)]


@pytest.mark.parametrize(("left", "right"), HEAVINESS)
def test_tails_are_undone(left, right):
    u = np.concatenate([RNG.uniform(-7, 7, 500), [0, 1e-8, -1e-8]])
    tails = bijectors.TukeyHH(left, right)
    exact = np.where(u < 0, tails.constants()["left"], tails.constants()["right"])
    x = u * np.exp(exact.astype(np.float64) * u * u / 2)
    np.testing.assert_allclose(tails.inverse(u), x, rtol=1e-14)
    np.testing.assert_allclose(tails.forward(x), u, rtol=2e-14)


@pytest.mark.parametrize("place", backends.PLACES)
@pytest.mark.parametrize(("left", "right"), HEAVINESS)
def test_tails_are_finite_and_right_in_float32(left, right, place):
    tails = bijectors.TukeyHH(left, right)
    x = np.float32([-1e38, -1e9, -3, -1e-30, 0, 1e-30, 1e-3, 1, 50, 1e15, 1e38])
    u = backends.PLACES[place](tails.forward, x)
    wanted = tails.forward(x.astype(np.float64))
    # Exponents of at most 80, rounded in each of three steps.
    np.testing.assert_allclose(u, wanted, rtol=2.0**-18, atol=1e-37)


CURVES = {
    "lines": bijectors.PiecewiseLinear([-1.0, 0.0, 0.0, 2.0], [0.0, 0.25, 0.5, 1.0]),
    "probit": bijectors.Chain((bijectors.Clip(0, 1), bijectors.Probit())),
    **{f"power {p}": bijectors.Power(p, -0.5) for p in (-2.0, 0.0, 0.5, 2.0)},
    "tails": bijectors.TukeyHH(0.2, 0.9),
    "no tails": bijectors.TukeyHH(0.0, 0.0),
}


@pytest.mark.parametrize("bijector", CURVES.values(), ids=CURVES)
def test_gradients_are_those_of_the_map(bijector):
    x = tf.Variable(np.array([-3, -1.25, -0.3, 0.1, 0.3, 0.6, 0.9, 1.5, 7], np.float64))
    with tf.GradientTape() as tape:
        y = bijector.forward(x.value())
    found = tape.gradient(y, x).numpy()
    step = 1e-6
    sides = [bijector.forward(x.numpy() + side) for side in (step, -step)]
    np.testing.assert_allclose(found, (sides[0] - sides[1]) / (2 * step), rtol=1e-4)


@pytest.mark.parametrize("bijector", CURVES.values(), ids=CURVES)
def test_gradients_are_finite_at_every_edge(bijector):
    x = tf.Variable(
        np.float32([-1e30, -1, -0.5, -1e-30, 0, 1e-30, 0.075, 0.5, 1, 2, 1e30])
    )
    with tf.GradientTape() as tape:
        y = bijector.forward(x.value())
    assert np.isfinite(tape.gradient(y, x).numpy()).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: bijectors.Power(np.nan, 0.0),
        lambda: bijectors.Power(np.inf, 0.0),
        lambda: bijectors.Power(0.0, 0.5),
        lambda: bijectors.Power(0.0, -1.5),
        lambda: bijectors.TukeyHH(-0.1, 0.0),
        lambda: bijectors.TukeyHH(0.0, 1.1),
        lambda: bijectors.TukeyHH(0.0, np.nan),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()


def test_stretch_is_the_logarithm_of_a_slope():
    x, edge = np.array([-2.0, -0.6, -0.4, 0.0, 3.0]), -0.5
    step = 1e-7
    one, three = (
        np.log(
            (
                bijectors.Power(p, edge).forward(x + step)
                - bijectors.Power(p, edge).forward(x)
            )
            / step
        )
        for p in (1.0, 3.0)
    )
    np.testing.assert_allclose(
        three - one, 2 * power.stretch(x, edge), rtol=1e-4, atol=1e-4
    )
