# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every map obeys the laws, at the edges of its domain too."""

import fractions
import pickle

import hypothesis
import hypothesis.strategies as st
import jax
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tests import backends
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors

LOC = np.array([0.0, 1e4, -3.7])
SCALE = np.array([1.0, 100.0, -0.3])
MIXING = np.array([[2.0, 0.5, 0.0], [0.0, -1.0, 4.0], [1.0, 0.25, 0.125]])

MAPS = {
    "affine": bijectors.Affine(LOC, SCALE),
    "affine_scalar": bijectors.Affine(0.1, 3.0),
    "log": bijectors.Pointwise("log"),
    "log1p": bijectors.Pointwise("log1p"),
    "signed": bijectors.Pointwise("signed"),
    "asinh": bijectors.Pointwise("asinh"),
    "clip": bijectors.Clip([1.0, 2.0, -np.inf], [5.0, np.inf, 90.0]),
    "clip_nan": bijectors.Clip(-50, 50, outside="nan"),
    "impute": bijectors.Impute([1.5, 2.5, 3.5]),
    "chain": bijectors.Chain(
        (
            bijectors.Impute(2.0),
            bijectors.Pointwise("signed"),
            bijectors.Affine([0.0, 3.0, -1.0], SCALE),
            bijectors.Clip(-9, 9),
        )
    ),
    "flip": bijectors.Flip(),
    "identity": bijectors.Identity(),
    "empty_chain": bijectors.Chain(()),
    "nested_chain": bijectors.Chain((bijectors.Chain((bijectors.Affine(1, 2),)),)),
    "log_floor": bijectors.LogFloor(span=3.0),
    "matrix": bijectors.Matrix(LOC, MIXING, np.linalg.inv(MIXING)),
}


def maps(condition=lambda bijector: True):
    chosen = [name for name, bijector in MAPS.items() if condition(bijector)]
    return pytest.mark.parametrize("bijector", [MAPS[n] for n in chosen], ids=chosen)


KEEPS_INTEGERS = bijectors.Identity | bijectors.Flip | bijectors.Impute

every_map = maps()
changes_type = maps(
    lambda b: not isinstance(b, KEEPS_INTEGERS) and b != bijectors.Chain(())
)


@every_map
def test_gives_the_same_numbers_everywhere(bijector):
    contracts.assert_same_everywhere(bijector, contracts.samples("positive"))


@maps(lambda b: b.invertible and not isinstance(b, bijectors.Clip | bijectors.Chain))
def test_inverts(bijector):
    contracts.assert_inverts(bijector, contracts.samples("positive"))


@every_map
def test_is_right_within_float32(bijector):
    contracts.assert_right(bijector, contracts.samples("positive"))


@changes_type
def test_takes_every_type(bijector):
    values = np.random.default_rng(0).integers(1, 100, (40, 3))
    contracts.assert_takes_every_type(bijector, values)


@maps(
    lambda b: (
        not isinstance(b, bijectors.Impute | bijectors.LogFloor) and b != MAPS["chain"]
    )
)
def test_keeps_nan(bijector):
    contracts.assert_keeps_nan(bijector, contracts.samples("pixels")[:, 0] / 9)


@every_map
def test_round_trips_as_json(bijector):
    contracts.assert_round_trips(bijector)


@every_map
def test_pickles(bijector):
    assert pickle.loads(pickle.dumps(bijector)) == bijector


@every_map
def test_constants_are_float32(bijector):
    assert {value.dtype.name for value in bijector.constants().values()} <= {"float32"}


@every_map
def test_takes_channels_first(bijector):
    x = contracts.samples("positive", rows=24).reshape(2, 3, 4, 3)
    expected = np.moveaxis(bijector.forward(x), -1, 1)
    along = bijector.along(1, 4)
    np.testing.assert_array_equal(along.forward(np.moveaxis(x, -1, 1)), expected)


@every_map
def test_does_not_change_its_input(bijector):
    x = contracts.samples("positive")
    bijector.forward(x)
    np.testing.assert_array_equal(x, contracts.samples("positive"))


@every_map
def test_knows_shape_and_type_of_symbolic_tensors(bijector):
    y = bijector.forward(keras.KerasTensor((None, 7, 3), "float32"))
    assert (y.shape, y.dtype) == ((None, 7, 3), "float32")


@changes_type
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int64", "uint8"])
def test_knows_the_type_of_symbolic_results(bijector, dtype):
    y = bijector.forward(keras.KerasTensor((None, 7, 3), dtype))
    assert (y.shape, y.dtype) == ((None, 7, 3), "float32")


@every_map
def test_compiles_for_any_number_of_rows(bijector):
    spec = [tf.TensorSpec([None, 3], tf.float32)]
    compiled = tf.function(
        lambda x: bijector.forward(x), input_signature=spec, jit_compile=True
    )
    assert [compiled(np.ones((rows, 3))).shape[0] for rows in (1, 5)] == [1, 5]


@every_map
def test_compiles_without_callbacks(bijector):
    x = jax.ShapeDtypeStruct((4, 3), np.int32)
    text = jax.jit(lambda x: bijector.forward(x)).lower(x).as_text()
    assert "custom_call" not in text


@maps(lambda b: isinstance(b, KEEPS_INTEGERS))
def test_leaves_integers_exact(bijector):
    x = np.array([[2**62 + 1, 5, 7]])
    y = bijector.inverse(bijector.forward(x))
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, x)


def exact(x, bijector) -> fractions.Fraction:
    loc, scale = (fractions.Fraction(float(v)) for v in (bijector.loc, bijector.scale))
    return (fractions.Fraction(x) - loc) / scale


def allowed(y, bijector, step, wide, narrow=False) -> fractions.Fraction:
    loc, scale = (fractions.Fraction(float(v)) for v in (bijector.loc, bijector.scale))
    u = fractions.Fraction(1, 2**22)
    # As its docstring says; and numbers below normal float32 are flushed to 0.
    tiny = fractions.Fraction(2) ** -124 * (1 + 1 / abs(scale))
    centre = 0 if wide else u**2 / 16 * abs(loc / scale)
    if narrow:
        centre = u / 4 * abs(loc / scale)
    return u * abs(y) + centre + step * u / 2 / abs(scale) + tiny


INTEGERS = {
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int8": st.integers(-128, 127),
    "uint16": st.integers(0, 2**16 - 1),
}
scales = st.floats(2.0**-40, 2.0**40)


@pytest.mark.parametrize("dtype", INTEGERS)
@hypothesis.given(data=st.data())
@hypothesis.settings(deadline=None, max_examples=200)
def test_integers_are_right_whatever_the_centre(data, dtype):
    x = data.draw(INTEGERS[dtype])
    near = data.draw(INTEGERS[dtype]) + data.draw(st.sampled_from([0.0, 0.25, 0.7]))
    loc = data.draw(st.sampled_from([near, float(x), x + 0.3]))
    bijector = bijectors.Affine(loc, data.draw(scales))
    y = exact(x, bijector)
    actual = fractions.Fraction(float(bijector.forward(np.array([x], dtype))[0]))
    wide, narrow = dtype[-2:] in ("32", "64"), dtype == "int8"
    assert abs(actual - y) <= allowed(y, bijector, 1, wide, narrow)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@hypothesis.given(
    x=st.floats(-(2.0**60), 2.0**60, width=32),
    away=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    scale=scales,
)
@hypothesis.settings(deadline=None, max_examples=200)
def test_numbers_are_right_whatever_the_centre(x, away, scale, dtype):
    bijector = bijectors.Affine(x * (1 + away) + away, scale)
    y = exact(x, bijector)
    actual = fractions.Fraction(float(bijector.forward(np.array([x], dtype))[0]))
    assert abs(actual - y) <= allowed(y, bijector, 0, dtype == "float64")


EDGES = {
    "int32": [-(2**31), -(2**31) + 1, -1, 0, 1, 2**24 + 1, 2**31 - 1],
    "uint32": [0, 1, 2**24 + 1, 2**31, 2**32 - 1],
    "int64": [-(2**63), -(2**53) - 1, -1, 0, 1, 2**53 + 1, 2**63 - 1],
    "uint64": [0, 1, 2**53 + 1, 2**63, 2**64 - 1],
}


@pytest.mark.parametrize("place", backends.PLACES)
@pytest.mark.parametrize("dtype", EDGES)
def test_the_ends_of_integer_types_are_right_everywhere(dtype, place):
    x = np.array(EDGES[dtype], dtype)[:, np.newaxis]
    bijector = bijectors.Affine([5.3, float(x[0, 0]), float(x[-1, 0]), 1e25], 7.0)
    locs = [fractions.Fraction(loc) for loc in bijector.loc.tolist()]
    truth = np.array([[float(n - loc) / 7 for loc in locs] for (n,) in x.tolist()])
    actual = backends.PLACES[place](bijector.forward, x)
    bound = 2.0**-22 * np.abs(truth) + 2.0**-23 / 7
    np.testing.assert_array_less(np.abs(actual - truth), bound)


@pytest.mark.parametrize("place", backends.PLACES)
@pytest.mark.parametrize("scale", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("count", [(), (3,)], ids=["scalar", "vector"])
def test_no_compiler_drops_the_low_part_of_the_centre(place, scale, count):
    loc = np.full(count, 1e6 + 0.03)
    x = np.full((4, 3), 1e6, np.float32)
    y = backends.PLACES[place](bijectors.Affine(loc, scale).forward, x)
    np.testing.assert_allclose(y, -0.03 / scale, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_assigned_constants_are_live_in_a_traced_function(dtype):
    bijector = bijectors.Affine(1.0, 2.0)
    live = {key: tf.Variable(value) for key, value in bijector.constants().items()}
    traced = tf.function(lambda x: bijector.forward_with(x, live))
    x = tf.constant([[5, 9]], dtype)
    before = traced(x).numpy()
    for key, value in bijectors.Affine(5.0, 4.0).constants().items():
        live[key].assign(value)
    np.testing.assert_array_equal(before, [[2, 4]])
    np.testing.assert_array_equal(traced(x), [[0, 1]])


def test_constants_may_be_arguments_of_a_compiled_function():
    bijector = MAPS["chain"]
    x = contracts.samples("real")
    y = jax.jit(bijector.forward_with)(x, bijector.constants())
    # Logarithms of up to 10, good to 2 ulp, divided by a scale of 0.3.
    np.testing.assert_allclose(y, bijector.forward(x), rtol=0, atol=2.0**-17)


def test_keras_variables_may_be_constants():
    bijector = bijectors.Affine(LOC, SCALE)
    live = {key: keras.Variable(value) for key, value in bijector.constants().items()}
    x = contracts.samples("real")
    y = bijector.forward_with(tf.constant(x), live)
    np.testing.assert_array_equal(y, bijector.forward(x))


def test_gradients_pass_in_tensorflow():
    bijector = bijectors.Affine(3.0, 4.0)
    gradient = tf.function(lambda x: tf.gradients(bijector.forward(x), x)[0])
    x = tf.constant([3.0, 5.0, np.inf, np.nan])
    np.testing.assert_array_equal(gradient(x), np.full(4, 0.25))


def test_gradients_pass_in_jax():
    slope = jax.jit(jax.grad(bijectors.Affine(3.0, 4.0).forward))
    assert [float(slope(x)) for x in (3.0, 5.0)] == [0.25, 0.25]


# A machine without a driver for its graphics card is none of our business.
@pytest.mark.filterwarnings("ignore:CUDA initialization")
def test_gradients_pass_in_torch():
    x = torch.tensor([3.0, 5.0], requires_grad=True)
    bijectors.Affine(3.0, 4.0).forward(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.25])


@pytest.mark.parametrize("x", [2.0, [1.0, 2.0], (1, 2), np.float32(2), np.int64(3)])
def test_takes_numbers_and_sequences(x):
    y = bijectors.Affine(1.0, 2.0).forward(x)
    np.testing.assert_allclose(y, (np.asarray(x) - 1) / 2)


def test_refuses_text():
    with pytest.raises(TypeError, match="Expected numbers"):
        bijectors.Affine(0, 1).forward(["a"])


@pytest.mark.parametrize("scale", [0.0, np.nan, np.inf, 1e-60, 1e60, 2.0**-127])
def test_affine_refuses_a_scale_that_float32_lacks(scale):
    with pytest.raises(errors.RecipeError, match="scale=.* does not fit float32"):
        bijectors.Affine(0.0, scale)


@pytest.mark.parametrize("loc", [np.inf, -1e39])
def test_affine_refuses_a_centre_that_float32_lacks(loc):
    with pytest.raises(errors.RecipeError, match="loc=.* does not fit float32"):
        bijectors.Affine(loc, 1.0)


@pytest.mark.parametrize("scale", [2.0**-126, 2.0**126, -(2.0**126)])
def test_affine_takes_the_ends_of_float32(scale):
    y = bijectors.Affine(0.0, scale).forward(np.float64([scale]))
    np.testing.assert_array_equal(y, [1.0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("place", backends.PLACES)
def test_a_centre_of_nan_makes_all_nan(place, dtype):
    x = np.array([[1, 2]], dtype)
    bijector = bijectors.Affine([np.nan, 2.0], 1.0)
    y = backends.PLACES[place](bijector.forward, x)
    np.testing.assert_array_equal(y, [[np.nan, 0.0]])


def test_its_fields_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        bijectors.Affine([0.0], [1.0]).loc[0] = 1.0


def test_equal_maps_are_equal():
    assert bijectors.Affine(1, 2) == bijectors.Affine(1.0, 2.0)
    assert hash(bijectors.Affine(1, 2)) == hash(bijectors.Affine(1.0, 2.0))
    assert bijectors.Affine(1, 2) != bijectors.Affine(1, 3)
    assert bijectors.Identity() != bijectors.Chain(())


@pytest.mark.parametrize(
    ("kind", "edges"),
    [
        ("log", [1e-37, 1.0, 3e38]),
        ("log1p", [-1 + 2.0**-24, -1e-30, 0.0, 1e-30, 3e38]),
        ("signed", [-3e38, -1.0, -1e-30, 0.0, 1e-30, 3e38]),
        ("asinh", [-1e30, -1.0, -1e-30, 0.0, 1e-30, 1e30]),
    ],
)
@pytest.mark.parametrize("place", backends.PLACES)
def test_pointwise_inverts_at_the_edges_of_its_domain(kind, edges, place):
    bijector = bijectors.Pointwise(kind)
    x = np.float32(edges)[:, np.newaxis]
    back = backends.PLACES[place](lambda t: bijector.inverse(bijector.forward(t)), x)
    # Of a logarithm near 88, the last place is 64 times that of 1.
    np.testing.assert_allclose(back, x, rtol=128 * 2.0**-22)


@pytest.mark.parametrize(
    ("kind", "outside", "expected"),
    [
        ("log", "nan", [np.nan, np.nan, -np.inf, np.nan]),
        ("log", "-inf", [-np.inf, -np.inf, -np.inf, np.nan]),
        ("log1p", "nan", [np.nan, -np.inf, 0.0, np.nan]),
        ("log1p", "-inf", [-np.inf, -np.inf, 0.0, np.nan]),
    ],
)
@pytest.mark.parametrize("place", backends.PLACES)
def test_pointwise_outside_its_domain(place, kind, outside, expected):
    x = np.float32([[-2.0], [-1.0], [0.0], [np.nan]])
    y = backends.PLACES[place](bijectors.Pointwise(kind, outside=outside).forward, x)
    np.testing.assert_array_equal(y[:, 0], expected)


@pytest.mark.parametrize("place", backends.PLACES)
def test_impute_fills_nan_everywhere(place):
    x = np.float32([[np.nan, 1.0, np.inf]])
    y = backends.PLACES[place](bijectors.Impute([7.0, 8.0, 9.0]).forward, x)
    np.testing.assert_array_equal(y, [[7.0, 1.0, np.inf]])


def test_impute_fills_float64_with_48_bits():
    y = bijectors.Impute(1_700_000_000.25).forward([np.nan])
    np.testing.assert_array_equal(y, [1_700_000_000.25])


def test_clip_takes_rounding_at_its_edges_as_inside():
    edges = np.nextafter(np.float32([0.0, 1.0]), np.float32([-1, 2]))
    y = bijectors.Clip(0, 1, outside="nan").forward(edges)
    np.testing.assert_array_equal(y, [0.0, 1.0])


def test_clip_undoes_what_is_inside_only():
    clip = bijectors.Clip(0, 1)
    np.testing.assert_array_equal(clip.inverse([-1.0, 0.5, 2.0]), [0.0, 0.5, 1.0])


def test_chain_names_the_constants_of_its_parts():
    assert sorted(MAPS["chain"].constants()) == [
        "0.value_hi",
        "0.value_lo",
        "2.inverse_scale",
        "2.loc_hi",
        "2.loc_lo",
        "2.loc_rest",
        "2.scale",
        "3.high",
        "3.low",
    ]


def test_chain_of_more_than_ten_parts_keeps_constants_apart():
    chain = bijectors.Chain(tuple(bijectors.Affine(i, 1.0) for i in range(12)))
    assert chain.forward(66.0) == 0.0


def test_chain_without_inverse_names_the_part():
    chain = bijectors.Chain((bijectors.Identity(), bijectors.LogFloor()))
    with pytest.raises(errors.NotInvertible, match="LogFloor"):
        chain.inverse(np.zeros((1, 3)))


MISTAKES = [
    (lambda: bijectors.Pointwise("ln"), "kind='ln'. is not one of asinh, log"),
    (lambda: bijectors.Pointwise("log", outside="inf"), "outside='inf'"),
    (lambda: bijectors.Clip(1, 0), "must not exceed"),
    (lambda: bijectors.Clip(0, np.nan), "must not exceed"),
    (lambda: bijectors.Clip(0, 1, outside="wrap"), "outside='wrap'"),
    (lambda: bijectors.Impute(np.nan), "not a float32 number"),
    (lambda: bijectors.LogFloor(least=0.0), "least=0.0"),
    (lambda: bijectors.Chain(("log",)), "must all be bijectors"),
    (lambda: bijectors.Affine([1, 2], [1, 2, 3]), "one shape"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_says_what_is_wrong_with_an_argument(make, message):
    with pytest.raises(errors.RecipeError, match=message):
        make()
