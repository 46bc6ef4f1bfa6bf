# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Filters and slices: statistics of the rows that are asked for, in one pass."""

import math
import operator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from apache_beam.testing import util

import tfnorm
from tfnorm import analysis
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.sources import parquet
from tfnorm.sources import write

ROWS = 900
RNG = np.random.default_rng(0)
CARRIERS = np.array([b"UA", b"AA", "Å".encode()], object)
DATA = {
    "delay": arrays.Column(
        RNG.normal(size=ROWS).astype(np.float32), RNG.random(ROWS) < 0.1
    ),
    "age": arrays.Column(RNG.integers(0, 9, ROWS), RNG.random(ROWS) < 0.1),
    "carrier": arrays.Column(
        CARRIERS[RNG.integers(0, 3, ROWS)], RNG.random(ROWS) < 0.1
    ),
    "month": arrays.Column(RNG.integers(1, 4, ROWS)),
    "w": arrays.Column((RNG.integers(0, 40, ROWS) / 8).astype(np.float32)),
}
RECIPE = tfnorm.Recipe(
    {"delay": schemes.Robust(), "age": schemes.PerKey(schemes.ZScore(), "carrier")}
)


def table() -> pa.Table:
    columns = {
        name: pa.array(
            [v.decode() if isinstance(v, bytes) else v for v in c.values.tolist()],
            mask=c.missing,
        )
        for name, c in DATA.items()
    }
    return pa.table(columns)


def _csv(folder, shards):
    for i in range(shards):
        part = table().slice(ROWS * i // shards, ROWS // shards)
        pa_csv.write_csv(part, folder / f"d-{i}.csv")
    return str(folder / "d-*.csv")


def _parquet(folder, shards):
    write.write_parquet(DATA, folder / "d", shards=shards)
    return str(folder / "d-*.parquet")


def _tfrecord(folder, shards):
    write.write_tfrecords(DATA, folder / "d", shards=shards)
    return str(folder / "d-*.tfrecord")


FORMATS = {"csv": _csv, "parquet": _parquet, "tfrecord": _tfrecord}


# Filters.

FILTERS = [
    [("age", "=", 3)],
    [("age", "==", 3)],
    [("age", "!=", 3)],
    [("age", "<", 3), ("age", ">=", 1)],
    [("age", "<=", 2.5)],
    [("age", ">", 7)],
    [("age", "in", [1, 3])],
    [("carrier", "=", "Å")],
    [("carrier", "!=", "UA"), ("month", "=", 1)],
    [("carrier", ">", "AA")],
    [("carrier", "in", ("AA", "UA"))],
    [[("age", "=", 3)], [("carrier", "=", "UA"), ("month", "in", {1, 2})]],
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_choose_the_rows_that_pyarrow_does(tmp_path, filters):
    pq.write_table(table(), tmp_path / "d.parquet", row_group_size=90)
    expected = pq.read_table(tmp_path / "d.parquet", filters=filters)
    found = tfnorm.analyze(tmp_path / "d.parquet", RECIPE, filters=filters)
    assert found.digest == tfnorm.analyze(expected, RECIPE).digest
    assert tfnorm.analyze(DATA, RECIPE, filters=filters).digest == found.digest


def test_what_is_missing_fulfils_no_condition():
    found = tfnorm.analyze(DATA, RECIPE, filters=[("age", "not in", [3])])
    there = ~DATA["age"].missing
    assert found.rows == (DATA["age"].values[there] != 3).sum()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [(("x", "!=", 1.0), 3), (("x", "not in", [1.0]), 3), (("x", "<", 9.0), 2),
     (("x", ">=", float("-inf")), 3), (("x", "=", 1.0), 1)],
)  # fmt: skip
def test_nan_and_infinities_are_values(tmp_path, condition, rows):
    x = np.array([1.0, 2.0, np.nan, np.inf])
    write.write_parquet({"x": x, "y": x}, tmp_path / "d")
    recipe = {"y": schemes.ZScore()}
    assert tfnorm.analyze({"x": x, "y": x}, recipe, filters=[condition]).rows == rows
    assert tfnorm.analyze(tmp_path / "d-*", recipe, filters=[condition]).rows == rows


def test_the_width_of_a_column_leaves_no_trace():
    x = np.array([0.1, 0.2], np.float32)
    assert tfnorm.analyze({"x": x}, filters=[("x", "!=", 0.1)]).rows == 2
    x = np.array([2**62, 2**62 + 1])
    assert tfnorm.analyze({"x": x}, filters=[("x", ">", 2**62)]).rows == 1


EXTREMES = [
    *(-(2**63), 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**53 - 1, 2**53, 2**53 + 1),
    *(-(2**53) - 1, 16777217, 0, 5, 10**400, -(10**400)),
    *(2.0**53, -(2.0**53), 2.0**63, -(2.0**63), 2.0**64, 0.5, -0.5, 5e-324, 1e300),
    *(math.inf, -math.inf, 16777216.0, 1.0000000000000002),
]
HELD = {
    "int64": [-(2**63), 2**63 - 1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 0, 5],
    "uint64": [0, 5, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1],
    "float32": [0.0, 5.0, 2.0**24, 2.0**53, -(2.0**63), math.inf, -math.inf, math.nan],
    "float64": [
        *(0.0, 5e-324, 0.5, 2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, 1e308),
        *(1.0000000000000002, -(2.0**53), math.inf, -math.inf, math.nan),
    ],
}
SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda x, value: x == value,
    "not in": lambda x, value: x != value,
}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("sign", SIGNS)
def test_numbers_are_compared_exactly(kind, sign):
    column = arrays.Column(np.array(HELD[kind], kind))
    for value in EXTREMES:
        wanted = [value] if sign.endswith("in") else value
        found = arrays.Filters.of([("x", sign, wanted)]).mask(
            {"x": column}, len(HELD[kind])
        )
        expected = [SIGNS[sign](x, value) for x in column.values.tolist()]
        assert found.tolist() == expected, value


@pytest.mark.parametrize(
    ("kind", "filters", "rows"),
    [("int64", [[("id", "=", 2.0**53)], [("id", "=", 5)]], 1),
     ("int64", [("id", "<=", 2.0**53)], 2),
     ("int64", [("id", "in", [2.0**53, 6.0])], 1),
     ("uint64", [("id", "<", 2.0**64)], 4)],
)  # fmt: skip
def test_row_groups_leave_no_trace_in_what_is_compared(tmp_path, kind, filters, rows):
    ids = np.array([2**53 + 1, 2**53 + 1, 5, 6], kind)
    for size in (2, 4):
        pq.write_table(
            pa.table({"id": ids}), tmp_path / "d.parquet", row_group_size=size
        )
        found = tfnorm.analyze(tmp_path / "d.parquet", filters=filters)
        assert found.rows == rows


@pytest.mark.parametrize(
    "filters",
    ["age > 3", [("age", ">")], [("age", "~", 3)], [("age", "in", "UA")], 3,
     [("age", "=", None)], [("age", "=", float("nan"))], [[("age", ">", 3)], 5]],
)  # fmt: skip
def test_what_is_no_filter_is_an_error(filters):
    with pytest.raises(errors.RecipeError, match="is no filter|neither a number nor"):
        tfnorm.analyze(DATA, RECIPE, filters=filters)


@pytest.mark.parametrize(
    ("condition", "message"),
    [(("carrier", ">", 3), "holds text"), (("age", "=", "3"), "holds numbers"),
     (("none", "=", 3), "no such feature"), (("v", "=", 3), "several values")],
)  # fmt: skip
def test_a_filter_that_does_not_fit_its_column_is_an_error(condition, message):
    data = {**DATA, "v": arrays.Column(np.ones((ROWS, 2)))}
    with pytest.raises(errors.FeatureError, match=message) as raised:
        tfnorm.analyze(data, RECIPE, filters=[condition])
    assert raised.value.feature == condition[0]


def test_no_row_left_is_an_error():
    with pytest.raises(errors.EmptyDataError, match="no row fulfils .*names age"):
        tfnorm.analyze(DATA, RECIPE, filters=[("age", ">", 99)])


@pytest.mark.parametrize(
    ("text", "condition"),
    [("age>3", ("age", ">", 3)), ("a b <= -2.5", ("a b", "<=", -2.5)),
     ("c == UA", ("c", "=", "UA")), ('c="5"', ("c", "=", "5")),
     ("c in UA, 5", ("c", "in", (5, "UA"))), ("in in [1]", ("in", "in", (1,))),
     ('c not  in ["a,b"]', ("c", "not in", ("a,b",))),
     ("flag = true", ("flag", "=", 1))],
)  # fmt: skip
def test_a_condition_as_it_is_typed(text, condition):
    assert arrays.parse_filter(text) == condition


def test_row_groups_that_cannot_match_are_not_read(tmp_path):
    columns = pa.table({"n": np.arange(100), "x": np.arange(100.0)})
    pq.write_table(columns, tmp_path / "d.parquet", row_group_size=10)
    filters = arrays.Filters.of([("n", ">=", 35), ("n", "in", [12, 55, 57])])
    shard = parquet.ParquetShard(str(tmp_path / "d.parquet"), filters=filters)
    batches = list(shard.read())
    assert [batch.columns["n"].values[0] for batch in batches] == [50]
    assert [batch.first_record for batch in batches] == [50]


def test_an_error_behind_row_groups_left_out_names_its_record(tmp_path):
    weights = np.where(np.arange(100) == 57, -1.0, 1.0)
    columns = pa.table({"n": np.arange(100), "x": np.arange(100.0), "w": weights})
    pq.write_table(columns, tmp_path / "d.parquet", row_group_size=10)
    with pytest.raises(errors.DataError) as raised:
        tfnorm.analyze(tmp_path / "*", weight="w", filters=[("n", ">=", 55)])
    assert raised.value.record == 57


def test_filters_say_in_the_artifact_what_they_chose(tmp_path):
    found = tfnorm.analyze(DATA, RECIPE, filters=[("age", "in", {3, 1})])
    assert found.provenance == ('{"filters": [[["age", "in", [1, 3]]]]}',)
    found.save(tmp_path / "s")
    assert tfnorm.load_statistics(tmp_path / "s") == found


# Slices.

SLICES = ["carrier", ("carrier", "month"), "month"]


def test_a_slice_is_what_a_filtered_run_finds():
    found = tfnorm.analyze(DATA, RECIPE, slices=SLICES, weight="w")
    for carrier in ("AA", "UA", "Å"):
        some = [("carrier", "=", carrier), ("month", "=", 2)]
        one = tfnorm.analyze(DATA, RECIPE, filters=some[:1], weight="w")
        both = tfnorm.analyze(DATA, RECIPE, filters=some, weight="w")
        for name in ("delay", "age"):
            group = tfnorm.statistics.group_name(name, "carrier", carrier)
            assert found[group] == one[name]
            assert found[f"{group} | month=2"] == both[name]


@pytest.mark.parametrize("key", ["", 'a | b="c"', 'x" | k=1', "\\", "\n"])
def test_any_text_can_name_a_slice(key):
    keys = np.array([key, "b", key], object)
    data = {"x": np.arange(3.0), "k": keys, "n": np.array([1, 1, 2])}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})
    found = tfnorm.analyze(data, recipe, slices=["n", ("k", "n")])
    assert set(recipe.fit(found).keys("x")) == {key, "b"}
    assert len(found) == 1 + 2 + 2 + 3
    name = [n for n in found if "n=2" in n and "k=" in n][0]
    groups = tfnorm.statistics.group_keys("x", name)
    assert groups == (("k", key), ("n", 2))
    assert tfnorm.statistics.key_columns(found, "x") == ["k", "n"]


def test_slices_and_schemes_by_key_share_their_statistics():
    plain = tfnorm.analyze(DATA, RECIPE)
    sliced = tfnorm.analyze(DATA, RECIPE, slices=["carrier", ("carrier", "month")])
    assert {name: sliced[name] for name in plain} == dict(plain)
    assert RECIPE.fit(sliced).maps == RECIPE.fit(plain).maps
    assert set(sliced) - set(plain) >= {'delay | carrier="UA" | month=1'}


def test_parts_of_slices_merge_and_are_subtracted(tmp_path):
    parts = [
        tfnorm.analyze(
            {name: column.take(part) for name, column in DATA.items()},
            RECIPE,
            slices=SLICES,
        )
        for part in (slice(0, 5), slice(5, None))
    ]
    whole = tfnorm.analyze(DATA, RECIPE, slices=SLICES)
    assert parts[0].merge(parts[1]).digest == whole.digest
    assert whole.subtract(parts[1]).keys() == parts[0].keys()


@pytest.mark.parametrize("verb", ["merge", "subtract"])
def test_only_statistics_of_the_same_slices_fit_together(verb):
    sliced = tfnorm.analyze(DATA, RECIPE, slices=["month"])
    part = [("month", "=", 1)]
    for slices in ([], ["carrier"], ["month", "carrier"], [("month", "carrier")]):
        other = tfnorm.analyze(DATA, RECIPE, filters=part, slices=slices)
        with pytest.raises(errors.StatisticsError, match="rows by .*same slices"):
            getattr(sliced, verb)(other)
    by_hand = tfnorm.Statistics(dict(sliced), sliced.rows)
    with pytest.raises(errors.StatisticsError, match="same slices"):
        getattr(by_hand, verb)(tfnorm.analyze(DATA, RECIPE, filters=part))


@pytest.mark.parametrize("weight", [None, "w"])
def test_only_statistics_by_the_same_keys_fit_together(weight):
    flat = tfnorm.Recipe({"delay": schemes.Robust(), "age": schemes.ZScore()})
    by_key, other = (tfnorm.analyze(DATA, r, weight=weight) for r in (RECIPE, flat))
    for one, two in ((by_key, other), (other, by_key)):
        with pytest.raises(errors.StatisticsError, match="by carrier") as raised:
            one.merge(two)
        assert raised.value.feature == "age"


def test_rows_that_all_lack_a_key_merge_with_those_that_have_one():
    none = arrays.Column(DATA["carrier"].values, np.ones(ROWS, bool))
    asked = {"slices": ["carrier"]}
    whole = tfnorm.analyze(DATA, RECIPE, **asked)
    without = tfnorm.analyze({**DATA, "carrier": none}, RECIPE, **asked)
    merged = whole.merge(without)
    assert set(merged) == set(whole) == set(merged.subtract(without))


def test_without_a_recipe_every_column_of_numbers_has_slices():
    found = tfnorm.analyze(
        [DATA, DATA], slices=["month"], weight="w", filters=[("w", "<", 2)]
    )
    assert {name for name in found if " | " not in name} == {"delay", "age", "month"}
    assert {"age | month=1", "age | month=2", "age | month=3"} <= set(found)


@pytest.mark.parametrize(
    "columns", ["carrier", [()], [3], [("carrier", 3)], [("month", "month")]]
)
def test_what_names_no_column_is_no_slice(columns):
    with pytest.raises(errors.RecipeError, match="slices"):
        tfnorm.analyze(DATA, RECIPE, slices=columns)


def test_too_many_slices_are_an_error():
    with pytest.raises(errors.DataError, match="more than 2 slices by carrier"):
        tfnorm.analyze(DATA, RECIPE, slices=["carrier"], max_slices=2)
    assert tfnorm.analyze(DATA, RECIPE, slices=["carrier"], max_slices=3).rows


def test_keys_that_are_no_utf8_stay_distinct(tmp_path):
    keys = np.array([b"\xff", b"\xfe", b"\xff", "\ufffd".encode()], object)
    data = {"x": np.arange(4.0), "k": keys}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})
    found = tfnorm.analyze(data, recipe)
    found.save(tmp_path / "s")
    assert tfnorm.load_statistics(tmp_path / "s") == found
    assert sorted(found[n].rows for n in found if " | " in n) == [1, 1, 2]
    recipe.fit(found).save(tmp_path / "fitted.json")
    again = tfnorm.load_fitted(tmp_path / "fitted.json")
    np.testing.assert_array_equal(again.forward(data)["x"], [-1, 0, 1, 0])
    assert tfnorm.analyze(data, recipe, filters=[("k", "=", "\ufffd")]).rows == 1


def test_keys_beyond_int64_are_an_error():
    data = {"x": np.arange(2.0), "k": np.array([1, 2**64 - 1], np.uint64)}
    with pytest.raises(errors.FeatureError, match="does not fit int64") as raised:
        tfnorm.analyze(data, {"x": schemes.ZScore()}, slices=["k"])
    assert raised.value.feature == "k"


def test_rows_of_a_file_without_the_column_of_keys_have_no_key(tmp_path):
    save = write.write_tfrecords
    x = np.arange(4.0)
    save({"x": x, "k": np.array([b"a", b"b"] * 2, object)}, tmp_path / "a")
    none = arrays.Column(np.zeros(4, np.float32), np.ones(4, bool))
    save({"x": x, "k": none}, tmp_path / "b")
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})
    for asked in (recipe, {"x": schemes.ZScore()}):
        found = tfnorm.analyze(str(tmp_path / "*"), asked, slices=["k"])
        groups = {name: found[name].rows for name in found}
        assert groups == {"x": 8, 'x | k="a"': 2, 'x | k="b"': 2}


def test_a_column_that_cannot_be_sliced_by_is_told_with_its_file(tmp_path):
    (path,) = write.write_parquet(
        {"x": np.arange(2.0), "k": np.ones(2)}, tmp_path / "d"
    )
    with pytest.raises(errors.FeatureError, match="cannot be the key") as raised:
        tfnorm.analyze(path, {"x": schemes.ZScore()}, slices=["k"])
    assert (raised.value.feature, raised.value.file) == ("k", path)


def test_a_slice_of_a_wide_feature_is_what_a_filtered_run_finds():
    data = {"x": np.ones((4, 5000), np.float32), "k": np.arange(4) % 2}
    recipe = {"x": schemes.ZScore()}
    found = tfnorm.analyze(data, recipe, slices=["k"])["x | k=0"]
    assert not found.has_quantiles
    assert found == tfnorm.analyze(data, recipe, filters=[("k", "=", 0)])["x"]


def test_a_column_of_fractions_has_no_slices():
    with pytest.raises(errors.FeatureError, match="integers or text") as raised:
        tfnorm.analyze(DATA, RECIPE, slices=["w"])
    assert raised.value.feature == "w"


# All of it in a job.

ASKED = {
    "weight": "w",
    "filters": [[("age", ">", 2)], [("carrier", "=", "Å")]],
    "slices": ["month", ("carrier", "month")],
}


@pytest.fixture(scope="module")
def expected():
    return tfnorm.analyze(DATA, RECIPE, **ASKED)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_job_equals_memory_in_any_format_and_split(tmp_path, expected, kind, shards):
    pattern = FORMATS[kind](tmp_path, shards)
    found = tfnorm.beam.compute_statistics(pattern, RECIPE, tmp_path / "s", **ASKED)
    assert found.digest == expected.digest
    assert found.provenance == expected.provenance
    assert tfnorm.analyze(pattern, RECIPE, **ASKED).digest == expected.digest


def test_any_pipeline_may_choose_rows(tmp_path, expected):
    rows = analysis.Rows.of(RECIPE, **ASKED)
    features = rows.with_columns(RECIPE.columns())
    shards = tfnorm.sources.open(_tfrecord(tmp_path, 2), features)
    with beam.Pipeline("FnApiRunner") as pipeline:
        digests = (
            pipeline
            | beam.Create(shards)
            | tfnorm.beam.ReadBatches()
            | tfnorm.beam.ComputeStatistics(RECIPE, rows=rows)
            | beam.Map(lambda found: found.digest)
        )
        util.assert_that(digests, util.equal_to([expected.digest]))


def test_a_file_without_a_row_that_counts_does_no_harm(tmp_path):
    write.write_parquet(DATA, tmp_path / "d", shards=9)
    gone = {name: column.take(slice(0, 9)) for name, column in DATA.items()}
    gone["month"] = arrays.Column(np.full(9, 12))
    write.write_parquet(gone, tmp_path / "gone")
    found = tfnorm.beam.compute_statistics(
        str(tmp_path / "*.parquet"), RECIPE, tmp_path / "s", filters=[("month", "<", 9)]
    )
    assert found.digest == tfnorm.analyze(DATA, RECIPE).digest


def test_a_job_of_too_many_slices_fails_though_no_file_has_so_many(tmp_path):
    columns = {"x": np.arange(9.0), "k": np.arange(9)}
    write.write_parquet(columns, tmp_path / "d", shards=9)
    with pytest.raises(errors.DataError, match="more than 8 slices by k"):
        tfnorm.beam.compute_statistics(
            [str(path) for path in sorted(tmp_path.glob("*.parquet"))],
            tfnorm.Recipe({"x": schemes.ZScore()}),
            tmp_path / "s",
            slices=["k"],
            max_slices=8,
        )
    assert not (tmp_path / "s").exists()


def test_a_cache_and_an_update_are_of_the_rows_that_were_asked_for(tmp_path):
    paths = write.write_parquet(DATA, tmp_path / "d", shards=2)

    def compute(inputs, out="s", **options):
        return tfnorm.beam.compute_statistics(inputs, RECIPE, tmp_path / out, **options)

    every = compute(paths, cache=tmp_path / "cache")
    some = compute(paths, cache=tmp_path / "cache", **ASKED)
    assert some.digest == tfnorm.analyze(DATA, RECIPE, **ASKED).digest != every.digest
    compute(paths[0], **ASKED)
    with pytest.raises(errors.RecipeError, match="chosen otherwise"):
        compute(paths[1], update=tmp_path / "s")
    assert compute(paths[1], update=tmp_path / "s", **ASKED).digest == some.digest


def test_text_that_is_no_utf_8_is_chosen_by_its_bytes():
    data = {"x": np.arange(3.0), "k": np.array([b"a", b"\xff", b"\xff"], object)}
    assert tfnorm.analyze(data, filters=[("k", "=", b"\xff")]).rows == 2
