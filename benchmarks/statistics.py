# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast full-data-set statistics are, beside tfnorm's peers.

    python benchmarks/statistics.py --help

The work is in `benchmarks.command`.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    # Run as a file, Python looks for modules in this folder first, and whoever
    # imports the standard library's `statistics` would get this one.
    elsewhere = [path for path in sys.path if os.path.abspath(path) != HERE]
    sys.path[:] = [os.path.dirname(HERE), *elsewhere]
    from benchmarks import command

    command.main()
