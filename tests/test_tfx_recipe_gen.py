# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NormalizationRecipeGen: what it writes, what it refuses, and when it runs anew."""

import csv
import json
import os

import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import components
from tfx import types
from tfx.components.schema_gen.import_schema_gen import component as import_schema_gen
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as pipeline_lib
from tfx.orchestration.local import local_dag_runner
from tfx.types import standard_artifacts

import tfnorm
from tfnorm import errors
from tfnorm import schemes
from tfnorm.tfx import artifacts
from tfnorm.tfx import recipe_gen

pytestmark = pytest.mark.tfx

SCHEMA = """
feature { name: "age" type: FLOAT float_domain { min: 0 max: 120 } }
feature { name: "income" type: FLOAT }
feature { name: "city" type: BYTES }
"""


@pytest.fixture
def schema(tmp_path):
    made = standard_artifacts.Schema()
    made.uri = str(tmp_path / "schema")
    os.makedirs(made.uri)
    with open(os.path.join(made.uri, "schema.pbtxt"), "w") as file:
        file.write(SCHEMA)
    return made


@pytest.fixture
def statistics(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"age": rng.uniform(0, 99, 500), "income": rng.lognormal(3, 2, 500)}
    made = artifacts.NormalizationStatistics()
    made.uri = str(tmp_path / "statistics")
    made.split_names = json.dumps(["train", "eval"])
    tfnorm.analyze(columns).save(tmp_path / "statistics/Split-train")
    constant = {"age": columns["age"], "income": np.ones(500)}
    tfnorm.analyze(constant).save(tmp_path / "statistics/Split-eval")
    return made


def channel(*given: types.Artifact) -> types.Channel:
    return types.Channel(type(given[0])).set_artifacts(given)


def do(tmp_path, schema=None, statistics=None, **options) -> types.Artifact:
    """Runs the executor with what the component hands it."""
    given = {"schema": schema, "statistics": statistics}
    inputs = {name: [one] for name, one in given.items() if one is not None}
    component = recipe_gen.NormalizationRecipeGen(
        **{name: channel(*held) for name, held in inputs.items()}, **options
    )
    made = artifacts.NormalizationRecipe()
    made.uri = str(tmp_path / "recipe")
    recipe_gen.Executor().Do(inputs, {"recipe": [made]}, component.exec_properties)
    return made


def test_a_schema_alone_gives_a_recipe_and_its_reasons(tmp_path, schema):
    made = do(tmp_path, schema)
    recipe = tfnorm.load_recipe(tmp_path / "recipe/recipe.json")
    assert {name: one.scheme for name, one in recipe.features.items()} == {
        "age": schemes.Rescale((0, 120)),
        "income": schemes.ZScore(),
    }
    assert (made.digest, made.features) == (recipe.digest, 2)
    reasons = json.loads((tmp_path / "recipe/reasons.json").read_text())
    assert "text or bytes" in reasons["city"]


def test_statistics_give_what_suggest_does(tmp_path, statistics):
    do(tmp_path, statistics=statistics)
    found = tfnorm.load_statistics(tmp_path / "statistics/Split-train")
    expected = tfnorm.suggest(found).recipe
    assert tfnorm.load_recipe(tmp_path / "recipe/recipe.json") == expected


def test_both_count_together(tmp_path, schema, statistics):
    do(tmp_path, schema, statistics, one_pass=False)
    features = tfnorm.load_recipe(tmp_path / "recipe/recipe.json").features
    assert features["age"].scheme == schemes.Rescale((0, 120))
    assert features["income"].scheme == schemes.Log("log1p")


def test_another_split_may_count(tmp_path, statistics):
    assert do(tmp_path, statistics=statistics, split="eval").features == 1


def test_a_split_that_is_not_there_is_an_error(tmp_path, statistics):
    with pytest.raises(errors.RecipeError, match="'test'. is none.*train, eval"):
        do(tmp_path, statistics=statistics, split="test")


def test_the_excluded_are_left_out(tmp_path, schema):
    assert do(tmp_path, schema, exclude=["age"]).features == 1


def test_pins_may_be_a_recipe_or_its_file(tmp_path, schema):
    pins = tfnorm.Recipe({"age": schemes.MinMax()})
    pins.save(tmp_path / "pins.json")
    one = do(tmp_path, schema, pins=pins)
    assert one.digest == do(tmp_path, schema, pins=tmp_path / "pins.json").digest
    recipe = tfnorm.load_recipe(tmp_path / "recipe/recipe.json")
    assert recipe.features["age"].scheme == schemes.MinMax()


def test_pins_that_need_another_pass_are_named(tmp_path, statistics, caplog):
    pins = tfnorm.Recipe({"income": schemes.Log("log1p")})
    made = do(tmp_path, statistics=statistics, pins=pins)
    assert json.loads(made.another_pass) == ["income"]
    (told,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "do not suffice to fit 'income'" in told.getMessage()


def test_what_the_statistics_suffice_for_needs_no_warning(tmp_path, statistics, caplog):
    assert json.loads(do(tmp_path, statistics=statistics).another_pass) == []
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_an_error_leaves_nothing_behind(tmp_path, schema):
    with pytest.raises(errors.RecipeError, match="feature 'height': `pins` names it"):
        do(tmp_path, schema, pins=tfnorm.Recipe({"height": schemes.ZScore()}))
    assert not (tmp_path / "recipe").exists()


def test_it_needs_a_schema_or_statistics():
    with pytest.raises(errors.RecipeError, match="give at least one"):
        recipe_gen.NormalizationRecipeGen()


def test_exclusions_are_a_list(schema):
    with pytest.raises(errors.RecipeError, match=r"must be a list of names: `\['age'"):
        recipe_gen.NormalizationRecipeGen(channel(schema), exclude="age")


def test_a_file_without_pins_is_an_error_that_names_it(tmp_path, schema):
    with pytest.raises(errors.RecipeError, match=r"no\.json"):
        recipe_gen.NormalizationRecipeGen(channel(schema), pins=tmp_path / "no.json")


# In a pipeline.


def run(folder) -> list[int]:
    """Runs the pipeline; returns the states of the executions of the component."""
    imported = import_schema_gen.ImportSchemaGen(schema_file=str(folder / "s.pbtxt"))
    suggested = recipe_gen.NormalizationRecipeGen(
        imported.outputs["schema"], pins=folder / "pins.json"
    )
    connection = metadata.sqlite_metadata_connection_config(str(folder / "m.db"))
    local_dag_runner.LocalDagRunner().run(
        pipeline_lib.Pipeline(
            pipeline_name="suggest",
            pipeline_root=str(folder / "root"),
            components=[imported, suggested],
            enable_cache=True,
            metadata_connection_config=connection,
        )
    )
    with metadata.Metadata(connection) as store:
        kind = "tfnorm.tfx.recipe_gen.NormalizationRecipeGen"
        found = store.store.get_executions_by_type(kind)
        return [one.last_known_state for one in found]


def recipes(folder) -> list[metadata_store_pb2.Artifact]:
    connection = metadata.sqlite_metadata_connection_config(str(folder / "m.db"))
    with metadata.Metadata(connection) as store:
        return store.store.get_artifacts_by_type(
            tfnorm.tfx.NormalizationRecipe.TYPE_NAME
        )


def test_a_second_run_is_cached_and_a_changed_pin_is_not(tmp_path):
    cached = metadata_store_pb2.Execution.CACHED
    complete = metadata_store_pb2.Execution.COMPLETE
    (tmp_path / "s.pbtxt").write_text(SCHEMA)
    tfnorm.Recipe({"age": schemes.MinMax()}).save(tmp_path / "pins.json")
    assert run(tmp_path) == [complete]
    assert run(tmp_path) == [complete, cached]
    tfnorm.Recipe({"age": schemes.Robust()}).save(tmp_path / "pins.json")
    assert run(tmp_path) == [complete, cached, complete]
    written = [
        tfnorm.load_recipe(f"{one.uri}/recipe.json") for one in recipes(tmp_path)
    ]
    assert [one.features["age"].scheme for one in written] == [
        schemes.MinMax(),
        schemes.Robust(),
    ]
    told = [one.custom_properties["digest"].string_value for one in recipes(tmp_path)]
    assert told == [one.digest for one in written]


@pytest.mark.slow
def test_what_needs_another_pass_is_fitted_from_a_second_one(tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "id": np.arange(3000),
        "store": rng.integers(0, 40, 3000),
        "sales": rng.normal(9, 2, 3000),
        "income": rng.lognormal(3, 2, 3000),
    }
    (tmp_path / "csv").mkdir()
    with open(tmp_path / "csv/data.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(one.tolist() for one in columns.values()), strict=True))
    pins = tfnorm.Recipe(
        {
            "sales": schemes.PerKey(schemes.ZScore(), "store"),
            "income": schemes.Log("log1p"),
        }
    )
    examples = components.CsvExampleGen(input_base=str(tmp_path / "csv"))
    before = tfnorm.tfx.NormalizationStatisticsGen(examples.outputs["examples"])
    suggested = recipe_gen.NormalizationRecipeGen(
        statistics=before.outputs["statistics"], pins=pins
    )
    again = tfnorm.tfx.NormalizationStatisticsGen(
        examples.outputs["examples"], suggested.outputs["recipe"]
    ).with_id("NormalizationStatisticsGen.again")
    fitted = tfnorm.tfx.NormalizationFitter(
        again.outputs["statistics"], suggested.outputs["recipe"]
    )
    pipeline = pipeline_lib.Pipeline(
        pipeline_name="again",
        pipeline_root=str(tmp_path / "root"),
        components=[examples, before, suggested, again, fitted],
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(tmp_path / "m.db")
        ),
        beam_pipeline_args=["--runner=FnApiRunner"],
    )
    local_dag_runner.LocalDagRunner().run(pipeline)
    (made,) = recipes(tmp_path)
    told = made.custom_properties["another_pass"].string_value
    assert json.loads(told) == ["income", "sales"]
    # The row numbers, of which the train split has two thirds, and the key are none.
    recipe = tfnorm.load_recipe(f"{made.uri}/recipe.json")
    assert list(recipe.features) == ["income", "sales"]
