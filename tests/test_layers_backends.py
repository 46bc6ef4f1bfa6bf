# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers do the same on TensorFlow, JAX and torch, each in a process of its own."""

import ast
import functools
import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).absolute().parents[1]
SCRIPT = ROOT / "tests" / "layers_on_backend.py"
BACKENDS = ("tensorflow", "jax", "torch")
FACTS = [
    node.name
    for node in ast.parse(SCRIPT.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("fact_")
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns what failed on a backend, by fact, and the numbers it gave."""
    folders = {backend: tmp_path_factory.mktemp(backend) for backend in BACKENDS}
    # All at once: most of the time is that of imports.
    processes = {
        backend: subprocess.Popen(
            [sys.executable, "-m", "tests.layers_on_backend", folder],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": backend},
        )
        for backend, folder in folders.items()
    }

    @functools.cache
    def result(backend: str) -> tuple[dict, dict]:
        assert processes[backend].wait() == 0
        results = json.loads((folders[backend] / "results.json").read_text())
        with np.load(folders[backend] / "numbers.npz") as numbers:
            return results, dict(numbers)

    yield result
    for process in processes.values():
        process.kill()


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_on(run, backend, fact):
    results, _ = run(backend)
    assert results[fact] is None, results[fact]


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(BACKENDS, 2)])
def test_backends_agree(run, one, other):
    mine, theirs = run(one)[1], run(other)[1]
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert mine[name].dtype == theirs[name].dtype
        # 4 ulp of the greatest for logarithms, which each approximates to 2, and for
        # statistics of samples and matrix products, which each adds up in its own
        # order; the others subtract and multiply, which all round alike.
        inexact = name.startswith(
            ("log", "per_image", "unit_norm", "sum_to_one", "local", "foreground")
            + ("percentile_stretch", "whitening", "quantile", "power", "tukey_hh")
        )
        # Of powers, exponents of up to 40 are rounded before the exponential.
        rounds = 40 if name.startswith("power") else 4
        bound = rounds * 2.0**-23 * np.abs(mine[name]).max() * inexact
        np.testing.assert_allclose(mine[name], theirs[name], rtol=0, atol=bound)
