# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders in which a job works: hidden, and gone with it however it ends."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import tfnorm
from tfnorm import errors
from tfnorm import files
from tfnorm import schemes
from tfnorm.sources import write

_TOLD = """
import os, signal, sys, time
from tfnorm import cli
from tfnorm.beam import apply
from tfnorm.sources import parquet
from pipelines import compute_statistics

def told(*arguments, before=[]):
    if not before:
        before.append(arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2)  # The main thread ends meanwhile.
    return iter(())

apply.rewrite_shard = parquet.ParquetShard.read = told
"""
COMMANDS = {
    "stats": "cli.main(['stats', 'd-*', '--out', 'out'])",
    "apply": "cli.main(['apply', 'd-*', '--recipe', 'fitted.json', '--out', 'out'])",
    "pipeline": "compute_statistics.main(['--input', 'd-*', '--out', 'out'])",
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_who_is_told_to_end_leaves_nothing_half_written(tmp_path, command):
    data = {"x": np.arange(9.0)}
    write.write_parquet(data, tmp_path / "d", shards=2)
    recipe = tfnorm.Recipe({"x": schemes.ZScore()})
    recipe.fit(tfnorm.analyze(data, recipe)).save(tmp_path / "fitted.json")
    before = sorted(tmp_path.iterdir())
    program = [sys.executable, "-c", _TOLD + command]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(program, cwd=tmp_path, env=here, check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert sorted(tmp_path.iterdir()) == before


def test_a_program_that_heeds_sigterm_itself_goes_on_doing_so(tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        with files.scratch(tmp_path / "out"):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [1]


def test_a_folder_to_work_in_is_hidden_and_goes_with_the_body(tmp_path):
    with files.scratch(tmp_path / "deep" / "out") as folder:
        (found,) = (tmp_path / "deep").iterdir()
        assert str(found) == folder
        assert found.name.startswith(".out.")
    assert not os.path.exists(folder)


def test_a_folder_that_cannot_be_made_is_a_typed_error(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    path = tmp_path / "out"
    with pytest.raises(errors.ArtifactError, match="Permission denied") as error:
        with files.scratch(path):
            pass
    assert error.value.file == str(path)
