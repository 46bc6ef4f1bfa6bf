# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How far new data are from a baseline, by key."""

import numpy as np
import pytest

import tfnorm
from tfnorm import comparison
from tfnorm import schemes


def breaches(feature: comparison.FeatureComparison) -> set[str]:
    return {name for name, one in feature.measures.items() if one.breached}


def test_new_keys_are_counted_by_rows_and_named():
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})
    found, baseline = (
        tfnorm.analyze({"x": np.arange(4.0), "k": np.array(keys)}, recipe)
        for keys in (["a", "z", "z", "y"], ["a", "b", "b", "c"])
    )
    measure = tfnorm.compare(found, baseline).features["x"].measures["new_keys"]
    assert (measure.value, measure.breached) == (0.75, True)
    assert measure.detail == "2 of 'k': 'z', 'y'"


def by_key(means: dict, rows: int = 2000, scheme=None, weight=None, seed=0):
    """Statistics of a feature whose mean and rows depend on the key."""
    rng = np.random.default_rng(seed)
    keys = rng.choice([*means], rows)
    columns = {
        "x": rng.normal(size=rows) + [means[key] for key in keys],
        "k": keys,
        "w": np.ones(rows),
    }
    inner = schemes.ZScore() if scheme is None else scheme
    recipe = tfnorm.Recipe({"x": schemes.PerKey(inner, "k")}, weight=weight)
    return tfnorm.analyze(columns, recipe)


@pytest.mark.parametrize("scheme", [schemes.ZScore(), schemes.Robust()], ids=type)
@pytest.mark.parametrize("weight", [None, "w"])
def test_keys_that_change_places_are_found(scheme, weight):
    options = {"scheme": scheme, "weight": weight}
    baseline = by_key({"a": 0, "b": 100}, **options)
    swapped = by_key({"a": 100, "b": 0}, seed=1, **options)
    result = tfnorm.compare(swapped, baseline)
    assert breaches(result.features["x | k"]) == {"mean_shift"}
    (finding,) = (one for one in result.findings if "x | k" in one)
    assert "(of k='" in finding
    assert tfnorm.compare(
        by_key({"a": 0, "b": 100}, seed=2, **options), baseline
    ).passed


def test_the_key_whose_deviation_changed_is_named():
    found, baseline = (
        tfnorm.analyze(
            {"x": np.tile([-1.0, 1.0], 200) * scale, "k": keys}, slices=["k"]
        )
        for keys in [np.repeat([1, 2], 200)]
        for scale in (np.repeat([1.0, 4.0], 200), 1.0)
    )
    measure = tfnorm.compare(found, baseline).features["x | k"].measures
    assert measure["deviation_ratio"].value == 4.0
    assert measure["deviation_ratio"].detail == "of k=2"


def test_of_many_small_keys_some_are_off_by_chance():
    means = dict.fromkeys((f"s{i}" for i in range(300)), 0.0)
    baseline = by_key(means, 30_000)
    for seed in range(1, 6):
        result = tfnorm.compare(by_key(means, 15_000, seed=seed), baseline)
        measure = result.features["x | k"].measures["mean_shift"]
        assert result.passed
    # So it is not for want of a shift beyond the threshold.
    assert abs(measure.value) > measure.threshold / 2
    moved = by_key({**means, "s7": 3.0}, 15_000, seed=1)
    assert "(of k='s7')" in tfnorm.compare(moved, baseline).findings[0]


def test_by_key_a_view_is_compared_and_what_it_is_made_of_is_not():
    held = by_key({"a": 9, "b": 30}, scheme=schemes.Log("asinh"))
    result = tfnorm.compare(held, held)
    assert [*result.features] == ["x", "asinh(x)", "asinh(x) | k"]
    assert not any(feature.notes for feature in result.features.values())


def test_keys_of_few_values_are_noted():
    result = tfnorm.compare(by_key({"a": 0}, 20), by_key({"a": 9}, 20))
    within = result.features["x | k"]
    assert not within.measures
    assert within.notes == ("1 of 1 keys have fewer than 30 values in one of the two.",)


@pytest.mark.parametrize("weight", [None, "w"])
def test_slices_have_new_keys_too(weight):
    columns = {"x": np.arange(3.0), "k": np.array([1, 2, 2]), "w": np.ones(3)}
    found, baseline = (
        tfnorm.analyze({**columns, "k": np.array(keys)}, slices=["k"], weight=weight)
        for keys in ([1, 2, 3], [1, 2, 2])
    )
    result = tfnorm.compare(found, baseline)
    assert result.features["x"].measures["new_keys"].value == pytest.approx(1 / 3)


def test_it_is_noted_where_keys_cannot_be_compared():
    columns = {"x": np.arange(3.0), "k": np.array([1, 2, 2])}
    baseline = tfnorm.analyze(columns, slices=["k"])
    result = tfnorm.compare(tfnorm.analyze(columns), baseline)
    assert result.passed
    assert result.features["x"].notes == (
        "no new keys: the new data have no groups by 'k'.",
    )
