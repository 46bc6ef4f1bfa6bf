# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps that are fitted to what fitted ones make: one pass more each, and exact."""

import logging
import os

import keras
import numpy as np
import pandas as pd
import pytest

import tfnorm
from tests import contracts
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes

RNG = np.random.default_rng(0)
TAILS = (RNG.standard_t(2, 2000) * 10 + 50).astype(np.float32)
CLIPPED = schemes.Chain(
    (schemes.PercentileClip(0.05, 0.95, then=schemes.Affine()), schemes.ZScore())
)
THREE = schemes.Chain(
    (
        schemes.Log("asinh"),
        schemes.PercentileClip(0.1, 0.9, then=schemes.Affine()),
        schemes.Rescale((0, 1), (0, 3)),
        schemes.MinMax(-1, 1),
    )
)


def recipe_of(scheme):
    return tfnorm.Recipe({"x": scheme, "plain": schemes.ZScore()})


def columns(x=TAILS):
    return {"x": x, "plain": x}


def test_the_mean_of_clipped_data_is_exact():
    recipe = recipe_of(CLIPPED)
    fitted = recipe.fit(tfnorm.analyze(columns(), recipe))
    low, high = np.quantile(TAILS, [0.05, 0.95])
    clipped = np.clip(TAILS.astype(float), np.float32(low), np.float32(high))
    wanted = (clipped - clipped.mean()) / clipped.std()
    found = fitted.forward(columns())["x"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=8 * contracts.ULP * 3)


def test_three_fitted_steps_take_three_passes():
    recipe = recipe_of(THREE)
    assert recipe.passes == 3
    found = tfnorm.analyze(columns(), recipe)
    y = recipe.fit(found).forward(columns())["x"]
    np.testing.assert_allclose([y.min(), y.max()], [-1, 1], rtol=0, atol=1e-6)
    assert len(found) == 2 + 3  # Raw columns, the asinh, and two stages.


def test_says_that_it_reads_once_more(caplog):
    recipe = recipe_of(CLIPPED)
    with caplog.at_level(logging.WARNING, "tfnorm"):
        tfnorm.analyze(columns(), recipe)
    assert [record.getMessage()[:21] for record in caplog.records] == [
        "Reading the data once"
    ]


@pytest.mark.parametrize("scheme", [CLIPPED, THREE], ids=["two", "three"])
def test_the_beam_job_runs_every_pass(scheme, tmp_path):
    for part in range(3):
        rows = {name: column[part::3] for name, column in columns().items()}
        pd.DataFrame(rows).to_parquet(tmp_path / f"part-{part}.parquet")
    recipe = recipe_of(scheme)
    pattern, out = os.fspath(tmp_path / "*.parquet"), tmp_path / "new" / "statistics"
    found = tfnorm.beam.compute_statistics(pattern, recipe, out)
    assert found.digest == tfnorm.analyze(columns(), recipe).digest
    assert tfnorm.load_statistics(out).digest == found.digest
    assert os.listdir(tmp_path / "new") == ["statistics"]


def test_does_not_depend_on_batches():
    recipe = recipe_of(THREE)
    batches = [
        {name: column[i : i + 7] for name, column in columns().items()}
        for i in range(0, 2000, 7)
    ]
    whole = tfnorm.analyze(columns(), recipe)
    assert tfnorm.analyze(batches, recipe).digest == whole.digest


def test_an_iterator_cannot_be_read_twice():
    with pytest.raises(errors.DataError, match="'x'.*iterator"):
        tfnorm.analyze(iter([columns()]), recipe_of(CLIPPED))


def test_statistics_of_other_data_are_not_merged():
    recipe = recipe_of(CLIPPED)
    days = [tfnorm.analyze(columns(x), recipe) for x in (TAILS, TAILS * 2)]
    with pytest.raises(errors.StatisticsError, match="percentileclip|affine"):
        days[0].merge(days[1])


def test_statistics_of_one_pass_are_not_enough():
    recipe = recipe_of(CLIPPED)
    found = tfnorm.analyze(columns(), recipe_of(schemes.Robust()))
    with pytest.raises(errors.RecipeError, match="'x'.*one pass"):
        recipe.fit(found)


@pytest.mark.parametrize("axis", [-1, 1])
def test_a_layer_adapts_in_as_many_passes(axis, tmp_path):
    x = np.stack([TAILS, TAILS * 3 + 1], axis=1).reshape(500, 4, 2)
    scheme = schemes.Chain(
        (schemes.Whitening() if axis == -1 else schemes.ZScore(), schemes.MinMax())
    )
    layer = layers.Chain(scheme.steps, axis=axis)
    layer.adapt(x)
    y = np.asarray(layer(x))
    rest = tuple(i for i in range(3) if i != axis % 3)
    np.testing.assert_allclose(y.min(rest), 0, rtol=0, atol=1e-5)
    np.testing.assert_allclose(y.max(rest), 1, rtol=0, atol=1e-5)
    model = keras.Sequential([keras.Input((4, 2)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), y)


def test_is_undone_step_by_step():
    layer = layers.Chain((schemes.Robust(), schemes.Affine(0.5, 2.0), schemes.MinMax()))
    layer.adapt(TAILS)
    again = layers.Denormalize(layer)(layer(TAILS))
    np.testing.assert_allclose(again, TAILS, rtol=0, atol=32 * contracts.ULP * 600)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schemes.Chain(()),
        lambda: schemes.Chain((schemes.ZScore(), "log")),
        lambda: schemes.Chain((schemes.PerKey(key="k"),)),
        lambda: CLIPPED.fit(contracts.fitted(schemes.ZScore(), TAILS)),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()
