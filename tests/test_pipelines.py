# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The main job: from raw flights to what a fresh process serves."""

import subprocess
import sys

import numpy as np
import pytest

import tfnorm
from pipelines import flights


def test_reads_every_flight():
    columns = flights.read()
    assert {len(column.values) for column in columns.values()} == {336_776}
    assert columns["arr_delay"].missing.sum() == 9_430
    assert columns["scheduled"].values.dtype == np.int64


@pytest.mark.slow
def test_serves_in_a_fresh_process_what_the_model_says(tmp_path):
    # In a process of its own, as `make run` starts it. Exits with an error if the
    # digests of the two formats or any served number differ.
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.local", "--rows", "20000", "--epochs", "1",
         "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "equal to the last bit" in done.stdout
    assert "tfnorm inspect" in done.stdout
    found = tfnorm.load_statistics(tmp_path / "statistics-parquet")
    assert found.rows == 20_000
    assert tfnorm.inspect(tmp_path / "saved_model").statistics_digest == found.digest
