# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NormalizationValidator: what is blessed, and that Pusher heeds it."""

import json
import logging
import os
import shutil

import keras
import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import components
from tfx.dsl.components.common import importer
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as pipeline_lib
from tfx.orchestration.local import local_dag_runner
from tfx.proto import pusher_pb2
from tfx.types import channel_utils
from tfx.types import standard_artifacts
from tfx.utils import path_utils

import tfnorm
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm.tfx import artifacts
from tfnorm.tfx import recipes
from tfnorm.tfx import validator as validator_lib

pytestmark = pytest.mark.tfx

RECIPE = tfnorm.Recipe({"x": schemes.ZScore(), "y": schemes.ZScore()})
LENIENT = tfnorm.Recipe(
    dict(RECIPE.features),
    thresholds=tfnorm.Thresholds(
        mean_shift=None, stability_index=None, out_of_range=None
    ),
)


def statistics_of(seed: int, shift: float = 0.0) -> tfnorm.Statistics:
    rng = np.random.default_rng(seed)
    columns = {"x": rng.normal(shift, 1, 2000), "y": rng.normal(5, 2, 2000)}
    return tfnorm.analyze(columns, RECIPE)


TRAIN = statistics_of(0)
GOOD, SKEWED = statistics_of(1), statistics_of(1, shift=3.0)


def statistics_artifact(folder, **splits) -> artifacts.NormalizationStatistics:
    for name, statistics in splits.items():
        statistics.save(folder / f"Split-{name}")
    found = artifacts.NormalizationStatistics()
    found.uri = os.fspath(folder)
    found.split_names = json.dumps(list(splits))
    return found


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """The folder of a `Model` that holds the statistics of `TRAIN`."""
    folder = tmp_path_factory.mktemp("model")
    inputs = keras.Input((1,), name="x")
    outputs = keras.layers.Dense(1, name="out")(inputs)
    fitted = RECIPE.fit(TRAIN)
    path = path_utils.serving_model_dir(os.fspath(folder))
    tfnorm.bake(keras.Model({"x": inputs}, outputs), fitted, path, target="y")
    return folder


def model_artifact(folder) -> standard_artifacts.Model:
    found = standard_artifacts.Model()
    found.uri = os.fspath(folder)
    found.id = 7
    return found


@pytest.fixture
def validate(tmp_path):
    def run(
        found,
        *,
        baseline=TRAIN,
        model=None,
        recipe=None,
        splits=None,
        exclude=None,
        other=None,
    ):
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = os.fspath(tmp_path / "blessing")
        given = {
            "statistics": [statistics_artifact(tmp_path / "found", **found)],
            "baseline": [statistics_artifact(tmp_path / "before", train=baseline)],
        }
        if model is not None:
            given["model"] = [model_artifact(model)]
        if other is not None:
            given["other_blessing"] = [other]
        properties = {
            "split": "train",
            "splits": None if splits is None else json.dumps(splits),
            "exclude": None if exclude is None else json.dumps(exclude),
            recipes.PARAMETER: recipes.given(recipe)[recipes.PARAMETER],
        }
        validator_lib.Executor().Do(given, {"blessing": [blessing]}, properties)
        report = json.loads((tmp_path / "blessing" / "comparison.json").read_text())
        return blessing, report

    return run


def test_blesses_a_model_whose_data_are_as_before(validate, baked):
    blessing, report = validate({"eval": GOOD}, model=baked)
    assert report["blessed"] and not report["reasons"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_string_custom_property("current_model") == os.fspath(baked)
    assert sorted(os.listdir(blessing.uri)) == ["BLESSED", "comparison.json"]


def test_skewed_data_are_not_blessed_and_it_says_why(validate, caplog):
    with caplog.at_level(logging.WARNING, "tfnorm"):
        blessing, report = validate({"eval": SKEWED})
    assert blessing.get_int_custom_property("blessed") == 0
    assert sorted(os.listdir(blessing.uri)) == ["NOT_BLESSED", "comparison.json"]
    assert "split 'eval', feature 'x': the mean is off by +3" in caplog.text
    message = blessing.get_string_custom_property("blessing_message")
    assert message == "\n".join(report["reasons"])
    assert not report["splits"]["eval"]["passed"]


def test_every_split_must_pass(validate):
    _, report = validate({"monday": GOOD, "tuesday": SKEWED})
    assert not report["blessed"] and [*report["splits"]] == ["monday", "tuesday"]
    assert all(one.startswith("split 'tuesday'") for one in report["reasons"])


def test_only_the_splits_that_were_asked_for_count(validate):
    _, report = validate({"monday": GOOD, "tuesday": SKEWED}, splits=["monday"])
    assert report["blessed"] and [*report["splits"]] == ["monday"]


def test_the_thresholds_are_those_of_the_recipe(validate):
    _, report = validate({"eval": SKEWED}, recipe=LENIENT)
    assert report["blessed"]


def test_a_model_that_holds_other_statistics_is_not_blessed(validate, baked):
    blessing, report = validate({"eval": GOOD}, baseline=GOOD, model=baked)
    assert blessing.get_int_custom_property("blessed") == 0
    (reason,) = report["reasons"]
    assert "the model holds other statistics" in reason
    assert TRAIN.digest[:12] in reason and GOOD.digest[:12] in reason


def test_a_model_that_cannot_be_verified_is_not_blessed(validate, tmp_path):
    _, report = validate({"eval": GOOD}, model=tmp_path / "nothing")
    (reason,) = report["reasons"]
    assert "the model cannot be verified" in reason and "no SavedModel" in reason


def test_a_model_that_gives_other_numbers_is_not_blessed(validate, baked, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(baked, changed)
    path = changed / "Format-Serving" / "assets" / "normalization.json"
    manifest = json.loads(path.read_text())
    manifest["golden"]["outputs"]["prediction"][0][0] += 1.0
    path.write_text(json.dumps(manifest))
    _, report = validate({"eval": GOOD}, model=changed)
    (reason,) = report["reasons"]
    assert "the model cannot be verified" in reason and "'prediction'" in reason


def logged(**columns) -> tfnorm.Statistics:
    """Statistics of rows without what is to be predicted."""
    rng = np.random.default_rng(2)
    return tfnorm.analyze({"x": rng.normal(0, 1, 2000), **columns})


def test_logs_without_what_the_model_predicts_are_compared_without_it(validate, baked):
    blessing, report = validate({"logs": logged()}, model=baked)
    assert blessing.get_int_custom_property("blessed") == 1
    compared = report["splits"]["logs"]
    assert [*compared["features"]] == ["x"]
    assert "'y' is what the model predicts, and the new data lack it." in str(
        compared["notes"]
    )


def test_logs_with_other_values_of_it_are_compared(validate, baked):
    _, report = validate({"logs": logged(y=np.full(2000, 99.0))}, model=baked)
    assert not report["blessed"] and "feature 'y'" in report["reasons"][0]


def test_what_is_excluded_is_not_compared(validate):
    logs = {"logs": logged()}
    assert validate(logs, exclude=["y"])[1]["blessed"]
    (reason,) = validate(logs)[1]["reasons"]
    assert "feature 'y': it is absent from the new data" in reason


def test_thresholds_of_a_recipe_in_python_are_those_of_the_validator_alone(
    validate, baked
):
    # The statistics were taken, and the model baked, without any.
    assert TRAIN.recipe == config.encode(RECIPE) and RECIPE != LENIENT
    assert not validate({"eval": SKEWED}, model=baked)[1]["blessed"]
    assert validate({"eval": SKEWED}, model=baked, recipe=LENIENT)[1]["blessed"]


def evaluated(blessed: int, message: str = "") -> standard_artifacts.ModelBlessing:
    found = standard_artifacts.ModelBlessing()
    found.set_int_custom_property("blessed", blessed)
    found.set_string_custom_property("component_id", "Evaluator")
    if message:
        found.set_string_custom_property("blessing_message", message)
    return found


def test_another_blessing_must_be_given_as_well(validate):
    assert validate({"eval": GOOD}, other=evaluated(1))[1]["blessed"]
    blessing, report = validate({"eval": GOOD}, other=evaluated(0, "AUC is 0.4."))
    assert report["reasons"] == ["Evaluator has not blessed the model: AUC is 0.4."]
    assert blessing.get_int_custom_property("blessed") == 0
    assert "AUC is 0.4." in blessing.get_string_custom_property("blessing_message")


def test_another_blessing_is_an_input_of_the_component():
    statistics = channel_utils.as_channel([artifacts.NormalizationStatistics()])
    other = channel_utils.as_channel([evaluated(1)])
    component = validator_lib.NormalizationValidator(
        statistics, statistics, blessing=other, exclude=["y"]
    )
    assert component.inputs["other_blessing"] is other
    assert component.exec_properties["exclude"] == '["y"]'
    assert [*component.outputs] == ["blessing"]


def test_a_split_that_is_not_there_is_an_error(validate):
    with pytest.raises(errors.ArtifactError, match="'eval'"):
        validate({"eval": GOOD}, splits=["test"])


@pytest.mark.parametrize("splits", ["eval", []])
def test_splits_are_a_list_of_names(splits):
    channel = channel_utils.as_channel([artifacts.NormalizationStatistics()])
    with pytest.raises(errors.RecipeError, match="splits="):
        validator_lib.NormalizationValidator(channel, channel, splits=splits)


def imported(name: str, folder, kind, **properties):
    node = importer.Importer(os.fspath(folder), kind, custom_properties=properties)
    return node.with_id(name)


@pytest.mark.parametrize(("found", "pushed"), [(GOOD, 1), (SKEWED, 0)])
def test_pusher_pushes_what_is_blessed_alone(tmp_path, baked, found, pushed):
    kind = artifacts.NormalizationStatistics
    nodes = [
        imported("model", baked, standard_artifacts.Model),
        *(
            imported(name, tmp_path / name, kind, split_names=json.dumps([split]))
            for name, split in (("before", "train"), ("found", "eval"))
        ),
    ]
    statistics_artifact(tmp_path / "before", train=TRAIN)
    statistics_artifact(tmp_path / "found", eval=found)
    model, before, new = (node.outputs["result"] for node in nodes)
    validator = tfnorm.tfx.NormalizationValidator(new, before, RECIPE, model=model)
    pusher = components.Pusher(
        model=model,
        model_blessing=validator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=os.fspath(tmp_path / "serving")
            )
        ),
    )
    store = metadata.sqlite_metadata_connection_config(os.fspath(tmp_path / "m.db"))
    local_dag_runner.LocalDagRunner().run(
        pipeline_lib.Pipeline(
            pipeline_name="push",
            pipeline_root=os.fspath(tmp_path / "root"),
            components=[*nodes, validator, pusher],
            metadata_connection_config=store,
        )
    )
    assert len(list(tmp_path.glob("serving/*/saved_model.pb"))) == pushed
    with metadata.Metadata(store) as held:
        (blessing,) = held.store.get_artifacts_by_type("ModelBlessing")
    assert blessing.custom_properties["blessed"].int_value == pushed
    assert blessing.state == metadata_store_pb2.Artifact.LIVE
