# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NormalizationFitter, what a run_fn makes of it, and a pipeline with its cache."""

import csv
import json
import types

import keras
import numpy as np
import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.components.trainer import executor as trainer
from tfx.components.trainer import fn_args_utils
from tfx.types import artifact_utils
from tfx.types import channel_utils
from tfx.types import standard_artifacts

import tfnorm
from tfnorm import baking
from tfnorm import errors
from tfnorm import schemes
from tfnorm.tfx import fitter

pytestmark = pytest.mark.tfx

RECIPE = tfnorm.Recipe({"x": schemes.ZScore(), "n": schemes.MinMax()})
DATA = {"x": np.arange(9.0), "n": np.arange(9)}
FOUND = tfnorm.analyze(DATA, RECIPE)


@pytest.fixture
def statistics(tmp_path):
    made = tfnorm.tfx.NormalizationStatistics()
    made.uri = str(tmp_path / "statistics")
    made.split_names = artifact_utils.encode_split_names(["train", "eval"])
    FOUND.save(tmp_path / "statistics/Split-train")
    tfnorm.analyze({"x": np.arange(4.0)}).save(tmp_path / "statistics/Split-eval")
    return made


def fit(statistics, out, recipe=RECIPE, inputs=None, **options):
    channel = channel_utils.as_channel([statistics])
    component = tfnorm.tfx.NormalizationFitter(channel, recipe, **options)
    made = standard_artifacts.HyperParameters()
    made.uri = str(out)
    out.mkdir()
    fitter.Executor().Do(
        {"statistics": [statistics], **(inputs or {})},
        {"hyperparameters": [made]},
        component.exec_properties,
    )
    return made


def fn_args(hyperparameters, folder):
    """As a stock Trainer makes them."""
    model, run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, run.uri = str(folder / "model"), str(folder / "run")
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    given = {"hyperparameters": [hyperparameters], "examples": [examples]}
    made = {"model": [model], "model_run": [run]}
    steps = {"train_args": "{}", "eval_args": "{}", "custom_config": "{}"}
    return trainer.GenericExecutor()._GetFnArgs(given, made, steps)


def test_a_trainer_gets_the_fitted_recipe(statistics, tmp_path):
    made = fit(statistics, tmp_path / "out")
    fitted = tfnorm.tfx.fitted_recipe(fn_args(made, tmp_path))
    assert fitted == RECIPE.fit(FOUND)
    given = fn_args(made, tmp_path).hyperparameters
    assert given["tfnorm_statistics_digest"] == FOUND.digest
    assert made.get_string_custom_property("normalization_digest") == FOUND.digest
    assert made.get_string_custom_property("recipe_digest") == RECIPE.digest
    assert made.get_string_custom_property("fitted_digest") == fitted.digest


def test_the_recipe_is_by_default_that_of_the_statistics(statistics, tmp_path):
    made = fit(statistics, tmp_path / "out", None)
    fitted = tfnorm.tfx.fitted_recipe(fn_args(made, tmp_path))
    assert fitted.recipe == RECIPE
    with pytest.raises(errors.RecipeError, match="holds no recipe"):
        fit(statistics, tmp_path / "none", None, split="eval")


def test_a_recipe_may_come_of_another_component(statistics, tmp_path):
    recipe = tfnorm.tfx.NormalizationRecipe()
    recipe.uri = str(tmp_path / "recipe")
    chosen = tfnorm.Recipe({"x": schemes.MinMax()})
    chosen.save(tmp_path / "recipe/recipe.json")
    inputs = {"recipe": [recipe]}
    channel = channel_utils.as_channel([recipe])
    made = fit(statistics, tmp_path / "out", channel, inputs, split="eval")
    assert tfnorm.tfx.fitted_recipe(fn_args(made, tmp_path)).recipe == chosen


def test_what_a_tuner_found_is_kept_beside(statistics, tmp_path):
    tuned = standard_artifacts.HyperParameters()
    tuned.uri = str(tmp_path / "tuned")
    (tmp_path / "tuned").mkdir()
    said = {"space": [], "values": {"rate": 0.5}}
    path = tmp_path / "tuned/best_hyperparameters.txt"
    path.write_text(json.dumps(said))
    inputs = {"tuned_hyperparameters": [tuned]}
    made = fit(statistics, tmp_path / "out", inputs=inputs)
    given = fn_args(made, tmp_path).hyperparameters
    assert given.items() >= said.items()
    assert tfnorm.tfx.fitted_recipe(fn_args(made, tmp_path)) == RECIPE.fit(FOUND)
    path.write_text("[]")
    with pytest.raises(errors.ArtifactError, match="hyperparameters by name"):
        fit(statistics, tmp_path / "bad", inputs=inputs)
    assert not any((tmp_path / "bad").iterdir())


def test_a_split_that_is_not_there_is_named(statistics, tmp_path):
    with pytest.raises(errors.ArtifactError, match="'test', but of train, eval"):
        fit(statistics, tmp_path / "out", split="test")


@pytest.mark.parametrize("given", [None, {}, {"values": {}}])
def test_a_run_fn_without_a_fitter_says_what_to_wire(given):
    with pytest.raises(errors.NotFittedError, match="Wire a NormalizationFitter"):
        tfnorm.tfx.fitted_recipe(types.SimpleNamespace(hyperparameters=given))


def test_a_tuner_fn_is_told_that_it_gets_none(tmp_path):
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path)
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    steps = {"train_args": "{}", "eval_args": "{}", "custom_config": "{}"}
    given = fn_args_utils.get_common_fn_args(
        {"examples": [examples]}, steps, working_dir=str(tmp_path)
    )
    with pytest.raises(errors.NotFittedError, match="`tuner_fn` itself gets no"):
        tfnorm.tfx.fitted_recipe(given)


def test_a_fitted_recipe_of_another_kind_is_refused():
    given = {"tfnorm_fitted_recipe": {"rate": 1}}
    with pytest.raises(errors.RecipeError, match="is no fitted recipe but a dict"):
        tfnorm.tfx.fitted_recipe(types.SimpleNamespace(hyperparameters=given))


def test_a_model_is_written_for_the_baker(statistics, tmp_path):
    made = fit(statistics, tmp_path / "out")
    args = fn_args(made, tmp_path)
    normalize = tfnorm.layers.Features(tfnorm.tfx.fitted_recipe(args))
    inputs = {name: keras.Input((1,), name=name) for name in DATA}
    model = keras.Model(inputs, normalize(inputs))
    path = tfnorm.tfx.write_model(model, args)
    assert path == str(tmp_path / "model/Format-Serving/model.keras")
    rows = {name: values[:, None] for name, values in DATA.items()}
    again = baking.load_model(path).predict(rows, verbose=0)
    np.testing.assert_array_equal(again["x"], model.predict(rows, verbose=0)["x"])
    assert [p.name for p in (tmp_path / "model/Format-Serving").iterdir()] == [
        "model.keras"
    ]


# A pipeline.


def _write(folder, seed):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    with open(folder / "data.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "n", "word"])
        for x, n in zip(rng.normal(size=300), rng.integers(0, 99, 300), strict=True):
            writer.writerow([x, n, "ab"[n % 2]])


def _connection(folder):
    path = str(folder / "metadata.db")
    return tfx.orchestration.metadata.sqlite_metadata_connection_config(path)


def _run(folder, recipe=RECIPE, update=False, beam_args=()):
    examples = tfx.components.CsvExampleGen(input_base=str(folder / "csv"))
    parts, earlier = [examples], None
    if update:
        resolver = tfx.dsl.Resolver(
            strategy_class=tfx.dsl.experimental.LatestArtifactStrategy,
            statistics=tfx.dsl.Channel(type=tfnorm.tfx.NormalizationStatistics),
        ).with_id("before")
        parts.append(resolver)
        earlier = resolver.outputs["statistics"]
    found = tfnorm.tfx.NormalizationStatisticsGen(
        examples.outputs["examples"], recipe, statistics=earlier
    )
    found.with_beam_pipeline_args([*beam_args])
    fitted = tfnorm.tfx.NormalizationFitter(found.outputs["statistics"], recipe)
    connection = _connection(folder)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="p",
        pipeline_root=str(folder / "root"),
        components=[*parts, found, fitted],
        enable_cache=True,
        metadata_connection_config=connection,
        beam_pipeline_args=["--runner=FnApiRunner"],
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    return metadata_store.MetadataStore(connection)


def _states(store, kind) -> list[str]:
    name = metadata_store_pb2.Execution.State.Name
    found = store.get_executions_by_type(kind)
    return [name(one.last_known_state) for one in sorted(found, key=lambda e: e.id)]


def _made(store) -> list:
    """The statistics in the metadata, in order."""
    found = store.get_artifacts_by_type(tfnorm.tfx.NormalizationStatistics.TYPE_NAME)
    return sorted(found, key=lambda one: one.id)


def _kinds() -> tuple[str, str]:
    of = tfnorm.tfx.NormalizationStatisticsGen, tfnorm.tfx.NormalizationFitter
    return tuple(f"{one.__module__}.{one.__name__}" for one in of)


@pytest.mark.slow
def test_a_pipeline_is_cached_until_data_or_recipe_change(tmp_path):
    _write(tmp_path / "csv", 0)
    for _ in range(2):
        store = _run(tmp_path)
    assert [_states(store, kind) for kind in _kinds()] == [["COMPLETE", "CACHED"]] * 2
    (made,) = _made(store)
    said = {name: value for name, value in made.custom_properties.items()}
    train = tfnorm.load_statistics(f"{made.uri}/Split-train")
    assert json.loads(said["split_digests"].string_value)["train"] == train.digest
    assert said["rows"].int_value == 300
    assert said["recipe_digest"].string_value == RECIPE.digest
    other = tfnorm.Recipe({"x": schemes.MinMax()})
    store = _run(tmp_path, other)
    assert _states(store, _kinds()[0])[2:] == ["COMPLETE"]
    _write(tmp_path / "csv", 1)
    store = _run(tmp_path)
    assert [_states(store, kind)[3:] for kind in _kinds()] == [["COMPLETE"]] * 2
    assert (
        len({one.custom_properties["digest"].string_value for one in _made(store)}) == 3
    )


@pytest.mark.slow
def test_a_pipeline_merges_the_statistics_of_the_run_before(tmp_path):
    for day in range(2):
        _write(tmp_path / "csv", day)
        store = _run(tmp_path, update=True)
    first, second = _made(store)
    assert second.custom_properties["rows"].int_value == 600
    examples = store.get_artifacts_by_type("Examples")
    files = [f"{one.uri}/Split-eval/*" for one in examples]
    expected = tfnorm.analyze(files, RECIPE)
    assert tfnorm.load_statistics(f"{second.uri}/Split-eval").digest == expected.digest
    assert first.custom_properties["rows"].int_value == 300
    last = _made(_run(tmp_path, update=True))[-1]  # The same day again.
    assert last.custom_properties["digest"] == second.custom_properties["digest"]


@pytest.mark.slow
def test_a_pipeline_that_fails_leaves_no_statistics(tmp_path):
    _write(tmp_path / "csv", 0)
    dask = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
    with pytest.raises(errors.OptionsError, match="DaskRunner is refused"):
        _run(tmp_path, beam_args=[dask])  # The component's own arguments come last.
    store = metadata_store.MetadataStore(_connection(tmp_path))
    assert _states(store, _kinds()[0]) == ["FAILED"]
    assert not [*(tmp_path / "root").rglob("Split-*/statistics.json")]
    live = metadata_store_pb2.Artifact.State.LIVE
    assert live not in [made.state for made in _made(store)]
