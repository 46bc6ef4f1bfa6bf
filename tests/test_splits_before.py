# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits day after day: statistics of new files join those of before."""

import json

import numpy as np
import pytest

import tfnorm
from tests import splits_data
from tfnorm import errors
from tfnorm.sources import write


@pytest.fixture
def days(tmp_path):
    """Three days; on the first there is no row of "test"."""
    rows = np.arange(splits_data.ROWS)
    parts = (
        (rows < 200) & (splits_data.TEXT != b"test"),
        (rows >= 200) & (rows < 400),
        rows >= 400,
    )
    found = []
    for number, chosen in enumerate(parts):
        part = {name: values[chosen] for name, values in splits_data.DATA.items()}
        found += write.write_parquet(part, tmp_path / f"day{number}")
    return found


@pytest.mark.parametrize("asked", [{}, splits_data.ASKED], ids=["all", "chosen"])
@pytest.mark.parametrize("recipe", [splits_data.RECIPE, None], ids=["one", "all"])
def test_splits_day_after_day_equal_all_days(days, tmp_path, recipe, asked):
    kept, options = tmp_path / "kept", {"by": "split", **asked}
    for day in days:
        found = splits_data.compute(day, kept, recipe, update=kept, **options)
    scratch = splits_data.compute(days, tmp_path / "scratch", recipe, **options)
    assert splits_data.digests(found) == splits_data.digests(scratch)
    summary = json.loads((kept / "splits.json").read_text())
    assert summary == {"splits": splits_data.digests(scratch)}
    again = tfnorm.load_statistics(kept / "Split-test")
    assert again.provenance == scratch["test"].provenance
    assert again.sources == (days[1], days[2])


def test_splits_without_new_files_stay_and_others_start_anew(days, tmp_path):
    first = splits_data.compute({"a": days[0], "b": days[1]}, tmp_path / "1")
    found = splits_data.compute(
        {"b": days[2], "c": days[0]}, tmp_path / "2", update=tmp_path / "1"
    )
    expected = splits_data.compute({"b": days[1:], "c": days[0]}, tmp_path / "scratch")
    assert found["a"] == first["a"] == tfnorm.load_statistics(tmp_path / "2/Split-a")
    assert splits_data.digests(found) == splits_data.digests(
        {"a": first["a"], **expected}
    )


def test_what_is_of_no_split_is_not_added_to_one(days, tmp_path):
    splits_data.compute({"a": days[0]}, tmp_path / "kept")
    there = tmp_path / "kept/Split-a"
    with pytest.raises(errors.RecipeError, match="is of split 'a', and these") as error:
        tfnorm.beam.compute_statistics(
            days[1], splits_data.RECIPE, tmp_path / "out", update=there
        )
    assert error.value.file == str(there)


def test_splits_of_several_folders_are_added_to(days, tmp_path):
    for number in range(2):
        splits_data.compute({"a": days[number]}, tmp_path / f"{number}")
    folders = [tmp_path / "0", str(tmp_path / "1")]
    found = splits_data.compute({"a": days[2]}, tmp_path / "out", update=folders)
    assert splits_data.digests(found) == splits_data.digests(
        splits_data.compute({"a": days}, tmp_path / "scratch")
    )
    splits_data.compute({"a": days[:1]}, tmp_path / "again")
    with pytest.raises(errors.DataError, match="to be merged with it"):
        splits_data.compute(
            {"a": days[2]}, tmp_path, update=[*folders, tmp_path / "again"]
        )


def test_splits_may_be_rows_and_then_files(days, tmp_path):
    splits_data.compute(days[0], tmp_path / "s", by="split")
    rows = write.write_parquet(
        {
            name: values[splits_data.TEXT == b"test"]
            for name, values in splits_data.DATA.items()
        },
        tmp_path / "test",
    )
    found = splits_data.compute({"test": rows}, tmp_path / "s", update=tmp_path / "s")
    assert found["test"].digest == splits_data.alone("test").digest
    assert sorted(found) == ["eval", "test", "train"]


def test_the_limit_of_bad_records_is_of_the_new_files_of_a_split(tmp_path):
    for number in range(2):
        (path,) = write.write_tfrecords(splits_data.DATA, tmp_path / f"day{number}")
        with open(path, "rb+") as file:
            file.seek(-5, 2)
            file.write(b"\0")
        options = {"update": tmp_path / "s", "max_bad_records": 1}
        found = splits_data.compute({"a": path}, tmp_path / "s", **options)
    assert found["a"].bad_records == 2


def test_a_file_counted_in_any_split_is_refused(days, tmp_path):
    kept = tmp_path / "s"
    before = splits_data.compute(days[0], kept, by="split")
    with pytest.raises(errors.DataError, match="counted in .*Split-eval' already"):
        splits_data.compute(days, kept, by="split", update=kept)
    assert before["eval"] == tfnorm.load_statistics(kept / "Split-eval")


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (None, {}, "of another recipe"),
        (splits_data.RECIPE, {"weight": "w"}, "chosen otherwise"),
        (splits_data.CHAIN, {}, "follows a fitted one"),
    ],
    ids=["recipe", "rows", "passes"],
)
def test_splits_of_before_must_fit(days, tmp_path, recipe, options, message):
    splits_data.compute({"a": days[0]}, tmp_path / "s")
    with pytest.raises(errors.RecipeError, match=message):
        splits_data.compute(
            {"b": days[1]}, tmp_path / "s", recipe, update=tmp_path / "s", **options
        )


def test_what_holds_no_splits_is_not_added_to(days, tmp_path):
    tfnorm.analyze(days[0], splits_data.RECIPE).save(tmp_path / "s/Split-a")
    with pytest.raises(errors.ArtifactError, match="holds no splits.json"):
        splits_data.compute({"a": days[1]}, tmp_path / "out", update=tmp_path / "s")
    splits_data.compute({"a": days[0], "b": days[0]}, tmp_path / "t")
    (tmp_path / "t/Split-b").rename(tmp_path / "gone")
    with pytest.raises(errors.ArtifactError, match="is not there, though"):
        splits_data.compute({"a": days[1]}, tmp_path / "out", update=tmp_path / "t")
