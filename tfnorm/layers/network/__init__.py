# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization within a network: by statistics of the batch, sample or weights."""
