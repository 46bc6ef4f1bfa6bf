# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The tables in the READMEs are what the benchmark measured."""

import json

import numpy as np
import pytest

import tfnorm
from benchmarks import image_suites
from benchmarks import images
from benchmarks import layer_suites
from benchmarks import network_layers
from benchmarks import table
from benchmarks.contenders import tft_images
from tfnorm import sources


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


def test_the_results_of_images_are_of_a_whole_run():
    results = json.loads(table.IMAGES.read_text(encoding="utf-8"))
    assert results["suites"] == image_suites.SUITES
    assert len(results["runs"]) >= 5 * 3 * len(image_suites.SUITES)


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow-fast"])
def test_statistics_of_images_are_timed_beside_decoding(tmp_path, decoder):
    paths = images.write(tmp_path, 1, 75)
    found = images.measure(paths, decoder, 2, tft_repeats=-1)
    entries = {image_suites.ALONE, *images.RECIPES}
    assert {label for label, times in found.items() if len(times) == 2} == entries


def test_tft_finds_the_moments_of_the_same_pixels(tmp_path):
    paths = images.write(tmp_path, 1, 75)
    found = tft_images.analyze(paths, "INTEGER_ACCURATE", images.SIZE)
    options = sources.Images(decoder="tensorflow")
    wanted = tfnorm.analyze(paths, images=options)["image"]
    # Its sums are of float32: 375,000 values, by parts.
    np.testing.assert_allclose(found["mean"], wanted.mean, rtol=1e-4)
    np.testing.assert_allclose(found["variance"], wanted.variance, rtol=1e-4)
