# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every example runs, in a process of its own, and prints what it should."""

import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
PRINTS = {
    "audio_cmvn": ["sounds", "with CMVN"],
    "autoencoder_range": ["cross-entropy", "0% out of range: [0, 1]"],
    "bake_and_serve": ["Fahrenheit"],
    "batch_normalization": ["in training: True", "in serving: True", "adapted to"],
    "beam_statistics": ["same as in memory True"],
    "fit_and_apply": ["mean age 41.5 without 1 NaN", "income again"],
    "forecasting_reversible": ["RevIN", "fitted once"],
    "image_presets": ["ResNet50: caffe, differs by 0e+00", "pixels again True"],
    "keras_layer": ["std [1. 1.]", "by 5 [-4.99", "same numbers True"],
    "merge_days": ["same to the last bit True", "same mean True"],
    "per_image": ["contrast gain of 100 crops", "brightness shift of 100 crops"],
    "schemes_compared": ["photographs, whitening and batch norm: accuracy"],
    "suggest_and_compare": [
        "rain",
        "near 0 True",
        "as before\n  True",
        "moved\n  False",
    ],
    "tabular_features": ["statistics in one pass", "(3, 5)", "minutes again True"],
    "transform_with_tft": ["as in memory True", "distance as the Keras layer True"],
    "text_embeddings": ["raw ", "whitened "],
}
# Where the whole takes long, or writes into the repository.
ARGUMENTS = {
    "schemes_compared": ["--seeds=1", "--epochs=1", "--out=schemes.json"],
}


def test_every_example_has_its_expectations():
    assert sorted(PRINTS) == sorted(p.stem for p in EXAMPLES.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRINTS))
def test_runs(name, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *ARGUMENTS.get(name, [])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for text in PRINTS[name]:
        assert text in done.stdout
