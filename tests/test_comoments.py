# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Law 1 for covariances: exact, whatever the order, split and merge tree."""

import fractions
import json

import apache_beam as beam
import hypothesis
import ml_dtypes
import numpy as np
import pytest
from apache_beam.testing import util
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tfnorm
from tfnorm import arrays
from tfnorm import artifact
from tfnorm import errors
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.artifact import joint
from tfnorm.statistics import features
from tfnorm.statistics import products

RNG = np.random.default_rng(0)
DTYPES = [
    np.dtype(ml_dtypes.bfloat16),
    *map(np.dtype, ("float16", "float32", "float64", "uint8")),
    *map(np.dtype, ("int8", "int16", "int32", "int64", "uint64")),
]
# 10 dtypes of 50 examples: 500 partitions, each with its own merge tree.
EXAMPLES = 50
RECIPE = tfnorm.Recipe({"x": schemes.Whitening(), "y": schemes.ZScore()})


@pytest.fixture(params=[False, True], ids=["", "small blocks"])
def blocks(request, monkeypatch):
    """Blocks of the usual size, or so small that little data fill many."""
    if request.param:
        monkeypatch.setattr(products, "_block_rows", lambda columns: 16)
        monkeypatch.setattr(products, "_BLOCKS", 3)


def draw_values(data, dtype: np.dtype) -> np.ndarray:
    """Rows anywhere in the range of `dtype`, or many near one offset."""
    shape = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 4))
    if dtype.kind in "iu":
        # The greatest of uint64 do not fit int64, and are refused before.
        top = min(np.iinfo(dtype).max, np.iinfo(np.int64).max)
        numbers = st.integers(int(np.iinfo(dtype).min), int(top))
        return data.draw(hnp.arrays(dtype, shape, elements=numbers))
    seed = data.draw(st.integers(0, 2**32 - 1))
    scales = st.sampled_from([0.0, 1e-200, 1e-30, 1.0, 1e6, 1e200])
    spread = data.draw(st.lists(scales, min_size=shape[1], max_size=shape[1]))
    offset = data.draw(st.sampled_from([0.0, 1.0, -1e6, 1e30, 1e-30]))
    wild = data.draw(st.lists(st.floats(), max_size=4))
    with np.errstate(over="ignore", invalid="ignore"):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=shape) * spread + offset
        values.flat[rng.integers(values.size, size=len(wild))] = wild
        return values.astype(dtype)


def draw_merged(data, values: np.ndarray) -> statistics.CoMoments:
    """The co-moments of `values` over a random partition, order and merge tree."""
    order = np.array(data.draw(st.permutations(range(len(values)))))
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=5).map(sorted))
    parts = [statistics.CoMoments.of(p) for p in np.split(values[order], cuts)]
    while len(parts) > 1:
        one = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        other = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(one.merge(other))
    return parts[0]


def packed(found: statistics.CoMoments) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in joint.pack([found]).items()}


def exact_rows(values: np.ndarray) -> list[list[fractions.Fraction]]:
    complete = np.isfinite(values.astype(np.float64)).all(axis=1)
    return [[fractions.Fraction(v) for v in row] for row in values[complete].tolist()]


def assert_exact(found: statistics.CoMoments, values: np.ndarray) -> None:
    """The sums are those of the fractions."""
    rows = exact_rows(values)
    units = [fractions.Fraction(2) ** int(e) for e in found.sums.exponents]
    assert found.count == len(rows)
    at = 0
    for i in range(found.columns):
        assert found.sums.totals[i] * units[i] == sum(row[i] for row in rows)
        for j in range(i, found.columns):
            product = found.sums.products[at] * units[i] * units[j]
            assert product == sum(row[i] * row[j] for row in rows)
            at += 1


def rounded(number: fractions.Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf if number > 0 else -np.inf


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_partition_order_and_merge_tree_leave_no_trace(dtype, data):
    values = draw_values(data, dtype)
    merged, whole = draw_merged(data, values), statistics.CoMoments.of(values)
    assert merged == whole
    assert packed(merged) == packed(whole)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@hypothesis.given(data=st.data(), ddof=st.sampled_from([0, 1]))
def test_covariances_are_the_rounded_exact_ones(dtype, data, ddof):
    values = draw_values(data, dtype)
    found = statistics.CoMoments.of(values)
    assert_exact(found, values)
    rows = exact_rows(values)
    hypothesis.assume(len(rows) > ddof)
    columns = list(zip(*rows, strict=True))
    means = [sum(column) / len(rows) for column in columns]
    assert found.mean.tolist() == [rounded(mean) for mean in means]
    covariance = found.covariance_with(ddof)
    for i, one in enumerate(columns):
        for j, other in enumerate(columns):
            products = [
                (a - means[i]) * (b - means[j]) for a, b in zip(one, other, strict=True)
            ]
            truth = sum(products) / (len(rows) - ddof)
            assert covariance[i, j] == rounded(truth)


@pytest.mark.parametrize(
    "values",
    [
        [[1e30, 1e-30], [1e-30, 1e30], [-1e30, 1.0]],
        [[1e300, 5e-324], [5e-324, 1e300], [0.0, 5e-324]],
        [[5e-324, 1e-310], [-5e-324, 5e-324]],
        [[2.0**30, 2.0**-1070], [5e-324, 2.0], [1.0, 0.0]],
        [[1.7e308, -1.7e308], [1.7e308, 1.7e308]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[0.0, 1.0], [-0.0, 3.0]],
        [[1.0, np.nan], [np.inf, 2.0]],
    ],
)
def test_sums_are_exact_at_the_ends_of_the_range(values):
    values = np.array(values)
    assert_exact(statistics.CoMoments.of(values), values)


@pytest.mark.parametrize("columns", [1, 31, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_many_rows_are_exact(blocks, columns, dtype):
    values = RNG.normal(size=(130, columns)) * 50 + 100
    if dtype == "int64":
        values = values * 2.0**54
    values = values.astype(dtype)
    assert_exact(statistics.CoMoments.of(values), values)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("power", [10, 30, 300])
def test_rows_of_other_magnitudes_are_exact(blocks, power, share):
    values = RNG.normal(size=(300, 5))
    odd = RNG.random((300, 5)) < share
    values[odd] *= 10.0 ** RNG.integers(-power, power, odd.sum())
    assert_exact(statistics.CoMoments.of(values), values)


@pytest.mark.parametrize("value", [1 - 2.0**-24, 1.0, -1.0, 255, 2**63 - 1, -(2**63)])
def test_full_blocks_of_the_fullest_numbers_are_exact(value):
    size = products._block_rows(256)
    values = np.full((size + 1, 256), value)
    found = statistics.CoMoments.of(values)
    number = fractions.Fraction(value)
    unit = fractions.Fraction(2) ** int(found.sums.exponents[0])
    assert set(found.sums.totals) == {(size + 1) * number / unit}
    assert set(found.sums.products) == {(size + 1) * number**2 / unit**2}


def test_nothing_cancels_at_a_large_offset():
    # In float64, the difference of sums would have no right digit.
    values = 2.0**40 + RNG.integers(-3, 3, (5_000, 4)).astype(np.float64)
    found = statistics.CoMoments.of(values)
    wanted = np.cov((values - 2.0**40).T, ddof=0)
    np.testing.assert_allclose(found.covariance, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("narrow", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_the_width_rows_are_stored_in_leaves_no_trace(narrow):
    values = RNG.normal(size=(99, 3)).astype(narrow)
    wide = values.astype(np.float64)
    assert packed(statistics.CoMoments.of(values)) == packed(
        statistics.CoMoments.of(wide)
    )


def test_a_row_with_a_gap_counts_in_no_pair():
    values = RNG.normal(size=(50, 3))
    values[::7, 1] = np.nan
    values[3, 0] = np.inf
    complete = values[np.isfinite(values).all(axis=1)]
    assert statistics.CoMoments.of(values) == statistics.CoMoments.of(complete)


def test_correlations_agree_with_numpy():
    values = RNG.normal(size=(99, 4)) @ RNG.normal(size=(4, 4)) * [1, 1e140, 1e-140, 9]
    found = statistics.CoMoments.of(values).correlation
    # NumPy rounds 99 times.
    np.testing.assert_allclose(found, np.corrcoef(values.T), rtol=0, atol=1e-14)
    assert (np.diag(found) == 1).all()


def test_a_constant_correlates_with_nothing():
    found = statistics.CoMoments.of(np.array([[1.0, 2.0], [1.0, 3.0]])).correlation
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [np.nan, 1.0]])


def test_no_rows_have_no_covariance():
    none = statistics.CoMoments(2)
    some = statistics.CoMoments.of(RNG.normal(size=(5, 2)))
    assert np.isnan(none.mean).all() and np.isnan(none.covariance).all()
    assert none.merge(some) == some.merge(none) == some
    assert statistics.CoMoments.of(np.zeros((0, 2))) == none


def test_subtracting_gives_back_what_was_merged():
    kept = statistics.CoMoments.of(RNG.normal(size=(50, 3)))
    gone = statistics.CoMoments.of(RNG.normal(size=(20, 3)) * 1e9)
    assert kept.merge(gone).subtract(gone) == kept
    assert packed(kept.merge(gone).subtract(gone)) == packed(kept)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_refuses_to_subtract_what_was_never_merged(rows):
    some = statistics.CoMoments.of(np.ones((2, 2)))
    with pytest.raises(errors.StatisticsError, match="never merged"):
        some.subtract(statistics.CoMoments.of(np.full((rows, 2), 9.0)))


def test_refuses_more_pairs_than_fit_memory():
    with pytest.raises(errors.FeatureError, match="5000 elements.*4096 at most"):
        statistics.CoMoments(5_000)


# Of features.


def test_features_have_them_only_if_asked():
    found = statistics.FeatureStatistics.of(RNG.normal(size=(5, 2)))
    with pytest.raises(errors.StatisticsError, match="not asked for"):
        _ = found.covariance


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (1, 3), None])
def test_kept_elements_make_the_vectors(axis):
    images = RNG.integers(0, 256, (30, 3, 2, 4), np.uint8)
    kept = () if axis is None else axis
    kept = arrays.kept_axes(kept, 4)
    rest = [a for a in range(4) if a not in kept]
    rows = np.transpose(images, [*rest, *kept])
    rows = rows.reshape(-1, int(np.prod([images.shape[a] for a in kept], dtype=int)))
    found = statistics.FeatureStatistics.of(images, axis=axis, comoments=True)
    assert found.comoments == statistics.CoMoments.of(rows)
    wanted = np.cov(rows.T, ddof=0).reshape(found.covariance.shape)
    np.testing.assert_allclose(found.covariance, wanted, rtol=1e-12, atol=1e-9)


def test_one_number_a_row_has_a_variance():
    found = statistics.FeatureStatistics.of(np.arange(4.0), comoments=True)
    assert found.covariance == [[found.variance]]


def test_missing_rows_count_in_none():
    values = RNG.normal(size=(9, 2))
    missing = np.arange(9) % 3 == 0
    found = statistics.FeatureStatistics.of(values, missing=missing, comoments=True)
    assert found.comoments == statistics.CoMoments.of(values[~missing])


def test_merging_with_statistics_that_lack_them_loses_them():
    values = RNG.normal(size=(9, 2))
    one = statistics.FeatureStatistics.of(values, comoments=True)
    other = statistics.FeatureStatistics.of(values)
    assert one.merge(other).joint is None
    assert one.merge(statistics.FeatureStatistics(3, 3)).joint == one.joint
    assert one.merge(one).subtract(one).joint == one.joint


# Of data sets.


def table(comoments=True, rows=99) -> artifact.Statistics:
    values = np.random.default_rng(1).normal(size=(rows, 3)) * [1, 1e30, 1e-9]
    one = statistics.FeatureStatistics.of(values, comoments=comoments)
    other = statistics.FeatureStatistics.of(values[:, 0])
    whole = statistics.FeatureStatistics.of(np.arange(rows), comoments=comoments)
    absent = statistics.FeatureStatistics(rows, rows)
    features = {"vectors": one, "other": other, "absent": absent, "whole": whole}
    return artifact.Statistics(features, rows)


def test_the_artifact_keeps_them(tmp_path):
    found = table()
    found.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert again.digest == found.digest
    assert again["vectors"].comoments == found["vectors"].comoments
    assert again["whole"].comoments == found["whole"].comoments
    assert again["other"].joint is None
    assert again.merge(again).digest == found.merge(found).digest


def test_the_digest_covers_them():
    found, bare = table(), table(comoments=False)
    assert found.digest != bare.digest
    assert set(artifact.state.pack(bare.features, 9)) < set(
        artifact.state.pack(found.features, 9)
    )


def test_a_part_taken_away_leaves_the_digest_of_the_rest():
    rest, part = table(rows=99), table(rows=50)
    assert rest.merge(part).subtract(part)["vectors"].joint == rest["vectors"].joint


def test_the_summary_tells_of_them_in_a_line(tmp_path):
    table().save(tmp_path / "s")
    text = (tmp_path / "s" / "statistics.json").read_text()
    features = json.loads(text)["features"]
    assert features["vectors"]["comoments"] == {"complete_rows": 99}
    assert "comoments" not in features["other"]


def columns(rows=3_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 3)) + 1e4
    return {"x": mixed.astype(np.float32), "y": rng.normal(size=(rows, 2))}


def test_one_pass_takes_them_where_a_scheme_needs_them():
    found = tfnorm.analyze(columns(), RECIPE)
    assert found["x"].comoments == statistics.CoMoments.of(columns()["x"])
    assert found["y"].joint is None


def test_views_have_them_and_raw_data_do_not():
    recipe = tfnorm.Recipe({"y": schemes.Log("asinh", then=schemes.Whitening())})
    found = tfnorm.analyze(columns(), recipe)
    assert found["y"].joint is None
    mapped = np.arcsinh(columns()["y"])
    np.testing.assert_allclose(
        found["asinh(y)"].covariance, np.cov(mapped.T, ddof=0), rtol=1e-12
    )


@pytest.mark.parametrize("size", [7, 1_000])
def test_beam_computes_the_same_to_the_bit(size):
    whole = columns()

    def batch(start):
        cut = {n: arrays.Column(v[start : start + size]) for n, v in whole.items()}
        return arrays.Batch(cut, len(cut["x"].values))

    with beam.Pipeline("FnApiRunner") as pipeline:
        digests = (
            pipeline
            | beam.Create(range(0, 3_000, size))
            | beam.Map(batch)
            | tfnorm.beam.ComputeStatistics(RECIPE)
            | beam.Map(lambda found: found.digest)
        )
        util.assert_that(digests, util.equal_to([tfnorm.analyze(whole, RECIPE).digest]))


# Of slices.

SLICED = {"x": RNG.normal(size=(90, 3)), "k": RNG.integers(0, 4, 90)}
SLICED["k"][60:] = 9
WHITE = tfnorm.Recipe({"x": schemes.Whitening()})


def sliced(part=slice(None), missing=None, slices=("k",)) -> artifact.Statistics:
    columns = {name: arrays.Column(v[part]) for name, v in SLICED.items()}
    if missing is not None:
        columns["x"] = arrays.Column(columns["x"].values, missing)
    return tfnorm.analyze(columns, WHITE, slices=slices)


def test_a_slice_has_those_of_a_filtered_run():
    found = sliced()
    for key in range(4):
        alone = tfnorm.analyze(SLICED, WHITE, filters=[("k", "=", key)])
        assert found[f"x | k={key}"] == alone["x"]
        assert found[f"x | k={key}"].comoments == alone["x"].comoments


def test_parts_of_slices_merge_and_are_taken_away(tmp_path):
    whole, one, two = sliced(), sliced(slice(0, 30)), sliced(slice(30, 90))
    assert one.merge(two).digest == two.merge(one).digest == whole.digest
    assert one.merge(two).features == whole.features
    left = whole.subtract(two)["x | k=2"].comoments
    assert left == one["x | k=2"].comoments
    whole.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert (again.digest, again.features) == (whole.digest, whole.features)


def test_slices_of_which_a_part_has_no_value_merge_with_others(tmp_path):
    # All rows of key 9 lack a value here, and none of them there.
    gone = SLICED["k"] == 9
    one, two = sliced(missing=gone), sliced()
    nothing = sliced(slice(50, 70), missing=gone[50:70])
    assert nothing["x | k=9"].shape is None
    found = one.merge(two).merge(nothing)
    assert found.digest == nothing.merge(two).merge(one).digest
    assert found["x | k=9"].comoments == two["x | k=9"].comoments
    left = found.subtract(two)
    assert left["x | k=9"] == one.merge(nothing)["x | k=9"]
    found.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert (again.digest, again.features) == (found.digest, found.features)


def test_too_many_of_them_in_slices_are_an_error(monkeypatch):
    one, two = sliced(slice(0, 60)), sliced(slice(60, 90))
    monkeypatch.setattr(features, "MOST_PAIRS", 5 * 6 - 1)
    with pytest.raises(errors.DataError, match="more than 29 co-moments"):
        sliced()
    with pytest.raises(errors.DataError, match="more than 29 co-moments"):
        one.merge(two)
    assert sliced(slice(0, 60)).digest == one.digest
