# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The table in the README is what the benchmark measured."""

import json

from benchmarks import table


def test_the_tables_are_made_from_the_results():
    results = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    for path, rendered in table.readmes(results).items():
        assert rendered in path.read_text(encoding="utf-8"), path


def test_the_results_are_of_a_whole_run():
    results = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    assert results["rows"] == 2_000_000
    assert results["failures"] == []
    assert {"tfrecord", "wide", "fixed", "parquet", "array"} <= set(results["suites"])
