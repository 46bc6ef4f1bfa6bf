# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The artifacts that pass between components, and what metadata say of them.

Two rules of TFX's compiler for Kubeflow shape them. A type's name is the path of its
class, with one dot: hence `tfnorm.NormalizationStatistics`, which `tfnorm` finds here.
And types that are not its own declare no properties: hence custom ones, which are read
and set as attributes all the same.
"""

from tfx.types import artifact
from tfx.types import standard_artifact_utils
from tfx.types import system_artifacts


def _text(name: str) -> property:
    """A custom property of text; "" until it is set."""
    return property(
        lambda self: self.get_string_custom_property(name),
        lambda self, value: self.set_string_custom_property(name, value),
    )


def _number(name: str) -> property:
    """A custom property of an integer; 0 until it is set."""
    return property(
        lambda self: self.get_int_custom_property(name),
        lambda self, value: self.set_int_custom_property(name, value),
    )


class NormalizationStatistics(artifact.Artifact):
    """Exact statistics of Examples: a `Split-<name>` folder of each split.

    Each folder is what `tfnorm.load_statistics` reads. Custom properties:

    * `span`: that of the Examples.
    * `split_names`: of what splits, as in Examples.
    * `rows`: how many rows, of all splits together.
    * `digest`: of all splits together.
    * `split_digests`: JSON, from the name of each split to its statistics' digest.
    * `recipe_digest`: digest of the recipe that they were taken for; "" for none.
    """

    TYPE_NAME = "tfnorm.NormalizationStatistics"
    TYPE_ANNOTATION = system_artifacts.Statistics

    span = _number("span")
    split_names = _text("split_names")
    rows = _number("rows")
    digest = _text("digest")
    split_digests = _text("split_digests")
    recipe_digest = _text("recipe_digest")

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return standard_artifact_utils.decode_split_names(self.split_names)


class NormalizationRecipe(artifact.Artifact):
    """A recipe, and why each feature is in it or left out.

    The folder holds `recipe.json`, which `tfnorm.load_recipe` reads, and, of a recipe
    that was suggested, `reasons.json`. Custom properties:

    * `digest`: `tfnorm.Recipe.digest`.
    * `features`: how many features it normalizes.
    * `another_pass`: JSON list of the features that cannot be fitted from the
      statistics that it was suggested from: take others with the recipe.
    """

    TYPE_NAME = "tfnorm.NormalizationRecipe"

    digest = _text("digest")
    features = _number("features")
    another_pass = _text("another_pass")
