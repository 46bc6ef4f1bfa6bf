# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every layer of the table holds every contract, on TensorFlow, JAX and torch."""

import functools
import inspect
import itertools
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from tests import layer_contracts
from tests import layers_data as data
from tfnorm import layers

ROOT = pathlib.Path(__file__).absolute().parents[1]
BACKENDS = ("tensorflow", "jax", "torch")
LAYERS = {
    name: getattr(layers, name)
    for name in layers.__all__
    if inspect.isclass(getattr(layers, name)) and name != "SchemeLayer"
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns what failed on a backend."""
    folders = {backend: tmp_path_factory.mktemp(backend) for backend in BACKENDS}
    processes = {
        backend: subprocess.Popen(
            [sys.executable, "-m", "tests.layer_contracts", folder],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": backend},
        )
        for backend, folder in folders.items()
    }

    @functools.cache
    def result(backend: str) -> dict:
        assert processes[backend].wait() == 0
        return json.loads((folders[backend] / "results.json").read_text())

    yield result
    for process in processes.values():
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "contract", "name"),
    [
        each
        for each in itertools.product(BACKENDS, layer_contracts.CONTRACTS, data.EVERY)
        if layer_contracts.applies(each[1], each[2], each[0])
    ],
)
def test_holds(run, backend, contract, name):
    failure = run(backend)[f"{contract}[{name}]"]
    assert failure is None, failure


def test_every_layer_is_in_the_table():
    # These take a recipe or a layer, or change shapes, and have tests of their own.
    rest = {layers.Features, layers.Denormalize, layers.ChannelPadding}
    assert {kind for kind, _ in data.EVERY.values()} | rest == set(LAYERS.values())


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_says_what_it_does_with_an_example_and_a_source(layer):
    text = inspect.getdoc(layer)
    assert issubclass(layer, keras.layers.Layer)
    for part in ("Args:", "Example:", ">>> ", "Reference:"):
        assert part in text, part
