# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The artifacts that pass between components, and what metadata say of them."""

from tfx.types import artifact
from tfx.types import standard_artifact_utils
from tfx.types import system_artifacts

_INT = artifact.Property(type=artifact.PropertyType.INT)
_STRING = artifact.Property(type=artifact.PropertyType.STRING)


class NormalizationStatistics(artifact.Artifact):
    """Exact statistics of Examples: a `Split-<name>` folder of each split.

    Each folder is what `tfnorm.load_statistics` reads. Properties:

    * `span`: that of the Examples.
    * `split_names`: of what splits, as in Examples.
    * `rows`: how many rows, of all splits together.
    * `digest`: of all splits together.
    * `split_digests`: JSON, from the name of each split to its statistics' digest.
    * `recipe_digest`: digest of the recipe that they were taken for; "" for none.
    """

    TYPE_NAME = "NormalizationStatistics"
    TYPE_ANNOTATION = system_artifacts.Statistics
    PROPERTIES = {
        "span": _INT,
        "split_names": _STRING,
        "rows": _INT,
        "digest": _STRING,
        "split_digests": _STRING,
        "recipe_digest": _STRING,
    }

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return standard_artifact_utils.decode_split_names(self.split_names)


class NormalizationRecipe(artifact.Artifact):
    """A recipe, and why each feature is in it or left out.

    The folder holds `recipe.json`, which `tfnorm.load_recipe` reads, and, of a recipe
    that was suggested, `reasons.json`. Properties:

    * `digest`: `tfnorm.Recipe.digest`.
    * `features`: how many features it normalizes.
    """

    TYPE_NAME = "NormalizationRecipe"
    PROPERTIES = {"digest": _STRING, "features": _INT}
