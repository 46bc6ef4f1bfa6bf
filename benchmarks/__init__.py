# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures tfnorm against its peers, all in one run on the same files."""
