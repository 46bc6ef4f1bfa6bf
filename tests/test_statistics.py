# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Law 1: statistics are exact, whatever the order, split and merge tree."""

import fractions
import math

import hypothesis
import ml_dtypes
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfnorm import arrays
from tfnorm import errors
from tfnorm import statistics
from tfnorm.statistics import block as block_lib
from tfnorm.statistics import sums

DTYPES = [
    np.dtype(ml_dtypes.bfloat16),
    *map(np.dtype, ("float16", "float32", "float64", "uint8")),
    *map(np.dtype, ("int8", "int16", "int32", "int64")),
]
# 9 dtypes of 150 examples: 1,350 partitions, each with its own merge tree.
EXAMPLES = 150


def draw_values(data, dtype: np.dtype) -> np.ndarray:
    """Values anywhere in the range of `dtype`, or many near one offset."""
    if dtype.kind in "iu":
        return data.draw(hnp.arrays(dtype, st.integers(1, 60)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    offset = data.draw(st.sampled_from([0.0, 1.0, -1e6, 1e30, 1e-30]))
    spread = data.draw(st.sampled_from([0.0, 1e-30, 1.0, 1e6, 1e200]))
    count = data.draw(st.integers(1, 60))
    wild = data.draw(st.lists(st.floats(), max_size=6))
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.random.default_rng(seed).normal(size=count) * spread + offset
        return np.concatenate([values, wild]).astype(dtype)


def draw_merged(data, values: np.ndarray) -> statistics.FeatureStatistics:
    """The statistics of `values` over a random partition, order and merge tree."""
    order = np.array(data.draw(st.permutations(range(len(values)))))
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=6).map(sorted))
    parts = [statistics.FeatureStatistics.of(p) for p in np.split(values[order], cuts)]
    while len(parts) > 1:
        one = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        other = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(one.merge(other))
    return parts[0]


def exact(values: np.ndarray) -> list[fractions.Fraction]:
    finite = values[np.isfinite(values.astype(np.float64))]
    return [fractions.Fraction(v) for v in finite.tolist()]


def assert_same_state(a, b):
    assert (a.rows, a.missing, a.kind, a.shape) == (b.rows, b.missing, b.kind, b.shape)
    for left, right in zip(a.channels, b.channels, strict=True):
        assert left.counts == right.counts
        assert left.extrema == right.extrema
        assert left.moments == right.moments
        assert left.quantiles.dropped == right.quantiles.dropped
        assert left.quantiles.keys.tobytes() == right.quantiles.keys.tobytes()
        assert left.quantiles.counts.tobytes() == right.quantiles.counts.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_partition_order_and_merge_tree_leave_no_trace(dtype, data):
    values = draw_values(data, dtype)
    assert_same_state(
        draw_merged(data, values), statistics.FeatureStatistics.of(values)
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_moments_are_the_rounded_exact_ones(dtype, data):
    values = draw_values(data, dtype)
    numbers = exact(values)
    found = statistics.FeatureStatistics.of(values)
    if not numbers:
        assert np.isnan(found.mean) and np.isnan(found.variance)
        return
    mean = sum(numbers) / len(numbers)
    variance = sum((n - mean) ** 2 for n in numbers) / len(numbers)
    assert found.mean == float(mean)
    try:
        assert found.variance == float(variance)
    except OverflowError:
        assert found.variance == np.inf
        return
    # The nearest float64 to the root: no neighbour's square lies on its other side.
    root = fractions.Fraction(float(found.std))
    below = (root + fractions.Fraction(math.nextafter(float(found.std), 0))) / 2
    above = (root + fractions.Fraction(math.nextafter(float(found.std), np.inf))) / 2
    assert below**2 <= variance <= above**2


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@hypothesis.given(data=st.data(), q=st.floats(0, 1))
def test_few_distinct_values_have_exact_quantiles(dtype, data, q):
    values = draw_values(data, dtype)
    numbers = sorted(exact(values))
    hypothesis.assume(numbers)
    found = statistics.FeatureStatistics.of(values).quantile(q)
    rank = int(q * (len(numbers) - 1))
    neighbours = numbers[rank : rank + 2]
    assert found.lower == found.value == found.upper
    assert float(min(neighbours)) <= found.value <= float(max(neighbours))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("scale", [1.0, 1e4, 1e-20])
@pytest.mark.parametrize("q", [0.0, 0.001, 0.25, 0.5, 0.9, 1.0])
def test_intervals_hold_the_true_quantile_of_many_values(dtype, scale, q):
    # With 200,001 values, each of these quantiles is one order statistic.
    values = np.random.default_rng(0).standard_cauchy(200_001) * scale
    if dtype.startswith("int"):
        values = np.clip(values * 1e6, -2e9, 2e9)
    values = values.astype(dtype)
    found = statistics.FeatureStatistics.of(values)
    interval = found.quantile(q)
    assert found.channels[0].quantiles.dropped > 0 or values.dtype.kind == "i"
    assert interval.lower <= np.sort(values)[round(q * 200_000)] <= interval.upper
    assert interval.lower <= interval.value <= interval.upper


@pytest.mark.parametrize("q", [0.017, 0.5, 0.77])
def test_interpolates_between_order_statistics_as_numpy_does(q):
    values = np.random.default_rng(0).normal(size=1_000)
    found = statistics.FeatureStatistics.of(values).quantile(q)
    assert found.lower == found.value == found.upper
    # 2 ulp: NumPy rounds the rank and the interpolation in another order.
    np.testing.assert_allclose(found.value, np.quantile(values, q), rtol=5e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_collapsed_histograms_do_not_depend_on_the_split(dtype):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=100_000) * 1e6).astype(dtype)
    whole = statistics.FeatureStatistics.of(values)
    parts = np.split(rng.permutation(values), [10, 5_000, 5_001, 60_000])
    merged = statistics.FeatureStatistics()
    for part in parts:
        merged = statistics.FeatureStatistics.of(part).merge(merged)
    assert whole.channels[0].quantiles.dropped > 0
    assert_same_state(whole, merged)


@pytest.mark.parametrize("dropped", [0, 20, 44, 52])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-310, 1e300])
@pytest.mark.parametrize("offset", [0.0, 3.0, -7.0])
def test_indexed_and_sorted_histograms_agree(dropped, scale, offset):
    rng = np.random.default_rng(0)
    values = rng.integers(-99, 99, 3_000) * scale + offset
    block = next(block_lib.blocks(values))
    keys, counts = block.runs(dropped)
    expected = block_lib.runs(np.sort(block_lib.order_keys(block.values)) >> dropped)
    np.testing.assert_array_equal(keys, expected[0])
    np.testing.assert_array_equal(counts, expected[1])


@pytest.mark.parametrize(
    "values",
    [
        [1e308] * 40_000,
        [1.7e308, -1.7e308, 5e-324, 2.0**-1060],
        [1e30, 1e-30, -1e30, 1e-30],
        [5e-324] * 3,
        [2.0**-540, 3.0 * 2.0**-541, 1.0],
    ],
)
def test_sums_are_exact_at_the_ends_of_the_range(values):
    block = block_lib.Block(np.array(values))
    numbers = [fractions.Fraction(v) for v in values]
    assert sums.exact_sums(block) == (
        sum(numbers) * 2**1074,
        sum(n * n for n in numbers) * 2**2148,
    )


def test_float32_mean_at_an_offset_does_not_drift():
    # A float32 sum over axis 0 gives mean 9988.28 and variance 138.4 here.
    values = np.random.default_rng(0).normal(1e4, 1, (200_000, 2)).astype(np.float32)
    found = statistics.FeatureStatistics.of(values)
    wide = values.astype(np.float64)
    # 1e-12: what the float64 reference itself loses over 200,000 additions.
    np.testing.assert_allclose(found.mean, wide.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, wide.var(axis=0), rtol=1e-12)


def test_streamed_variance_at_a_million_does_not_cancel():
    values = np.random.default_rng(0).normal(1e6, 1, 100_000).astype(np.float32)
    found = statistics.FeatureStatistics()
    for batch in np.array_split(values, 3_125):
        found = found.add(arrays.Column(batch))
    np.testing.assert_allclose(
        found.variance, values.astype(np.float64).var(), rtol=1e-10
    )


@pytest.mark.parametrize(
    "value", [1 - 2.0**-53, 1 - 2.0**-24, 1.0, 2.0**-1074, 1.5e300]
)
@pytest.mark.parametrize("count", [1023, 1024, 1025, (1 << 17) - 1, 1 << 17])
def test_a_full_block_of_the_fullest_numbers_is_summed_exactly(value, count):
    found = statistics.Moments.of(np.full(count, value))
    exact = fractions.Fraction(value)
    assert found.total == count * exact * 2**1074
    assert found.squares == count * exact**2 * 2**2148


@pytest.mark.parametrize("wide", [np.float64, np.float32])
@pytest.mark.parametrize("narrow", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_the_width_a_column_is_stored_in_leaves_no_trace(wide, narrow):
    values = np.random.default_rng(0).normal(size=999).astype(narrow)
    assert_same_state(
        statistics.FeatureStatistics.of(values),
        statistics.FeatureStatistics.of(values.astype(wide)),
    )


def test_counts_nan_infinite_zero_and_missing_apart():
    values = np.array([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, -np.inf, 9.0])
    missing = np.arange(8) == 7
    found = statistics.FeatureStatistics.of(values, missing=missing)
    assert found.counts == statistics.CountArrays(3, 2, 1, 1, 2, missing=1)
    assert (found.min, found.max, found.rows) == (0.0, 1.0, 8)
    assert found.mean == 1 / 3


def test_keeps_the_channel_axis_of_images():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 2), np.uint8)
    found = statistics.FeatureStatistics.of(images)
    assert found.shape == (2,)
    np.testing.assert_array_equal(found.max, images.max(axis=(0, 1, 2)))
    np.testing.assert_allclose(found.std, images.std(axis=(0, 1, 2)), rtol=1e-15)


def test_refuses_to_keep_the_row_axis():
    with pytest.raises(errors.FeatureError, match="row"):
        statistics.FeatureStatistics.of(np.zeros((2, 2)), axis=0)


def test_refuses_rows_of_another_shape():
    found = statistics.FeatureStatistics.of(np.zeros((2, 3)))
    with pytest.raises(errors.FeatureError, match=r"\(4,\).*\(3,\)"):
        found.add(arrays.Column(np.zeros((2, 4))))


@pytest.mark.parametrize("values", [["a"], [1j], [None]])
def test_refuses_what_is_no_number(values):
    with pytest.raises(errors.FeatureError, match="expected numbers"):
        statistics.FeatureStatistics.of(np.array(values))


def test_refuses_to_merge_integers_with_floats():
    with pytest.raises(errors.StatisticsError, match="integer.*floating"):
        statistics.FeatureStatistics.of(np.zeros(2)).merge(
            statistics.FeatureStatistics.of(np.zeros(2, np.int32))
        )


def test_subtracting_gives_back_what_was_merged():
    rng = np.random.default_rng(0)
    kept = statistics.FeatureStatistics.of(
        np.concatenate([rng.normal(size=99), [9, -9]])
    )
    gone = statistics.FeatureStatistics.of(rng.normal(size=50))
    assert_same_state(kept.merge(gone).subtract(gone), kept)


def test_a_subtracted_extremum_is_unknown_not_wrong():
    whole = statistics.FeatureStatistics.of(np.arange(5.0))
    rest = whole.subtract(statistics.FeatureStatistics.of(np.array([4.0])))
    assert rest.mean == 1.5
    with pytest.raises(errors.StatisticsError, match="unknown"):
        _ = rest.max


def test_refuses_to_subtract_what_was_never_merged():
    some = statistics.FeatureStatistics.of(np.arange(5.0))
    with pytest.raises(errors.StatisticsError, match="never merged"):
        some.subtract(statistics.FeatureStatistics.of(np.array([7.5])))


def test_no_values_have_no_mean():
    nothing = statistics.FeatureStatistics.of(np.zeros(0))
    assert np.isnan(nothing.mean) and nothing.rows == 0


@pytest.mark.parametrize("weights", [None, np.ones(3)])
def test_without_all_its_values_a_feature_is_as_before_them(weights):
    none = statistics.FeatureStatistics(2, 2)
    some = statistics.FeatureStatistics().add(
        arrays.Column(np.arange(3.0)), weights=weights
    )
    assert none.merge(some).subtract(some) == none


def test_refuses_to_subtract_more_values_than_there_are():
    column = arrays.Column(np.arange(3.0), np.array([False, True, True]))
    some = statistics.FeatureStatistics().add(column)
    with pytest.raises(errors.StatisticsError, match="never merged"):
        some.subtract(statistics.FeatureStatistics.of(np.array([0.0, np.nan])))
