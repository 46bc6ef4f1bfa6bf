# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines of our components compile for Kubeflow Pipelines and Vertex AI."""

import json

import pytest
from tfx import types
from tfx import v1 as tfx
from tfx.types import standard_artifacts
from tfx.utils import import_utils

from tfnorm import recipe
from tfnorm import schemes
from tfnorm.tfx import artifacts
from tfnorm.tfx import baker

pytest.importorskip("kfp.pipeline_spec", reason="kfp-pipeline-spec is not installed")
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
    container = containers[f"{name}_executor"]
    made = COMPONENTS[name](lambda name: types.Channel(type=SOURCES[name]))
    executor = type(made).EXECUTOR_SPEC.executor_class
    assert container["image"] == IMAGE
    assert container["command"][:2] == ["python", "-m"]
    where = container["args"].index("--executor_class_path")
    path = f"{executor.__module__}.{executor.__name__}"
    assert container["args"][where + 1] == path


@pytest.mark.parametrize("name", COMPONENTS)
def test_is_a_task_of_the_pipeline(specification, name):
    assert name in specification["root"]["dag"]["tasks"]


@pytest.mark.parametrize(
    "kind", [artifacts.NormalizationRecipe, artifacts.NormalizationStatistics]
)
def test_a_container_finds_the_class_of_an_artifact_by_its_type(specification, kind):
    assert f"title: {kind.TYPE_NAME}" in json.dumps(specification)
    assert import_utils.import_class_by_path(kind.TYPE_NAME) is kind
