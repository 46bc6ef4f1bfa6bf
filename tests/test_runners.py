# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be known of engines without them: launch files, steps, what is refused."""

import importlib
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import types

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.internal import pickler
from apache_beam.options import pipeline_options
from apache_beam.portability import api
from apache_beam.portability import common_urns
from apache_beam.runners.dataflow import dataflow_runner
from apache_beam.runners.portability import flink_runner
from apache_beam.runners.portability import flink_uber_jar_job_server
from apache_beam.runners.portability import portable_runner
from apache_beam.runners.portability import spark_runner
from apache_beam.runners.portability import spark_uber_jar_job_server
from apache_beam.runners.portability import stager

import tfnorm
from tests import house
from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.beam import compute
from tfnorm.beam import counting
from tfnorm.beam import hosts
from tfnorm.beam import runners
from tfnorm.sources import write

LAUNCH = house.ROOT / "pipelines" / "launch"
IMAGE = "registry.example/tfnorm-worker:1"
PIPELINES = ("compute_statistics", "apply_recipe", "merge_statistics")
GIVEN = {
    "flink": {"FLINK_MASTER": "flink:8081", "IMAGE": IMAGE},
    "spark": {
        "SPARK_REST_URL": "http://spark:6066",
        "SPARK_MASTER": "spark://spark:7077",
        "IMAGE": IMAGE,
    },
    "dataflow": {
        "PROJECT": "project",
        "REGION": "europe-west1",
        "BUCKET": "gs://bucket",
        "IMAGE": IMAGE,
    },
    "hosts": {"POOLS": "127.0.0.1:18050,127.0.0.1:18051", "WORKERS": "4"},
}


class Built(BaseException):
    """Leaves a job where it would be submitted; holds the pipeline."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    columns = {"x": np.arange(6.0), "n": arrays.Column(np.arange(6), np.arange(6) > 4)}
    write.write_parquet(columns, folder / "d", shards=2)
    recipe = tfnorm.Recipe(
        {"x": schemes.Robust(), "n": tfnorm.Feature(schemes.ZScore(), missing="keep")}
    )
    recipe.save(folder / "recipe.json")
    found = tfnorm.analyze(folder / "*.parquet", recipe)
    found.save(folder / "statistics")
    recipe.fit(found).save(folder / "fitted.json")
    return folder


def own_flags(pipeline, data, out) -> list[str]:
    given = {
        "compute_statistics": {"recipe": data / "recipe.json"},
        "apply_recipe": {"fitted": data / "fitted.json"},
        "merge_statistics": {"part": data / "statistics"},
    }[pipeline]
    if pipeline != "merge_statistics":
        given["input"] = data / "*.parquet"
    return [f"--{name}={value}" for name, value in (given | {"out": out}).items()]


def launched(engine, pipeline, tmp_path, *arguments, **given) -> list[str]:
    """The arguments of Python that a launch file comes to."""
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [LAUNCH / f"{engine}.sh", pipeline, *arguments],
        env={"PATH": f"{fake.parent}:/usr/bin:/bin"} | GIVEN[engine] | given,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def built(monkeypatch, runner_class, call):
    """The runner, pipeline and options that a job would be submitted with."""

    def run_pipeline(self, pipeline, options):
        raise Built(self, pipeline, options)

    monkeypatch.setattr(runner_class, "run_pipeline", run_pipeline)
    with pytest.raises(Built) as raised:
        call()
    return raised.value.args


RUNNERS = {
    "flink": flink_runner.FlinkRunner,
    "spark": spark_runner.SparkRunner,
    "dataflow": dataflow_runner.DataflowRunner,
    "hosts": hosts.WatchedRunner,
}


@pytest.fixture(params=PIPELINES)
def job(request, data, tmp_path, monkeypatch):
    """From an engine's launch file to what it would be given."""
    name, *more = request.param.split()

    def of(engine, **given):
        flags = [*own_flags(name, data, tmp_path / "out"), *more]
        minus_m, module, *flags = launched(engine, name, tmp_path, *flags, **given)
        assert minus_m == "-m"
        main = importlib.import_module(module).main
        found = built(monkeypatch, RUNNERS[engine], lambda: main(flags))
        assert not list(tmp_path.glob("*out*"))
        return found

    return of


# Launch files.


def test_the_flink_launch_file_builds_a_portable_pipeline(job):
    runner, pipeline, options = job("flink")
    given = options.view_as(pipeline_options.FlinkRunnerOptions)
    assert given.flink_master == "flink:8081"
    assert given.parallelism == 16
    server = runner.default_job_server(options)
    assert isinstance(server, flink_uber_jar_job_server.FlinkUberJarJobServer)
    proto = portable_runner.PortableRunner.get_proto_pipeline(pipeline, options)
    assert images(proto) == {IMAGE}


def test_the_spark_launch_file_builds_a_portable_pipeline(job):
    runner, pipeline, options = job("spark")
    server = runner.default_job_server(options)
    assert isinstance(server, spark_uber_jar_job_server.SparkUberJarJobServer)
    proto = portable_runner.PortableRunner.get_proto_pipeline(pipeline, options)
    assert images(proto) == {IMAGE}


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_workers_may_stand_beside_those_of_the_cluster(job, engine):
    external = "--environment_type=EXTERNAL --environment_config=localhost:50000"
    _, pipeline, options = job(engine, WORKERS=external)
    proto = portable_runner.PortableRunner.get_proto_pipeline(pipeline, options)
    urns = {environment.urn for environment in proto.components.environments.values()}
    assert urns == {common_urns.environments.EXTERNAL.urn}


def test_the_dataflow_launch_file_builds_the_job(job, monkeypatch):
    # It would ask the bucket whether it keeps what is deleted.
    google = pipeline_options.GoogleCloudOptions
    asks = "_warn_if_soft_delete_policy_enabled"
    monkeypatch.setattr(google, asks, lambda *_: None)
    run = dataflow_runner.DataflowRunner.run_pipeline
    _, pipeline, options = job("dataflow")
    options.view_as(pipeline_options.TestOptions).dry_run = True
    # Builds all that would be sent, and sends nothing.
    submitted = run(dataflow_runner.DataflowRunner(), pipeline, options).job
    assert images(submitted.proto_pipeline) == {IMAGE}
    assert submitted.google_cloud_options.job_name.startswith("tfnorm-")
    assert submitted.google_cloud_options.temp_location.startswith("gs://bucket/temp/")


def test_dataflow_ships_the_package_where_there_is_no_image(tmp_path):
    flags = launched("dataflow", "compute_statistics", tmp_path, IMAGE="")
    options = pipeline_options.PipelineOptions(flags[2:])
    setup = options.view_as(pipeline_options.SetupOptions).setup_file
    assert pathlib.Path(setup) == house.ROOT / "setup.py"


def test_the_hosts_launch_file_names_pools_and_workers(job):
    _, _, options = job("hosts")
    run, _ = hosts._asked(options)
    assert run.pools == ("127.0.0.1:18050", "127.0.0.1:18051")
    assert run.driver_host == "127.0.0.1"
    given = options.view_as(pipeline_options.DirectOptions)
    assert given.direct_num_workers == 4


@pytest.mark.parametrize("engine", GIVEN)
def test_a_launch_file_knows_every_flag_that_it_gives(engine, tmp_path):
    flags = launched(engine, "compute_statistics", tmp_path)[2:]
    options = pipeline_options.PipelineOptions(flags)
    every = options.get_all_options(retain_unknown_options=True)
    assert every.keys() - options.get_all_options().keys() == set()


def images(proto) -> set[str]:
    """The images that the pipeline's steps run in."""
    docker = api.beam_runner_api_pb2.DockerPayload
    environments = proto.components.environments.values()
    return {docker.FromString(e.payload).container_image for e in environments}


def test_the_image_is_of_this_beam_and_this_python():
    text = (LAUNCH / "Dockerfile").read_text()
    python, version = re.search(r"beam_python(.+)_sdk:(.+)", text).groups()
    assert python == ".".join(map(str, sys.version_info[:2]))
    assert version == beam.__version__
    (copied,) = re.findall(r"^COPY (.*) /opt/tfnorm/$", text, re.MULTILINE)
    assert all((house.ROOT / name).is_file() for name in copied.split())


def test_the_image_holds_what_media_and_array_record_need():
    text = (LAUNCH / "Dockerfile").read_text()
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", text, re.MULTILINE)
    assert '"/opt/tfnorm[${EXTRAS}]"' in text
    assert {*extras.split(",")} == {"images", "audio", "array-record"}
    setup = (house.ROOT / "setup.py").read_text()
    assert all(f'"{name}": ' in setup for name in extras.split(","))


@pytest.mark.slow
def test_beam_ships_every_file_of_the_package(tmp_path):
    # Beam's own step of `--setup_file`, on a copy, since it builds within the tree.
    tree = tmp_path / "tree"
    shutil.copytree(house.ROOT / "tfnorm", tree / "tfnorm")
    for name in ("setup.py", "README.md"):
        shutil.copy(house.ROOT / name, tree)
    out = tmp_path / "out"
    out.mkdir()
    path = stager.Stager._build_setup_package(str(tree / "setup.py"), str(out))
    with tarfile.open(path) as archive:
        inside = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {*house.python_files("tfnorm"), "setup.py", "tfnorm/py.typed"} <= inside


# Steps.


def steps_of(pipeline) -> list:
    """Every DoFn and CombineFn of a pipeline, in it and in what it is sent as."""
    found = []

    class Visitor(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            found.append(getattr(node.transform, "fn", None))

    pipeline.visit(Visitor())
    parts = pipeline.to_runner_api().components.transforms.values()
    for spec in (part.spec for part in parts):
        if spec.urn == common_urns.primitives.PAR_DO.urn:
            payload = api.beam_runner_api_pb2.ParDoPayload.FromString(spec.payload)
            if payload.do_fn.payload:  # Beam's own steps need none.
                found.append(pickler.loads(payload.do_fn.payload)[0])
        elif spec.urn == common_urns.composites.COMBINE_PER_KEY.urn:
            payload = api.beam_runner_api_pb2.CombinePayload.FromString(spec.payload)
            found.append(pickler.loads(payload.combine_fn.payload))
    return [step for step in found if step is not None]


def functions_of(step) -> list[types.FunctionType]:
    """Functions of ours that a step holds, in whatever holds them."""
    seen, found, left = set(), [], [step]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            if value.__module__.startswith(("tfnorm", "pipelines")):
                found.append(value)
            left += [cell.cell_contents for cell in value.__closure__ or ()]
        elif isinstance(value, (list, tuple, set)):
            left += value
        elif isinstance(value, dict):
            left += value.values()
        elif not isinstance(value, (type, types.ModuleType)):
            left += vars(value).values() if hasattr(value, "__dict__") else ()
    return found


# The steps of ours that each must have.
STEPS = {
    "compute_statistics": {"_ReadShards", "_SummarizeBundle", "_Check", "_Write"},
    "compute_statistics --cache=cache": {"_SummarizeFile", "_Check", "_Write"},
    "compute_statistics --split_by=n": {"_Summarize", "_Write"},
    "apply_recipe": {"_RewriteShard", "_Summarize"},
    "merge_statistics": {"_Load", "_MergeNamed", "_Subtract", "_Write"},
}


@pytest.mark.parametrize("many", [2, compute.MANY_PARTS])
@pytest.mark.parametrize("job", STEPS, indirect=True)
def test_every_step_pickles_and_no_function_captures_state(
    job, request, monkeypatch, many
):
    monkeypatch.setattr(compute, "MANY_PARTS", many)
    _, pipeline, _ = job("flink")
    steps = steps_of(pipeline)
    ours = {type(step).__name__ for step in steps if "tfnorm" in type(step).__module__}
    assert STEPS[request.node.callspec.params["job"]] <= ours
    for step in steps:
        pickler.loads(pickler.dumps(step))
        if type(step).__name__ in ours:
            pickle.loads(pickle.dumps(step))
        for function in functions_of(step):
            assert function.__closure__ is None
            assert "<lambda>" not in function.__qualname__


def test_a_step_that_holds_state_would_be_found():
    held = object()
    step = beam.ParDo(lambda element: held).fn
    step.more = [{"f": functions_of}, (lambda: held)]
    step.more[1].__module__ = "tfnorm.somewhere"
    assert [f.__closure__ is not None for f in functions_of(step)] == [True]


# What is refused.


@pytest.mark.parametrize(
    "name", ["DaskRunner", "apache_beam.runners.dask.dask_runner.DaskRunner"]
)
def test_the_dask_runner_is_refused_with_the_reason(data, tmp_path, name):
    with pytest.raises(errors.OptionsError, match="drops what steps yield"):
        tfnorm.beam.compute_statistics(
            data / "*.parquet", None, tmp_path / "s", beam_args=[f"--runner={name}"]
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["read", "compute", "apply"])
def test_own_pipelines_on_the_dask_runner_are_refused(data, step):
    class DaskRunner(beam.runners.runner.PipelineRunner):
        pass

    fitted = tfnorm.load_fitted(data / "fitted.json")
    transform = {
        "read": tfnorm.beam.ReadBatches(),
        "compute": tfnorm.beam.ComputeStatistics(),
        "apply": tfnorm.beam.ApplyRecipe(fitted),
    }[step]
    pipeline = beam.Pipeline(runner=DaskRunner())
    with pytest.raises(errors.OptionsError, match="WatchedRunner|worker_pools"):
        _ = pipeline | beam.Create([1]) | transform


@pytest.mark.parametrize("pools", ["host", "a:1,b", "a:1, b:2"])
def test_a_pool_needs_an_address(data, tmp_path, pools):
    with pytest.raises(errors.OptionsError, match="no address such as"):
        tfnorm.beam.compute_statistics(
            data / "*.parquet",
            None,
            tmp_path / "s",
            beam_args=[f"--worker_pools={pools}"],
        )


# Counters.


def test_counters_are_queryable_from_the_result(data):
    shards = tfnorm.sources.open(data / "*.parquet", ["x", "n"])
    before = tfnorm.beam.rows_so_far()
    with runners.pipeline_of([]) as pipeline:
        _ = pipeline | beam.Create(shards) | tfnorm.beam.ReadBatches()
    assert tfnorm.beam.counters(pipeline.result) == {
        "bad_records": 0,
        "bytes": 6 * 8 + 6 * 8,
        "missing": 1,
        "rows": 6,
    }
    assert tfnorm.beam.rows_so_far() - before == 6


def test_a_report_that_comes_again_counts_once():
    container = beam.metrics.execution.MetricsContainer("step")
    name = beam.metrics.metricbase.MetricName(counting.NAMESPACE, "rows")
    before = tfnorm.beam.rows_so_far()
    for rows in (5, 0, 2):
        container.get_counter(name).inc(rows)
        counting.hear("bundle", container.to_runner_api_monitoring_infos("").values())
    assert tfnorm.beam.rows_so_far() - before == 7
