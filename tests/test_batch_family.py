# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers over the batch give what their formulas give in NumPy and float64.

On the backend of KERAS_BACKEND: test_batch_normalization.py has them all run this.
"""

import keras
import numpy as np
import pytest

from tests import contracts
from tfnorm import layers

# Of a result, or of a sum of some hundred numbers, in float32.
_CLOSE = 16 * contracts.ULP
_RNG = np.random.default_rng(0)

# (rows, height, width, channels), and (rows, channels).
IMAGES = _RNG.normal([0, 5, -3, 1], 2, (10, 5, 6, 4)).astype(np.float32)
ROWS = IMAGES[:, 0, 0]
MASK = _RNG.random((10, 5)) < 0.6
MASK[3] = False
FAR = _RNG.normal(1e4, 1, (4096, 2)).astype(np.float32)
# One layer of each kind, all of whose options are those of the start.
KINDS = {
    "batch": (layers.BatchNormalization, {}),
    "synchronized": (layers.BatchNormalization, {"synchronized": True}),
    "debiased": (layers.BatchNormalization, {"debiased": True}),
    "renorm": (layers.BatchRenormalization, {}),
    "evo": (layers.EvoNormB0, {}),
    "ghost": (layers.GhostBatchNormalization, {"ghost_size": 3}),
    "switchable": (layers.SwitchableNormalization, {}),
    "whitening": (layers.WhiteningBatchNormalization, {"groups": 2}),
}


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def called(layer, x, **kwargs) -> np.ndarray:
    return value(layer(x, **kwargs))


def trained(layer, x, **kwargs) -> np.ndarray:
    return called(layer, x, training=True, **kwargs)


def near(found, wanted, bound=_CLOSE) -> None:
    found, wanted = (np.asarray(one, np.float64) for one in (found, wanted))
    size = np.abs(wanted).max(initial=1.0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound * size)


def moments(x, axes, mask=None) -> tuple:
    """Mean and population variance in float64, with axes of size 1."""
    x = np.asarray(x, np.float64)
    counted = np.ones_like(x, bool) if mask is None else np.broadcast_to(mask, x.shape)
    mean = x.mean(axes, keepdims=True, where=counted)
    return mean, x.var(axes, keepdims=True, where=counted)


def normalized(x, mean, variance, epsilon=1e-3) -> np.ndarray:
    return (np.asarray(x, np.float64) - mean) / np.sqrt(variance + epsilon)


def weights(layer) -> list[np.ndarray]:
    return [value(weight).copy() for weight in layer.weights]


# Batch normalization.


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_is_the_four_formulas(rank, axis):
    if axis >= rank:
        axis = -1
    x = _RNG.normal(3, 2, (6, 5, 4, 3, 2)[:rank]).astype(np.float32)
    rest = tuple(one for one in range(rank) if one != axis % rank)
    layer = layers.BatchNormalization(axis, momentum=0.9)
    y = trained(layer, x)
    mean, variance = moments(x, rest)
    near(y, normalized(x, mean, variance))
    near(layer.moving_mean, 0.1 * mean.ravel())
    near(layer.moving_variance, 0.9 + 0.1 * variance.ravel())
    near(called(layer, x), normalized(x, 0.1 * mean, 0.9 + 0.1 * variance))


@pytest.mark.parametrize(
    ("layer", "mask"),
    [
        (layers.BatchNormalization(momentum=0.0), None),
        (layers.BatchNormalization(momentum=0.0), np.arange(4096) % 3 > 0),
        (layers.BatchNormalization(momentum=0.0, synchronized=True), None),
        (layers.BatchNormalization(momentum=0.0, renorm=True), None),
        (layers.GhostBatchNormalization(100, momentum=0.0), None),
        (layers.SwitchableNormalization(momentum=0.0), None),
        (layers.EvoNormB0(momentum=0.0), None),
    ],
    ids=["plain", "masked", "synchronized", "renorm", "ghost", "switchable", "evo"],
)
def test_variance_holds_at_a_mean_of_1e4(layer, mask):
    trained(layer, FAR, **({} if mask is None else {"mask": mask}))
    mean, variance = moments(FAR, 0, None if mask is None else mask[:, None])
    # A sum of 4,096 squares, one after the other: the root of that many roundings.
    near(layer.moving_variance, variance[0], 64 * contracts.ULP)
    near(layer.moving_mean, mean[0], contracts.ULP)


@pytest.mark.parametrize("name", ["batch", "synchronized", "masked", "ghost", "renorm"])
def test_variance_holds_for_many_rows(name):
    x = _RNG.normal(1e4, 1, (200_000, 2)).astype(np.float32)
    kind, _ = KINDS.get(name, KINDS["batch"])
    options = {"ghost_size": 100_000} if name == "ghost" else {}
    layer = kind(momentum=0.0, epsilon=1e-6, **KINDS["batch"][1], **options)
    if name == "synchronized":
        layer = kind(momentum=0.0, synchronized=True)
    mask = {"mask": np.ones(200_000, bool)} if name == "masked" else {}
    trained(layer, x, **mask)
    # Sums of 200,000 numbers near 0, one after the other: added so at 1e4, the mean was
    # off by 7 and the variance 57.
    near(layer.moving_variance, moments(x, 0)[1][0], 2.0**-10)


def test_a_shift_is_not_blind_to_what_is_periodic():
    x = _RNG.normal(1e4, 1, (32, 28, 28, 2)).astype(np.float32)
    x[::2, 0, 0] = 0
    y = trained(layers.BatchNormalization(momentum=0.0), x)
    near(y, normalized(x, *moments(x, (0, 1, 2))), 2.0**-12)


def second_derivatives(function, x) -> np.ndarray:
    """The gradient of the sum of squares of the gradient of the sum of cubes."""
    if keras.backend.backend() == "jax":
        import jax

        first = jax.grad(lambda x: (function(x) ** 3).sum())
        return np.asarray(jax.grad(lambda x: (first(x) ** 2).sum())(x))
    if keras.backend.backend() == "torch":
        import torch

        x = torch.tensor(x, requires_grad=True)
        loss = (function(x) ** 3).sum()
        (first,) = torch.autograd.grad(loss, x, create_graph=True)
        return torch.autograd.grad((first**2).sum(), x)[0].numpy()
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(function(x) ** 3)
        total = tf.reduce_sum(tape.gradient(loss, x) ** 2)
    return outer.gradient(total, x).numpy()


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda: layers.BatchNormalization(synchronized=True), (0, 1)),
        (lambda: layers.BatchNormalization(), (0, 1)),
        (lambda: layers.LayerNormalization(), (2,)),
        (lambda: layers.GroupNormalization(1), (1, 2)),
        (lambda: layers.InstanceNormalization(epsilon=1e-3), (1,)),
        (lambda: layers.LayerNormalization(epsilon=1e-6), (2,)),
    ],
)
def test_second_derivatives_are_those_of_the_formula(make, axes):
    x = IMAGES[:, 0]
    layer = make()
    layer.build(x.shape)
    before = [w.value for w in layer.non_trainable_weights]
    mode = {"training": True} if before else {}

    def function(x):
        return layer.stateless_call(
            [w.value for w in layer.trainable_weights], before, x, **mode
        )[0]

    def formula(x):
        ops = keras.ops
        apart = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(apart * apart, axes, keepdims=True)
        return apart / ops.sqrt(variance + layer.epsilon)

    # Differences of sums of cubes, differentiated twice.
    found, wanted = (second_derivatives(one, x) for one in (function, formula))
    near(found, wanted, 2.0**-12)


def test_the_mixture_of_test_time_has_a_gradient():
    layer = layers.BatchNormalization(prior_count=0.0)
    layer.build(ROWS.shape)
    # The sum of what is normalized by itself is constant.
    found = second_derivatives(lambda x: keras.ops.sum(layer(x), 0) + 0 * x, ROWS)
    near(found, np.zeros_like(found), 2.0**-10)


def test_no_rows_have_no_groups():
    x = np.zeros((0, 5, 4), np.float32)
    assert called(layers.GroupNormalization(2), x).shape == (0, 5, 4)


def test_variance_of_bfloat16_is_not_clipped():
    x = keras.ops.cast(_RNG.normal(0, 1000, (4096, 2)), "bfloat16")
    layer = layers.BatchNormalization(momentum=0.0, dtype="mixed_bfloat16")
    y = layer(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    # Of 4,096 squares, added one after the other.
    near(layer.moving_variance, moments(value(x), 0)[1][0], 128 * contracts.ULP)


def test_float16_holds_what_is_beyond_its_range():
    x = (1e5 + 10 * ROWS).astype(np.float32)
    layer = layers.BatchNormalization(dtype="mixed_float16", momentum=0.0)
    y = layer(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    wanted = normalized(x, *moments(x, 0))
    near(value(y), wanted, 2.0**-11)
    near(called(layer, x), wanted, 2.0**-11)


@pytest.mark.parametrize("mask", [MASK[:, 0], MASK], ids=["rows", "steps"])
@pytest.mark.parametrize("synchronized", [False, True])
def test_counts_what_is_not_masked(mask, synchronized):
    layer = layers.BatchNormalization(momentum=0.0, synchronized=synchronized)
    y = trained(layer, IMAGES, mask=mask)
    placed = mask.reshape(mask.shape + (1,) * (4 - mask.ndim))
    mean, variance = moments(IMAGES, (0, 1, 2), placed)
    near(y, normalized(IMAGES, mean, variance))
    near(layer.moving_mean, mean.ravel())
    near(layer.moving_variance, variance.ravel())


@pytest.mark.parametrize("name", KINDS)
def test_takes_a_mask_with_the_channels_first(name):
    kind, arguments = KINDS[name]
    last, first = kind(**arguments), kind(**arguments, axis=1)
    wanted = trained(last, IMAGES, mask=MASK)
    found = trained(first, np.moveaxis(IMAGES, -1, 1), mask=MASK)
    near(np.moveaxis(found, 1, -1), wanted, 4 * _CLOSE)
    for one, other in zip(weights(first), weights(last), strict=True):
        near(one, other, 4 * _CLOSE)


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_without_one_step_changes_nothing(name):
    kind, arguments = KINDS[name]
    layer = kind(**arguments)
    trained(layer, IMAGES)
    before = weights(layer)
    assert np.isfinite(trained(layer, IMAGES, mask=np.zeros((10, 5), bool))).all()
    assert trained(layer, IMAGES[:0]).shape == (0, 5, 6, 4)
    assert trained(layer, IMAGES[:0], mask=MASK[:0]).shape == (0, 5, 6, 4)
    for found, wanted in zip(weights(layer), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", KINDS)
def test_nan_in_padding_stays_there(name):
    kind, arguments = KINDS[name]
    x = np.where(MASK[..., None, None], IMAGES, np.float32(np.nan))
    found, wanted = kind(**arguments), kind(**arguments)
    y = trained(found, x, mask=MASK)
    assert np.isfinite(y).all()
    near(y[MASK], trained(wanted, IMAGES, mask=MASK)[MASK])
    for one, other in zip(weights(found), weights(wanted), strict=True):
        near(one, other)


def test_debiased_statistics_have_no_share_of_their_start():
    batches = [IMAGES * scale + scale for scale in (1.0, 2.0, 5.0)]
    layer = layers.BatchNormalization(momentum=0.9, debiased=True)
    near(called(layer, IMAGES), normalized(IMAGES, 0.0, 1.0))
    for batch in batches:
        trained(layer, batch)
    shares = np.array([0.81, 0.9, 1.0]) / 2.71
    found = [moments(batch, (0, 1, 2)) for batch in batches]
    for which, weight in enumerate((layer.moving_mean, layer.moving_variance)):
        near(
            weight,
            sum(s * f[which].ravel() for s, f in zip(shares, found, strict=True)),
        )
    near(layer.moving_weight, np.full(4, 1 - 0.9**3))


def test_each_class_has_its_gamma_and_beta():
    layer = layers.BatchNormalization(classes=3)
    layer.build(IMAGES.shape)
    gamma, beta = _RNG.normal(size=(2, 3, 4))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    classes = np.arange(10) % 3
    wanted = normalized(IMAGES, *moments(IMAGES, (0, 1, 2)))
    wanted = wanted * gamma[classes, None, None] + beta[classes, None, None]
    near(trained(layer, IMAGES, classes=classes), wanted)
    first = layers.BatchNormalization(1, classes=3)
    first.build((None, 4, 5, 6))
    first.set_weights(layer.get_weights())
    found = called(first, np.moveaxis(IMAGES, -1, 1), classes=classes)
    near(np.moveaxis(found, 1, -1), called(layer, IMAGES, classes=classes))


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_prior_count_mixes_in_the_batch_at_test_time(mask):
    layer = layers.BatchNormalization(prior_count=6)
    layer.build(IMAGES.shape)
    placed = None if mask is None else mask[..., None, None]
    mean, variance = moments(IMAGES, (0, 1, 2), placed)
    rows = 10 if mask is None else 9
    wanted = normalized(
        IMAGES, rows * mean / (6 + rows), (6 + rows * variance) / (6 + rows)
    )
    given = {} if mask is None else {"mask": mask}
    near(called(layer, IMAGES, **given), wanted)
    near(layer.moving_mean, np.zeros(4))
    assert called(layer, IMAGES[:0]).shape == (0, 5, 6, 4)
    one = layers.BatchNormalization(prior_count=0)
    near(called(one, IMAGES), normalized(IMAGES, *moments(IMAGES, (0, 1, 2))))


def test_renormalizes_by_the_statistics_of_before():
    layer = layers.BatchRenormalization(renorm_momentum=0.5, rmax=2.0, dmax=0.5)
    before = np.zeros(4), np.ones(4)
    for batch in (IMAGES, IMAGES * 3 + 1):
        mean, variance = (one.ravel() for one in moments(batch, (0, 1, 2)))
        deviation = np.sqrt(variance + 1e-3)
        r = np.clip(deviation / before[1], 0.5, 2.0)
        d = np.clip((mean - before[0]) / before[1], -0.5, 0.5)
        near(trained(layer, batch), (batch - mean) / deviation * r + d)
        before = (before[0] + mean) / 2, (before[1] + deviation) / 2
    near(layer.renorm_mean, before[0])
    near(layer.renorm_stddev, before[1])


# The others.


@pytest.mark.parametrize("size", [1, 3, 5, 10, 99])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_ghost_batches_are_batches(size, mask):
    layer = layers.GhostBatchNormalization(size, momentum=0.0)
    y = trained(layer, IMAGES, **({} if mask is None else {"mask": mask}))
    counted = np.ones((10, 5), bool) if mask is None else mask
    for start in range(0, 10, size):
        part = slice(start, start + size)
        plain = layers.BatchNormalization()
        near(y[part], trained(plain, IMAGES[part], mask=counted[part]), 4 * _CLOSE)
    mean, variance = moments(IMAGES, (0, 1, 2), counted[..., None, None])
    near(layer.moving_mean, mean.ravel())
    near(layer.moving_variance, variance.ravel())


def of_rows(x, mask) -> list:
    """Variances of instances of (rows, 1, 1, channels); 0 where nothing counts."""
    placed = np.broadcast_to(mask[..., None, None], x.shape)
    return [
        np.nan_to_num(one)
        for one in moments(np.where(placed, x, np.nan), (1, 2), placed)
    ]


WHOLE = np.ones((10, 5), bool)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mask", [WHOLE, MASK], ids=["whole", "masked"])
def test_switches_between_three_kinds_of_statistics(mask):
    layer = layers.SwitchableNormalization(momentum=0.0)
    layer.build(IMAGES.shape)
    w, v = np.array([0.1, 0.7, -0.4]), np.array([1.0, 0.0, 0.5])
    layer.mean_weights.assign(w)
    layer.variance_weights.assign(v)
    w, v = (np.exp(one) / np.exp(one).sum() for one in (w, v))
    placed = np.broadcast_to(mask[..., None, None], IMAGES.shape)
    kinds = [moments(IMAGES, axes, placed) for axes in ((1, 2), (1, 2, 3), (0, 1, 2))]
    mean, variance = (
        sum(share * kind[which] for share, kind in zip(shares, kinds, strict=True))
        for which, shares in enumerate((w, v))
    )
    wanted = normalized(IMAGES, mean, variance, 1e-5)
    wanted = np.where(placed, wanted, 0.0)
    near(trained(layer, IMAGES, mask=mask), wanted)
    # The moving statistics are now those of the batch.
    near(called(layer, IMAGES, mask=mask), wanted)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mask", [WHOLE, MASK], ids=["whole", "masked"])
def test_evolved_norm_divides_by_the_greater_deviation(mask):
    layer = layers.EvoNormB0(momentum=0.0)
    layer.build(IMAGES.shape)
    v, gamma, beta = _RNG.normal(size=(3, 4))
    layer.v.assign(v)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    placed = np.broadcast_to(mask[..., None, None], IMAGES.shape)
    left = np.sqrt(moments(IMAGES, (0, 1, 2), placed)[1] + 1e-3)
    right = IMAGES * v + np.sqrt(moments(IMAGES, (1, 2), placed)[1] + 1e-3)
    wanted = np.where(placed, IMAGES / np.maximum(left, right) * gamma + beta, 0.0)
    near(trained(layer, IMAGES, mask=mask), wanted)
    near(called(layer, IMAGES, mask=mask), wanted)


def zca(x, epsilon) -> np.ndarray:
    """The inverse root of the covariance of (values, channels)."""
    covariance = np.cov(x.T.astype(np.float64), ddof=0)
    values, vectors = np.linalg.eigh(covariance + epsilon * np.eye(len(covariance)))
    return vectors / np.sqrt(values) @ vectors.T


CORRELATED = (IMAGES @ _RNG.normal(size=(4, 4)) + 50).astype(np.float32)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("mask", [WHOLE, MASK], ids=["whole", "masked"])
def test_whitens_as_zca_does(groups, mask):
    layer = layers.WhiteningBatchNormalization(groups, 30, momentum=0.0)
    y = trained(layer, CORRELATED, mask=mask)
    counted, size = CORRELATED[mask].reshape(-1, 4), 4 // groups
    apart = CORRELATED - counted.mean(0, dtype=np.float64)
    wanted = (
        [
            apart[..., start : start + size]
            @ zca(counted[:, start : start + size], 1e-5)
            for start in range(0, 4, size)
        ]
        if groups < 4
        else [apart / np.sqrt(counted.var(0, dtype=np.float64) + 1e-5)]
    )
    # The covariance's greatest and least direction lie so far apart.
    condition = np.linalg.cond(np.cov(counted.T))
    near(y, np.concatenate(wanted, -1), condition * _CLOSE)
    near(called(layer, CORRELATED), np.concatenate(wanted, -1), condition * _CLOSE)


@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_whitens_by_newtons_iteration(iterations):
    layer = layers.WhiteningBatchNormalization(iterations=iterations)
    y = trained(layer, CORRELATED)
    x = CORRELATED.reshape(-1, 4).astype(np.float64)
    covariance = np.cov(x.T, ddof=0) + 1e-5 * np.eye(4)
    unit, found = covariance / np.trace(covariance), np.eye(4)
    for _ in range(iterations):
        found = 1.5 * found - 0.5 * found @ found @ found @ unit
    wanted = (x - x.mean(0)) @ found / np.sqrt(np.trace(covariance))
    near(y.reshape(-1, 4), wanted, 4 * _CLOSE)
    near(
        layer.moving_whitening,
        [0.9 * np.eye(4) + 0.1 * found / np.sqrt(np.trace(covariance))],
        4 * _CLOSE,
    )


def test_frozen_norm_never_changes():
    layer = layers.FrozenBatchNormalization(epsilon=1e-5)
    layer.build(IMAGES.shape)
    layer.trainable = True
    gamma, beta, mean, variance = _RNG.uniform(1, 2, (4, 4))
    layer.set_weights([gamma, beta, mean, variance])
    before = weights(layer)
    near(
        trained(layer, IMAGES), normalized(IMAGES, mean, variance, 1e-5) * gamma + beta
    )
    assert layer.trainable_weights == []
    np.testing.assert_array_equal(weights(layer), before)
    tuned = layers.FrozenBatchNormalization(trainable_constants=True)
    tuned.build(IMAGES.shape)
    names = [weight.name for weight in tuned.trainable_weights]
    assert names == ["gamma", "beta"]


def test_frozen_norm_takes_the_weights_of_a_batch_norm():
    other = layers.BatchNormalization()
    trained(other, IMAGES)
    layer = layers.FrozenBatchNormalization()
    layer.build(IMAGES.shape)
    layer.set_weights(other.get_weights())
    near(called(layer, IMAGES), called(other, IMAGES), 0)
