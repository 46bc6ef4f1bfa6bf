# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A suggested recipe: which rule decides, what it says, and that it fits."""

import json

import numpy as np
import pytest
import scipy.special
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

import tfnorm
from tfnorm import errors
from tfnorm import schemes
from tfnorm import suggestion

ROWS = 2000


def rng():
    return np.random.default_rng(0)


def suggest(values, **options) -> suggestion.Suggestion:
    # Beside something to normalize, so that a recipe is left.
    data = {"x": values, "other": rng().normal(size=len(values))}
    return tfnorm.suggest(tfnorm.analyze(data), **options)


def schema(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def of_schema(text: str) -> suggestion.Suggestion:
    other = 'feature { name: "other" type: FLOAT }'
    return tfnorm.suggest(schema(f'feature {{ name: "x" {text} }} {other}'))


OUT = {
    "no value": (np.full(ROWS, np.nan), "none of its 2000 rows has a finite value"),
    "constant": (np.full(ROWS, 7), "always 7, which tells nothing"),
    "constants": (
        np.ones((ROWS, 2)) * [1, 2],
        "each of its 2 elements is always the same",
    ),
    "boolean": (rng().random(ROWS) < 0.5, "only 0 and 1"),
    "boolean as integers": (rng().integers(0, 2, ROWS), "only 0 and 1"),
    "boolean as floats": (rng().integers(0, 2, ROWS) * 1.0, "only 0 and 1"),
    "category": (rng().integers(0, 16, ROWS), "only 16 distinct integers among 2,000"),
    "row numbers": (np.arange(ROWS)[::-1] + 5, "consecutive integers from 5 on"),
    "row numbers with gaps": (np.arange(ROWS) * 3, "as with row numbers"),
    "more row numbers than buckets": (np.arange(20_000), "its 20,000 values have"),
}
IN = {
    "normal": (rng().normal(size=ROWS), schemes.ZScore()),
    "integers": (rng().integers(0, 17, ROWS), schemes.ZScore()),
    "few rows": (np.array([3, 9, 4]), schemes.ZScore()),
    "few floats": (rng().integers(0, 9, ROWS) / 2, schemes.ZScore()),
    "exponential": (rng().exponential(size=ROWS), schemes.ZScore()),
    "laplacian": (rng().laplace(size=ROWS), schemes.ZScore()),
    "uniform": (rng().random(ROWS), schemes.ZScore()),
    "wild": (rng().standard_cauchy(ROWS), schemes.Robust(unit_variance=True)),
    "long tail": (rng().lognormal(3, 2, ROWS), schemes.Power("yeo-johnson")),
    "long tail of small numbers": (
        rng().lognormal(-9, 2, ROWS),
        schemes.Power("box-cox"),
    ),
    "mostly zero": (np.arange(ROWS) % 20 // 19 * 500.0, schemes.ZScore()),
    "images": (rng().integers(0, 256, (50, 8, 8, 3), np.uint8), schemes.ZScore()),
    "vectors": (rng().normal(size=(ROWS, 4)), schemes.ZScore()),
    "wide": (rng().normal(size=(9, 5000)), schemes.ZScore()),
}


@pytest.mark.parametrize("case", OUT)
def test_what_needs_no_scheme_is_left_out_and_said(case):
    values, why = OUT[case]
    found = suggest(values)
    assert list(found.recipe.features) == ["other"]
    assert found.reasons["x"].startswith("Left out: ")
    assert why in found.reasons["x"]


@pytest.mark.parametrize("case", IN)
def test_the_first_rule_that_applies_decides(case):
    values, scheme = IN[case]
    assert suggest(values).recipe.features["x"] == tfnorm.Feature(scheme)


@pytest.mark.parametrize("case", IN)
def test_a_suggestion_fits_the_statistics_it_came_from(case):
    values, _ = IN[case]
    data = {"x": values}
    statistics = tfnorm.analyze(data)
    found = tfnorm.suggest(statistics)
    assert found.another_pass == ()
    mapped = found.recipe.fit(statistics).forward(data)["x"]
    assert np.isfinite(mapped).all()


NEAR_0 = {
    "beta 0.2": rng().beta(0.2, 3, 20_000),
    "beta 0.1": rng().beta(0.1, 3, 20_000),
    "beta 0.05": rng().beta(0.05, 3, 20_000),
    "gamma": rng().gamma(0.05, size=20_000),
    "p-values": scipy.special.ndtr(rng().normal(-6, 4, 20_000)),
}


@pytest.mark.parametrize("case", NEAR_0)
def test_what_is_suggested_of_probabilities_can_be_fitted(case):
    data = {"x": NEAR_0[case]}
    statistics = tfnorm.analyze(data)
    found = tfnorm.suggest(statistics)
    assert found.recipe.features["x"].scheme == schemes.Power("box-cox")
    mapped = found.recipe.fit(statistics).forward(data)["x"]
    np.testing.assert_allclose([mapped.mean(), mapped.std()], [0, 1], atol=1e-4)


def test_a_reason_has_the_numbers_that_decided():
    why = suggest(np.repeat([1.0, 2.0, 300.0], [100, 100, 50])).reasons["x"]
    assert "99th percentile (300) is 150 times its median (2)" in why


def test_a_zero_inflated_tail_says_what_another_pass_would_give():
    values, _ = IN["mostly zero"]
    assert "far above its median, which is 0; Log" in suggest(values).reasons["x"]
    found = suggest(values, one_pass=False)
    assert found.recipe.features["x"].scheme == schemes.Log("log1p")


def test_with_another_pass_long_tails_get_logarithms():
    data = {"x": IN["long tail"][0], "y": IN["long tail of small numbers"][0]}
    found = tfnorm.suggest(tfnorm.analyze(data), one_pass=False)
    used = {name: one.scheme for name, one in found.recipe.features.items()}
    assert used == {"x": schemes.Log("log1p"), "y": schemes.Log("log")}
    assert found.another_pass == ("x", "y")
    again = tfnorm.analyze(data, found.recipe)
    found.recipe.fit(again)


def test_logarithms_whose_statistics_are_there_take_no_other_pass():
    recipe = tfnorm.Recipe({"x": schemes.Log("log1p")})
    statistics = tfnorm.analyze({"x": IN["long tail"][0]}, recipe)
    found = tfnorm.suggest(statistics)
    assert found.recipe == recipe
    assert found.another_pass == ()


KEYED = {
    "x": rng().normal(size=ROWS),
    "y": rng().normal(size=ROWS),
    "store": rng().integers(0, 50, ROWS),
    "w": rng().random(ROWS),
}


def test_keys_of_pins_are_no_features():
    keyed = schemes.PerKey(schemes.ZScore(), "store")
    pins = tfnorm.Recipe({"x": keyed, "y": keyed})
    found = tfnorm.suggest(tfnorm.analyze(KEYED), pins=pins)
    assert found.reasons["store"] == "Left out: is the key of 'x', 'y'"
    assert list(found.recipe.features) == ["w", "x", "y"]


def test_the_weight_of_pins_is_no_feature():
    pins = tfnorm.Recipe({"x": schemes.ZScore()}, weight="w")
    found = tfnorm.suggest(tfnorm.analyze(KEYED), pins=pins)
    assert found.reasons["w"] == "Left out: is the weight"
    assert found.recipe.weight == "w"
    assert "w" not in found.recipe.features


def test_a_key_that_is_pinned_is_a_feature():
    keyed = schemes.PerKey(schemes.ZScore(), "store")
    pins = tfnorm.Recipe({"x": keyed, "store": schemes.MinMax()})
    found = tfnorm.suggest(tfnorm.analyze(KEYED), pins=pins)
    assert found.recipe.features["store"].scheme == schemes.MinMax()


def test_slices_are_no_features():
    data = {"x": rng().normal(size=100), "s": np.repeat(["a", "b"], 50)}
    statistics = tfnorm.analyze(data, slices=["s"])
    assert set(tfnorm.suggest(statistics).reasons) == {"x"}


def test_subtracted_extrema_leave_the_other_rules():
    one = tfnorm.analyze({"x": rng().lognormal(3, 2, ROWS)})
    other = tfnorm.analyze({"x": np.array([-1e9, 1e9])})
    found = tfnorm.suggest(one.merge(other).subtract(other))
    assert found.recipe.features["x"].scheme == schemes.Robust(unit_variance=True)


def test_the_weight_of_the_statistics_is_that_of_the_recipe():
    data = {"x": rng().normal(size=100), "w": np.arange(100.0)}
    statistics = tfnorm.analyze(data, weight="w")
    assert tfnorm.suggest(statistics).recipe.weight == "w"


def test_axes_are_those_that_the_statistics_keep():
    recipe = tfnorm.Recipe({"x": tfnorm.Feature(schemes.ZScore(), axis=None)})
    statistics = tfnorm.analyze({"x": rng().normal(size=(50, 3))}, recipe)
    assert tfnorm.suggest(statistics).recipe == recipe


@pytest.mark.parametrize(
    ("values", "by"),
    [(rng().normal(size=ROWS), "mean"), (rng().standard_cauchy(ROWS), "median")],
)
def test_what_lacks_values_is_imputed_with_an_indicator(values, by):
    found = suggest(np.where(np.arange(ROWS) % 10, values, np.nan))
    feature = found.recipe.features["x"]
    assert (feature.missing, feature.impute_with) == ("impute", by)
    assert feature.indicator
    assert f"200 values are NaN, imputed by the {by}" in found.reasons["x"]


def test_an_indicator_that_is_there_already_is_not_added():
    values = np.where(np.arange(ROWS) % 10, rng().normal(size=ROWS), np.nan)
    data = {"x": values, "x_missing": np.isnan(values)}
    found = tfnorm.suggest(tfnorm.analyze(data))
    assert not found.recipe.features["x"].indicator
    assert "'x_missing' is there already" in found.reasons["x"]


def test_infinite_values_are_told_of():
    values = np.append(rng().normal(size=ROWS), np.inf)
    assert "1 infinite ones are in no statistic" in suggest(values).reasons["x"]


def test_elements_that_never_vary_are_told_of():
    found = suggest(rng().normal(size=(ROWS, 3)) * [1, 0, 2])
    assert "1 of 3 elements never vary" in found.reasons["x"]


# Pins and exclusions.


def test_a_pin_wins_over_the_rules():
    pin = tfnorm.Feature(schemes.MinMax(), missing="impute")
    found = suggest(np.full(ROWS, 7), pins=tfnorm.Recipe({"x": pin}))
    assert found.recipe.features["x"] == pin
    assert found.reasons["x"] == "MinMax: pinned"


def test_what_pins_say_of_all_features_is_kept():
    thresholds = tfnorm.Thresholds(mean_shift=0.1)
    pins = tfnorm.Recipe({"x": schemes.MinMax()}, weight="w", thresholds=thresholds)
    data = {"x": rng().normal(size=ROWS), "w": np.arange(1.0 * ROWS)}
    assert tfnorm.suggest(tfnorm.analyze(data), pins=pins, exclude="w").recipe == pins


@pytest.mark.parametrize(
    "pin",
    [
        schemes.Log("log1p"),
        schemes.Whitening(),
        schemes.Chain((schemes.Robust(), schemes.MinMax())),
        schemes.PerKey(schemes.ZScore(), key="other"),
        tfnorm.Feature(schemes.ZScore(), axis=None),
    ],
)
def test_a_pin_that_needs_other_statistics_is_told_of(pin):
    values = rng().random((ROWS, 2))
    assert suggest(values, pins=tfnorm.Recipe({"x": pin})).another_pass == ("x",)


def test_the_excluded_are_left_out():
    found = suggest(rng().normal(size=ROWS), exclude=["x"])
    assert list(found.recipe.features) == ["other"]
    assert found.reasons["x"] == "Left out: excluded"


@pytest.mark.parametrize(
    "options",
    [{"pins": tfnorm.Recipe({"y": schemes.ZScore()})}, {"exclude": ["y"]}],
)
def test_an_unknown_feature_is_an_error_that_names_it(options):
    with pytest.raises(errors.RecipeError, match="feature 'y'.*not among other, x"):
        suggest(np.arange(9.0), **options)


def test_a_feature_is_not_pinned_and_excluded():
    pins = tfnorm.Recipe({"x": schemes.ZScore()})
    with pytest.raises(errors.RecipeError, match="'x': is pinned and excluded"):
        suggest(np.arange(9.0), pins=pins, exclude=["x"])


def test_an_error_says_why_nothing_is_left():
    statistics = tfnorm.analyze({"x": np.ones(9), "y": np.arange(9)})
    with pytest.raises(errors.RecipeError, match="'x': Left out: always 1.*'y': Left"):
        tfnorm.suggest(statistics)


@pytest.mark.parametrize("source", [{"x": np.ones(3)}, None, "statistics"])
def test_another_source_is_an_error(source):
    with pytest.raises(errors.RecipeError, match=r"tfnorm\.Statistics.*came"):
        tfnorm.suggest(source)


# Schemas.


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("type: FLOAT", schemes.ZScore()),
        ("type: INT", schemes.ZScore()),
        ("type: FLOAT float_domain { min: 0 }", schemes.ZScore()),
        ("type: FLOAT float_domain { min: 0 max: inf }", schemes.ZScore()),
        ("type: FLOAT float_domain { min: -1 max: 3 }", schemes.Rescale((-1, 3))),
        ("type: FLOAT float_domain { min: 0 max: 1 }", schemes.Rescale((0, 1))),
        ("type: INT int_domain { min: 0 max: 99 }", schemes.Rescale((0, 99))),
        ("type: FLOAT shape { dim { size: 4 } }", schemes.ZScore()),
        ("type: FLOAT value_count { min: 3 max: 3 }", schemes.ZScore()),
        (
            "type: INT int_domain { min: 0 max: 255 } "
            "shape { dim { size: 8 } dim { size: 8 } dim { size: 3 } }",
            schemes.ZScore(),
        ),
    ],
)
def test_a_schema_tells_of_numbers(text, scheme):
    assert of_schema(text).recipe.features["x"] == tfnorm.Feature(scheme)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("type: BYTES", "text or bytes"),
        ("type: STRUCT", "a struct"),
        ("type: BYTES image_domain { }", "encoded images"),
        ("type: INT bool_domain { }", "boolean"),
        ("type: INT int_domain { is_categorical: true }", "a category"),
        ("type: INT int_domain { min: 1 max: 12 }", "integers from 1 to 12"),
        ("type: INT int_domain { min: 0 max: 1 }", "only 0 and 1"),
        ("type: INT string_domain { }", "a category"),
        ("type: INT time_domain { }", "a time"),
        ("type: FLOAT float_domain { min: 2 max: 2 }", "always 2"),
        ("type: FLOAT lifecycle_stage: DEPRECATED", "DEPRECATED"),
        ("type: FLOAT deprecated: true", "DEPRECATED"),
        ("type: FLOAT value_count { min: 1 }", "from 1 to any number of values"),
        ("type: FLOAT value_count { min: 1 max: 5 }", "from 1 to 5 values"),
        ("type: FLOAT shape { dim { size: -1 } }", "leaves an axis of its shape open"),
        ("type: FLOAT value_counts { }", "nested"),
    ],
)
def test_a_schema_tells_what_to_leave_out(text, why):
    found = of_schema(text)
    assert list(found.recipe.features) == ["other"]
    assert why in found.reasons["x"]


@pytest.mark.parametrize(
    "text",
    [
        "presence { min_fraction: 0.5 }",
        "presence { min_count: 1 }",
        "value_count { min: 0 max: 1 }",
    ],
)
def test_what_a_schema_does_not_require_is_imputed(text):
    feature = of_schema(f"type: FLOAT {text}").recipe.features["x"]
    assert (feature.missing, feature.indicator) == ("impute", True)


@pytest.mark.parametrize(
    "text", ["", "presence { min_fraction: 1 }", "value_count { min: 1 max: 1 }"]
)
def test_what_a_schema_requires_is_not(text):
    feature = of_schema(f"type: FLOAT {text}").recipe.features["x"]
    assert feature == tfnorm.Feature(schemes.ZScore())


def test_domains_may_be_shared():
    found = tfnorm.suggest(
        schema(
            'feature { name: "x" type: INT domain: "d" } '
            'int_domain { name: "d" min: 5 max: 50 }'
        )
    )
    assert found.recipe.features["x"].scheme == schemes.Rescale((5, 50))


def test_a_domain_that_is_not_there_is_an_error_of_the_feature():
    with pytest.raises(errors.RecipeError, match="feature 'x'.*domain 'd'"):
        of_schema('type: INT domain: "d"')


# Statistics and a Schema together.


@pytest.mark.parametrize(
    ("high", "scheme"), [(100, schemes.Rescale((0, 100))), (1e6, schemes.ZScore())]
)
def test_bounds_count_where_the_data_fill_them(high, scheme):
    said = schema(
        f'feature {{ name: "x" type: FLOAT float_domain {{ min: 0 max: {high} }} }}'
    )
    found = suggest(rng().uniform(0, 100, ROWS), schema=said)
    assert found.recipe.features["x"].scheme == scheme


def test_a_schema_tells_of_categories_that_counts_do_not_show():
    said = schema(
        'feature { name: "x" type: INT int_domain { is_categorical: true } }'
        'feature { name: "text" type: BYTES } feature { name: "new" type: FLOAT }'
    )
    found = suggest(rng().integers(0, 500, ROWS), schema=said)
    assert list(found.recipe.features) == ["other"]
    assert "a category" in found.reasons["x"]
    assert "text or bytes" in found.reasons["text"]
    assert "statistics hold none of its values" in found.reasons["new"]


def test_decoded_images_are_pixels_whatever_the_schema_calls_them():
    said = schema('feature { name: "x" type: BYTES image_domain { } }')
    found = suggest(IN["images"][0], schema=said)
    assert "images of pixels" in found.reasons["x"]
    assert "x" in found.recipe.features


def test_what_may_be_missing_but_never_was_has_no_indicator():
    said = schema('feature { name: "x" type: FLOAT presence { min_fraction: 0.5 } }')
    feature = suggest(rng().normal(size=ROWS), schema=said).recipe.features["x"]
    assert (feature.missing, feature.indicator) == ("impute", False)


# On disk.


def test_a_saved_suggestion_is_a_recipe_and_its_reasons(tmp_path):
    found = suggest(rng().normal(size=ROWS))
    found.save(tmp_path / "s")
    found.save(tmp_path / "s")  # Replaces another suggestion.
    assert tfnorm.load_recipe(tmp_path / "s" / "recipe.json") == found.recipe
    reasons = json.loads((tmp_path / "s" / "reasons.json").read_text())
    assert reasons == found.reasons


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "recipe.json").write_text("mine")
    with pytest.raises(errors.ArtifactError, match=r"holds no reasons\.json"):
        suggest(rng().normal(size=ROWS)).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_the_order_of_columns_leaves_no_trace():
    data = {"x": rng().normal(size=9), "a": rng().random(9)}
    one = tfnorm.suggest(tfnorm.analyze(data))
    other = tfnorm.suggest(tfnorm.analyze(dict(reversed(data.items()))))
    assert str(one) == str(other)
    assert one.recipe.digest == other.recipe.digest


def test_a_suggestion_prints_a_line_for_each_feature():
    lines = str(suggest(np.full(ROWS, 7))).splitlines()
    assert lines[1] == "x      Left out: always 7, which tells nothing"


def test_a_schema_is_read_from_text_or_bytes(tmp_path):
    said = schema('feature { name: "x" type: FLOAT }')
    (tmp_path / "s.pbtxt").write_text(text_format.MessageToString(said))
    (tmp_path / "s.pb").write_bytes(said.SerializeToString())
    assert suggestion.load_schema(tmp_path / "s.pbtxt") == said
    assert suggestion.load_schema(tmp_path / "s.pb") == said


@pytest.mark.parametrize("name", ["s.pbtxt", "s.pb"])
def test_what_is_no_schema_is_an_error_that_names_the_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff no schema")
    with pytest.raises(errors.FormatError, match="holds no Schema") as caught:
        suggestion.load_schema(tmp_path / name)
    assert caught.value.file == str(tmp_path / name)
