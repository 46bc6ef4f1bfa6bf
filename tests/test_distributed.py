# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The same pipeline files, by flags alone, on every engine that starts here."""

import subprocess
import sys

import numpy as np
import pytest

import tfnorm
from pipelines import apply_recipe
from pipelines import compute_statistics
from pipelines import merge_statistics
from tests import workers
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.beam import workers as workers_lib
from tfnorm.sources import write

pytestmark = pytest.mark.distributed

RECIPE = tfnorm.Recipe({"x": schemes.Robust(), "n": schemes.ZScore()})
# Namespaces where this machine lets us make them; processes on one network anywhere.
NETWORKS = ["one"] + ["namespaces"] * workers.namespaces_allowed()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    x = rng.standard_cauchy(3_000).astype(np.float32)
    columns = {"x": arrays.Column(x, x > 9), "n": np.arange(3_000)}
    write.write_tfrecords(columns, folder / "d", shards=4)
    RECIPE.save(folder / "recipe.json")
    for shard in range(4):
        part = tfnorm.analyze(folder / f"d-0000{shard}-*.tfrecord", RECIPE)
        part.save(folder / f"part{shard}")
    RECIPE.fit(tfnorm.analyze(folder / "*.tfrecord", RECIPE)).save(folder / "f.json")
    broken = bytearray((folder / "d-00002-of-00004.tfrecord").read_bytes())
    broken[len(broken) // 2] ^= 1
    (folder / "broken").mkdir()
    (folder / "broken" / "b-00001.tfrecord").write_bytes(broken)
    whole = (folder / "d-00001-of-00004.tfrecord").read_bytes()
    (folder / "broken" / "b-00000.tfrecord").write_bytes(whole)
    return folder


@pytest.fixture(
    scope="module", params=["process", "processes", "loopback", "external", "hosts"]
)
def engine(request, tmp_path_factory):
    """The flags of an engine, which is up while tests use it."""
    folder = tmp_path_factory.mktemp("logs")
    match request.param:
        case "process":
            yield ["--runner=FnApiRunner"]
        case "processes":
            yield ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
        case "hosts":
            with workers.pools(folder, 2) as pools:
                yield ["--worker_pools=" + ",".join(pools)]
        case "loopback":
            with workers.job_server(folder) as server:
                yield [*portable(server), "--environment_type=LOOPBACK"]
        case "external":
            with workers.job_server(folder) as server:
                with workers.pools(folder, 1) as (pool,):
                    external = flags(
                        environment_type="EXTERNAL", environment_config=pool
                    )
                    yield [*portable(server), *external]


def portable(server) -> list[str]:
    return flags(runner="PortableRunner", job_endpoint=server)


def flags(**options) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def test_every_engine_writes_the_same(data, tmp_path, engine):
    expected = tfnorm.load_fitted(data / "f.json").statistics_digest
    out, given = tmp_path / "s", {"input": data / "*.tfrecord"}
    before = tfnorm.beam.rows_so_far()
    recipe = data / "recipe.json"
    found = compute_statistics.main(flags(**given, recipe=recipe, out=out) + engine)
    assert found.digest == tfnorm.load_statistics(out).digest == expected
    merged = merge_statistics.main(
        flags(part=data / "part*", out=tmp_path / "merged") + engine
    )
    assert merged.digest == expected
    there, here = tmp_path / "there", tmp_path / "here"
    apply_recipe.main(flags(**given, fitted=data / "f.json", out=there) + engine)
    apply_recipe.main(flags(**given, fitted=data / "f.json", out=here))
    for path in here.iterdir():
        assert (there / path.name).read_bytes() == path.read_bytes()
    # Heard of while they ran, but of a job server's own workers.
    heard = tfnorm.beam.rows_so_far() - before
    assert heard == (3_000 if "EXTERNAL" in "".join(engine) else 9_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "here",
        "merged",
        "s",
        "there",
    ]


def test_every_engine_names_the_file_and_the_record(data, tmp_path, engine):
    given = flags(input=data / "broken" / "*.tfrecord", out=tmp_path / "s")
    with pytest.raises(errors.FormatError) as raised:
        compute_statistics.main(given + engine)
    assert raised.value.file == str(data / "broken" / "b-00001.tfrecord")
    assert raised.value.record is not None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", NETWORKS[1:])
def test_hosts_with_networks_of_their_own_write_the_same(data, tmp_path, network):
    with workers.namespaces(3) as (names, addresses):

        def inside(index):
            return "ip", "netns", "exec", names[index]

        def host(index):
            return inside(index + 1)

        with workers.pools(tmp_path, 2, host, addresses[1:]) as pools:
            out = tmp_path / "s"
            given = flags(
                input=data / "*.tfrecord", recipe=data / "recipe.json", out=out
            )
            command = [sys.executable, "-m", "pipelines.compute_statistics", *given]
            subprocess.run(
                [*inside(0), *command, "--worker_pools=" + ",".join(pools)],
                env=workers.environment(),
                check=True,
                timeout=120,
            )
        logs = [(tmp_path / f"pool{index}.log").read_text() for index in range(2)]
    # Each host had a worker, which reached the driver at the address of its network.
    assert all(f'SdkHarness("{addresses[0]}:' in log for log in logs)
    found = tfnorm.load_statistics(out)
    assert found.digest == tfnorm.load_fitted(data / "f.json").statistics_digest


def test_a_pool_that_nobody_runs_is_named(data, tmp_path, monkeypatch):
    monkeypatch.setattr(workers_lib, "_START_SECONDS", 0.5)
    pool = f"127.0.0.1:{workers.free_port()}"
    given = flags(input=data / "*.tfrecord", out=tmp_path / "s", worker_pools=pool)
    with pytest.raises(errors.WorkerError, match=f"pool '{pool}' did not answer"):
        compute_statistics.main(given)
    assert not list(tmp_path.iterdir())
