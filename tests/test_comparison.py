# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far new data are from a baseline, and what is said of it."""

import itertools
import json

import numpy as np
import pytest

import tfnorm
from tfnorm import arrays
from tfnorm import comparison
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.comparison import chance

RNG = np.random.default_rng(0)
ANY = tfnorm.Thresholds(
    mean_shift=None,
    deviation_ratio=None,
    stability_index=None,
    out_of_range=None,
    missing_rate=None,
    new_keys=None,
)
of = statistics.FeatureStatistics.of


def compared(found, baseline, **options) -> comparison.FeatureComparison:
    """Compares two arrays, or columns of rows without a value."""
    held = []
    for values in (found, baseline):
        column = values if isinstance(values, arrays.Column) else None
        values = values if column is None else column.values
        held.append({"x": of(values, missing=column.missing if column else None)})
    return tfnorm.compare(*held, **options).features["x"]


def measured(name: str, found, baseline, **options) -> float:
    return compared(found, baseline, **options).measures[name].value


def breaches(feature: comparison.FeatureComparison) -> set[str]:
    return {name for name, one in feature.measures.items() if one.breached}


def direct_index(found: np.ndarray, baseline: np.ndarray) -> float:
    """The stability index of raw values: bins end at deciles, frequent ones alone."""
    tenths = np.arange(1, 10) / 10
    deciles = np.unique(np.quantile(baseline, tenths, method="inverted_cdf"))
    alone = [float(v) for v in deciles if 10 * np.sum(baseline == v) > baseline.size]
    integers = baseline.dtype.kind == "i"
    below = np.subtract(alone, 1) if integers else np.nextafter(alone, -np.inf)
    edges = np.unique(np.concatenate((deciles, below)))
    shares = []
    for values in (found, baseline):
        bins = np.searchsorted(edges, values.astype(float), side="left")
        counts = np.bincount(bins, minlength=edges.size + 1)
        shares.append((counts + 0.5) / (values.size + counts.size / 2))
    return float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))


# float64 sums of about ten terms.
CLOSE = 1e-12


@pytest.mark.parametrize(
    ("found", "baseline"),
    [
        (RNG.normal(0.5, 1, 900), RNG.normal(size=1000)),
        (RNG.normal(50, 1, 900), RNG.normal(size=1000)),
        (RNG.integers(0, 4, 900), RNG.integers(0, 3, 1000)),
        (RNG.integers(0, 2, 900), (RNG.random(1000) < 0.05).astype(int)),
        (RNG.poisson(2, 900) * 0.5, RNG.poisson(1, 1000) * 0.5),
        (np.array([1.0]), np.array([2.0, 3.0, 5.0])),
        (np.full(9, 4), np.full(7, 3)),
        (np.array([0]), np.array([np.iinfo(np.int64).min] * 9 + [5])),
    ],
    ids=["shift", "far", "more values", "rare", "skewed", "few", "constant", "least"],
)
def test_the_stability_index_is_that_of_the_raw_values(found, baseline):
    index = statistics.stability_index(of(found), of(baseline))
    assert index == pytest.approx(direct_index(found, baseline), rel=CLOSE)


def test_the_stability_index_of_coarse_buckets_is_close_to_that_of_raw_values():
    found, baseline = RNG.normal(0.5, 1, 90_000), RNG.normal(size=100_000)
    index = statistics.stability_index(of(found), of(baseline))
    # Of 8,192 buckets, one at each of nine bins' ends may be on the other side: these
    # hold some 2e-3 of the values, which change an index of 0.24 by less than 1%.
    assert index == pytest.approx(direct_index(found, baseline), rel=0.01)


def test_the_stability_index_of_wide_features_is_that_of_each_element():
    shape = (40, statistics.WIDE + 1)
    found, baseline = RNG.normal(0.5, 1, shape), RNG.normal(size=shape)
    index = statistics.stability_index(of(found), of(baseline))
    single = [direct_index(found[:, i], baseline[:, i]) for i in range(9)]
    np.testing.assert_allclose(index[:9], single, rtol=CLOSE)


def test_the_stability_index_does_not_depend_on_how_data_were_split():
    found, baseline = RNG.normal(1, 1, 50_000), RNG.normal(size=50_000)
    merged = of(found[:100]).merge(of(found[100:]))
    index = statistics.stability_index(merged, of(baseline))
    assert index == statistics.stability_index(of(found), of(baseline))


def test_a_weight_of_two_is_the_row_twice():
    columns = {"x": RNG.normal(size=200), "w": RNG.integers(1, 4, 200)}
    recipe = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    weighted = tfnorm.analyze(columns, recipe)["x"]
    repeated = of(np.repeat(columns["x"], columns["w"]))
    index = statistics.stability_index(weighted, repeated)
    # The shares are the same: what is left is that of the halves of a count.
    assert index < 1e-3


def test_the_worst_element_is_named():
    baseline = RNG.normal(size=(500, 2, 3))
    found = baseline + np.array([[0, 0, 0], [0, 2, 0]])
    held = [{"x": of(values, axis=(1, 2))} for values in (found, baseline)]
    result = tfnorm.compare(*held)
    shift = result.features["x"].measures["mean_shift"]
    assert shift.element == (1, 1)
    assert shift.value == pytest.approx(2 / baseline[:, 1, 1].std())
    assert (
        "feature 'x': of element [1, 1], the mean is off by +1.95" in result.findings[0]
    )


def test_shift_is_in_deviations_of_the_baseline_and_has_a_sign():
    found, baseline = np.array([-3.0, -1.0]), np.array([2.0, 6.0])
    assert measured("mean_shift", found, baseline) == -3.0
    assert measured("deviation_ratio", found, baseline) == 0.5


@pytest.mark.parametrize("factor", [1.5, 1 / 1.5])
def test_a_deviation_may_neither_grow_nor_shrink(factor):
    values = RNG.normal(size=1000)
    assert "deviation_ratio" in breaches(compared(factor * values, values))


@pytest.mark.parametrize(
    ("found", "shift", "ratio"),
    [
        ([7.0, 7.0], 0.0, 1.0),
        ([np.nextafter(7.0, 8.0)] * 2, np.inf, 1.0),
        ([6.0, 7.0], -np.inf, np.inf),
    ],
)
def test_of_a_constant_every_change_is_infinite(found, shift, ratio):
    feature = compared(np.array(found), np.full(5, 7.0))
    assert feature.measures["mean_shift"].value == shift
    assert feature.measures["deviation_ratio"].value == ratio


def test_a_feature_that_became_constant_has_lost_all_deviation():
    feature = compared(np.full(9, 3.0), np.arange(7.0))
    assert feature.measures["deviation_ratio"].value == 0.0
    assert "deviation_ratio" in breaches(feature)


def test_one_value_has_no_deviation_to_compare():
    assert "deviation_ratio" not in compared(np.array([3.0]), np.arange(7.0)).measures


def test_values_out_of_range_are_counted_exactly():
    found = np.array([-0.5, 0.0, 3.0, 6.0, 6.0 + 2**-40])
    assert measured("out_of_range", found, np.arange(7.0)) == 0.4


@pytest.mark.parametrize("size", [100, 200, 500])
def test_a_few_values_out_of_a_small_baselines_range_are_no_alarm(size):
    def drawn(rng, rows):
        return {f"f{i}": of(rng.normal(size=rows)) for i in range(30)}

    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        result = tfnorm.compare(drawn(rng, size), drawn(rng, 2 * size))
        every = result.features.values()
        alarms += any(one.measures["out_of_range"].breached for one in every)
    # 600 features at odds of 1 in 741 at most.
    assert alarms <= 2


@pytest.mark.parametrize("size", [100, 500, 100_000])
def test_more_values_out_of_range_than_chance_puts_there_are_a_breach(size):
    rng = np.random.default_rng(0)
    found, baseline = rng.normal(size=size), rng.normal(size=2 * size)
    found[: size // 10] = 9.0
    feature = compared(found, baseline)
    assert "out_of_range" in breaches(feature)
    finding = [one for one in feature.findings() if "out of range" in one][0]
    expected = 2 / (2 * size + 1)
    assert f"({expected:.3%} were to be expected), beyond 1.000%" in finding


def test_the_odds_of_values_out_of_range_are_those_of_all_orders():
    # Of 4 new values and 3 of the baseline, in each order that there is.
    orders = [*itertools.combinations(range(7), 3)]
    outside = np.array([first + 6 - last for first, _, last in orders])
    for count in range(5):
        odds = chance.outside_at_least(count, 4, 3)
        assert odds == pytest.approx(np.mean(outside >= count), rel=CLOSE)


def test_the_element_with_values_out_of_range_is_named_though_others_have_few():
    rng = np.random.default_rng(0)
    baseline, found = rng.random((2, 400, 2))
    # A share as great of fewer values is chance.
    found[2:, 0], found[:2, 0] = np.nan, 2.0
    baseline[20:, 0] = np.nan
    found[:100, 1] = 2.0
    measure = compared(found, baseline).measures["out_of_range"]
    assert (measure.element, measure.breached) == ((1,), True)


def test_infinities_are_out_of_range_where_the_baseline_has_none():
    found = np.array([1.0, 2.0, np.inf, -np.inf])
    baseline = np.array([1.0, 2.0, np.inf])
    assert measured("out_of_range", found, baseline) == 0.25


def test_without_histograms_the_extrema_are_still_counted():
    width = statistics.WIDE + 1
    baseline, found = RNG.random((2, 20, width))
    found[3, 5] = 2.0
    held = []
    for values in (found, baseline):
        empty = statistics.FeatureStatistics()
        held.append({"x": empty.add(arrays.Column(values), quantiles=None)})
    feature = tfnorm.compare(*held).features["x"]
    assert "stability_index" not in feature.measures
    assert feature.measures["out_of_range"].value >= 0.05
    assert [note.split(":")[0] for note in feature.notes] == [
        "no stability index",
        "of its values out of range only the extrema are counted",
    ]


def test_missing_values_and_nan_count_alike():
    baseline = np.arange(10.0)
    gaps = np.arange(10) < 2
    missing = arrays.Column(baseline, gaps)
    nan = np.where(gaps, np.nan, baseline)
    assert measured("missing_rate", missing, baseline) == 0.2
    assert measured("missing_rate", nan, baseline) == 0.2
    both = arrays.Column(np.where(np.arange(10) == 9, np.nan, baseline), gaps)
    assert measured("missing_rate", both, baseline) == pytest.approx(0.3)


def test_fewer_missing_values_are_no_breach():
    baseline = np.where(np.arange(10) < 5, np.nan, np.arange(10.0))
    feature = compared(np.arange(5.0, 10.0), baseline)
    assert feature.measures["missing_rate"].value == -0.5
    assert not breaches(feature)


@pytest.mark.parametrize(
    "found",
    [np.full(4, np.nan), arrays.Column(np.zeros(4), np.ones(4, bool))],
    ids=["NaN", "missing"],
)
def test_a_feature_without_values_is_missing_and_noted(found):
    feature = compared(found, np.arange(5.0))
    assert breaches(feature) == {"missing_rate"}
    assert "no finite values" in feature.notes[0]


def test_a_baseline_without_values_is_a_finding():
    feature = compared(np.arange(5.0), np.full(4, np.nan))
    assert feature.faults == ("the baseline has no finite value to compare with.",)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (np.arange(5), "values are integer, where the baseline's are floating"),
        (np.ones((5, 3)), "kept shape (3,), where the baseline's are of (2,)"),
    ],
)
def test_another_type_or_shape_is_a_finding(found, fault):
    feature = compared(found, np.ones((5, 2)))
    assert not feature.measures
    assert fault in feature.faults[0]


def test_an_absent_feature_is_a_finding_and_a_new_one_is_not():
    result = tfnorm.compare({"new": of(np.ones(3))}, {"x": of(np.arange(3.0))})
    assert result.findings == ("feature 'x': it is absent from the new data.",)


@pytest.mark.parametrize("given", [True, False])
def test_an_excluded_feature_is_not_compared_nor_its_views(given):
    columns = {"x": np.arange(9.0), "y": np.arange(9.0)}
    recipe = tfnorm.Recipe({"x": schemes.ZScore(), "y": schemes.Log("log1p")})
    baseline = tfnorm.analyze(columns, recipe)
    logs = {"x": of(np.arange(9.0))}
    wanted = {"recipe": recipe} if given else {}
    result = tfnorm.compare(logs, baseline, exclude=["y"], **wanted)
    assert result.passed and [*result.features] == ["x"]
    assert result.notes == ("'y' was excluded.",)
    assert "  note: 'y' was excluded." in str(result).splitlines()


@pytest.mark.parametrize("exclude", ["x", ["no_such"]])
def test_what_is_excluded_must_be_a_list_of_features_that_are_compared(exclude):
    held = {"x": of(np.arange(3.0))}
    with pytest.raises(errors.RecipeError, match="exclude"):
        tfnorm.compare(held, held, exclude=exclude)


def test_the_recipe_is_that_of_the_baseline_and_says_what_is_compared():
    columns = {"x": RNG.lognormal(size=500), "other": np.arange(500)}
    recipe = tfnorm.Recipe({"x": schemes.Log("log1p")})
    baseline = tfnorm.analyze(columns, recipe)
    result = tfnorm.compare(tfnorm.analyze(columns, recipe), baseline)
    assert [*result.features] == ["x", "log1p(x)"] and result.passed


@pytest.mark.parametrize(
    "scheme",
    [
        schemes.Log("log1p"),
        schemes.Power("box-cox"),
        schemes.Quantile(),
        schemes.Robust(),
        schemes.PercentileClip(),
        schemes.TukeyHH(),
        schemes.Log("log", then=schemes.Robust()),
    ],
    ids=str,
)
def test_a_long_tail_that_the_scheme_tames_is_no_alarm(scheme):
    recipe = tfnorm.Recipe({"x": scheme})
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found, baseline = (
            tfnorm.analyze({"x": rng.lognormal(3, 2, rows)}, recipe)
            for rows in (20_000, 10_000)
        )
        assert not tfnorm.compare(found, baseline).findings
    moved = tfnorm.analyze({"x": rng.lognormal(4.5, 2, 20_000)}, recipe)
    findings = tfnorm.compare(moved, baseline).findings
    assert any("the mean is off by +" in finding for finding in findings)


def test_a_scheme_of_quantiles_is_compared_by_the_middle_half():
    baseline, found = np.arange(101.0), np.arange(101.0) * 2
    found[-1] = 1e9
    recipe = tfnorm.Recipe({"x": schemes.Robust()})
    held = [{"x": of(values)} for values in (found, baseline)]
    found = tfnorm.compare(*held, recipe=recipe).features["x"].measures
    assert found["deviation_ratio"].value == 2.0
    # The middle half is 50 wide, and of a normal feature its deviation is 0.37769.
    deviation = 50 / np.sqrt(12) / 0.37769
    assert found["mean_shift"].value == pytest.approx(50 / deviation, rel=1e-3)
    assert found["mean_shift"].detail == "of the middle half"


def test_values_that_many_rows_have_keep_mean_and_deviation():
    shares = [0.49, 0.51], [0.51, 0.49]
    held = [
        {"x": of(np.repeat([0, 1], np.multiply(100, p).astype(int)))} for p in shares
    ]
    recipe = tfnorm.Recipe({"x": schemes.Robust()})
    result = tfnorm.compare(*held, recipe=recipe)
    assert result.passed
    assert not result.features["x"].measures["mean_shift"].detail


def test_thresholds_are_the_features_then_the_recipes_then_those_given():
    own = tfnorm.Thresholds(mean_shift=9.0)
    recipe = tfnorm.Recipe(
        {"x": tfnorm.Feature(schemes.ZScore(), thresholds=own), "y": schemes.ZScore()},
        thresholds=tfnorm.Thresholds(mean_shift=2.0),
    )
    held = {"x": of(np.arange(9.0)), "y": of(np.arange(9.0))}

    def limits(**options):
        features = tfnorm.compare(held, held, recipe=recipe, **options).features
        return [one.measures["mean_shift"].threshold for one in features.values()]

    assert limits() == [9.0, 2.0]
    assert limits(thresholds=tfnorm.Thresholds(mean_shift=1.0)) == [1.0, 1.0]


def test_none_lets_everything_pass():
    feature = compared(100 + RNG.normal(size=50), RNG.normal(size=50), thresholds=ANY)
    assert not breaches(feature)


@pytest.mark.parametrize("empty", [0, 1])
def test_data_without_rows_are_refused(empty):
    held = [{"x": of(np.ones(3))}, {"x": of(np.ones(3))}]
    held[empty] = {}
    with pytest.raises(errors.EmptyDataError, match="have no rows to compare"):
        tfnorm.compare(*held)


def test_the_report_is_json_that_says_everything(tmp_path):
    train = tfnorm.analyze({"x": np.full(5, 7.0)})
    result = tfnorm.compare(tfnorm.analyze({"x": np.full(9, 8.0)}), train)
    result.save(tmp_path / "c.json")
    told = json.loads((tmp_path / "c.json").read_text())
    assert told == json.loads(config.dumps(result.to_dict()))
    assert not told["passed"] and told["findings"] == list(result.findings)
    assert told["baseline_digest"] == train.digest and told["rows"] == 9
    assert told["features"]["x"]["measures"]["mean_shift"]["value"] == "inf"


def test_printed_it_is_a_table_and_the_findings():
    held = {"x": of(np.arange(9.0))}
    lines = str(tfnorm.compare({"x": of(np.arange(9.0) + 9)}, held)).splitlines()
    assert lines[0].split()[:2] == ["feature", "values"]
    assert lines[1].split()[:4] == ["x", "9", "!", "+3.49"]
    assert lines[2] == "9 rows, 9 in the baseline: 3 findings"
    assert lines[3].startswith("  feature 'x': the mean is off by +3.49 deviations")
    assert "(9 values, 9 in the baseline)" in lines[3]
