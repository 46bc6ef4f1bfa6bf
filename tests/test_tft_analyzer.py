# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""One analyzer of tf.Transform for a recipe: keys, passes, cache and errors."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import tft_pipelines
from tfnorm import errors
from tfnorm import schemes
from tfnorm.tft import analyzer
from tfnorm.tft import words

RNG = np.random.default_rng(0)
ROWS = 2_000
WHICH = RNG.integers(0, 3, ROWS)
COLUMNS = {
    "delay": (RNG.normal(size=ROWS) * 30 + 1e6 * WHICH).astype(np.float32),
    "when": 1_700_000_000 + RNG.integers(0, 60, ROWS),
    "fare": RNG.lognormal(size=ROWS).astype(np.float32),
    "pixels": RNG.normal(size=(ROWS, 2, 3)).astype(np.float32),
    "carrier": np.array(["AA", "UA", "ÖS"])[WHICH],
    "hour": WHICH * 7 - 5,
    "label": RNG.integers(0, 2, ROWS),
}
COLUMNS["delay"][::17] = np.nan
COLUMNS["fare"][::5] = np.nan
# What no row of the data is like.
OTHERS = {
    **{name: values[:4].copy() for name, values in COLUMNS.items()},
    "carrier": np.array(["AA", "BA", "", "ÖS"]),
    "hour": np.array([8, -5, -(2**62), 2**62]),
}
Feature = tfnorm.Feature
RECIPE = tfnorm.Recipe(
    {
        "delay": schemes.PerKey(schemes.ZScore(), "carrier"),
        "when": schemes.PerKey(schemes.MinMax(), "hour", unseen_key_policy="nan"),
        "fare": Feature(
            schemes.PerKey(schemes.Robust(), "carrier"),
            nan_policy="propagate",
            missing="impute",
            impute_with="median",
            indicator=True,
        ),
        "pixels": Feature(schemes.ZScore(), axis=1),
    }
)


def same(found, expected) -> None:
    for name, values in expected.items():
        values = np.asarray(values)
        if values.dtype == np.float64:
            values = values.astype(np.float32)
        if values.dtype.kind in "fi":
            np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture(scope="module")
def fitted():
    return RECIPE.fit(tfnorm.analyze(COLUMNS, RECIPE))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transform")
    apply = tfnorm.tft.apply(RECIPE, statistics_path=folder / "statistics")
    return folder, tft_pipelines.transform(apply, COLUMNS, folder)


def test_keys_policies_and_other_columns_are_as_in_numpy(pipeline, fitted):
    folder, made = pipeline
    assert sorted(made) == sorted([*COLUMNS, "fare_missing"])
    same(made, fitted.forward(COLUMNS))
    same(tft_pipelines.load(folder, COLUMNS), fitted.forward(COLUMNS))
    assert list(made["carrier"]) == [key.encode() for key in COLUMNS["carrier"]]


def test_the_statistics_of_groups_are_those_of_one_process(pipeline):
    found = tfnorm.load_statistics(pipeline[0] / "statistics")
    assert found == tfnorm.analyze(COLUMNS, RECIPE)


def test_keys_that_the_data_lacked_follow_the_policy(pipeline, fitted):
    made = tft_pipelines.load(pipeline[0], OTHERS)
    same(made, fitted.forward(OTHERS))
    np.testing.assert_array_equal(np.isnan(made["when"]), [True, False, True, True])


def test_the_older_graphs_of_tf_transform_hold_it_too(tmp_path, fitted):
    made = tft_pipelines.transform(
        tfnorm.tft.apply(RECIPE), COLUMNS, tmp_path, force_tf_compat_v1=True
    )
    same(made, fitted.forward(COLUMNS))


PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.mark.slow
@pytest.mark.parametrize("flags, size", [([], 97), (PROCESSES, None)])
def test_batches_and_processes_leave_no_trace(tmp_path, fitted, flags, size):
    apply = tfnorm.tft.apply(RECIPE, statistics_path=tmp_path / "statistics")
    made = tft_pipelines.transform(
        apply, COLUMNS, tmp_path, flags=flags, desired_batch_size=size
    )
    same(made, fitted.forward(COLUMNS))
    found = tfnorm.load_statistics(tmp_path / "statistics")
    assert found.digest == fitted.statistics_digest


def test_a_fitted_recipe_is_applied_without_an_analyzer(tmp_path, fitted):
    made = tft_pipelines.transform(tfnorm.tft.apply(fitted), COLUMNS, tmp_path)
    same(made, fitted.forward(COLUMNS))


def test_single_tensors_are_normalized_by_functions(tmp_path):
    def preprocessing_fn(inputs):
        by_carrier = tfnorm.tft.z_score(inputs["delay"], key=inputs["carrier"])
        wide = tf.cast(inputs["when"], tf.float64)
        return {
            "delay": by_carrier,
            "when": tfnorm.tft.min_max(wide, low=-1.0, name="when"),
            "pixels": tfnorm.tft.whitening(inputs["pixels"], kind="pca"),
            "unit": tfnorm.tft.normalize(inputs["pixels"], schemes.UnitNorm()),
        }

    made = tft_pipelines.transform(preprocessing_fn, COLUMNS, tmp_path)
    delay = tfnorm.layers.PerKey()
    delay.adapt(COLUMNS["delay"], COLUMNS["carrier"])
    np.testing.assert_array_equal(
        made["delay"], delay(COLUMNS["delay"], COLUMNS["carrier"])
    )
    when = tfnorm.layers.MinMax(low=-1.0)
    when.adapt(COLUMNS["when"].astype(np.float64))
    np.testing.assert_array_equal(made["when"], when(COLUMNS["when"].astype(float)))
    # A matrix product, in which the order of six sums is TensorFlow's.
    pixels = tfnorm.layers.Whitening(kind="pca")
    pixels.adapt(COLUMNS["pixels"])
    np.testing.assert_allclose(made["pixels"], pixels(COLUMNS["pixels"]), atol=1e-6)
    norms = np.linalg.norm(made["unit"], axis=-1)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-6)


def halves(columns):
    middle = ROWS // 2
    return (
        {name: values[:middle] for name, values in columns.items()},
        {name: values[middle:] for name, values in columns.items()},
    )


@pytest.mark.slow
def test_a_second_span_reads_the_first_ones_statistics_from_the_cache(tmp_path):
    first, second = halves(COLUMNS)
    cache = str(tmp_path / "cache")
    tft_pipelines.analyze_spans(
        tfnorm.tft.apply(RECIPE), {"one": first}, cache, tmp_path / "first"
    )
    # Other schemes of the same statistics, and data that must not be read again.
    other = tfnorm.Recipe(
        {**RECIPE.features, "pixels": Feature(schemes.MaxAbs(), axis=1)}
    )
    apply = tfnorm.tft.apply(other, statistics_path=tmp_path / "statistics")
    changed = {**first, "pixels": first["pixels"] * 1e6}
    spans = {"one": changed, "two": second}
    tft_pipelines.analyze_spans(apply, spans, cache, tmp_path / "second")
    expected = tfnorm.analyze(COLUMNS, other)
    found = tfnorm.load_statistics(tmp_path / "statistics")
    assert found.digest == expected.digest
    made = tft_pipelines.load(tmp_path / "second", COLUMNS)
    same(made, other.fit(expected).forward(COLUMNS))


@pytest.mark.slow
def test_several_passes_read_all_spans(tmp_path):
    first, second = halves({"fare": COLUMNS["fare"]})
    recipe = tfnorm.Recipe(
        {"fare": schemes.Chain((schemes.PercentileClip(), schemes.ZScore()))}
    )
    cache = str(tmp_path / "cache")
    for number, spans in enumerate([{"one": first}, {"one": first, "two": second}]):
        apply = tfnorm.tft.apply(recipe, statistics_path=tmp_path / "statistics")
        tft_pipelines.analyze_spans(apply, spans, cache, tmp_path / str(number))
    found = tfnorm.load_statistics(tmp_path / "statistics")
    expected = tfnorm.analyze({"fare": COLUMNS["fare"]}, recipe)
    assert found.digest == expected.digest


def test_what_is_cached_is_found_by_what_was_observed():
    def key(recipe):
        return repr(analyzer.ObserveBatches(("fare",), recipe.views(), wide))

    wide = ()
    z_score = tfnorm.Recipe({"fare": schemes.ZScore()})
    assert key(z_score) == key(tfnorm.Recipe({"fare": schemes.Power()}))
    for other in (schemes.Log("log1p"), schemes.PerKey(schemes.ZScore(), "hour")):
        assert key(z_score) != key(tfnorm.Recipe({"fare": other}))
    pooled = tfnorm.Recipe({"fare": Feature(schemes.ZScore(), axis=None)})
    assert key(z_score) != key(pooled)
    wide = ("fare",)
    assert key(z_score) != key(tfnorm.Recipe({"fare": schemes.Power()}))


def test_cached_statistics_come_back_whole():
    columns = {"pixels": COLUMNS["pixels"], "delay": COLUMNS["delay"]}
    coder = analyzer.StatisticsCoder()
    for found in (
        tfnorm.Statistics(),
        tfnorm.analyze(columns, {name: schemes.Whitening() for name in columns}),
    ):
        written = coder.encode_cache(found)
        assert coder.decode_cache(written).digest == found.digest
        assert coder.encode_cache(found) == written
    with pytest.raises(errors.ArtifactError, match="cache"):
        coder.decode_cache(written[:-100])


@pytest.mark.parametrize(
    "keys", [(), (4,), (-9, 0, 2**62), ("b",), ("", "a", "z", "ö", "\udcff")]
)
def test_constants_of_any_number_of_keys_come_back(keys):
    template = tfnorm.schemes.PerKey(schemes.MinMax(), "key").template((2,))
    statistic = tfnorm.statistics.FeatureStatistics.of
    data = np.array([[0.0, 1.0], [3.0, 4.0]])
    groups = {key: statistic(data * (n + 2)) for n, key in enumerate(keys)}
    bijector = schemes.PerKey(schemes.MinMax(), "key").fit(
        schemes.Groups(statistic(data), groups)
    )
    found = words.unpack(tf.constant(words.pack({"x": bijector})), {"x": template})
    kind = str if keys and isinstance(keys[0], str) else np.int64
    other = "q" if kind is str else 77
    asked = np.array([*keys, other], object if kind is str else kind)
    if kind is str:  # As the bytes of a file, which may be no UTF-8.
        asked = np.array([k.encode(errors="surrogateescape") for k in asked], object)
    places = words.places(found["x"].keys, tf.constant(asked))
    x = np.tile(np.float32([[5.0, 6.0]]), (len(asked), 1))
    y = template.forward_with(tf.constant(x), found["x"].constants, keys=places)
    np.testing.assert_array_equal(y, bijector.forward(x, keys=asked))


def test_no_rows_are_an_error(tmp_path):
    empty = {"fare": np.zeros(0, np.float32)}
    with pytest.raises(errors.EmptyDataError):
        tft_pipelines.transform(
            tfnorm.tft.apply({"fare": schemes.ZScore()}), empty, tmp_path
        )


def test_an_error_of_a_worker_names_the_feature(tmp_path):
    recipe = {"fare": schemes.ZScore(), "delay": schemes.Power("box-cox")}
    columns = {"fare": COLUMNS["fare"], "delay": -COLUMNS["delay"]}
    with pytest.raises(errors.RecipeError, match="'delay'.*above 0"):
        tft_pipelines.transform(tfnorm.tft.apply(recipe), columns, tmp_path)


@pytest.mark.parametrize(
    "recipe, message",
    [
        ({"speed": schemes.ZScore()}, "'speed'.*not among"),
        ({"delay": schemes.PerKey(key="airline")}, "'airline'.*not among"),
        ({"carrier": schemes.ZScore()}, "'carrier'.*string, not numbers"),
        ({"delay": schemes.PerKey(key="fare")}, "'fare'.*integers or text"),
        ({"sparse": schemes.ZScore()}, "'sparse'.*SparseTensor.*NaN"),
        ({"scalar": schemes.ZScore()}, "'scalar'.*known rank"),
        ({"wide": schemes.ZScore()}, "'wide'.*sizes of the kept axes"),
        ({"wide": Feature(schemes.ZScore(), axis=3)}, "'wide'.*axis=3"),
        (
            {"delay": schemes.PerKey(key="carrier", unseen_key_policy="raise")},
            "'delay'.*cannot raise",
        ),
        ({"fare": Feature(schemes.ZScore(), indicator=True)}, "'fare_missing'"),
    ],
)
def test_what_cannot_be_done_in_the_graph_is_an_error(recipe, message):
    def signature(shape, dtype=tf.float32):
        return tf.TensorSpec(shape, dtype)

    inputs = {
        "delay": signature([None]),
        "fare": signature([None]),
        "fare_missing": signature([None]),
        "carrier": signature([None], tf.string),
        "sparse": tf.SparseTensorSpec([None, 1]),
        "scalar": signature([]),
        "wide": signature([None, None]),
    }
    with pytest.raises(errors.RecipeError, match=message):
        tf.function(tfnorm.tft.apply(recipe)).get_concrete_function(inputs)


def test_a_fitted_recipe_has_no_statistics_to_write(fitted, tmp_path):
    with pytest.raises(errors.RecipeError, match="statistics_path"):
        tfnorm.tft.apply(fitted, statistics_path=tmp_path)


def test_keys_and_values_have_names_of_their_own():
    x = tf.constant([1.0])
    with pytest.raises(errors.RecipeError, match="'key'"):
        tfnorm.tft.z_score(x, key=x, name="key")


def test_what_is_not_fitted_needs_no_data():
    apply = tfnorm.tft.apply({"wave": schemes.UnitNorm(), "x": schemes.Rescale()})
    made = apply({"wave": tf.constant([[3.0, 4.0]]), "x": tf.constant([math.nan])})
    np.testing.assert_allclose(made["wave"], [[0.6, 0.8]], rtol=1e-6)
    assert math.isnan(made["x"][0])
