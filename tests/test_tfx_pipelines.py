# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Both pipelines, whole: what they push, what metadata say of it, what is cached."""

import pathlib
import shutil

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx

import tfnorm
from pipelines import flights
from pipelines import tfx_flights
from pipelines import tfx_local
from pipelines import tfx_transform
from tfnorm import baking
from tfnorm import errors

pytestmark = pytest.mark.tfx

ROWS = 4_000
STEPS = 40
# Minutes. The same float32 graph in batches of another size: some ulp of 1,000.
SAME = 1e-3


def run(out, **options):
    pipeline = tfx_local.pipeline(out, steps=STEPS, **options)
    tfx.orchestration.LocalDagRunner().run(pipeline)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """What the first run of the pipeline left."""
    out = tmp_path_factory.mktemp("flights")
    tfx_flights.write(out, ROWS)
    run(out)
    return out


@pytest.fixture
def out(first, tmp_path):
    """The same, for a test to go on from; paths in the metadata are those of before."""
    before = tmp_path / "before"
    shutil.copytree(first, before)
    yield first
    shutil.rmtree(first)
    shutil.copytree(before, first)


def store_of(out):
    config = tfx.orchestration.metadata.sqlite_metadata_connection_config
    return ml_metadata.MetadataStore(config(str(out / "metadata.db")))


def last_states(out):
    """Returns the state of the last execution of each component."""
    states = {}
    for execution in sorted(store_of(out).get_executions(), key=lambda e: e.id):
        state = metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        states[execution.type.rsplit(".", 1)[-1]] = state
    return states


def files_in(folder):
    return {p for p in pathlib.Path(folder).rglob("*") if p.is_file()}


def test_bulk_inference_says_what_the_model_in_this_process_says(first):
    rows, _ = tfx_local.predictions(first)
    assert len(rows) > ROWS / 4
    assert tfx_local.compare(first) <= SAME


def test_metadata_tell_which_statistics_are_inside_the_pushed_model(first):
    pushed = tfx_local.last(first / "pushed")
    [inside] = tfnorm.tfx.statistics_inside(store_of(first), str(pushed))
    statistics = tfnorm.load_statistics(f"{inside.uri}/Split-train")
    assert statistics.digest == tfnorm.inspect(pushed).statistics_digest
    files = tfx_local.newest(first, "CsvExampleGen", "examples") / "Split-train" / "*"
    assert statistics.digest == tfnorm.analyze(str(files), flights.RECIPE).digest


def test_the_pushed_model_may_be_named_by_a_relative_path(first, monkeypatch):
    [inside] = tfnorm.tfx.statistics_inside(
        store_of(first), str(tfx_local.last(first / "pushed"))
    )
    monkeypatch.chdir(first)
    pushed = tfx_local.last(pathlib.Path("pushed"))
    assert tfnorm.tfx.statistics_inside(store_of(first), f"{pushed}/") == [inside]


def test_the_pushed_model_still_gives_its_golden_rows(first):
    assert tfnorm.verify(tfx_local.last(first / "pushed"))


def test_a_second_run_is_cached(out):
    run(out)
    states = last_states(out)
    made = {name for name in states if name.startswith("Normalization")}
    assert len(made) == 5
    assert {states[name] for name in made} == {"CACHED"}


def test_changed_data_are_not_cached(out):
    before = tfx_local.newest(out, "NormalizationStatisticsGen", "statistics")
    tfx_flights.write(out, ROWS, skip=1_000)
    run(out)
    states = last_states(out)
    assert states["NormalizationStatisticsGen"] == "COMPLETE"
    assert states["NormalizationBaker"] == "COMPLETE"
    after = tfx_local.newest(out, "NormalizationStatisticsGen", "statistics")
    old, new = (tfnorm.load_statistics(p / "Split-train") for p in (before, after))
    assert old.digest != new.digest
    pushed = tfx_local.last(out / "pushed")
    assert tfnorm.inspect(pushed).statistics_digest == new.digest


def test_a_model_whose_data_moved_is_not_pushed(out):
    before = sorted((out / "pushed").iterdir())
    strict = tfnorm.Thresholds(mean_shift=1e-9)
    recipe = tfnorm.Recipe(flights.RECIPE.features, thresholds=strict)
    run(out, recipe=recipe)
    blessing = tfx_local.newest(out, "NormalizationValidator", "blessing")
    assert (blessing / "NOT_BLESSED").exists()
    assert sorted((out / "pushed").iterdir()) == before


def check_left_nothing(out, component, before):
    """Checks that an execution began, failed, and left neither files nor artifacts."""
    store = store_of(out)
    found = [e for e in store.get_executions() if e.type.endswith(component)]
    failed = max(found, key=lambda execution: execution.id)
    assert failed.last_known_state == metadata_store_pb2.Execution.FAILED
    assert files_in(out / "root" / component) == before
    events = store.get_events_by_execution_ids([failed.id])
    reading = metadata_store_pb2.Event.INPUT
    made = [event.artifact_id for event in events if event.type != reading]
    states = [one.state for one in store.get_artifacts_by_id(made)] if made else []
    assert metadata_store_pb2.Artifact.LIVE not in states


def uncached():
    """Returns the recipe with thresholds of its own, so that all is made anew."""
    loose = tfnorm.Thresholds(mean_shift=0.6)
    return tfnorm.Recipe(flights.RECIPE.features, thresholds=loose)


def test_statistics_that_fail_leave_nothing(out):
    before = files_in(out / "root" / "NormalizationStatisticsGen")
    assert before
    examples = tfx_local.newest(out, "CsvExampleGen", "examples")
    for shard in (examples / "Split-eval").iterdir():
        shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(errors.DataError):
        run(out, recipe=uncached())
    check_left_nothing(out, "NormalizationStatisticsGen", before)


def test_a_model_that_fails_its_verification_leaves_nothing(out, monkeypatch):
    before = files_in(out / "root" / "NormalizationBaker")
    assert before
    written = []

    def refuse(folder):
        written.extend(files_in(folder))
        raise errors.VerificationError("refused")

    monkeypatch.setattr(baking, "verify", refuse)
    with pytest.raises(errors.VerificationError, match="refused"):
        run(out, recipe=uncached())
    assert written
    check_left_nothing(out, "NormalizationBaker", before)


def test_stock_transform_holds_the_same_statistics(tmp_path):
    tfx_flights.write(tmp_path, ROWS)
    pipeline = tfx_transform.pipeline(tmp_path, steps=STEPS)
    tfx.orchestration.LocalDagRunner().run(pipeline)
    assert tfx_transform.compare(tmp_path) <= SAME
