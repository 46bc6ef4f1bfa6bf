# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Many keys, wide vectors and many columns: the same bits, at any scale."""

import fractions
import math
import os
import pickle

import apache_beam as beam
import hypothesis
import keras
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing import util
from hypothesis import strategies as st
from pyarrow import parquet

import tfnorm
from tests import contracts
from tfnorm import arrays
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.schemes import registry
from tfnorm.statistics import channels as channels_lib
from tfnorm.statistics import histograms as histograms_lib
from tfnorm.statistics import keyed as keyed_lib
from tfnorm.statistics import limbs
from tfnorm.statistics import observed

KEYS = 100_000
DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int16", "int64", "bool")


def draw_columns(data, dtype: str) -> np.ndarray:
    """A few columns of values anywhere in the range of a type."""
    shape = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 5)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    if dtype == "bool":
        return rng.random(shape) < 0.3
    if not dtype.startswith("float"):
        ends = np.iinfo(dtype)
        spread = data.draw(st.sampled_from([3, ends.max]))
        return rng.integers(max(ends.min, -spread), spread, shape, dtype, True)
    offset = data.draw(st.sampled_from([0.0, 1.0, -1e6, 1e30]))
    spread = data.draw(st.sampled_from([0.0, 1e-310, 1e-30, 1.0, 1e160, 1e200]))
    wild = np.array(data.draw(st.lists(st.floats(), max_size=6)))
    with np.errstate(over="ignore"):
        values = rng.normal(size=shape) * spread + offset
        values.flat[: len(wild)] = wild[: values.size]
        return values.astype(dtype)


def one_by_one(columns: list[np.ndarray]) -> channels_lib.Channels:
    """The state that the code of single channels has of each column."""
    floating = columns[0].dtype.kind == "f"
    empty = statistics.Channel.empty(floating)
    return channels_lib.of([empty.add(column) for column in columns])


@pytest.mark.parametrize("dtype", DTYPES)
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_arrays_of_channels_are_the_channels(dtype, data):
    values = draw_columns(data, dtype)
    wanted = one_by_one(list(np.ascontiguousarray(values.T)))
    cut = data.draw(st.integers(1, len(values)))
    found = observed.of_columns(values[:cut], True)
    if cut < len(values):
        rest = observed.of_columns(values[cut:], True)
        found = found.merge(rest)
        left = [a.subtract(b) for a, b in zip(wanted, rest, strict=True)]
        assert found.subtract(rest) == channels_lib.of(left)
    assert found == wanted
    assert channels_lib.of(tuple(found)) == wanted


@pytest.mark.parametrize("dtype", DTYPES)
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_arrays_of_groups_are_the_groups(dtype, data):
    values = draw_columns(data, dtype).reshape(-1)
    codes = np.random.default_rng(len(values)).integers(0, 4, len(values))
    wanted = one_by_one([values[codes == code] for code in range(4)])
    assert observed.of_codes(values, codes, 4, True) == wanted


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(
    numbers=st.lists(st.integers(-(2**200), 2**200), min_size=1),
    shift=st.sampled_from([0, 31, 64, 1074]),
)
def test_limbs_are_the_integers(numbers, shift):
    numbers = [number << shift for number in numbers]
    held = limbs.of(numbers)
    twice = [2 * number for number in numbers]
    assert held.integers() == numbers
    assert held.plus(held) == limbs.of(twice)
    assert held.plus(limbs.of(twice), sign=-1) == limbs.of([-n for n in numbers])
    assert limbs.unpacked(*held.packed()) == held
    assert limbs.joined([held, limbs.of(twice)]) == limbs.of(numbers + twice)


def test_the_bound_on_all_buckets_does_not_depend_on_order(monkeypatch):
    monkeypatch.setattr(histograms_lib, "BUCKETS", 30_000)
    rng = np.random.default_rng(0)
    values = rng.normal(size=60_000)
    # One channel has to drop bits by itself, two are between, and many are small.
    codes = np.minimum(rng.integers(0, 90, 60_000) ** 2 // 500, 12)
    whole = histograms_lib.of(values, codes, 13)
    assert whole.common > 0
    assert len(whole.keys) <= 30_000
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(60_000)
        merged = histograms_lib.empty(True, 13)
        for part in np.split(order, [7, 3_000, 20_000, 59_000]):
            merged = histograms_lib.of(values[part], codes[part], 13).merge(merged)
        assert merged == whole


def test_bounds_hold_however_coarse_the_histogram(monkeypatch):
    monkeypatch.setattr(histograms_lib, "BUCKETS", 8)
    values = np.random.default_rng(0).normal(size=(500, 4)) * 1e307
    codes = np.tile(np.arange(4), 500)
    held = observed.of_codes(values.ravel(), codes, 4, True)
    found = statistics.FeatureStatistics(500, 0, (4,), "floating", tuple(held))
    wanted = statistics.FeatureStatistics(500, 0, (4,), "floating", held)
    for one in (found, wanted):
        interval = one.quantile([0.1, 0.9])
        true = np.quantile(values, [0.1, 0.9], axis=0, method="lower").T
        assert (interval.lower <= true).all() and (interval.upper >= true).all()


# Keys.


def rows_of_keys(rows: int = 2 * KEYS, hot: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    key = np.append(np.arange(KEYS), rng.integers(0, KEYS, rows - KEYS))
    key = np.where(rng.random(rows) < hot, 7, key)
    x = (rng.normal(size=rows) * 10 + key % 50).astype(np.float32)
    x[KEYS::997] = np.nan
    order = rng.permutation(rows)
    return {"x": x[order], "key": key[order] - 5}


BY_KEY = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "key")})
MANY = rows_of_keys()


@pytest.fixture(scope="module")
def of_many():
    return tfnorm.analyze(MANY, BY_KEY)


def assert_true(found: tfnorm.Statistics, columns, key: int) -> None:
    values = columns["x"][columns["key"] == key].astype(np.float64)
    numbers = [fractions.Fraction(v) for v in values[np.isfinite(values)].tolist()]
    mean = sum(numbers) / len(numbers)
    variance = sum((n - mean) ** 2 for n in numbers) / len(numbers)
    one = found[f"x | key={key}"]
    assert (one.rows, one.counts.valid) == (len(values), len(numbers))
    assert (one.mean, one.variance) == (float(mean), float(variance))
    assert (one.min, one.max) == (min(numbers), max(numbers))
    median = one.quantile(0.5)
    assert median.lower <= np.nanmedian(values) <= median.upper


@pytest.mark.slow
@pytest.mark.parametrize(("files", "hot"), [(1, 0.0), (7, 0.0), (7, 0.9)])
def test_beam_finds_100_000_keys_in_any_bundles(tmp_path, files, hot):
    columns = rows_of_keys(hot=hot)
    for part in range(files):
        table = pa.table({name: c[part::files] for name, c in columns.items()})
        parquet.write_table(table, tmp_path / f"{part}.parquet", row_group_size=30_000)
    out = tmp_path / "found"
    pattern = os.fspath(tmp_path / "*.parquet")
    # Parquet from NumPy has no nulls: NaN is a value.
    found = tfnorm.beam.compute_statistics(pattern, BY_KEY, out)
    assert found.digest == tfnorm.analyze(columns, BY_KEY).digest
    for key in (2, *columns["key"][np.isfinite(columns["x"])][:5].tolist()):
        assert_true(found, columns, key)


@pytest.mark.slow
def test_beam_merges_batches_of_many_keys(of_many):
    batches = [
        arrays.Batch(
            {name: arrays.Column(c[i : i + 30_000]) for name, c in MANY.items()},
            len(MANY["x"][i : i + 30_000]),
        )
        for i in range(0, 2 * KEYS, 30_000)
    ]
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create(batches)
            | beam.Reshuffle()
            | tfnorm.beam.ComputeStatistics(BY_KEY)
        )
        digests = found | beam.Map(lambda one: one.digest)
        util.assert_that(digests, util.equal_to([of_many.digest]))


def test_many_keys_are_subtracted_and_pickled(of_many):
    half = tfnorm.analyze({n: c[:KEYS] for n, c in MANY.items()}, BY_KEY)
    rest = tfnorm.analyze({n: c[KEYS:] for n, c in MANY.items()}, BY_KEY)
    assert half.merge(rest).digest == of_many.digest
    assert len(of_many.subtract(rest)) == len(half)
    assert of_many.subtract(rest)["x | key=3"].rows == half["x | key=3"].rows
    pickled = pickle.dumps(of_many, protocol=5)
    assert len(pickled) < 200 * KEYS
    assert pickle.loads(pickled).digest == of_many.digest


def test_many_keys_are_kept_in_the_artifact(of_many, tmp_path):
    of_many.save(tmp_path / "found")
    again = tfnorm.load_statistics(tmp_path / "found")
    assert again.digest == of_many.digest
    assert again.features == of_many.features
    assert (tmp_path / "found" / "statistics.json").stat().st_size < 10_000


def test_many_keys_are_fitted_saved_and_applied(of_many, tmp_path):
    fitted = BY_KEY.fit(of_many)
    columns = {"x": MANY["x"][:1000], "key": MANY["key"][:1000]}
    undone = fitted.inverse(fitted.forward(columns) | {"key": columns["key"]})["x"]
    # Eight roundings at most, of half an ulp each, of numbers up to 100.
    atol = 4 * contracts.ULP * 100
    np.testing.assert_allclose(undone, columns["x"], rtol=0, atol=atol)
    fitted.save(tmp_path / "fitted.json")
    again = tfnorm.load_fitted(tmp_path / "fitted.json")
    found = again.forward(columns)["x"]
    np.testing.assert_array_equal(found, fitted.forward(columns)["x"])
    for row in (1, 2, 3):
        one = of_many[f"x | key={columns['key'][row]}"]
        alone = schemes.ZScore().fit(one).forward(columns["x"][row])
        np.testing.assert_array_equal(found[row], alone)
    unseen = {"x": columns["x"][1:2], "key": np.array([KEYS * 9])}
    every = schemes.ZScore().fit(of_many["x"]).forward(columns["x"][1:2])
    np.testing.assert_array_equal(fitted.forward(unseen)["x"], every)


@pytest.mark.slow
def test_a_layer_holds_many_keys(of_many, tmp_path):
    layer = layers.PerKey()
    layer.adapt(MANY["x"], MANY["key"])
    x, key = keras.Input(()), keras.Input((), dtype="int32")
    model = keras.Model([x, key], layer(x, key))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    rows = [MANY["x"][:500], np.append(MANY["key"][:499], -99).astype(np.int32)]
    wanted = BY_KEY.fit(of_many).forward({"x": rows[0], "key": rows[1]})["x"]
    np.testing.assert_array_equal(again(rows), wanted)


@pytest.mark.parametrize("kind", ["integers", "text"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_groups_are_what_each_is_alone(kind, shape):
    rng = np.random.default_rng(0)
    keys = rng.integers(-3, 60, 900)
    named = keys if kind == "integers" else np.array([f'k{k}é"=' for k in keys])
    column = arrays.Column(rng.normal(size=(900, *shape)), rng.random(900) < 0.6)
    by_key = arrays.Column(named, rng.random(900) < 0.1)
    found = keyed_lib.of(column, by_key)
    alone = {
        key: statistics.FeatureStatistics().add(column.take(rows))
        for key, rows in statistics.rows_by_key(by_key).items()
    }
    assert any(one.shape is None for one in alone.values())
    assert dict(found.items()) == alone
    assert keyed_lib.gathered(alone) == found


SEPARABLE = {
    name: row.scheme
    for name, row in registry.REGISTRY.items()
    if row.scheme.separable and row.scheme.view is None
}


@pytest.mark.parametrize("shrinkage", [0.0, 2.5])
@pytest.mark.parametrize("name", SEPARABLE)
def test_keys_that_are_fitted_together_get_what_each_gets_alone(name, shrinkage):
    rng = np.random.default_rng(0)
    rows = {"x": rng.gamma(2.0, size=(600, 2)), "key": rng.integers(0, 9, 600)}
    scheme = schemes.PerKey(SEPARABLE[name], "key", shrinkage=shrinkage)
    recipe = tfnorm.Recipe({"x": scheme})
    found = tfnorm.analyze(rows, recipe)
    groups = dict(found.features.by_key("x", "key"))
    alone = scheme.fit(schemes.Groups(found["x"], groups))
    together = recipe.fit(found).maps["x"]
    assert together == alone
    constants = together.constants()
    for key, value in alone.maps[3].constants().items():
        np.testing.assert_array_equal(constants[key][3], value)


def test_a_key_that_cannot_be_fitted_is_named():
    rows = {"x": np.array([1.0, 2.0, 3.0, 3.0]), "key": np.array([4, 4, 9, 9])}
    scheme = schemes.PerKey(schemes.ZScore(zero_scale_policy="raise"), "key")
    with pytest.raises(errors.DataError, match="key 9.*no spread"):
        recipe = tfnorm.Recipe({"x": scheme})
        recipe.fit(tfnorm.analyze(rows, recipe))


# Wide vectors.


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_each_of_150_000_pixels_has_its_statistics(dtype, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (24, 224, 224, 3)).astype(dtype)
    feature = tfnorm.Feature(schemes.ZScore(), axis=(1, 2, 3))
    recipe = tfnorm.Recipe({"x": feature})
    found = tfnorm.analyze([{"x": x[i : i + 5]} for i in range(0, 24, 5)], recipe)
    parts = [tfnorm.analyze({"x": x[part]}, recipe) for part in ([3, 9], slice(10, 24))]
    rest = tfnorm.analyze({"x": np.delete(x[:9], 3, axis=0)}, recipe)
    assert parts[0].merge(parts[1]).merge(rest).digest == found.digest
    np.testing.assert_array_equal(found["x"].max, x.max(axis=0))
    # NumPy's sums over 24 rows lose up to 24 * 2**-53 each, 3e-15: there are two.
    np.testing.assert_allclose(found["x"].std, x.std(axis=0, dtype="f8"), rtol=1e-14)
    found.save(tmp_path / "found")
    again = tfnorm.load_statistics(tmp_path / "found")
    assert again.digest == found.digest
    fitted = schemes.ZScore().fit(again["x"])
    assert fitted.loc.shape == (224, 224, 3)


WIDE = np.random.default_rng(0).normal(size=(40, 5_000)).astype(np.float32)


def test_wide_features_have_quantiles_where_the_recipe_needs_them():
    robust = tfnorm.Recipe({"x": schemes.Robust()})
    fitted = robust.fit(tfnorm.analyze({"x": WIDE}, robust))
    # float64 holds the mean of two float32 numbers exactly.
    median = np.median(WIDE.astype(np.float64), axis=0)
    np.testing.assert_array_equal(fitted.maps["x"].loc, median)
    impute = tfnorm.Feature(schemes.ZScore(), missing="impute", impute_with="median")
    recipe = tfnorm.Recipe({"x": impute})
    assert tfnorm.analyze({"x": WIDE}, recipe)["x"].has_quantiles
    assert tfnorm.analyze({"x": WIDE[:, :4096]})["x"].has_quantiles


def test_quantiles_that_were_not_taken_are_an_error_with_a_name():
    found = tfnorm.analyze({"x": WIDE})
    with pytest.raises(errors.StatisticsError, match="5000 elements"):
        found["x"].quantile(0.5)
    with pytest.raises(errors.StatisticsError, match="feature 'x'.*4,096"):
        tfnorm.Recipe({"x": schemes.Robust()}).fit(found)


def test_a_thousand_columns_are_a_thousand_features():
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(i, 1, 500) for i in range(1_000)}
    found = tfnorm.analyze(columns)
    parts = [
        tfnorm.analyze({n: c[part] for n, c in columns.items()})
        for part in (slice(0, 100), slice(100, 500))
    ]
    assert parts[1].merge(parts[0]).digest == found.digest
    for name in ("x0", "x17", "x999"):
        assert found[name].mean == math.fsum(columns[name]) / 500


def test_co_moments_of_1_024_columns_are_exact():
    x = np.random.default_rng(0).normal(3, 1, (300, 1_024)).astype(np.float32)
    found = statistics.CoMoments.of(x[:99]).merge(statistics.CoMoments.of(x[99:]))
    assert found == statistics.CoMoments.of(x)
    covariance = found.covariance
    for i, j in ((0, 0), (3, 1_000), (1_023, 512), (700, 701)):
        one, two = ([fractions.Fraction(v) for v in x[:, k].tolist()] for k in (i, j))
        product = sum(a * b for a, b in zip(one, two, strict=True)) / 300
        assert covariance[i, j] == float(product - sum(one) * sum(two) / 300**2)
