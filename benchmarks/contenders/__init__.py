# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Who is measured. Each module imports only what its contender needs."""
