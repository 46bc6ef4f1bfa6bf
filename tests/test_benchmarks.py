# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The tables in the READMEs are what the benchmark measured."""

import json

import pytest

from benchmarks import images
from benchmarks import layer_suites
from benchmarks import network_layers
from benchmarks import table


def test_the_tables_are_made_from_the_results():
    for (path, _), rendered in table.rendered().items():
        assert rendered in path.read_text(encoding="utf-8"), path


def test_the_results_of_layers_are_of_a_whole_run():
    results = json.loads(table.LAYERS.read_text(encoding="utf-8"))
    assert set(results["suites"]) == set(layer_suites.SUITES)


def test_the_results_within_networks_are_of_a_whole_run():
    results = json.loads(table.BATCHNORM.read_text(encoding="utf-8"))
    assert set(results["suites"]) == set(network_layers.SUITES)


def test_the_results_of_statistics_are_of_a_whole_run():
    results = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    assert results["rows"] == 2_000_000
    assert results["failures"] == []
    assert {"tfrecord", "wide", "fixed", "parquet", "array"} <= set(results["suites"])


def test_the_results_of_schemes_are_of_a_whole_run():
    results = json.loads(table.SCHEMES.read_text(encoding="utf-8"))
    assert results["seeds"] >= 5
    assert len(results["rows"]) == 2 * 6 * 2
    assert all(len(row["accuracy"]) == results["seeds"] for row in results["rows"])


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow-fast"])
def test_statistics_of_images_are_timed_beside_decoding(tmp_path, decoder):
    found = images.measure(images.write(tmp_path, 1, 75), decoder, 1)
    assert found.keys() == {"decoding alone", *images.RECIPES}
    assert found["decoding alone"]["best"] == 1
