# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Weighted statistics are exact, and a whole weight of k is k rows, to the bit."""

import fractions
import json

import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import images_by_hand
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.sources import write
from tfnorm.statistics import channels
from tfnorm.statistics import histograms
from tfnorm.statistics import weighted_groups

ROWS = 3_000
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=400)
VALUES = {
    "float64": NORMAL,
    "float32": NORMAL.astype(np.float32),
    "far from 0": NORMAL + 1e9,
    "every exponent": np.ldexp(NORMAL, RNG.integers(-1060, 1000, 400)),
    "both signs": np.round(NORMAL * 1e6),
    "ends of int64": RNG.choice([-(2**63), -(2**63) + 9, 0, 7, 2**63 - 1], 400),
    "subnormal": np.ldexp(NORMAL, -1060),
    "int64": RNG.integers(-(2**63), 2**63 - 1, 400),
    "small integers": RNG.integers(0, 9, 400),
    "uint8": RNG.integers(0, 256, 400).astype(np.uint8),
    "booleans": RNG.random(400) < 0.3,
}
WEIGHTS = {
    "whole": RNG.integers(1, 9, 400).astype(np.float64),
    "float32": (RNG.random(400) + 1e-9).astype(np.float32).astype(np.float64),
    "float64": RNG.random(400) + 1e-9,
    "every exponent": np.ldexp(RNG.random(400) + 0.1, RNG.integers(-1060, 900, 400)),
}


def of(values, weights, missing=None) -> statistics.FeatureStatistics:
    column = arrays.Column(np.asarray(values), missing)
    return statistics.FeatureStatistics().add(column, weights=weights)


def exact(values) -> list[fractions.Fraction]:
    return [fractions.Fraction(value) for value in values.tolist()]


def rounded(number: fractions.Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("values", VALUES)
def test_moments_are_those_of_fractions_rounded_once(values, weights):
    x, w = exact(VALUES[values]), exact(WEIGHTS[weights])
    found = of(VALUES[values], WEIGHTS[weights])
    total = sum(w)
    mean = sum(a * b for a, b in zip(x, w, strict=True)) / total
    spread = sum(b * (a - mean) ** 2 for a, b in zip(x, w, strict=True)) / total
    assert found.weight == rounded(total)
    assert found.mean == rounded(mean)
    assert found.variance == rounded(spread)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("values", VALUES)
def test_order_splits_and_merges_leave_no_trace(values, weights):
    x, w = VALUES[values], WEIGHTS[weights]
    parts = [of(x[i::3], w[i::3]) for i in (2, 0, 1)]
    assert parts[0].merge(parts[1]).merge(parts[2]) == of(x, w)
    assert parts[0].merge(parts[1].merge(parts[2])) == of(x[::-1], w[::-1])


@pytest.mark.parametrize("values", VALUES)
def test_a_whole_weight_is_so_many_rows(values):
    x, w = VALUES[values], WEIGHTS["whole"]
    found, rows = of(x, w), statistics.FeatureStatistics.of(np.repeat(x, w.astype(int)))
    assert found.mean == rows.mean
    assert found.variance == rows.variance
    assert found.std == rows.std
    assert (found.min, found.max) == (rows.min, rows.max)
    assert found.weight == rows.counts.valid
    q = np.linspace(0, 1, 101)
    assert str(found.quantile(q)) == str(rows.quantile(q))
    assert np.array_equal(found.histograms(), rows.histograms())


def test_so_it_is_of_large_data_whose_histogram_collapsed():
    x, w = RNG.normal(size=300_000), RNG.integers(1, 5, 300_000)
    found, rows = (
        of(x, w.astype(float)),
        statistics.FeatureStatistics.of(np.repeat(x, w)),
    )
    q = np.linspace(0, 1, 101)
    assert found.summaries[0].quantiles == rows.channels[0].quantiles
    assert np.array_equal(found.quantile(q).value, rows.quantile(q).value)


def test_vectors_nan_and_missing_rows():
    x = RNG.normal(size=(50, 3, 4))
    x[3, 1, 2] = np.nan
    missing, w = RNG.random(50) < 0.2, RNG.integers(1, 4, 50)
    found = of(x, w.astype(float), missing)
    repeated = arrays.Column(np.repeat(x, w, 0), np.repeat(missing, w))
    rows = statistics.FeatureStatistics().add(repeated)
    assert np.array_equal(found.mean, rows.mean)
    assert np.array_equal(found.weight, rows.counts.valid)
    assert found.counts.nan.sum() == 1


def test_quantiles_do_not_depend_on_the_scale_of_fractions():
    w = WEIGHTS["float32"]
    one, other = of(NORMAL, w), of(NORMAL, w / 1024)
    assert str(one.quantile(0.3)) == str(other.quantile(0.3))


def test_a_quantile_is_where_the_weight_below_reaches_it():
    w = WEIGHTS["float64"]
    order = np.argsort(NORMAL)
    below = np.cumsum(w[order]) / w.sum()
    for q in (0.1, 0.5, 0.9):
        expected = NORMAL[order][np.searchsorted(below, q)]
        # 52 bits of the total are kept of the 100 that the weights have.
        assert of(NORMAL, w).quantile(q).value == pytest.approx(expected, rel=1e-12)


def test_quantiles_of_many_elements_are_those_of_each():
    # 2**52 units of weight each, so together more than int64 holds.
    values, weights = RNG.normal(size=(9, 3_000)), RNG.random(9)
    found = of(values, weights).quantile([0.25, 0.5])
    for place in (0, 1_500, 2_999):
        single = of(values[:, place], weights).quantile([0.25, 0.5])
        np.testing.assert_array_equal(found.value[place], single.value)


def test_what_was_merged_can_be_subtracted():
    w = WEIGHTS["float64"]
    one, other = of(NORMAL[1:200], w[1:200]), of(NORMAL[200:], w[200:])
    left = one.merge(other).subtract(other)
    assert left.weighted == one.weighted
    with pytest.raises(errors.StatisticsError, match="never merged in"):
        one.subtract(other)


def test_images_count_as_their_pixels():
    column, pixels = images_by_hand.column(6)
    w = WEIGHTS["float64"][:6]
    assert of(pixels, w) == statistics.FeatureStatistics().add(column, weights=w)


# With a recipe.

SCHEMES = {
    "z_score": schemes.ZScore(),
    "min_max": schemes.MinMax(),
    "robust": schemes.Robust(),
    "quantile": schemes.Quantile(knots=100),
    "power": schemes.Power(),
    "tukey": schemes.TukeyHH(),
    "clip": schemes.PercentileClip(0.1, 0.9),
    "log": schemes.Log("log1p"),
    "per_key": schemes.PerKey(schemes.ZScore(), "k", shrinkage=10),
    "per_key_quantile": schemes.PerKey(schemes.Quantile(knots=10), "k", shrinkage=10),
    "chain": schemes.Chain((schemes.Robust(), schemes.ZScore())),
}
DATA = {
    "x": RNG.gamma(2.0, size=ROWS).astype(np.float32),
    "k": RNG.integers(0, 3, ROWS),
    "w": RNG.integers(0, 4, ROWS),
}
REPEATED = {name: np.repeat(values, DATA["w"]) for name, values in DATA.items()}


def analyzed(data, weight="w", **options):
    recipe = tfnorm.Recipe({"x": schemes.Robust()}, weight=weight)
    return tfnorm.analyze(data, recipe, **options)


@pytest.mark.parametrize("name", SCHEMES)
def test_schemes_fit_as_to_repeated_rows(name):
    scheme = SCHEMES[name]
    weighted = tfnorm.Recipe({"x": scheme}, weight="w")
    plain = tfnorm.Recipe({"x": scheme})
    fitted = weighted.fit(tfnorm.analyze(DATA, weighted))
    assert fitted.maps == plain.fit(tfnorm.analyze(REPEATED, plain)).maps


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, np.float64])
def test_the_type_of_the_weight_leaves_no_trace(dtype):
    other = {**DATA, "w": DATA["w"].astype(dtype)}
    assert analyzed(other).digest == analyzed(DATA).digest


def test_a_row_of_weight_0_is_as_none():
    kept = {name: values[DATA["w"] > 0] for name, values in DATA.items()}
    found = analyzed(DATA)
    assert found.digest == analyzed(kept).digest
    assert found.rows == len(kept["x"])
    assert found.weight == DATA["w"].sum()


def test_the_digest_tells_weights_and_survives_the_disk(tmp_path):
    found = analyzed(DATA)
    found.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert again == found and again.digest == found.digest
    assert '{"weight": "w"}' in found.provenance
    doubled = {**DATA, "w": 2 * DATA["w"]}
    assert analyzed(doubled).digest != found.digest


def test_parts_merge_and_are_subtracted_again():
    halves = [
        analyzed({name: values[part] for name, values in DATA.items()})
        for part in (slice(0, 999), slice(999, None))
    ]
    whole = halves[0].merge(halves[1])
    assert whole.digest == analyzed(DATA).digest
    assert whole.subtract(halves[0])["x"].weighted == halves[1]["x"].weighted
    assert whole.subtract(halves[0]).weight == halves[1].weight


def test_weighted_statistics_do_not_mix_with_others():
    with pytest.raises(errors.StatisticsError, match="on one side only"):
        analyzed(DATA).merge(analyzed(DATA, weight=None))


def test_statistics_of_different_weights_do_not_mix():
    other = {**DATA, "v": DATA["w"]}
    with pytest.raises(errors.StatisticsError, match="different columns"):
        analyzed(other).merge(analyzed(other, weight="v"))


def test_without_weights_digests_and_recipes_are_what_they_were():
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(1000, 2)), 3).astype(np.float32)
    recipe = tfnorm.Recipe({"x": schemes.ZScore(), "k": schemes.Robust()})
    found = tfnorm.analyze({"x": x, "k": np.arange(1000) % 7}, recipe)
    assert found.digest.startswith("d687fd194ede6319")
    assert recipe.digest.startswith("d58d4a326363607d")


def test_a_weight_without_a_recipe_has_no_statistics_itself():
    found = tfnorm.analyze(DATA, weight="w")
    assert set(found) == {"x", "k"}
    assert found["x"] == analyzed(DATA)["x"]


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, None])
def test_a_wrong_weight_is_an_error_that_says_where(tmp_path, wrong):
    w = arrays.Column(np.ones(9), np.arange(9) == 7 if wrong is None else None)
    w.values[7] = np.nan if wrong is None else wrong
    write.write_parquet({"x": np.arange(9.0), "w": w}, tmp_path / "d")
    with pytest.raises(errors.DataError) as raised:
        analyzed(tmp_path / "d-*")
    assert (raised.value.feature, raised.value.record) == ("w", 7)
    assert raised.value.file.endswith("d-00000-of-00001.parquet")
    assert analyzed(tmp_path / "d-*", filters=[("x", "!=", 7.0)]).rows == 8


@pytest.mark.parametrize("values", [np.array(["a", "b"]), np.ones((2, 2))])
def test_weights_are_one_number_a_row(values):
    with pytest.raises(errors.FeatureError, match="cannot weigh rows"):
        tfnorm.analyze({"x": np.ones(2), "w": values}, weight="w")


def test_what_has_no_weighted_form_is_refused():
    with pytest.raises(errors.RecipeError, match="Whitening needs co-moments"):
        tfnorm.Recipe({"x": schemes.Whitening()}, weight="w")
    recipe = tfnorm.Recipe({"x": schemes.Whitening()})
    with pytest.raises(errors.RecipeError, match="co-moments"):
        tfnorm.analyze({"x": np.ones((2, 2)), "w": np.ones(2)}, recipe, weight="w")


def test_two_weights_are_one_too_many():
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    with pytest.raises(errors.RecipeError, match="weighted by 'w'"):
        tfnorm.analyze(DATA, recipe, weight="k")


def test_a_recipe_with_a_weight_is_json():
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    assert tfnorm.config.loads(tfnorm.config.dumps(recipe)) == recipe
    fitted = recipe.fit(tfnorm.analyze(DATA, recipe))
    assert fitted.select(["x"]).recipe == recipe


def test_a_layer_adapts_to_weights():
    weighted, plain = tfnorm.layers.ZScore(), tfnorm.layers.ZScore()
    weighted.adapt(DATA["x"], sample_weight=DATA["w"])
    plain.adapt(REPEATED["x"])
    x = DATA["x"][:9]
    assert np.array_equal(np.asarray(weighted(x)), np.asarray(plain(x)))


def test_a_layer_adapts_to_weights_of_arrays_alone():
    weights = np.ones(4)
    for batches in (iter([weights]), tf.data.Dataset.from_tensor_slices(weights)):
        with pytest.raises(errors.DataError, match="goes with an array"):
            tfnorm.layers.ZScore().adapt(batches, sample_weight=weights)


def test_a_recipe_is_fitted_to_statistics_of_its_own_weight():
    data = {"x": np.arange(4.0), "w": np.ones(4), "v": np.ones(4)}
    plain = tfnorm.Recipe({"x": schemes.ZScore()})
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    for weight, told in ((None, "by nothing"), ("v", "by 'v'")):
        with pytest.raises(errors.RecipeError, match=f"weighted {told}"):
            recipe.fit(tfnorm.analyze(data, plain, weight=weight))
    weighted = tfnorm.analyze(data, plain, weight="w")
    assert recipe.fit(weighted).maps == plain.fit(weighted).maps


def test_of_many_groups_the_summary_says_how_many_there_are(tmp_path):
    keys = np.arange(1201)
    data = {"x": keys / 7, "k": keys % 1001, "w": 1.0 + keys % 3}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")}, weight="w")
    found = tfnorm.analyze(data, recipe)
    found.save(tmp_path / "d")
    described = json.loads((tmp_path / "d" / "statistics.json").read_text())
    assert described["features"]["x | k="] == {"keys": 1001, "rows": 1201}
    assert described["features"].keys() == {"x", "x | k="}
    assert tfnorm.load_statistics(tmp_path / "d") == found


@pytest.mark.parametrize("quantiles", [False, True])
@pytest.mark.parametrize("values", VALUES)
def test_groups_that_are_taken_at_once_are_those_of_their_rows(values, quantiles):
    x = np.stack([VALUES[values], VALUES[values][::-1]], axis=1)
    keys = arrays.Column(RNG.integers(0, 9, len(x)))
    missing = (RNG.random(len(x)) < 0.1) | (keys.values == 4)
    column, weights = arrays.Column(x, missing), RNG.random(len(x)) + 0.5
    options = {"axis": -1, "quantiles": quantiles}
    expected = {}
    for key, rows in statistics.rows_by_key(keys).items():
        none, own = statistics.FeatureStatistics(), weights[rows]
        expected[key] = none.add(column.take(rows), weights=own, **options)
    assert weighted_groups.of(column, keys, weights, **options) == expected


@pytest.mark.parametrize("values", VALUES)
def test_channels_that_are_taken_at_once_are_those_by_themselves(values):
    x = VALUES[values].reshape(100, -1)
    weights = RNG.random(x.shape[1])
    floating = x.dtype.kind == "f"
    one, other = (statistics.Weighted.empty(floating, 100, q) for q in (False, True))
    assert one.add(x, weights).moments == other.add(x, weights).moments


def test_groups_have_quantiles_where_the_recipe_needs_them():
    data = {"x": np.arange(9.0), "k": np.arange(9) % 2, "w": np.ones(9)}
    for scheme, taken in ((schemes.ZScore(), False), (schemes.Robust(), True)):
        recipe = tfnorm.Recipe({"x": schemes.PerKey(scheme, "k")}, weight="w")
        found = tfnorm.analyze(data, recipe)
        assert found["x | k=1"].has_quantiles == taken
        assert found["x"].has_quantiles
        found = tfnorm.analyze(data, recipe, slices=["k"])
        assert found["x | k=1"].has_quantiles


def test_too_many_weighted_groups_are_an_error():
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")}, weight="w")
    keys = np.arange(10_001)
    data = {"x": keys / 7, "k": keys, "w": keys + 1.0}
    with pytest.raises(errors.DataError, match=r"'x \| k'.* more than 10,000 groups"):
        tfnorm.analyze(data, recipe)
    halves = [
        tfnorm.analyze({name: x[rows] for name, x in data.items()}, recipe)
        for rows in (slice(5000), slice(5000, None))
    ]
    with pytest.raises(errors.DataError, match=r"'x \| k'.* more than 10,000 groups"):
        halves[0].merge(halves[1])


@pytest.mark.parametrize("weights", [None, WEIGHTS["whole"]])
def test_rows_are_not_added_where_only_some_have_weights(weights):
    before = of(NORMAL, WEIGHTS["whole"] if weights is None else None)
    with pytest.raises(errors.StatisticsError, match="on one side only"):
        before.add(arrays.Column(NORMAL), weights=weights)


@pytest.mark.parametrize("wide", [False, True])
def test_too_many_weighted_buckets_are_an_error(monkeypatch, wide):
    monkeypatch.setattr(channels, "WIDE", 8)
    shape = (40, 9) if wide else (400,)
    rows = {"x": RNG.normal(size=shape), "k": np.arange(shape[0]) % 4}
    rows["w"] = np.ones(shape[0])
    robust = schemes.Robust()
    scheme = robust if wide else schemes.PerKey(robust, "k")
    recipe = tfnorm.Recipe({"x": scheme}, weight="w")
    parts = [
        tfnorm.analyze({n: c[half] for n, c in rows.items()}, recipe)
        for half in (slice(0, shape[0] // 2), slice(shape[0] // 2, None))
    ]
    whole = tfnorm.analyze(rows, recipe)
    monkeypatch.setattr(histograms, "BUCKETS", rows["x"].size - 1)
    for fails in (
        lambda: tfnorm.analyze(rows, recipe),
        lambda: parts[0].merge(parts[1]),
    ):
        with pytest.raises(errors.DataError, match="'x.*histograms have more than"):
            fails()
    monkeypatch.setattr(histograms, "BUCKETS", rows["x"].size)
    assert parts[0].merge(parts[1]).digest == whole.digest
