# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which tests can run here: those of TFX need TFX, which has an environment of its own.

`make tfx-test` makes it.
"""

import importlib.util

_HAS_TFX = importlib.util.find_spec("tfx") is not None
collect_ignore_glob = [] if _HAS_TFX else ["tfnorm/tfx/*", "tests/test_tfx*"]


def pytest_report_header():
    """Says what is left out, and how to run it."""
    return None if _HAS_TFX else "TFX is not installed: `make tfx-test` runs its tests."
