# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: one line for an error, status 2, and nothing half-written."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from click import testing

import tfnorm
from tfnorm import cli
from tfnorm import schemes
from tfnorm.sources import write


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=100), "n": rng.integers(0, 9, 100)}
    write.write_parquet(columns, tmp_path / "d", shards=2)
    tfnorm.Recipe({"x": schemes.ZScore(), "n": schemes.MinMax()}).save(
        tmp_path / "recipe.json"
    )
    return tmp_path


def call(*arguments, status: int = 0) -> str:
    result = testing.CliRunner().invoke(cli.main, list(map(str, arguments)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def stats(data, out="s", pattern="d-*.parquet", **options):
    recipe = options.pop("recipe", data / "recipe.json")
    return call(
        "stats", data / pattern, "--recipe", recipe, "--out", data / out, **options
    )


@pytest.mark.parametrize(
    "command",
    [
        "stats",
        "suggest",
        "show",
        "merge",
        "diff",
        "compare",
        "fit",
        "apply",
        "bake",
        "inspect",
        "verify",
    ],
)
def test_every_command_explains_itself(command):
    assert "Usage:" in call(command, "--help")


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from tfnorm import cli; "
        "cli.main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    for name in ("tensorflow", "keras", "apache_beam", "pyarrow", "numpy", "rich"):
        assert f"'{name}'" not in done.stdout


def test_stats_writes_the_artifact_that_analyze_computes(data):
    output = stats(data)
    assert "100 rows" in output
    recipe = tfnorm.load_recipe(data / "recipe.json")
    expected = tfnorm.analyze(data / "d-*.parquet", recipe)
    assert tfnorm.load_statistics(data / "s").digest == expected.digest


def test_stats_hands_beam_its_own_options(data):
    call(
        "stats", data / "d-*.parquet", "--out", data / "s", "--",
        "--runner=FnApiRunner", "--direct_running_mode=multi_threading",
    )  # fmt: skip
    assert tfnorm.load_statistics(data / "s").rows == 100


def test_stats_without_a_recipe_reads_every_number(data):
    call("stats", data / "d-*.parquet", "--out", data / "s")
    assert set(tfnorm.load_statistics(data / "s")) == {"x", "n"}


def test_stats_reads_once_more_where_a_step_follows_a_fitted_one(data, capfd):
    steps = (schemes.Robust(), schemes.MinMax())
    recipe = tfnorm.Recipe({"x": schemes.Chain(steps), "n": schemes.ZScore()})
    recipe.save(data / "chain.json")
    stats(data, recipe=data / "chain.json")
    assert "Reading the data once more, for affine(x)" in capfd.readouterr().err
    expected = tfnorm.analyze(data / "d-*.parquet", recipe)
    assert tfnorm.load_statistics(data / "s").digest == expected.digest


def test_stats_adds_to_those_of_before_and_reads_what_is_new(data):
    stats(data, out="all")
    for part in ("0", "1"):
        call("stats", data / f"d-0000{part}-of-*.parquet", "--update", data / "kept",
             "--recipe", data / "recipe.json", "--cache", data / "cache")  # fmt: skip
    call("diff", data / "kept", data / "all")
    assert len(list((data / "cache").iterdir())) == 2


def test_stats_says_where_to_write_to(data):
    assert "Missing option '--out'" in call("stats", data / "*.parquet", status=2)


def test_apply_writes_what_forward_gives_and_turns_it_back(data):
    stats(data)
    call("fit", data / "s", "--out", data / "fitted.json")
    fitted = tfnorm.load_fitted(data / "fitted.json")
    names = ("--recipe", data / "fitted.json", "--out")
    said = call("apply", data / "d-*.parquet", *names, data / "there")
    assert "100 rows in 2 files" in said
    call("apply", data / "there/*.parquet", "--inverse", *names, data / "back", "--",
         "--runner=FnApiRunner")  # fmt: skip
    for part in ("0", "1"):
        name = f"d-0000{part}-of-00002.parquet"
        raw = pq.read_table(data / name)
        there = pq.read_table(data / "there" / name)
        forward = fitted.forward({n: raw[n].to_numpy() for n in ("x", "n")})
        for column, values in forward.items():
            np.testing.assert_array_equal(there[column], values)
        assert pq.read_table(data / "back" / name)["n"] == raw["n"]


def test_apply_says_which_formats_are_written(data):
    stats(data)
    call("fit", data / "s", "--out", data / "fitted.json")
    (data / "d.csv").write_text("x,n\n1.5,2\n")
    said = call("apply", data / "d.csv", "--recipe", data / "fitted.json", "--out",
                data / "there", status=2)  # fmt: skip
    assert "FormatError" in said and "read but not written" in said


def test_show_prints_what_was_computed(data):
    stats(data)
    assert tfnorm.load_statistics(data / "s").digest[:16] in call("show", data / "s")


def test_merge_equals_computing_at_once(data):
    stats(data, out="all")
    for part in ("0", "1"):
        stats(data, out=part, pattern=f"d-0000{part}-of-*.parquet")
    call("merge", data / "0", data / "1", "--out", data / "merged")
    call("diff", data / "merged", data / "all")


def test_merge_takes_away_what_is_subtracted(data):
    stats(data, out="all")
    stats(data, out="1", pattern="d-00001-of-*.parquet")
    call("merge", data / "all", "--subtract", data / "1", "--out", data / "rest")
    rest = tfnorm.load_statistics(data / "rest")
    first = tfnorm.analyze(data / "d-00000-of-00002.parquet")
    assert (rest.rows, rest["x"].mean) == (first.rows, first["x"].mean)


def test_diff_tells_what_differs(data):
    stats(data, out="a")
    stats(data, out="b", pattern="d-00000-*.parquet")
    assert "100 -> 50" in call("diff", data / "a", data / "b", status=1)


def test_compare_says_whether_new_data_are_as_before(data):
    stats(data)
    output = call("compare", data / "s", data / "s", "--out", data / "c.json")
    assert "100 rows, 100 in the baseline: passed" in output
    assert json.loads((data / "c.json").read_text())["passed"]


def test_compare_ends_with_status_1_where_data_are_skewed(data):
    rng = np.random.default_rng(1)
    columns = {"x": rng.normal(2, 1, 100), "n": rng.integers(0, 9, 100)}
    write.write_parquet(columns, data / "e")
    stats(data)
    stats(data, "t", "e-*.parquet")
    output = call("compare", data / "t", data / "s", status=1)
    assert "feature 'x': the mean is off by +" in output
    tolerant = tfnorm.Recipe(
        {"n": schemes.MinMax()}, thresholds=tfnorm.Thresholds(stability_index=None)
    )
    tolerant.save(data / "tolerant.json")
    call("compare", data / "t", data / "s", "--recipe", data / "tolerant.json")


def test_compare_leaves_out_what_is_excluded(data):
    stats(data)
    output = call("compare", data / "s", data / "s", "--exclude", "x")
    assert "note: 'x' was excluded." in output


def test_compare_loads_no_framework(data):
    stats(data)
    program = (
        "import sys; from tfnorm import cli; "
        f"cli.main(['compare', r'{data}/s', r'{data}/s'], standalone_mode=False); "
        "print(sorted({'tensorflow', 'keras', 'apache_beam'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("weight", [None, "w"])
def test_of_many_groups_it_is_shown_how_many_there_are(data, weight):
    columns = {"x": np.arange(2004.0), "k": np.arange(2004) % 1002, "w": np.ones(2004)}
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")}, weight=weight)
    tfnorm.analyze(columns, recipe).save(data / "many")
    some = {name: column[:900] for name, column in columns.items()}
    tfnorm.analyze(some, recipe).save(data / "some")
    shown = call("show", data / "many")
    assert "x | k: 1,002 keys, 2,004 rows" in shown
    assert shown.count("x | k") == 1
    shown = call("diff", data / "many", data / "some", status=1)
    assert "x | k: 1,002 -> 900 keys" in shown
    assert shown.count("x | k") == 1


def test_fit_writes_a_fitted_recipe(data):
    stats(data)
    call("fit", data / "s", "--out", data / "fitted.json")
    fitted = tfnorm.load_fitted(data / "fitted.json")
    assert fitted.statistics_digest == tfnorm.load_statistics(data / "s").digest


FAULTS = {
    "no files": (["stats", "{d}/none-*.parquet", "--out", "{d}/o"], "none-"),
    "no recipe": (
        ["stats", "{d}/d-*.parquet", "--recipe", "{d}/none", "--out", "{d}/o"],
        "none",
    ),
    "unknown column": (
        ["stats", "{d}/d-*.parquet", "--recipe", "{d}/odd.json", "--out", "{d}/o"],
        "nowhere",
    ),
    "unknown scheme": (
        ["stats", "{d}/d-*.parquet", "--recipe", "{d}/bad.json", "--out", "{d}/o"],
        "Zscore",
    ),
    "cannot write": (
        ["stats", "{d}/d-*.parquet", "--out", "{d}/recipe.json/o"],
        "cannot be written",
    ),
    "corrupt records": (
        ["stats", "{d}/flipped.tfrecord", "--out", "{d}/o"],
        "flipped.tfrecord', record 0 (byte 0)",
    ),
    "corrupt artifact": (["show", "{d}/flipped"], "corrupted"),
    "unknown runner": (
        ["stats", "{d}/d-*.parquet", "--out", "{d}/o", "--", "--runner=Nope"],
        "Nope",
    ),
    "unknown Beam option": (
        ["stats", "{d}/d-*.parquet", "--out", "{d}/o", "--", "--worker_nodes=3"],
        "--worker_nodes",
    ),
    "bad Beam value": (
        ["stats", "{d}/d-*.parquet", "--out", "{d}/o", "--",
         "--direct_num_workers=many"],
        "direct_num_workers",
    ),
    "incomplete Beam options": (
        ["stats", "{d}/d-*.parquet", "--out", "{d}/o", "--",
         "--runner=DataflowRunner"],
        "DataflowRunner",
    ),
    "corrupt file": (["stats", "{d}/broken.parquet", "--out", "{d}/o"], "broken"),
    "no artifact": (["show", "{d}"], "statistics.json"),
    "no fitted": (["bake", "{d}/m.keras", "{d}/f.json", "--out", "{d}/o"], "f.json"),
    "no model": (["inspect", "{d}"], "{d}"),
}  # fmt: skip


def flip(source, target, position) -> None:
    content = bytearray(source.read_bytes())
    content[position] ^= 1
    target.write_bytes(content)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_status_2(data, fault):
    recipe = json.loads((data / "recipe.json").read_text())
    text = json.dumps(recipe)
    (data / "odd.json").write_text(text.replace('"x"', '"nowhere"'))
    (data / "bad.json").write_text(text.replace("ZScore", "Zscore"))
    (data / "broken.parquet").write_bytes(b"PAR1 no more than that")
    (records,) = write.write_tfrecords({"x": np.arange(9.0)}, data / "records")
    flip(pathlib.Path(records), data / "flipped.tfrecord", 20)
    tfnorm.analyze(data / "d-*.parquet").save(data / "flipped")
    state = data / "flipped" / "accumulators.npz"
    flip(state, state, state.stat().st_size // 2)
    before = sorted(os.listdir(data))
    arguments, named = FAULTS[fault]
    command = [a.format(d=data) for a in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "tfnorm", *command], capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert named.format(d=data) in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert sorted(os.listdir(data)) == before
