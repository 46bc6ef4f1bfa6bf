# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Progress is for people: on a terminal it shows rows, elsewhere nothing."""

import contextlib
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from tfnorm.cli import show
from tfnorm.sources import write

ROWS = 200_000


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("rows")
    write.write_tfrecords({"x": np.arange(ROWS)}, folder / "d", shards=8)
    arguments = ["stats", f"{folder}/d-*.tfrecord", "--out", f"{folder}/s"]
    return [sys.executable, "-m", "tfnorm", *arguments]


def read_all(terminal: int) -> str:
    found = b""
    with contextlib.suppress(OSError):  # So a terminal ends when nobody holds it.
        while more := os.read(terminal, 65536):
            found += more
    return found.decode()


def test_a_terminal_shows_rows_and_their_rate(command):
    reader, terminal = pty.openpty()
    environment = dict(os.environ, COLUMNS="120", TERM="xterm")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=terminal, env=environment
    ) as started:
        os.close(terminal)
        shown = read_all(reader)
        printed = started.stdout.read().decode()
    os.close(reader)
    assert started.returncode == 0
    assert "Reading the data" in shown
    assert "rows, " in shown and "rows/s" in shown
    # What is for programs holds the result, and nothing that moves.
    assert "\x1b" not in printed
    assert f"{ROWS:,} rows, digest" in printed


def test_a_pipe_is_not_disturbed(command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert f"{ROWS:,} rows, digest" in done.stdout


def test_rows_are_counted_from_where_they_are_watched():
    numbers = iter([100, 100, 1_350])
    rows = show.Rows()
    assert rows.render(None).plain == ""
    rows.watch(lambda: next(numbers))
    assert rows.render(None).plain == ""
    assert rows.render(None).plain.startswith("1,250 rows, ")
