# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Jobs and commands on `s3://`, by Beam's own file system and a server on this host."""

import contextlib
import json
import os
import pathlib
import urllib.request

import click.testing
import numpy as np
import pytest

import tfnorm
from tests import remote_files
from tests import workers
from tfnorm import cli
from tfnorm import errors
from tfnorm import files
from tfnorm import schemes
from tfnorm import sources
from tfnorm.sources import write

RECIPE = tfnorm.Recipe({"x": schemes.ZScore(), "y": schemes.ZScore()})


@pytest.fixture(scope="module")
def s3():
    with remote_files.s3_server() as server:
        yield server


@pytest.fixture
def told(s3):
    """The server, whose options Beam's file systems know."""
    files.use_options(s3.options)
    yield s3
    files.use_options(())


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("data")
    for day in (1, 2):
        rng = np.random.default_rng(day)
        found = {
            "x": rng.normal(size=500).astype(np.float32),
            "y": rng.integers(0, 999, 500),
        }
        write.write_tfrecords(found, folder / f"day={day}/t")
        write.write_tfrecords(found, folder / f"day={day}/z", compress=True)
        write.write_parquet(found, folder / f"day={day}/p")
    return folder


@pytest.fixture(scope="module")
def place(s3, data) -> str:
    return s3.upload(data, "in")


@pytest.fixture(scope="module")
def expected(data):
    return tfnorm.analyze(f"{data}/day=*/t*", RECIPE)


def job(s3, pattern, out, *flags, **options):
    return tfnorm.beam.compute_statistics(
        pattern, RECIPE, out, beam_args=[*s3.options, *flags], **options
    )


@pytest.mark.parametrize("pattern", ["day=*/t*", "**/z*", "day=[12]/p*"])
def test_statistics_are_those_of_local_files(told, place, expected, pattern):
    assert tfnorm.analyze(f"{place}/{pattern}", RECIPE).digest == expected.digest


def test_a_job_reads_and_writes(s3, place, expected):
    out = "s3://bucket/job"
    found = job(s3, f"{place}/day=*/t*", out)
    assert found.digest == expected.digest
    assert tfnorm.load_statistics(out).digest == expected.digest
    assert len(s3.keys("job/")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "pools"])
def test_workers_in_processes_of_their_own_do_so_too(
    s3, place, expected, tmp_path, engine
):
    before = dict(os.environ)
    with contextlib.ExitStack() as stack:
        flags = ["--direct_running_mode=multi_processing"]
        if engine == "pools":
            pools = stack.enter_context(workers.pools(tmp_path, 2))
            flags = ["--worker_pools=" + ",".join(pools)]
        out = f"s3://bucket/{engine}"
        found = job(s3, f"{place}/day=*/t*", out, "--direct_num_workers=2", *flags)
    assert found.digest == expected.digest
    assert dict(os.environ) == before  # Else later jobs would have its options.


def test_days_are_added_and_unchanged_files_are_not_read(s3, data, expected):
    place = s3.upload(data, "daily")
    options = {"update": "s3://bucket/kept", "cache": "s3://bucket/cache"}
    job(s3, f"{place}/day=1/t*", "s3://bucket/kept", **options)
    assert len(s3.keys("cache/")) == 2
    found = job(s3, f"{place}/day=2/t*", "s3://bucket/kept", **options)
    assert found.digest == expected.digest
    again = job(s3, f"{place}/day=*/t*", "s3://bucket/again", cache=options["cache"])
    assert again.digest == expected.digest
    assert len(s3.keys("cache/")) == 4


def test_an_object_that_was_written_again_is_read_again(s3, data):
    place = s3.upload(data / "day=1", "again")
    cache = "s3://bucket/other"
    first = job(s3, f"{place}/p*", "s3://bucket/one", cache=cache)
    s3.upload(data / "day=2", "again")
    second = job(s3, f"{place}/p*", "s3://bucket/one", cache=cache)
    assert second.digest != first.digest
    assert second.digest == tfnorm.analyze(f"{data}/day=2/p*", RECIPE).digest
    assert len(s3.keys("other/")) == 2


def test_normalized_files_are_those_written_here(told, place, data, expected, tmp_path):
    fitted = RECIPE.fit(expected)
    here, there = tmp_path / "here", "s3://bucket/applied"
    tfnorm.beam.apply_recipe(f"{data}/day=1/z*", fitted, here)
    for _ in range(2):  # The second takes the place of the first.
        done = tfnorm.beam.apply_recipe(
            f"{place}/day=1/z*", fitted, there, beam_args=told.options
        )
    (path,) = sources.open(there)
    assert files.read(path.path) == (here / done.files[0]).read_bytes()
    assert len(told.keys("applied/")) == 3
    back = tmp_path / "back"
    tfnorm.beam.apply_recipe(there, fitted, back, inverse=True, beam_args=told.options)
    before = tfnorm.analyze(f"{data}/day=1/z*", RECIPE)
    assert tfnorm.analyze(back, RECIPE)["y"] == before["y"]


def test_files_that_cannot_be_normalized_leave_nothing(told, place, expected):
    bad = tfnorm.Recipe({"x": schemes.ZScore(), "none": schemes.ZScore()})
    found = tfnorm.analyze({"x": np.arange(3.0), "none": np.arange(3.0)}, bad)
    with pytest.raises(errors.FeatureError):
        tfnorm.beam.apply_recipe(
            f"{place}/day=1/t*",
            bad.fit(found),
            "s3://bucket/no",
            beam_args=told.options,
        )
    assert told.keys("no/") == []


def test_commands_take_such_paths(s3, place, expected, monkeypatch):
    # Where no option says so, the server is found as boto3 finds it.
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    files.use_options(())

    def run(*arguments):
        return click.testing.CliRunner().invoke(
            cli.main, list(arguments), catch_exceptions=False
        )

    def succeed(*arguments):
        found = run(*arguments)
        assert found.exit_code == 0, found.output

    RECIPE.save("s3://bucket/cli/recipe.json")
    days = [f"s3://bucket/cli/{day}" for day in (1, 2)]
    for day, out in zip((1, 2), days, strict=True):
        recipe = ("--recipe", "s3://bucket/cli/recipe.json")
        succeed("stats", f"{place}/day={day}/t*", *recipe, "--out", out)
    succeed("merge", *days, "--out", "s3://bucket/cli/all")
    assert tfnorm.load_statistics("s3://bucket/cli/all").digest == expected.digest
    succeed("show", "s3://bucket/cli/all")
    assert run("diff", *days).exit_code == 1
    fitted = "s3://bucket/cli/fitted.json"
    succeed("fit", "s3://bucket/cli/all", "--out", fitted)
    applied = "s3://bucket/cli/applied"
    succeed("apply", f"{place}/day=1/p*", "--recipe", fitted, "--out", applied)
    assert [shard.path for shard in sources.open(applied)]
    missing = run("show", "s3://bucket/cli/none")
    assert missing.exit_code == 2
    assert "ArtifactError: file 's3://bucket/cli/none" in missing.output


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("s3://bucket/none.tfrecord", errors.EmptyDataError),
        ("s3://bucket/none/*.tfrecord", errors.EmptyDataError),
        ("s3://nowhere-to-be-found/a.tfrecord", errors.EmptyDataError),
        ("s3://nowhere-to-be-found/*.tfrecord", errors.EmptyDataError),
    ],
)
def test_what_is_not_there_is_an_error(told, path, kind):
    with pytest.raises(kind) as error:
        sources.open(path)
    assert error.value.file == path


def test_a_missing_bucket_cannot_be_written_to(told, expected):
    with pytest.raises(errors.ArtifactError, match="bucket does not exist") as error:
        expected.save("s3://nowhere-to-be-found/stats")
    assert error.value.file.startswith("s3://nowhere-to-be-found/stats")


def test_denied_access_is_an_error(told, place, expected):
    def check_keys(after: bytes) -> None:
        """Has the server check keys after so many requests."""
        place, plain = f"{told.url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(place, after, plain)).close()

    check_keys(b"0")
    try:
        with pytest.raises(errors.DataError, match="Access is denied"):
            sources.open(f"{place}/day=1/t-00000-of-00001.tfrecord")
        with pytest.raises(errors.ArtifactError):
            expected.save("s3://bucket/denied")
    finally:
        check_keys(b"inf")
    assert told.keys("denied/") == []


def test_a_truncated_object_is_an_error_of_the_job(s3, data):
    (whole,) = (data / "day=1").glob("t*")
    s3.client.put_object(
        Bucket="bucket", Key="cut/a.tfrecord", Body=whole.read_bytes()[:-7]
    )
    with pytest.raises(errors.FormatError, match="cut off") as error:
        job(s3, "s3://bucket/cut/*", "s3://bucket/cut-out")
    assert (error.value.file, error.value.record) == ("s3://bucket/cut/a.tfrecord", 499)
    assert s3.keys("cut-out/") == []


def test_the_summary_names_the_state(told, expected):
    expected.save("s3://bucket/named")
    said = json.loads(files.read("s3://bucket/named/statistics.json"))
    assert sorted(told.keys("named/")) == sorted([said["state"], "statistics.json"])
