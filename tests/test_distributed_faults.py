# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Workers die, stop, come late or run twice: the same digest, or nothing."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import apache_beam as beam
import numpy as np
import pytest

import tfnorm
from tests import workers
from tfnorm import errors
from tfnorm import schemes
from tfnorm import sources
from tfnorm.beam import compute
from tfnorm.beam import workers as workers_lib
from tfnorm.sources import write

ROWS = 50_000
RECIPE = tfnorm.Recipe({"x": schemes.Robust(), "n": schemes.ZScore()})
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
MOMENTS = 20
# Far more than a run takes on a busy machine: what is longer is a hang.
LONG_SECONDS = 60.0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=ROWS).astype(np.float32), "n": np.arange(ROWS)}
    write.write_tfrecords(columns, folder / "d", shards=8)
    RECIPE.save(folder / "recipe.json")
    return folder


@pytest.fixture(scope="module")
def expected(data) -> tfnorm.Statistics:
    return tfnorm.analyze(data / "*.tfrecord", RECIPE)


def run(data, out, *beam_args, pattern="*.tfrecord") -> tfnorm.Statistics:
    return tfnorm.beam.compute_statistics(
        data / pattern, RECIPE, out, beam_args=beam_args
    )


@pytest.fixture(scope="module")
def seconds(data, expected, tmp_path_factory) -> float:
    """How long a run takes when nothing is killed."""
    started = time.monotonic()
    found = run(data, tmp_path_factory.mktemp("whole") / "s", *PROCESSES)
    assert found.digest == expected.digest
    return time.monotonic() - started


@pytest.fixture
def before(tmp_path) -> tfnorm.Statistics:
    """Statistics that are at the place already."""
    tfnorm.analyze({"x": np.float32([1, 2]), "n": np.arange(2)}, RECIPE).save(
        tmp_path / "s"
    )
    return tfnorm.load_statistics(tmp_path / "s")


def connected() -> bool:
    """Whether all workers of the run have reached this process."""
    handlers = [worker for run in workers_lib.RUNS.values() for worker in run.handlers]
    return bool(handlers) and all(w.control_conn.connected.is_set() for w in handlers)


def signalled(number, moment, parent, text, which=0, ready=lambda: True):
    """Sends a signal to a worker, at the moment or as soon as there is one.

    Returns:
        What stops it from waiting, its thread, and a list of who got a signal.
    """
    start = time.monotonic()

    def send() -> None:
        time.sleep(moment)
        while time.monotonic() - start < LONG_SECONDS and not done.is_set():
            if ready() and (found := workers.children(parent, text)):
                os.kill(found[which % len(found)], number)
                sent.append(found[which % len(found)])
                return
            time.sleep(0.01)

    done, sent = threading.Event(), []
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return done, thread, sent


@pytest.mark.distributed
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_worker_leaves_all_or_nothing(
    data, expected, seconds, before, tmp_path, moment
):
    start = time.monotonic()
    done, thread, sent = signalled(
        signal.SIGKILL, moment / MOMENTS * seconds, os.getpid(), "sdk_worker", moment
    )
    try:
        digest = run(data, tmp_path / "s", *PROCESSES).digest
        assert digest == expected.digest
    except errors.WorkerError as error:
        assert "was ended by signal 9" in str(error)
        digest = before.digest
    done.set()
    thread.join()
    # Later moments may come when all is done; the first does not.
    assert sent or moment
    assert time.monotonic() - start < LONG_SECONDS
    assert tfnorm.load_statistics(tmp_path / "s").digest == digest
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert workers.children(os.getpid(), "sdk_worker") == []


@pytest.mark.distributed
def test_a_worker_that_stops_answering_is_given_up(data, before, tmp_path):
    _, thread, _ = signalled(
        signal.SIGSTOP, 0.0, os.getpid(), "sdk_worker", ready=connected
    )
    with pytest.raises(errors.WorkerError, match="not answered for 4 seconds"):
        run(data, tmp_path / "s", *PROCESSES, "--worker_timeout=4")
    thread.join()
    assert tfnorm.load_statistics(tmp_path / "s").digest == before.digest
    assert workers.children(os.getpid(), "sdk_worker") == []


@pytest.mark.distributed
@pytest.mark.parametrize("when", ["starts", "works"])
def test_a_killed_worker_of_a_pool_names_the_pool(
    data, before, tmp_path, monkeypatch, when
):
    if when == "starts":
        monkeypatch.setattr(workers_lib, "_CONNECT_SECONDS", 5.0)
    logs = tmp_path.parent / f"{tmp_path.name}-logs"
    logs.mkdir()
    ready = {"starts": lambda: True, "works": connected}[when]
    reason = {"starts": "not connected|closed its", "works": "closed its connection"}
    with workers.pools(logs, 2) as pools:
        given = ["--worker_pools=" + ",".join(pools)]
        _, thread, _ = signalled(
            signal.SIGKILL, 0.0, os.getpid(), "SdkHarness", ready=ready
        )
        with pytest.raises(errors.WorkerError) as raised:
            run(data, tmp_path / "s", *given)
        thread.join()
        assert re.search(f"of pool '127.0.0.1:.*({reason[when]})", str(raised.value))
        # The others were told to end.
        assert workers.children(os.getpid(), "SdkHarness") == []
    assert tfnorm.load_statistics(tmp_path / "s").digest == before.digest
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.distributed
def test_workers_end_with_whoever_started_them(data, before, tmp_path):
    command = [sys.executable, "-m", "pipelines.compute_statistics", *PROCESSES]
    given = [f"--input={data}/*.tfrecord", f"--out={tmp_path}/s"]
    with subprocess.Popen([*command, *given], env=workers.environment()) as job:
        deadline = time.monotonic() + LONG_SECONDS
        while len(found := workers.children(job.pid, "sdk_worker")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        job.kill()
    while any(pathlib.Path(f"/proc/{worker}").exists() for worker in found):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert tfnorm.load_statistics(tmp_path / "s").digest == before.digest


@pytest.mark.distributed
def test_of_two_jobs_that_write_one_path_one_wins_whole(data, tmp_path):
    out = tmp_path / "s"
    patterns = [f"d-0000{shard}-*.tfrecord" for shard in range(2)]
    command = [sys.executable, "-m", "pipelines.compute_statistics", f"--out={out}"]
    started = [
        subprocess.Popen(
            [*command, f"--input={data / pattern}"],
            env=workers.environment(),
        )
        for pattern in patterns
    ]
    assert [job.wait(2 * LONG_SECONDS) for job in started] == [0, 0]
    digests = {tfnorm.analyze(data / pattern).digest for pattern in patterns}
    assert tfnorm.load_statistics(out).digest in digests
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


# Attempts that run again, or too late.


def of_all(data, out, given):
    return tfnorm.beam.compute_statistics(data / "*.tfrecord", RECIPE, out, **given)


def of_splits(data, out, given):
    inputs = {"a": data / "d-0000[0-3]-*", "b": data / "d-0000[4-7]-*"}
    return tfnorm.beam.compute_splits(inputs, RECIPE, out, **given)


def of_files(data, out, given):
    given = given | {"cache": out.with_name(f"{out.name}-cache")}
    some = data / "d-0000[0-3]-*"
    tfnorm.beam.compute_statistics(some, RECIPE, out, **given)
    return of_all(data, out, given)


def of_applied(data, out, given):
    fitted = RECIPE.fit(tfnorm.analyze(data / "*.tfrecord", RECIPE))
    found = tfnorm.beam.apply_recipe(data / "*.tfrecord", fitted, out, **given)
    return found.rows, {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("job", [of_all, of_splits, of_files, of_applied])
def test_duplicated_bundles_change_nothing(data, tmp_path, job):
    twice = {"beam_args": ["--direct_runner_bundle_repeat=2"]}
    assert job(data, tmp_path / "twice", twice) == job(data, tmp_path / "once", {})


@dataclasses.dataclass(frozen=True)
class Flaky:
    """A shard that breaks in the middle, the first time that it is read."""

    shard: sources.Shard
    mark: pathlib.Path

    def read(self):
        for index, batch in enumerate(self.shard.read()):
            if index == 0 and not self.mark.exists():
                yield batch
                self.mark.touch()
                raise OSError("the disk was away")
            yield batch


def test_retried_bundles_change_nothing(data, expected, tmp_path):
    shards = sources.open(data / "*.tfrecord", RECIPE.columns())
    flaky = [Flaky(shards[0], tmp_path / "mark"), *shards[1:]]
    with beam.Pipeline("BundleBasedDirectRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(flaky).with_output_types(sources.Shard)
            | tfnorm.beam.ReadBatches()
            | tfnorm.beam.ComputeStatistics(RECIPE)
            | tfnorm.beam.WriteStatistics(str(tmp_path / "s"))
        )
    assert (tmp_path / "mark").exists()
    assert tfnorm.load_statistics(tmp_path / "s").digest == expected.digest


def test_an_attempt_that_writes_again_writes_the_same(expected, tmp_path):
    step = compute._Write(str(tmp_path / "s"), staged=True)
    for _ in range(2):
        assert list(step.process(expected)) == [str(tmp_path / "s")]
        assert tfnorm.load_statistics(tmp_path / "s").digest == expected.digest
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_an_attempt_of_a_job_that_is_over_writes_nothing(
    data, expected, tmp_path, monkeypatch
):
    steps = []
    init = compute._Write.__init__

    def remembered(self, path, staged):
        init(self, path, staged)
        steps.append(self)

    monkeypatch.setattr(compute._Write, "__init__", remembered)
    assert run(data, tmp_path / "s").digest == expected.digest
    old = tfnorm.analyze(data / "d-00000-*.tfrecord", RECIPE)
    with pytest.raises(RuntimeError, match="The job is over"):
        list(steps[0].process(old))
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert tfnorm.load_statistics(tmp_path / "s").digest == expected.digest
