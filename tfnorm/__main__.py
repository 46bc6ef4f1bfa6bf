# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the command line: `python -m tfnorm`."""

from tfnorm import cli

cli.main(prog_name="tfnorm")
