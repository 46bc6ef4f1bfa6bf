# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs pytest on the files that Bazel names: the `main` of every `py_test`."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]]))
