# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch norm over replicas is that of one big batch, on TensorFlow, JAX and torch."""

import functools
import itertools
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import contracts
from tfnorm.layers.network import synchronized

# Torch starts a process for each replica, and all backends compile.
pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).absolute().parents[1]
# How many processes each takes.
BACKENDS = {"tensorflow": 1, "jax": 1, "torch": 2}
# By the mean of the data.
CASES = {
    "plain": 0.0,
    "far": 1e4,
    "uneven": 0.0,
    "masked": 0.0,
    "far_masked": 1e4,
    "one_masked": 50.0,
    "all_masked": 50.0,
}
COMPARED = (
    "output",
    "input_gradient",
    "gamma_gradient",
    "beta_gradient",
    "moving_mean",
    "moving_variance",
)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Returns what a backend computed, by name."""
    folders = {backend: tmp_path_factory.mktemp(backend) for backend in BACKENDS}
    program = [sys.executable, "-m", "tests.synchronized_on_backend"]
    flags = "--xla_force_host_platform_device_count=4"
    processes = [
        (
            backend,
            subprocess.Popen(
                [*program, folders[backend], str(rank)],
                cwd=ROOT,
                env={**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": flags},
            ),
        )
        for backend, count in BACKENDS.items()
        for rank in range(count)
    ]

    @functools.cache
    def result(backend: str) -> dict:
        for name, process in processes:
            assert name != backend or process.wait() == 0
        with np.load(folders[backend] / "numbers.npz") as found:
            return dict(found)

    yield result
    for _, process in processes:
        process.kill()


@pytest.mark.parametrize("what", COMPARED)
@pytest.mark.parametrize(
    ("backend", "case"),
    [
        each
        for each in itertools.product(BACKENDS, CASES)
        if each != ("jax", "uneven")  # Its devices have equally many rows each.
    ],
)
def test_replicas_are_one_big_batch(numbers, backend, case, what):
    found = numbers(backend)
    wanted = found[f"{case}.alone.{what}"]
    # 8 ulp for sums of 80 numbers in another order; and of data of deviation 1, the
    # mean may be one ulp of itself elsewhere, which everything behind it moves by.
    rounding = 8 * contracts.ULP + np.spacing(np.float32(CASES[case]))
    bound = rounding * np.abs(wanted).max()
    together = found[f"{case}.together.{what}"]
    np.testing.assert_allclose(together, wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("what", ["weights", "predicted"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_is_trained_alike(numbers, backend, what):
    found = numbers(backend)
    wanted = found[f"fit.alone.{what}"]
    # Four steps, of 8 ulp each.
    bound = 32 * contracts.ULP * np.abs(wanted).max()
    np.testing.assert_allclose(
        found[f"fit.together.{what}"], wanted, rtol=0, atol=bound
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_masked_on_all_replicas_changes_no_state(numbers, backend):
    found = numbers(backend)
    assert (found["all_masked.together.moving_mean"] == 0).all()
    assert (found["all_masked.together.moving_variance"] == 1).all()


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_one_collective_goes_and_one_comes_back(numbers, backend):
    np.testing.assert_array_equal(numbers(backend)["collectives.ours"], [1, 2])


def test_keras_takes_three_collectives_where_ours_takes_one(numbers):
    assert numbers("tensorflow")["collectives.keras"][0] == 3


def test_a_mean_of_1e4_leaves_the_variance_which_keras_loses(numbers):
    found = numbers("tensorflow")
    # 0.0 or 64.0, as sums of squares of 1e4 happen to be rounded.
    assert (np.abs(found["moving_variance.keras"] - 1) >= 1).all()
    # 4,096 draws: the deviation of their variance is 2.2%.
    np.testing.assert_allclose(found["moving_variance.ours"], 1.0, atol=0.09)


def test_one_replica_keeps_its_own_statistics():
    own = 4.0, keras.ops.ones((3,)), keras.ops.zeros((3,))
    assert synchronized.over_replicas(*own) == own
