# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How this project's tests are run."""

load("@rules_python//python:defs.bzl", _py_test = "py_test")

def py_test(name, srcs, deps, data = [], **kwargs):
    """Runs the one file in `srcs` with pytest: run as a script it tests nothing.

    Args:
      name: Name of the target.
      srcs: The test file, in a list.
      deps: What it imports.
      data: What it reads.
      **kwargs: Passed on to the `py_test` of rules_python.
    """
    _py_test(
        name = name,
        srcs = srcs + ["tests/run_pytest.py"],
        args = srcs,
        data = data + ["pyproject.toml"],
        # Bazel's own empty __init__.py would stand where ours is not needed.
        legacy_create_init = 0,
        main = "tests/run_pytest.py",
        deps = deps + ([] if ":testing" in deps else [":testing"]),
        **kwargs
    )
