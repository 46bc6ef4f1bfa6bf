# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines of our components compile for Kubeflow Pipelines and Vertex AI."""

import argparse
import json

import keras
import numpy as np
import pytest
from tfx import types
from tfx import v1 as tfx
from tfx.types import standard_artifacts
from tfx.utils import import_utils

import tfnorm
from tfnorm import analysis
from tfnorm import config
from tfnorm import recipe
from tfnorm import schemes
from tfnorm.tfx import artifacts
from tfnorm.tfx import baker
from tfnorm.tfx import fitter
from tfnorm.tfx import recipe_gen
from tfnorm.tfx import statistics_gen
from tfnorm.tfx import validator

pytest.importorskip("kfp.pipeline_spec", reason="kfp-pipeline-spec is not installed")
# What `command` and `args` of a container name; it needs kfp.
container = pytest.importorskip(
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
)
pytestmark = pytest.mark.tfx

IMAGE = "registry.example/tfnorm:1"
RECIPE = recipe.Recipe({"distance": schemes.ZScore()})
# What components need of others.
SOURCES = {
    "examples": standard_artifacts.Examples,
    "schema": standard_artifacts.Schema,
    "model": standard_artifacts.Model,
    "statistics": artifacts.NormalizationStatistics,
    "baseline": artifacts.NormalizationStatistics,
    "recipe": artifacts.NormalizationRecipe,
}
# Each of our components, made of what `source` gives by name.
COMPONENTS = {
    "NormalizationBaker": lambda source: baker.NormalizationBaker(
        source("model"), source("statistics"), source("recipe"), target="distance"
    ),
    "NormalizationBaker.of_python": lambda source: baker.NormalizationBaker(
        source("model"), source("statistics"), RECIPE, fold=True
    ).with_id("NormalizationBaker.of_python"),
    "NormalizationFitter": lambda source: fitter.NormalizationFitter(
        source("statistics"), source("recipe")
    ),
    "NormalizationRecipeGen": lambda source: recipe_gen.NormalizationRecipeGen(
        source("schema"), pins=RECIPE
    ),
    "NormalizationStatisticsGen": lambda source: (
        statistics_gen.NormalizationStatisticsGen(source("examples"), source("recipe"))
    ),
    "NormalizationValidator": lambda source: validator.NormalizationValidator(
        source("statistics"), source("baseline"), RECIPE, model=source("model")
    ),
}


def compiled(folder) -> dict:
    """Returns the job that a pipeline of all components compiles to."""
    imported = {}

    def source(name: str):
        if name not in imported:
            imported[name] = tfx.dsl.Importer(
                source_uri=f"gs://bucket/{name}", artifact_type=SOURCES[name]
            ).with_id(f"Import_{name}")
        return imported[name].outputs["result"]

    made = [make(source) for make in COMPONENTS.values()]
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image=IMAGE),
        output_dir=str(folder),
        output_filename="pipeline.json",
    )
    runner.run(
        tfx.dsl.Pipeline(
            pipeline_name="normalization",
            pipeline_root="gs://bucket/root",
            components=[*imported.values(), *made],
        )
    )
    return json.loads((folder / "pipeline.json").read_text())


@pytest.fixture(scope="module")
def specification(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("compiled"))["pipelineSpec"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_runs_the_executor_in_a_container(specification, name):
    containers = {
        label: executor["container"]
        for label, executor in specification["deploymentSpec"]["executors"].items()
        if "container" in executor
    }
    ours = containers[f"{name}_executor"]
    made = COMPONENTS[name](lambda name: types.Channel(type=SOURCES[name]))
    executor = type(made).EXECUTOR_SPEC.executor_class
    assert ours["image"] == IMAGE
    assert ours["command"] == ["python", "-m", container.__name__]
    where = ours["args"].index("--executor_class_path")
    path = f"{executor.__module__}.{executor.__name__}"
    assert ours["args"][where + 1] == path


@pytest.mark.parametrize("name", COMPONENTS)
def test_another_version_of_tfnorm_is_another_execution_for_the_cache(name):
    made = COMPONENTS[name](lambda name: types.Channel(type=SOURCES[name]))
    assert made.exec_properties["tfnorm_version"] == config.version()


@pytest.mark.parametrize("name", COMPONENTS)
def test_is_a_task_of_the_pipeline(specification, name):
    assert name in specification["root"]["dag"]["tasks"]


@pytest.mark.parametrize(
    "kind", [artifacts.NormalizationRecipe, artifacts.NormalizationStatistics]
)
def test_a_container_finds_the_class_of_an_artifact_by_its_type(specification, kind):
    assert f"title: {kind.TYPE_NAME}" in json.dumps(specification)
    assert import_utils.import_class_by_path(kind.TYPE_NAME) is kind


def said(kind, uri, **metadata) -> dict:
    """Returns what Vertex AI tells a container of an artifact."""
    schema = {"instanceSchema": f"title: {kind}\ntype: object\n"}
    one = {"name": str(uri), "uri": str(uri), "type": schema, "metadata": metadata}
    return {"artifacts": [one]}


def test_bakes_in_a_container_as_anywhere(tmp_path):
    columns = {"distance": np.arange(8, dtype=np.float32)}
    statistics = analysis.analyze(columns, RECIPE)
    statistics.save(tmp_path / "statistics" / "Split-train")
    x = keras.Input((1,), name="distance")
    (tmp_path / "model").mkdir()
    keras.Model(x, keras.layers.Dense(1)(x)).save(tmp_path / "model" / "model.keras")
    invocation = {
        "inputs": {
            "artifacts": {
                "trained_model": said("tfx.Model", tmp_path / "model"),
                "statistics": said(
                    artifacts.NormalizationStatistics.TYPE_NAME,
                    tmp_path / "statistics",
                    rows=8,
                    split_names='["train"]',
                ),
            },
            "parameters": {
                "split": {"stringValue": "train"},
                "target": {"stringValue": ""},
                "fold": {"intValue": "0"},
                "recipe_json": {"stringValue": config.dumps(RECIPE)},
            },
        },
        "outputs": {
            "artifacts": {"model": said("tfx.Model", tmp_path / "out")},
            "outputFile": str(tmp_path / "task" / "output.json"),
        },
    }
    container.main(
        (
            argparse.Namespace(
                executor_class_path="tfnorm.tfx.baker.Executor",
                json_serialized_invocation_args=json.dumps(invocation),
            ),
            [],
        )
    )
    found = json.loads((tmp_path / "task" / "output.json").read_text())
    (model,) = found["artifacts"]["model"]["artifacts"]
    assert model["metadata"]["normalization_digest"] == statistics.digest
    assert tfnorm.verify(tmp_path / "out" / "Format-Serving")
