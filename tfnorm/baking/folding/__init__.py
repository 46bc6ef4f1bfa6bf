# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Folds affine maps into the linear layers beside them."""
