# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""`tfnorm suggest`: from an artifact or a Schema to a recipe and its reasons."""

import json

import numpy as np
import pytest
from click import testing

import tfnorm
from tfnorm import cli
from tfnorm import schemes

SCHEMA = 'feature { name: "x" type: FLOAT float_domain { min: -9 max: 9 } }'


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=500), "tail": rng.lognormal(3, 2, 500)}
    tfnorm.analyze(columns).save(tmp_path / "s")
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    tfnorm.Recipe({"tail": schemes.Robust()}).save(tmp_path / "pins.json")
    return tmp_path


def call(*arguments, status: int = 0) -> str:
    command = ["suggest", *map(str, arguments)]
    result = testing.CliRunner().invoke(cli.main, command)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def test_it_prints_the_reasons_and_writes_both_files(data):
    said = call(data / "s", "--out", data / "out")
    expected = tfnorm.suggest(tfnorm.load_statistics(data / "s"))
    assert said == f"{expected}\nWritten to {data / 'out'}\n"
    assert tfnorm.load_recipe(data / "out/recipe.json") == expected.recipe
    assert json.loads((data / "out/reasons.json").read_text()) == expected.reasons


def test_it_takes_a_schema_alone(data):
    said = call(data / "schema.pbtxt", "--out", data / "out")
    assert "x  Rescale: the schema bounds it by -9 and 9" in said


def test_it_takes_a_schema_beside_pins_and_exclusions(data):
    out = ("--out", data / "out")
    said = call(data / "s", "--schema", data / "schema.pbtxt", "--pins",
                data / "pins.json", *out)  # fmt: skip
    assert "tail  Robust: pinned" in said
    assert "x     Rescale: " in said
    assert "x     Left out: excluded" in call(data / "s", "--exclude", "x", *out)


def test_it_names_what_needs_another_pass(data):
    said = call(data / "s", "--another-pass", "--out", data / "out")
    assert "tail  Log log1p: positive" in said
    assert "To take statistics of with this recipe: tail" in said


def test_an_error_is_one_line_and_nothing_is_written(data):
    said = call(data / "s", "--exclude", "z", "--out", data / "out", status=2)
    assert "RecipeError: feature 'z': `exclude` names it" in said
    assert not (data / "out").exists()


def test_a_schema_that_is_not_there_is_an_error(data):
    said = call(data / "no.pbtxt", "--out", data / "out", status=2)
    assert "DataError" in said
    assert "no.pbtxt': cannot be read" in said
