# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes: which scheme for which feature, and what happens to missing values."""

import json

import numpy as np
import pandas as pd
import pytest

import tfnorm
from tests import contracts
from tfnorm import arrays
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes

COLUMNS = {
    "a": np.array([1.0, 2.0, 6.0, np.nan]),
    "b": np.array([10, 20, 30, 40]),
    "c": np.array([[1.0, 10.0]] * 3 + [[5.0, 50.0]], np.float32),
    "other": np.array(["x"] * 4, object),
}


def fit(entry, columns=COLUMNS, name="a") -> tfnorm.FittedRecipe:
    recipe = tfnorm.Recipe({name: entry})
    return recipe.fit(tfnorm.analyze(columns, recipe))


def test_a_scheme_alone_is_a_feature_with_default_policies():
    recipe = tfnorm.Recipe({"a": schemes.ZScore()})
    assert recipe.features["a"] == tfnorm.Feature(schemes.ZScore())


def test_normalizes_the_named_columns_and_passes_the_others_through():
    found = fit(schemes.MinMax()).forward(COLUMNS)
    np.testing.assert_allclose(found["a"], [0, 0.2, 1, np.nan])
    assert found["b"] is COLUMNS["b"] and found["other"] is COLUMNS["other"]


def test_inverse_gives_raw_values_back():
    fitted = fit(schemes.Robust())
    again = fitted.inverse(fitted.forward({"a": COLUMNS["a"]}))
    # 2**-22: `inverse_scale` and `scale` are float32, each rounded once.
    np.testing.assert_allclose(again["a"], COLUMNS["a"], rtol=2**-22)


@pytest.mark.parametrize(
    ("impute_with", "filled"), [("mean", 3.0), ("median", 2.0), (-1.0, -1.0)]
)
def test_imputes_nan_and_missing_in_the_unit_of_the_feature(impute_with, filled):
    entry = tfnorm.Feature(
        schemes.Affine(0.0, 1.0), missing="impute", impute_with=impute_with
    )
    fitted = fit(entry)
    gap = arrays.Column(np.array([1.0, 0.0]), np.array([False, True]))
    np.testing.assert_allclose(fitted.forward({"a": gap})["a"], [1.0, filled])
    np.testing.assert_allclose(fitted.forward(COLUMNS)["a"], [1, 2, 6, filled])


def test_integers_with_missing_values_become_nan_where_missing():
    column = arrays.Column(np.array([10, 0]), np.array([False, True]))
    found = fit(schemes.MinMax(), name="b").forward({"b": column})
    np.testing.assert_array_equal(found["b"], [0.0, np.nan])


def test_an_indicator_tells_where_a_value_was_missing():
    fitted = fit(tfnorm.Feature(schemes.ZScore(), missing="impute", indicator=True))
    found = fitted.forward({"a": COLUMNS["a"]})
    np.testing.assert_array_equal(found["a_missing"], [0, 0, 0, 1])
    assert found["a_missing"].dtype == np.float32


def test_nan_policy_raise_refuses_to_fit():
    with pytest.raises(errors.DataError, match="feature 'a'.*1 values are NaN"):
        fit(tfnorm.Feature(schemes.ZScore(), nan_policy="raise"))


def test_nan_policy_propagate_makes_every_output_nan():
    fitted = fit(tfnorm.Feature(schemes.ZScore(), nan_policy="propagate"))
    assert np.isnan(fitted.forward({"a": np.array([1.0, 2.0])})["a"]).all()


def test_each_element_of_the_kept_axis_has_its_own_constants():
    found = fit(schemes.MinMax(), name="c").forward({"c": COLUMNS["c"]})
    np.testing.assert_array_equal(found["c"], [[0, 0]] * 3 + [[1, 1]])


def test_pools_a_vector_where_no_axis_is_kept():
    fitted = fit(tfnorm.Feature(schemes.MinMax(), axis=None), name="c")
    assert fitted.maps["c"].loc.shape == ()
    found = fitted.forward({"c": COLUMNS["c"]})
    assert found["c"][3, 1] == 1 and 0 < found["c"][3, 0] < 0.1


def test_a_log_is_fitted_to_the_mapped_values():
    values = {"a": np.array([1.0, 10.0, 100.0])}
    fitted = fit(schemes.Log("log", then=schemes.ZScore()), values)
    normal = fitted.forward(values)["a"]
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=1e-6)


def test_recipes_survive_json(tmp_path):
    recipe = tfnorm.Recipe(
        {
            "a": tfnorm.Feature(schemes.PercentileClip(0.05, 0.95), missing="impute"),
            "b": schemes.Log("log1p", then=schemes.MinMax(-1, 1)),
            "c": tfnorm.Feature(schemes.ZScore(), axis=None, indicator=True),
        }
    )
    recipe.save(tmp_path / "recipe.json")
    again = tfnorm.load_recipe(tmp_path / "recipe.json")
    assert again == recipe and again.digest == recipe.digest


def test_fitted_recipes_survive_json(tmp_path):
    recipe = tfnorm.Recipe({"a": schemes.Robust(), "c": schemes.ZScore()})
    fitted = recipe.fit(tfnorm.analyze(COLUMNS, recipe))
    fitted.save(tmp_path / "fitted.json")
    again = tfnorm.load_fitted(tmp_path / "fitted.json")
    assert again == fitted
    assert again.statistics_digest == tfnorm.analyze(COLUMNS, recipe).digest


def test_an_unknown_scheme_in_json_is_named(tmp_path):
    path = tmp_path / "recipe.json"
    tfnorm.Recipe({"a": schemes.ZScore()}).save(path)
    path.write_text(path.read_text().replace('"ZScore"', '"Zscore"'))
    with pytest.raises(errors.RecipeError, match="'Zscore'") as raised:
        tfnorm.load_recipe(path)
    assert raised.value.file == str(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "ZScore"}'])
def test_a_file_without_a_recipe_is_a_typed_error(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(errors.RecipeError, match="r.json"):
        tfnorm.load_recipe(tmp_path / "r.json")


def test_a_recipe_file_that_is_not_there_is_a_typed_error(tmp_path):
    with pytest.raises(errors.RecipeError, match="No such file"):
        tfnorm.load_recipe(tmp_path / "r.json")


def test_an_unknown_column_is_named_with_those_there_are():
    with pytest.raises(errors.FeatureError, match="feature 'z'.*'a', 'b', 'c'"):
        tfnorm.analyze(COLUMNS, {"z": schemes.ZScore()})


def test_statistics_of_another_recipe_are_refused():
    found = tfnorm.analyze(COLUMNS, {"a": schemes.ZScore()})
    with pytest.raises(errors.RecipeError, match="feature 'b'.*hold a"):
        tfnorm.Recipe({"b": schemes.ZScore()}).fit(found)


@pytest.mark.parametrize(
    "bad",
    [
        {"missing": "drop"},
        {"nan_policy": "ignore"},
        {"impute_with": "mode"},
        {"impute_with": float("nan")},
        {"impute_with": float("inf")},
        {"axis": 1.0},
        {"axis": True},
        {"axis": "last"},
    ],
    ids=str,
)
def test_an_unknown_policy_is_refused(bad):
    with pytest.raises(errors.RecipeError, match=str(next(iter(bad.values())))):
        tfnorm.Feature(schemes.ZScore(), **bad)


@pytest.mark.parametrize(
    "features", [{}, {"a": "ZScore"}, [], {1: schemes.ZScore()}], ids=str
)
def test_what_is_no_recipe_is_refused(features):
    with pytest.raises(errors.RecipeError):
        tfnorm.Recipe(features)


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        (schemes.Log("log1p"), "log1p(a)"),
        (tfnorm.Feature(schemes.ZScore(), indicator=True), "a_missing"),
    ],
    ids=["view", "indicator"],
)
def test_a_feature_must_not_be_named_as_what_is_made_of_another(entry, taken):
    with pytest.raises(errors.RecipeError, match="'a' needs") as raised:
        tfnorm.Recipe({"a": entry, taken: schemes.ZScore()})
    assert raised.value.feature == taken


def test_an_indicator_replaces_no_column():
    fitted = fit(tfnorm.Feature(schemes.ZScore(), indicator=True))
    with pytest.raises(errors.RecipeError, match="'a_missing'.*already"):
        fitted.forward({"a": COLUMNS["a"], "a_missing": COLUMNS["b"]})


def test_a_feature_may_be_called_type(tmp_path):
    recipe = tfnorm.Recipe({"type": schemes.ZScore()})
    fitted = recipe.fit(tfnorm.analyze({"type": COLUMNS["b"]}, recipe))
    fitted.save(tmp_path / "fitted.json")
    assert tfnorm.load_fitted(tmp_path / "fitted.json") == fitted


def test_wide_integers_keep_their_digits_beside_missing_ones():
    values = 2**52 + np.arange(4)
    column = arrays.Column(values, values == 2**52 + 3)
    found = fit(schemes.ZScore(), {"a": column}).forward({"a": column})["a"]
    expected = np.array([-1, 0, 1, np.nan]) * np.sqrt(1.5)
    # 2**-22: of `inverse_scale` and the product, each rounded to float32.
    np.testing.assert_allclose(found, expected, rtol=2**-22)


def test_examples_are_rows_of_the_raw_feature():
    fitted = fit(schemes.ZScore(), name="b")
    assert fitted.examples["b"] == (10, 18, 25, 32, 40)
    assert json.loads(json.dumps(fitted.kinds)) == {"b": "integer"}


def test_thresholds_are_those_of_the_feature_or_of_the_recipe():
    own, common = tfnorm.Thresholds(mean_shift=2.0), tfnorm.Thresholds(new_keys=None)
    features = {
        "a": tfnorm.Feature(schemes.ZScore(), thresholds=own),
        "b": schemes.ZScore(),
    }
    recipe = tfnorm.Recipe(features, thresholds=common)
    assert recipe.thresholds_of("a") == own
    assert recipe.thresholds_of("b") == common
    assert tfnorm.Recipe(features).thresholds_of("b") == tfnorm.Thresholds()


def test_thresholds_are_kept_on_disk_and_unsaid_ones_leave_no_trace(tmp_path):
    plain = tfnorm.Recipe({"a": schemes.ZScore()})
    text = config.dumps(plain)
    assert "thresholds" not in text
    said = tfnorm.Recipe(
        {"a": tfnorm.Feature(schemes.ZScore(), thresholds=tfnorm.Thresholds())},
        thresholds=tfnorm.Thresholds(deviation_ratio=None),
    )
    said.save(tmp_path / "recipe.json")
    assert tfnorm.load_recipe(tmp_path / "recipe.json") == said
    assert said.digest != plain.digest


@pytest.mark.parametrize(
    "given",
    [
        {"mean_shift": -0.1},
        {"deviation_ratio": 0.9},
        {"stability_index": float("nan")},
        {"out_of_range": float("inf")},
        {"missing_rate": "0.1"},
        {"new_keys": True},
    ],
)
def test_a_threshold_is_a_number_that_can_be_one(given):
    (name,) = given
    with pytest.raises(errors.RecipeError, match=f"`{name}="):
        tfnorm.Thresholds(**given)


def test_thresholds_are_thresholds():
    for make in (tfnorm.Recipe, lambda f, **t: tfnorm.Feature(f["a"], **t)):
        with pytest.raises(errors.RecipeError, match="must be `tfnorm.Thresholds"):
            make({"a": schemes.ZScore()}, thresholds={"mean_shift": 1.0})


# Rows without a key.

SOME = {"x": np.float32([0, 10, 90, 110, 0, 0]), "k": np.array([0, 0, 5, 5, 0, 5])}
NO_KEY = np.array([False] * 4 + [True] * 2)


def of_some(policy="global"):
    scheme = schemes.PerKey(schemes.ZScore(), "k", unseen_key_policy=policy)
    recipe = tfnorm.Recipe({"x": scheme})
    return recipe.fit(tfnorm.analyze(without_keys(), recipe))


def without_keys(kind=np.int64, missing=NO_KEY):
    return {
        "x": arrays.Column(SOME["x"]),
        "k": arrays.Column(SOME["k"].astype(kind), missing),
    }


def test_a_row_without_a_key_is_as_one_of_an_unseen_key():
    both = of_some()
    every = contracts.fitted(schemes.ZScore(), SOME["x"])
    mapped = both.forward(without_keys())
    np.testing.assert_array_equal(mapped["x"][:4], [-1, 1, -1, 1])
    np.testing.assert_array_equal(mapped["x"][4:], every.forward(SOME["x"][4:]))
    again = both.inverse({"x": mapped["x"], "k": mapped["k"]})["x"]
    np.testing.assert_allclose(again, SOME["x"], rtol=0, atol=8 * contracts.ULP * 110)


def test_a_row_without_a_key_is_nan_on_request():
    found = of_some("nan").forward(without_keys())["x"]
    np.testing.assert_array_equal(np.isnan(found), NO_KEY)


def test_a_row_without_a_key_is_an_error_on_request():
    with pytest.raises(errors.DataError, match="A missing key"):
        of_some("raise").forward(without_keys())


@pytest.mark.parametrize("kind", [np.float32, object, np.int64])
def test_keys_of_which_none_is_there_have_no_type(kind):
    every = contracts.fitted(schemes.ZScore(), SOME["x"])
    found = of_some().forward(without_keys(kind, np.ones(6, bool)))["x"]
    np.testing.assert_array_equal(found, every.forward(SOME["x"]))


def test_files_with_nulls_among_their_keys_are_normalized(tmp_path):
    frame = pd.DataFrame(SOME).astype({"k": "Int64"})
    frame.loc[4:, "k"] = None
    frame.to_parquet(tmp_path / "d.parquet")
    both = of_some()
    tfnorm.beam.apply_recipe(tmp_path / "d.parquet", both, tmp_path / "out")
    found = pd.read_parquet(tmp_path / "out" / "d.parquet")["x"]
    wanted = both.forward(without_keys())["x"]
    np.testing.assert_array_equal(found, wanted)


BY_KEY = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})


def test_keys_that_are_numbers_here_and_text_there_are_an_error():
    found = tfnorm.analyze(iter([SOME, {**SOME, "k": SOME["k"].astype(str)}]), BY_KEY)
    with pytest.raises(errors.StatisticsError, match="'x'.*text in others"):
        BY_KEY.fit(found)


@pytest.mark.parametrize(
    "columns",
    [SOME | {"k": arrays.Column(SOME["k"], np.ones(6, bool))}, {"x": SOME["x"]}],
    ids=["no row has one", "of another recipe"],
)
def test_statistics_without_groups_fit_no_scheme_by_key(columns):
    recipe = BY_KEY if "k" in columns else None
    with pytest.raises(errors.RecipeError, match="no groups of 'x' by 'k'"):
        BY_KEY.fit(tfnorm.analyze(columns, recipe))
