# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Blessings of models: how they are given, and what they say."""

import collections.abc
import os

from tfx import types
from tfx.components.evaluator import constants
from tfx.utils import io_utils

from tfnorm import comparison
from tfnorm import config

REPORT = "comparison.json"
# Metadata are for a look; the report has all.
_MOST_CHARACTERS = 10_000


def unblessed(other: types.Artifact) -> list[str]:
    """Why another blessing is none, if it is none."""
    if other.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == (
        constants.BLESSED_VALUE
    ):
        return []
    said = other.get_string_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY
    )
    who = other.get_string_custom_property("component_id") or "another component"
    return [f"{who} has not blessed the model{f': {said}' if said else '.'}"]


def bless(
    blessing: types.Artifact,
    compared: collections.abc.Mapping[str, comparison.Comparison],
    reasons: list[str],
) -> None:
    """Blesses a model, or not, as the stock Evaluator does.

    Args:
        blessing: The `ModelBlessing` to write.
        compared: Name of each split to its comparison.
        reasons: What keeps the model from being blessed; if there are none, it is.
    """
    passed = not reasons
    report = {
        "blessed": passed,
        "reasons": reasons,
        "splits": {name: one.to_dict() for name, one in compared.items()},
    }
    name = constants.BLESSED_FILE_NAME if passed else constants.NOT_BLESSED_FILE_NAME
    for file, text in ((REPORT, config.dumps(report)), (name, "")):
        io_utils.write_string_file(os.path.join(blessing.uri, file), text)
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if passed else constants.NOT_BLESSED_VALUE,
    )
    message = "\n".join(reasons) or "All is as it was in the baseline."
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY, message[:_MOST_CHARACTERS]
    )
