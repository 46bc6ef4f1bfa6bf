# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Whitening: definitions, peers, and what has no variance to scale by."""

import keras
import numpy as np
import pytest
import sklearn.covariance
import sklearn.decomposition
import tensorflow as tf
import torch

import tfnorm
from tests import backends
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics

RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(5, 5))
X = RNG.normal(size=(400, 5)) @ MIXING * [1, 3, 0.5, 1, 2] + [0, 50, -3, 1e3, 7]
COVARIANCE = np.cov(X.T, ddof=0)
IMAGES = RNG.integers(0, 256, (6, 4, 3, 5)).astype(np.float32)
# Whitened numbers are up to 4, of five products with up to 10: one rounding each
# of the matrix, the centred numbers, the products and the sums.
ATOL = 64 * contracts.ULP

every_kind = pytest.mark.parametrize("kind", schemes.whitening.KINDS)


def fitted(scheme, x=X, axis=-1) -> bijectors.Matrix:
    found = statistics.FeatureStatistics.of(x, axis=axis, comoments=True)
    return scheme.fit(found)


def powered(matrix, power) -> np.ndarray:
    """A power of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**power @ vectors.T


def components(matrix) -> np.ndarray:
    """The rows that make principal components of variance 1."""
    values, vectors = np.linalg.eigh(matrix)
    rows = (vectors / np.sqrt(values)).T[::-1]
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return rows * np.sign(largest)[:, None]


DEVIATION = np.sqrt(np.diag(COVARIANCE))
CORRELATION = COVARIANCE / np.outer(DEVIATION, DEVIATION)
FORMULAS = {
    "zca": lambda: powered(COVARIANCE, -0.5),
    "pca": lambda: components(COVARIANCE),
    "cholesky": lambda: np.linalg.cholesky(np.linalg.inv(COVARIANCE)).T,
    "zca-cor": lambda: powered(CORRELATION, -0.5) / DEVIATION,
    "pca-cor": lambda: components(CORRELATION) / DEVIATION,
}


@every_kind
def test_matrix_is_that_of_the_paper(kind):
    truth = FORMULAS[kind]()
    found = fitted(schemes.Whitening(kind)).matrix
    # One rounding to float32; NumPy's own covariance is off by less.
    np.testing.assert_allclose(found, truth, rtol=2.0**-23, atol=1e-12)


@every_kind
@pytest.mark.parametrize("ddof", [0, 1])
def test_leaves_no_correlation_and_variance_1(kind, ddof):
    y = fitted(schemes.Whitening(kind, ddof=ddof)).forward(X)
    np.testing.assert_allclose(y.mean(axis=0), np.zeros(5), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.cov(y.T, ddof=ddof), np.eye(5), rtol=0, atol=1e-5)


@every_kind
def test_inverse_is_that_of_the_float32_matrix(kind):
    bijector = fitted(schemes.Whitening(kind))
    found = bijector.inverse_matrix @ bijector.matrix
    np.testing.assert_allclose(found, np.eye(5), rtol=0, atol=1e-12)
    # What is undone is float32: 2**-24 of five numbers up to 30.
    back = bijector.inverse(bijector.forward(X))
    np.testing.assert_allclose(back, X, rtol=0, atol=1e-5)


def test_zca_stays_closest_to_the_data():
    matrix = fitted(schemes.Whitening("zca")).matrix
    np.testing.assert_array_equal(matrix, matrix.T)
    # Kessy et al.: the greatest sum of covariances between x and y of all kinds.
    closeness = {
        kind: np.trace(fitted(schemes.Whitening(kind)).matrix @ COVARIANCE)
        for kind in schemes.whitening.KINDS
    }
    assert max(closeness, key=closeness.get) == "zca"


def test_cholesky_makes_each_result_of_later_elements_alone():
    matrix = fitted(schemes.Whitening("cholesky")).matrix
    np.testing.assert_array_equal(matrix, np.triu(matrix))
    assert (np.diag(matrix) > 0).all()


@pytest.mark.parametrize("kind", ["pca", "pca-cor"])
def test_components_have_the_sign_of_their_largest_coefficient(kind):
    x = X if kind == "pca" else X / DEVIATION
    matrix = fitted(schemes.Whitening(kind), x).matrix
    assert (matrix[np.arange(5), np.abs(matrix).argmax(axis=1)] > 0).all()


def test_agrees_with_principal_components_of_scikit_learn():
    peer = sklearn.decomposition.PCA(whiten=True).fit(X)
    found = fitted(schemes.Whitening("pca", ddof=1)).forward(X)
    np.testing.assert_allclose(found, peer.transform(X), rtol=0, atol=ATOL)


@pytest.mark.parametrize("unbiased", [False, True])
def test_agrees_with_the_formula_of_kornia(unbiased):
    # `zca_mean(inp, eps=1e-6, unbiased=True)`: U diag(1 / sqrt(S + eps)) U'.
    centred = X - X.mean(axis=0)
    divisor = len(X) - unbiased
    u, s, _ = np.linalg.svd(centred.T @ centred / divisor)
    truth = centred @ (u * (1 / np.sqrt(s + 1e-6))) @ u.T
    scheme = schemes.Whitening(epsilon=1e-6, ddof=int(unbiased))
    np.testing.assert_allclose(fitted(scheme).forward(X), truth, rtol=0, atol=ATOL)


@pytest.mark.parametrize("shrinkage", [0.1, 1.0])
def test_shrinks_as_scikit_learn_does(shrinkage):
    peer = sklearn.covariance.ShrunkCovariance(shrinkage=shrinkage).fit(X)
    matrix = fitted(schemes.Whitening(shrinkage=shrinkage)).matrix
    truth = powered(peer.covariance_, -0.5)
    np.testing.assert_allclose(matrix, truth, rtol=2.0**-23, atol=1e-12)


@pytest.mark.parametrize("kind", ["zca-cor", "pca-cor"])
def test_correlations_shrink_to_none(kind):
    matrix = fitted(schemes.Whitening(kind, shrinkage=1.0)).matrix
    np.testing.assert_allclose(np.abs(matrix).max(axis=0), 1 / DEVIATION, rtol=2.0**-23)
    assert np.count_nonzero(np.abs(matrix) > 1e-12) == 5


# What has no variance.


@every_kind
def test_centers_but_does_not_scale_a_constant(kind):
    x = np.column_stack([X[:, :2], np.full(len(X), 0.1)])
    bijector = fitted(schemes.Whitening(kind), x)
    y = bijector.forward(np.append(x[0, :2], 1.1)) - bijector.forward(x[0])
    # The step of 1 from the constant is one result, whichever.
    np.testing.assert_allclose(np.sort(np.abs(y)), [0, 0, 1], rtol=0, atol=1e-6)


@every_kind
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e2])
def test_a_sum_of_others_is_not_blown_up(kind, size):
    x = np.column_stack([X[:, :3], X[:, :3].sum(axis=1)]) * size
    y = fitted(schemes.Whitening(kind), x).forward(x)
    spread = np.sort(np.linalg.eigvalsh(np.cov(y.T, ddof=0)))
    # The fourth direction, unscaled, has the float32 roundings of the matrix times
    # the data: a deviation of 2**-21 * size.
    np.testing.assert_allclose(spread, [0, 1, 1, 1], rtol=0, atol=1e-4)


@every_kind
def test_fewer_rows_than_elements_span_what_they_span(kind):
    y = fitted(schemes.Whitening(kind), X[:3]).forward(X[:3])
    spread = np.sort(np.linalg.eigvalsh(np.cov(y.T, ddof=0)))
    np.testing.assert_allclose(spread, [0, 0, 0, 1, 1], rtol=0, atol=1e-4)


@every_kind
def test_refuses_directions_without_variance_on_request(kind):
    x = np.column_stack([X, X[:, 0] - X[:, 1], np.full(len(X), 7.0)])
    scheme = schemes.Whitening(kind, zero_scale_policy="raise")
    with pytest.raises(errors.DataError, match="2 of 7 directions have no variance"):
        fitted(scheme, x)
    fitted(scheme, X)


@pytest.mark.parametrize("kind", ["cholesky", "zca-cor", "pca-cor"])
def test_units_may_differ_by_any_power(kind):
    units = np.array([1.0, 1e12, 1e-12, 1e6, 1e-6])
    found = fitted(schemes.Whitening(kind), X * units).matrix * units
    truth = fitted(schemes.Whitening(kind)).matrix
    np.testing.assert_allclose(found, truth, rtol=2.0**-22, atol=1e-9)


def test_epsilon_gives_variance_to_what_has_none():
    x = np.column_stack([X[:, 0], np.ones(len(X))])
    matrix = fitted(schemes.Whitening(epsilon=0.25), x).matrix
    assert matrix[1, 1] == 2.0


@every_kind
def test_one_number_a_row_is_standardized(kind):
    found = fitted(schemes.Whitening(kind), X[:, 0]).forward(X[:, 0])
    truth = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-6)


# Which rows count.


def test_rows_with_a_gap_are_left_out():
    x = X.copy()
    x[::5, 2] = np.nan
    complete = np.delete(x, np.s_[::5], axis=0)
    scheme = schemes.Whitening()
    assert fitted(scheme, x) == fitted(scheme, complete)


def test_without_a_complete_row_there_is_an_error():
    x = np.array([[1.0, np.nan], [np.nan, 2.0], [3.0, np.inf]])
    with pytest.raises(errors.EmptyDataError, match="0 rows are complete"):
        fitted(schemes.Whitening(), x)


def test_one_row_is_too_few_for_ddof_1():
    with pytest.raises(errors.EmptyDataError, match="1 rows are complete"):
        fitted(schemes.Whitening(ddof=1), X[:1])


def test_needs_co_moments():
    found = statistics.FeatureStatistics.of(X)
    with pytest.raises(errors.StatisticsError, match="co-moments were not asked for"):
        schemes.Whitening().fit(found)


def test_a_gap_makes_the_whole_vector_nan():
    x = X[:3].copy()
    x[1, 4] = np.nan
    bijector = fitted(schemes.Whitening("cholesky"))
    for run in backends.PLACES.values():
        y = run(bijector.forward, x.astype(np.float32))
        np.testing.assert_array_equal(np.isnan(y).all(axis=1), [False, True, False])
        assert np.isfinite(y[[0, 2]]).all()


# Data of other shapes.


@pytest.mark.parametrize("axis", [-1, 1, (1, 3), (2, 3), (1, 2, 3)])
def test_kept_axes_make_one_vector(axis):
    bijector = fitted(schemes.Whitening(shrinkage=0.5), IMAGES, axis)
    kept = (axis,) if isinstance(axis, int) else axis
    last = tuple(range(4 - len(kept), 4))
    moved = np.moveaxis(IMAGES, kept, last)
    rows = moved.reshape(-1, len(bijector.matrix)).astype(np.float64)
    truth = (rows - rows.mean(axis=0)) @ bijector.matrix.T
    truth = np.moveaxis(truth.reshape(moved.shape), last, kept)
    placed = bijector.along(axis, 4)
    for place, run in backends.PLACES.items():
        found = run(placed.forward, IMAGES)
        # 60 products at most, of numbers up to 10.
        np.testing.assert_allclose(found, truth, rtol=0, atol=2e-4, err_msg=place)
        back = run(placed.inverse, found)
        np.testing.assert_allclose(back, IMAGES, rtol=0, atol=0.05, err_msg=place)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("jit", [False, True])
def test_unknown_sizes_will_do(axis, jit):
    images = np.moveaxis(IMAGES, -1, axis)
    layer = layers.Whitening(axis=axis)
    layer.adapt(images)
    shape = [None] * 4
    shape[axis] = 5
    call = tf.function(
        lambda x: layer(x), input_signature=[tf.TensorSpec(shape)], jit_compile=jit
    )
    np.testing.assert_allclose(call(images), layer(images), rtol=0, atol=ATOL)


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_centers_timestamps_before_the_cast(dtype):
    seconds = RNG.normal(size=(60, 2)) @ [[1.0, 0.5], [0.0, 2.0]] * 9
    x = ((1_700_000_000 + seconds) * 10**6).astype(dtype)
    y = fitted(schemes.Whitening(), x).forward(x)
    # A microsecond is lost, of deviations of seconds.
    np.testing.assert_allclose(np.cov(y.T, ddof=0), np.eye(2), rtol=0, atol=1e-5)


# The layer.


@every_kind
def test_layer_gives_what_the_recipe_gives(kind):
    x = X.astype(np.float32)
    layer = layers.Whitening(kind, epsilon=1e-3)
    layer.adapt(tf.data.Dataset.from_tensor_slices(x).batch(32))
    recipe = tfnorm.Recipe({"x": schemes.Whitening(kind, epsilon=1e-3)})
    wanted = recipe.fit(tfnorm.analyze({"x": x}, recipe)).forward({"x": x})["x"]
    np.testing.assert_allclose(layer(x), wanted, rtol=0, atol=ATOL)
    np.testing.assert_allclose(layers.Denormalize(layer)(layer(x)), x, atol=1e-3)


def test_layer_is_made_from_statistics_of_a_data_set():
    recipe = tfnorm.Recipe({"x": schemes.Whitening("pca")})
    found = tfnorm.analyze({"x": X}, recipe)
    layer = layers.Whitening.from_statistics(found, feature="x", kind="pca")
    truth = fitted(schemes.Whitening("pca")).forward(X)
    np.testing.assert_allclose(layer(X), truth, rtol=0, atol=ATOL)


def test_other_data_do_not_fit_a_layer_that_was_built():
    layer = layers.Whitening()
    layer.build((None, 4))
    with pytest.raises(errors.StatisticsError, match="built for \\(4,\\)"):
        layer.adapt(X)


@pytest.mark.filterwarnings("ignore:CUDA initialization")
def test_gradients_are_those_of_a_linear_map():
    layer = layers.Whitening()
    layer.adapt(X)
    x = tf.Variable(X[:2].astype(np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x)[:, 1])
    row = fitted(schemes.Whitening()).matrix[1]
    np.testing.assert_allclose(tape.gradient(total, x), [row, row], rtol=1e-6)
    tensor = torch.tensor(X[:2], dtype=torch.float32, requires_grad=True)
    fitted(schemes.Whitening()).forward(tensor)[:, 1].sum().backward()
    np.testing.assert_allclose(tensor.grad, [row, row], rtol=1e-6)


def test_nan_in_training_spoils_every_element_on_request():
    x = X.copy()
    x[0, 0] = np.nan
    feature = tfnorm.Feature(schemes.Whitening(), nan_policy="propagate")
    recipe = tfnorm.Recipe({"x": feature})
    fit = recipe.fit(tfnorm.analyze({"x": x}, recipe))
    assert np.isnan(fit.forward({"x": X})["x"]).all()


def test_gaps_may_be_filled_before():
    x = X.copy()
    x[0, 0] = np.nan
    feature = tfnorm.Feature(schemes.Whitening(), missing="impute")
    recipe = tfnorm.Recipe({"x": feature})
    fit = recipe.fit(tfnorm.analyze({"x": x}, recipe))
    assert np.isfinite(fit.forward({"x": x})["x"]).all()


def test_takes_part_in_training():
    layer = layers.Whitening()
    layer.adapt(X)
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.fit(X, X[:, 0], verbose=0)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Mistakes.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schemes.Whitening("mahalanobis"), "kind='mahalanobis'"),
        (lambda: schemes.Whitening(epsilon=-1.0), "epsilon=-1.0"),
        (lambda: schemes.Whitening(shrinkage=1.5), "shrinkage=1.5"),
        (lambda: schemes.Whitening(ddof=2), "ddof=2"),
        (lambda: schemes.Whitening(zero_scale_policy="nan"), "zero_scale_policy"),
        (lambda: bijectors.Matrix([0.0, 0.0], np.eye(3)), "has 2 elements"),
        (lambda: bijectors.Matrix(0.0, [[1e60]]), "does not fit float32"),
        (lambda: bijectors.Matrix([0.0, 0.0], [[1, 2], [0, 0]]), "does not fit"),
        (lambda: bijectors.Matrix(np.nan, [[1.0]]), "not of float32"),
    ],
)
def test_says_what_is_wrong_with_an_argument(make, message):
    with pytest.raises(errors.RecipeError, match=message):
        make()


def test_a_matrix_without_inverse_says_so():
    contracts.assert_not_invertible(bijectors.Matrix(0.0, [[2.0]]), np.ones(3))


def test_data_beyond_float32_are_refused():
    with pytest.raises(errors.RecipeError, match="does not fit float32"):
        fitted(schemes.Whitening(), X * 1e60)
