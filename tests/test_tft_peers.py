# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Where tf.Transform's own mappers are right tfnorm agrees; and where they are not."""

import tempfile

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_bsl.public import tfxio

import tfnorm
from tests import contracts
from tests import tft_pipelines
from tfnorm import schemes
from tfnorm.sources import write

RNG = np.random.default_rng(0)
ROWS = 4_000
PLAIN = RNG.normal(size=ROWS).astype(np.float32)
COLUMNS = {
    "plain": PLAIN,
    "shop": np.array(["a", "b"])[RNG.integers(0, 2, ROWS)],
    "constant": np.full(ROWS, 5.0, np.float32),
    "holed": np.where(np.arange(ROWS) == 9, np.float32(np.nan), PLAIN),
    "far": (1e6 + PLAIN).astype(np.float32),
    "when": 1_700_000_000 + np.arange(ROWS) % 60,
}


def preprocessing_fn(inputs):
    shop = inputs["shop"]
    return {
        "plain": tfnorm.tft.z_score(inputs["plain"]),
        "plain_tft": tft.scale_to_z_score(inputs["plain"]),
        "plain_min_max": tfnorm.tft.min_max(inputs["plain"]),
        "plain_min_max_tft": tft.scale_by_min_max(inputs["plain"]),
        "plain_by_key": tfnorm.tft.z_score(inputs["plain"], key=shop),
        "plain_by_key_tft": tft.scale_to_z_score_per_key(inputs["plain"], shop),
        "constant": tfnorm.tft.min_max(inputs["constant"]),
        "constant_tft": tft.scale_by_min_max(inputs["constant"]),
        "holed": tfnorm.tft.min_max(inputs["holed"]),
        "holed_tft": tft.scale_by_min_max(inputs["holed"]),
        "far_by_key": tfnorm.tft.z_score(inputs["far"], key=shop),
        "far_by_key_tft": tft.scale_to_z_score_per_key(inputs["far"], shop),
        "when": tfnorm.tft.z_score(inputs["when"]),
        "when_tft": tft.scale_to_z_score(inputs["when"]),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("transform")


@pytest.fixture(scope="module")
def made(folder):
    return tft_pipelines.transform(preprocessing_fn, COLUMNS, folder)


@pytest.mark.parametrize("name", ["plain", "plain_min_max", "plain_by_key"])
def test_agrees_on_data_that_float32_can_sum(made, name):
    # tf.Transform's moments are float32 sums of 4,000 numbers, each rounded.
    np.testing.assert_allclose(
        made[name], made[f"{name}_tft"], rtol=0, atol=64 * contracts.ULP
    )


def test_a_constant_is_moved_to_the_lower_end_and_not_through_a_sigmoid(made):
    np.testing.assert_array_equal(made["constant"], 0.0)
    np.testing.assert_allclose(made["constant_tft"], 1 / (1 + np.exp(-5.0)), rtol=1e-6)


def test_one_nan_leaves_the_range_of_the_others(made):
    valid = ~np.isnan(COLUMNS["holed"])
    assert made["holed"][valid].min() == 0.0 and made["holed"][valid].max() == 1.0
    assert np.isnan(made["holed"][9])
    sigmoid = 1 / (1 + np.exp(-COLUMNS["holed"][valid].astype(float)))
    np.testing.assert_allclose(made["holed_tft"][valid], sigmoid, rtol=1e-6)


def test_groups_far_from_zero_have_a_deviation(made):
    for shop in ("a", "b"):
        own = made["far_by_key"][COLUMNS["shop"] == shop].astype(float)
        assert abs(own.mean()) < 1e-6 and abs(own.std() - 1.0) < 1e-6
    # Negative variances make it NaN: they are E[x**2] - E[x]**2 in float32.
    assert not abs(made["far_by_key_tft"].std() - 1.0) < 0.05


def test_seconds_stay_apart(made):
    assert len(np.unique(made["when"])) == 60
    assert len(np.unique(made["when_tft"])) == 1


def test_a_key_that_was_never_seen_is_scaled_like_all_rows(folder, made):
    others = {name: values[:4] for name, values in COLUMNS.items()}
    others["shop"] = np.array(["q"] * 4)
    there = tft_pipelines.load(folder, others)
    np.testing.assert_array_equal(there["plain_by_key"], there["plain"])
    np.testing.assert_array_equal(there["plain_by_key_tft"], others["plain"])


def test_record_batches_of_tfrecord_files_give_the_same_statistics(tmp_path):
    columns = {name: COLUMNS[name] for name in ("plain", "holed", "when")}
    write.write_tfrecords(columns, tmp_path / "rows", shards=3)
    kinds = {"plain": tf.float32, "holed": tf.float32, "when": tf.int64}
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    described = tft.DatasetMetadata.from_feature_spec(spec)
    source = tfxio.TFExampleRecord(
        str(tmp_path / "rows-*.tfrecord"), schema=described.schema
    )
    recipe = tfnorm.Recipe({name: schemes.ZScore() for name in columns})
    apply = tfnorm.tft.apply(recipe, statistics_path=tmp_path / "statistics")
    with (
        tempfile.TemporaryDirectory() as temp,
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=temp),
    ):
        batches = pipeline | source.BeamSource()
        found = (batches, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(apply)
        _ = found | tft_beam.WriteTransformFn(str(tmp_path / "transform"))
    found = tfnorm.load_statistics(tmp_path / "statistics")
    assert found.digest == tfnorm.analyze(columns, recipe).digest
    files = tfnorm.analyze(tmp_path / "rows-*.tfrecord", recipe)
    assert found.digest == files.digest
