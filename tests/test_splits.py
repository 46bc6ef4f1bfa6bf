# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Several splits in one job, each as if alone; and days and users taken away."""

import io
import json
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click import testing
from PIL import Image

import tfnorm
from tests import splits_data
from tfnorm import analysis
from tfnorm import arrays
from tfnorm import cli
from tfnorm import errors
from tfnorm import schemes
from tfnorm.sources import write


def _csv(folder):
    text = {**splits_data.DATA, "split": [value.decode() for value in splits_data.TEXT]}
    text["x"] = splits_data.DATA["x"].astype(
        np.float64
    )  # Whose digits say the number exactly.
    for i in range(3):
        part = pa.table(text).slice(i * splits_data.ROWS // 3, splits_data.ROWS // 3)
        pa_csv.write_csv(part, folder / f"d-{i}.csv")


FORMATS = {
    "csv": _csv,
    "parquet": lambda folder: write.write_parquet(
        splits_data.DATA, folder / "d", shards=2
    ),
    "tfrecord": lambda folder: write.write_tfrecords(
        splits_data.DATA, folder / "d", shards=3
    ),
}


@pytest.mark.parametrize(
    "recipe", [splits_data.RECIPE, splits_data.CHAIN, None], ids=["one", "chain", "all"]
)
def test_each_split_is_what_it_is_alone_in_memory(recipe):
    found = tfnorm.analyze_splits(
        splits_data.DATA, recipe, by="split", **splits_data.ASKED
    )
    names = ("eval", "test", "train")
    assert splits_data.digests(found) == splits_data.digests(
        {n: splits_data.alone(n, recipe, **splits_data.ASKED) for n in names}
    )
    assert '{"split": "eval"}' in found["eval"].provenance


@pytest.mark.parametrize("kind", FORMATS)
def test_each_split_is_what_it_is_alone_in_a_job(tmp_path, kind):
    FORMATS[kind](tmp_path)
    pattern = str(tmp_path / f"d-*{kind}")
    found = tfnorm.beam.compute_splits(
        pattern, splits_data.RECIPE, tmp_path / "s", by="split", **splits_data.ASKED
    )
    names = ("eval", "test", "train")
    assert splits_data.digests(found) == splits_data.digests(
        {n: splits_data.alone(n, **splits_data.ASKED) for n in names}
    )
    assert tfnorm.load_statistics(tmp_path / "s/Split-eval") == found["eval"]
    summary = json.loads((tmp_path / "s/splits.json").read_text())
    assert summary == {"splits": splits_data.digests(found)}
    one = tfnorm.beam.compute_statistics(
        pattern,
        splits_data.RECIPE,
        tmp_path / "one",
        weight="w",
        filters=[("user", "!=", 3), ("split", "=", "eval")],
        slices=["user"],
    )
    assert one.digest == found["eval"].digest


def test_a_job_takes_the_passes_that_each_split_needs(tmp_path):
    FORMATS["parquet"](tmp_path)
    found = tfnorm.beam.compute_splits(
        str(tmp_path / "d-*"), splits_data.CHAIN, tmp_path / "s", by="split"
    )
    names = ("eval", "test", "train")
    assert splits_data.digests(found) == splits_data.digests(
        {n: splits_data.alone(n, splits_data.CHAIN) for n in names}
    )
    again = tfnorm.load_statistics(tmp_path / "s/Split-test")
    assert (
        splits_data.CHAIN.fit(again).maps
        == splits_data.CHAIN.fit(splits_data.alone("test", splits_data.CHAIN)).maps
    )


@pytest.mark.parametrize("by", ["split", None])
def test_what_one_pass_writes_late_is_not_of_the_next(tmp_path, monkeypatch, by):
    (path,) = write.write_parquet(splits_data.DATA, tmp_path / "d")
    first: list = []

    def save(found, place, whole=tfnorm.Statistics.save):
        whole(found, place)
        first.append((found, place))
        if os.path.exists(first[0][1]):  # Its job is not over.
            whole(*first[0])

    monkeypatch.setattr(tfnorm.Statistics, "save", save)
    if by is None:
        found = {
            "": tfnorm.beam.compute_statistics(path, splits_data.CHAIN, tmp_path / "s")
        }
        expected = {"": tfnorm.analyze(path, splits_data.CHAIN)}
    else:
        found = tfnorm.beam.compute_splits(
            path, splits_data.CHAIN, tmp_path / "s", by=by
        )
        expected = tfnorm.analyze_splits(path, splits_data.CHAIN, by=by)
    assert splits_data.digests(found) == splits_data.digests(expected)


def test_splits_may_be_files(tmp_path):
    paths = write.write_parquet(splits_data.DATA, tmp_path / "d", shards=3)
    splits = {"train": paths[:2], "eval": paths[2]}
    found = tfnorm.beam.compute_splits(splits, splits_data.RECIPE, tmp_path / "s")
    expected = {
        name: tfnorm.analyze(files, splits_data.RECIPE)
        for name, files in splits.items()
    }
    assert splits_data.digests(found) == splits_data.digests(expected)
    assert splits_data.digests(
        tfnorm.analyze_splits(splits, splits_data.RECIPE)
    ) == splits_data.digests(expected)


def test_splits_may_lie_in_a_folder_named_like_a_pattern(tmp_path):
    paths = write.write_parquet(splits_data.DATA, tmp_path / "d")
    out = tmp_path / "a[0]?*" / "s"
    found = tfnorm.beam.compute_splits({"train": paths}, splits_data.RECIPE, out)
    assert tfnorm.load_statistics(out / "Split-train") == found["train"]


def test_splits_are_written_whole_or_not_at_all(tmp_path):
    paths = write.write_parquet(splits_data.DATA, tmp_path / "d", shards=2)
    tfnorm.beam.compute_splits(paths, splits_data.RECIPE, tmp_path / "s", by="split")
    before = sorted(tmp_path.iterdir())
    empty = {"x": arrays.Column(np.ones(3), np.ones(3, bool)), "n": np.ones(3)}
    bad = write.write_parquet({**empty, "user": np.arange(3)}, tmp_path / "bad")
    with pytest.raises(errors.FeatureError, match="Of split 'b': has no value"):
        tfnorm.beam.compute_splits(
            {"a": paths, "b": bad}, splits_data.RECIPE, tmp_path / "s"
        )
    assert sorted(tmp_path.iterdir()) == sorted([*before, *tmp_path.glob("bad*")])
    assert len(list((tmp_path / "s").glob("Split-*"))) == 3


@pytest.mark.parametrize("kind", ["parquet", "tfrecord"])
def test_features_of_splits_may_be_named(tmp_path, kind):
    lacking = arrays.Column(
        np.zeros(splits_data.ROWS, np.float32), np.ones(splits_data.ROWS, bool)
    )
    make = {"parquet": write.write_parquet, "tfrecord": write.write_tfrecords}[kind]
    paths = make({**splits_data.DATA, "none": lacking}, tmp_path / "d")
    named = {"features": ["n", "none"], "filters": [("user", "!=", 3)]}
    found = splits_data.compute({"a": paths}, tmp_path / "s", None, **named)
    assert [*found["a"]] == ["n", "none"] and found["a"]["none"].shape is None
    assert found["a"]["none"].counts.missing == np.sum(splits_data.DATA["user"] != 3)
    expected = tfnorm.analyze(
        {"n": splits_data.DATA["n"][splits_data.DATA["user"] != 3]}
    )
    assert found["a"]["n"] == expected["n"]
    rows = splits_data.compute(paths, tmp_path / "t", None, by="split", **named)
    assert rows["eval"].merge(rows["train"]).merge(rows["test"]).digest == (
        found["a"].digest
    )
    with pytest.raises(errors.FeatureError):
        splits_data.compute({"a": paths}, tmp_path / "s", None, features=["split"])


def test_the_format_of_files_may_be_named(tmp_path):
    paths = write.write_tfrecords({}, tmp_path / "none", compress=True)
    paths += write.write_tfrecords(splits_data.DATA, tmp_path / "some", compress=True)
    for number, path in enumerate(paths):
        pathlib.Path(path).rename(tmp_path / f"examples-0000{number}-of-00002.gz")
    inputs = {"a": str(tmp_path / "examples-*")}
    with pytest.raises(errors.FormatError, match="no known suffix"):
        splits_data.compute(inputs, tmp_path / "s")
    found = splits_data.compute(inputs, tmp_path / "s", file_format="TFRecord")
    assert (
        found["a"].digest == tfnorm.analyze(splits_data.DATA, splits_data.RECIPE).digest
    )
    with pytest.raises(errors.OptionsError, match="there are ArrayRecord, Arrow"):
        splits_data.compute(inputs, tmp_path / "s", file_format="tfrecord")


def test_a_row_in_no_split_is_an_error_that_says_where(tmp_path):
    split = arrays.Column(splits_data.TEXT, np.arange(splits_data.ROWS) == 57)
    paths = write.write_parquet({**splits_data.DATA, "split": split}, tmp_path / "d")
    with pytest.raises(errors.DataError, match="in no split") as raised:
        tfnorm.beam.compute_splits(
            paths, splits_data.RECIPE, tmp_path / "s", by="split"
        )
    assert (raised.value.feature, raised.value.record) == ("split", 57)
    assert raised.value.file == paths[0]


def test_a_row_that_does_not_count_needs_no_split():
    split = arrays.Column(splits_data.TEXT, np.arange(splits_data.ROWS) == 57)
    data = {**splits_data.DATA, "split": split, "row": np.arange(splits_data.ROWS)}
    found = tfnorm.analyze_splits(
        data, splits_data.RECIPE, by="split", filters=[("row", "<", 57)]
    )
    assert sum(part.rows for part in found.values()) == 57


def test_what_cannot_be_a_folder_names_no_split():
    with pytest.raises(errors.OptionsError, match="cannot name a split"):
        tfnorm.analyze_splits({"../x": splits_data.DATA}, splits_data.RECIPE)
    with pytest.raises(errors.DataError, match="more than 100 splits"):
        tfnorm.analyze_splits({"x": np.arange(101)}, by="x")


def test_splits_are_named_by_a_column_or_a_mapping(tmp_path):
    for take in (
        lambda: tfnorm.analyze_splits("d/*"),
        lambda: tfnorm.beam.compute_splits("d/*", None, tmp_path / "s"),
    ):
        with pytest.raises(errors.OptionsError, match="`by=`, or as a mapping"):
            take()


def test_a_split_may_be_named_in_its_own_folder(tmp_path, monkeypatch):
    found = tfnorm.analyze({"x": np.arange(3.0)})
    found.save(tmp_path / "Split-a")
    (tmp_path / "splits.json").write_text('{"splits": {}}')
    monkeypatch.chdir(tmp_path)
    assert tfnorm.load_statistics("Split-a") == found


def test_too_many_splits_of_several_bundles_are_an_error(tmp_path):
    for i in range(4):
        data = {"x": np.ones(60), "split": np.arange(60) + 60 * i}
        write.write_parquet(data, tmp_path / f"d{i}")
    workers = ["--direct_running_mode=multi_threading", "--direct_num_workers=4"]
    with pytest.raises(errors.DataError, match="more than 100 splits"):
        tfnorm.beam.compute_splits(
            str(tmp_path / "d*"), None, tmp_path / "s", by="split", beam_args=workers
        )
    assert not (tmp_path / "s").exists()


# On the command line.


def call(*arguments, status: int = 0) -> str:
    result = testing.CliRunner().invoke(cli.main, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def data(tmp_path):
    write.write_parquet(splits_data.DATA, tmp_path / "d", shards=3)
    splits_data.RECIPE.save(tmp_path / "recipe.json")
    return tmp_path


def stats(data, *options, out, status=0):
    asked = ("--recipe", data / "recipe.json", "--out", data / out, *options)
    return call("stats", *asked, status=status)


def test_the_command_takes_weights_filters_slices_and_splits(data):
    flags = ("--weight", "w", "--where", "user != 3", "--slice", "user")
    said = stats(data, data / "d-*", *flags, "--split-by", "split", out="s")
    assert "Split eval:" in said and 'filters [[["user", "!=", 3]]]' in said
    found = tfnorm.load_statistics(data / "s/Split-eval")
    assert found.digest == splits_data.alone("eval", **splits_data.ASKED).digest
    stats(data, data / "d-*", *flags, "--where", "split in eval", out="one")
    assert tfnorm.load_statistics(data / "one").digest == found.digest


def test_the_command_takes_splits_of_files(data):
    stats(data, f"--split=a={data}/d-00000*", f"--split=b={data}/d-00001*", out="s")
    found = tfnorm.load_statistics(data / "s/Split-b")
    expected = tfnorm.analyze(data / "d-00001-of-00003.parquet", splits_data.RECIPE)
    assert found.digest == expected.digest


def test_the_command_adds_to_splits(data):
    for number in range(3):
        path = data / f"d-0000{number}-of-00003.parquet"
        said = stats(data, path, "--split-by=split", f"--update={data}/s", out="s")
    assert "Split eval:" in said
    assert (
        tfnorm.load_statistics(data / "s/Split-eval").digest
        == splits_data.alone("eval").digest
    )


@pytest.mark.parametrize(
    "flags",
    [("--where", "age ~ 3"), ("--split-by", "split", "--cache", "c"),
     ("--slice", "user", "--max-slices", "4")],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_status_2(data, flags):
    assert "rror" in stats(data, data / "d-*", *flags, out="s", status=2)
    assert not (data / "s").exists()


@pytest.mark.parametrize("flags", [(), ("--split-by", "split")])
def test_no_file_is_one_line_and_status_2(data, flags):
    assert "Missing argument 'PATTERN...'" in stats(data, *flags, out="s", status=2)


TAKES = {
    "in memory": lambda data, out, **asked: tfnorm.analyze(data, **asked),
    "in a job": tfnorm.beam.compute_statistics,
    "by column": lambda data, out, recipe, **asked: tfnorm.analyze_splits(
        data, recipe, by="split", **asked
    ),
    "by split": lambda data, out, **asked: tfnorm.beam.compute_splits(
        {"train": data}, out=out, **asked
    ),
}


@pytest.mark.parametrize("kind", TAKES)
def test_a_misspelled_column_of_records_is_told(tmp_path, caplog, kind):
    recipe = tfnorm.Recipe({"x": schemes.ZScore()})
    asked = {"recipe": recipe, "out": tmp_path / "s"}
    (path,) = write.write_tfrecords(splits_data.DATA, tmp_path / "d")
    with pytest.raises(errors.EmptyDataError, match='"=", 3.*check the names kk'):
        TAKES[kind](path, **asked, filters=[("kk", "=", 3)])
    TAKES[kind](path, **asked, slices=["user", "kk", ("kk", "n")])
    said = [record.args for record in caplog.records if record.name == "tfnorm"]
    assert said == [("kk",), ("kk and n",)]


@pytest.mark.parametrize("weight", [(), ("--weight", "w")], ids=["rows", "weights"])
@pytest.mark.parametrize("gone", ["day", "user"])
def test_what_is_taken_away_leaves_what_scratch_would(data, gone, weight):
    # Whole numbers of few values, whose extremes stay: no bucket and no end is lost.
    data.joinpath("recipe.json").unlink()
    tfnorm.Recipe({"n": schemes.Robust()}).save(data / "recipe.json")
    edges = {
        name: np.repeat(values[:2], 3) for name, values in splits_data.DATA.items()
    }
    edges |= {"n": np.tile([-1, 99], 3), "user": np.full(6, 7)}
    write.write_parquet(edges, data / "d-edges")
    without = {"day": data / "d-0000[02]*", "user": data / "d-0*"}[gone]
    part = {"day": data / "d-00001*", "user": data / "d-0*"}[gone]
    chosen = {"day": (), "user": ("--where", "user = 2")}[gone]
    rest = {"day": (), "user": ("--where", "user != 2")}[gone]
    stats(data, data / "d-*", *weight, out="all")
    stats(data, part, *chosen, *weight, out="gone")
    call("merge", data / "all", "--subtract", data / "gone", "--out", data / "left")
    stats(data, without, data / "d-edges*", *rest, *weight, out="scratch")
    left, scratch = (tfnorm.load_statistics(data / n) for n in ("left", "scratch"))
    assert left["n"].weight == scratch["n"].weight
    # Of a user, the files are still counted.
    assert len(left.sources) == {"day": 3, "user": 4}[gone]
    assert left.digest == scratch.digest


def test_what_is_taken_away_needs_the_slices_of_the_whole(data):
    stats(data, data / "d-*", "--slice", "split", out="all")
    stats(data, data / "d-*", "--where", "user = 2", out="user")
    out = ("--out", data / "left")
    said = call("merge", data / "all", "--subtract", data / "user", *out, status=2)
    assert "only one of the two has statistics of its rows by split" in said
    flags = ("--slice", "split", "--where")
    stats(data, data / "d-*", *flags, "user = 2", out="user")
    stats(data, data / "d-*", *flags, "user != 2", out="scratch")
    call("merge", data / "all", "--subtract", data / "user", *out)
    left, scratch = (tfnorm.load_statistics(data / n) for n in ("left", "scratch"))
    name = 'n | split="eval"'
    assert left[name].counts.valid == scratch[name].counts.valid
    assert left[name].mean == scratch[name].mean


def test_splits_by_a_column_take_images(tmp_path):
    pixels = np.full((4, 2, 2, 3), np.arange(4)[:, None, None, None], np.uint8)
    files = [io.BytesIO() for _ in pixels]
    for one, file in zip(pixels, files, strict=True):
        Image.fromarray(one).save(file, "PNG")
    encoded = np.array([file.getvalue() for file in files], object)
    data = {"image": encoded, "s": np.arange(4) % 2}
    write.write_parquet(data, tmp_path / "d")
    recipe = {"image": schemes.ZScore()}
    found = tfnorm.analyze_splits(
        str(tmp_path / "d-*"), recipe, by="s", images=tfnorm.sources.Images()
    )
    means = {name: part["image"].mean.tolist() for name, part in found.items()}
    assert means == {"0": [1, 1, 1], "1": [2, 2, 2]}


def test_splits_by_a_column_take_no_other_options():
    with pytest.raises(errors.OptionsError, match="`quantiles=` is no option"):
        tfnorm.analyze_splits(splits_data.DATA, by="split", quantiles=False)


def test_artifacts_that_do_not_fit_are_named(tmp_path):
    for name in ("x", "y"):
        tfnorm.analyze({name: np.arange(4.0)}).save(tmp_path / name)
    parts = [str(tmp_path / name) for name in ("x", "y")]
    ran = testing.CliRunner().invoke(
        cli.main, ["merge", *parts, "--out", str(tmp_path / "both")]
    )
    assert ran.exit_code and parts[1] in ran.output
    with pytest.raises(errors.TfnormError, match="only one") as raised:
        tfnorm.beam.merge_statistics(parts[:1], tmp_path / "less", subtract=parts[1:])
    assert raised.value.file == parts[1]
    with pytest.raises(errors.StatisticsError, match="only one") as raised:
        tfnorm.beam.merge_statistics(parts, tmp_path / "both")
    assert raised.value.file in parts


def test_a_file_that_does_not_fit_the_others_is_named(tmp_path):
    paths = [
        *write.write_parquet({"x": np.arange(4.0)}, tmp_path / "x"),
        *write.write_parquet({"y": np.arange(4.0)}, tmp_path / "y"),
    ]
    combine = tfnorm.beam.compute.MergeParts()
    x, y = map(tfnorm.analyze, paths)
    for merge in (
        lambda: combine.add_input(x, y),
        lambda: combine.merge_accumulators([x, y]),
    ):
        with pytest.raises(Exception, match="only one") as raised:
            merge()
        assert paths[1] in str(raised.value)


@pytest.mark.parametrize("weight", [None, "w"])
def test_keys_of_which_no_value_is_left_are_as_they_were_before_any(weight):
    columns = {
        "x": arrays.Column(np.array([7.0, 3, 0, 0, -9, 9]), np.arange(6) // 2 == 1),
        "k": arrays.Column(np.array([1, 2, 1, 1, 2, 2])),
        "w": arrays.Column(np.array([2, 5, 1, 1, 1, 3])),
    }
    scheme = schemes.PerKey(schemes.Robust(), "k")
    recipe = tfnorm.Recipe({"x": scheme}, weight=weight)
    some, rest = (
        tfnorm.analyze({n: c.take(part) for n, c in columns.items()}, recipe)
        for part in (slice(0, 2), slice(2, 6))
    )
    found = rest.merge(some).subtract(some)
    assert (found["x | k=1"].rows, found["x | k=1"].shape) == (2, None)
    assert found.digest == rest.digest
    assert found.features.keyed == rest.features.keyed
    assert found.merge(some).digest == rest.merge(some).digest


def test_splits_by_a_column_read_no_row_group_that_cannot_match(tmp_path, monkeypatch):
    rows = pa.table({"x": np.arange(100.0), "s": np.arange(100) % 2})
    pq.write_table(rows, tmp_path / "d.parquet", row_group_size=10)
    read, add = [], analysis.SplitObserver.add
    monkeypatch.setattr(
        analysis.SplitObserver,
        "add",
        lambda self, batch: (read.append(batch.rows), add(self, batch)),
    )
    found = tfnorm.analyze_splits(
        tmp_path / "d.parquet", by="s", filters=[("x", ">=", 85)]
    )
    assert {name: part.rows for name, part in found.items()} == {"0": 7, "1": 8}
    assert sum(read) == 20
