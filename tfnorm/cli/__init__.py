# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The `tfnorm` command: each subcommand is one call of the library."""

from tfnorm.cli.commands import main

__all__ = ["main"]
