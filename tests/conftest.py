# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every test shares: one backend, quiet logs, the same examples each run."""

import os

import hypothesis

# Before anything imports Keras or TensorFlow, here or in a child process.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Importing tensorflow_transform sets this to 1, for child processes too.
os.environ["TF_USE_LEGACY_KERAS"] = "0"

# The same examples in every run, on a machine of any speed: a test that fails
# does so again. `--hypothesis-profile=search` looks for new ones.
hypothesis.settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("fixed")
