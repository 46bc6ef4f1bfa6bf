# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""`tfnorm.analyze`: any data, one pass, and nothing lost on the way."""

import numpy as np
import pandas as pd
import pytest

import tfnorm
from tfnorm import analysis
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.sources import write

FIRST = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}


@pytest.mark.parametrize(
    ("later", "name"),
    [
        ({"a": np.array([1.0])}, "b"),
        ({**FIRST, "c": np.array([5.0, 6.0])}, "c"),
        ({"a": FIRST["a"], "b": np.array(["x", "y"], object)}, "b"),
    ],
    ids=["gone", "new", "text"],
)
def test_without_a_recipe_features_must_stay_the_same(later, name):
    with pytest.raises(errors.FeatureError, match="Name the features") as raised:
        tfnorm.analyze(iter([FIRST, later]))
    assert raised.value.feature == name


def test_names_the_file_that_has_other_features(tmp_path):
    paths = write.write_tfrecords(FIRST, tmp_path / "0")
    paths += write.write_tfrecords({"a": FIRST["a"]}, tmp_path / "1")
    with pytest.raises(errors.FeatureError, match="had numbers") as raised:
        tfnorm.analyze(paths)
    assert (raised.value.feature, raised.value.file) == ("b", paths[1])
    found = tfnorm.analyze(paths, {"b": schemes.ZScore()})
    assert (found["b"].rows, found["b"].missing) == (4, 2)


def test_data_without_any_number_are_refused():
    with pytest.raises(errors.FeatureError, match="not one column"):
        tfnorm.analyze({"name": np.array(["x", "y"], object)})


def test_a_data_frame_says_what_its_files_say(tmp_path):
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [1, 2, 3]})
    frame.to_parquet(tmp_path / "f.parquet")
    frame.to_csv(tmp_path / "f.csv", index=False)
    found = tfnorm.analyze(frame)
    assert (found["a"].missing, int(found["a"].counts.nan)) == (1, 0)
    assert found.digest == tfnorm.analyze(tmp_path / "f.parquet").digest
    assert found.digest == tfnorm.analyze(tmp_path / "f.csv").digest


def test_a_data_frame_with_one_name_twice_is_refused():
    frame = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(errors.FeatureError, match="feature 'a': Two columns"):
        tfnorm.analyze(frame)


@pytest.mark.parametrize("slices", [[], ["k"]])
def test_a_feature_may_be_called_as_a_group(slices):
    columns = {"a": np.arange(4.0), "a | b=5": np.arange(4.0) + 9, "k": np.arange(4)}
    recipe = tfnorm.Recipe(dict.fromkeys(["a", "a | b=5"], schemes.ZScore()))
    for asked in (recipe, None):
        found = tfnorm.analyze(columns, asked, slices=slices)
        assert found["a | b=5"].mean == 10.5
        batches = iter([{n: c[:2] for n, c in columns.items()}, columns])
        assert tfnorm.analyze(batches, asked, slices=slices)["a | b=5"].rows == 6


class Watched(arrays.Batch):
    """A batch that counts how often it is asked for its rows."""

    asked = 0

    def __getattribute__(self, name):
        Watched.asked += name == "rows"
        return super().__getattribute__(name)


def test_many_small_batches_take_time_in_proportion(monkeypatch):
    monkeypatch.setattr(Watched, "asked", 0)
    seen = analysis.Observer()
    for _ in range(300):
        seen.add(Watched({"x": arrays.Column(np.zeros(1))}, 1))
    assert seen.result().rows == 300
    assert Watched.asked < 300 * 10
