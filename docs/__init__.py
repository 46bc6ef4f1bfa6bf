# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages, and what writes those that are generated."""
