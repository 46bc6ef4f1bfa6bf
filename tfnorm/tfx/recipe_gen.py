# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The component that suggests a recipe."""

import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import base_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.utils import json_utils

from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import suggestion
from tfnorm.tfx import artifacts
from tfnorm.tfx import recipes

_LOG = logging.getLogger("tfnorm")


class NormalizationRecipeGenSpec(component_spec.ComponentSpec):
    """What the component takes and makes."""

    PARAMETERS = {
        "split": component_spec.ExecutionParameter(type=str),
        "pins": component_spec.ExecutionParameter(type=str, optional=True),
        "exclude": component_spec.ExecutionParameter(type=str),
        "one_pass": component_spec.ExecutionParameter(type=int),
        **recipes.VERSION_PARAMETERS,
    }
    INPUTS = {
        "schema": component_spec.ChannelParameter(
            type=standard_artifacts.Schema, optional=True
        ),
        "statistics": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics, optional=True
        ),
    }
    OUTPUTS = {
        "recipe": component_spec.ChannelParameter(type=artifacts.NormalizationRecipe)
    }


class Executor(base_executor.BaseExecutor):
    """Suggests a recipe from the artifacts, and writes it with its reasons."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `recipe.json` and `reasons.json`.

        Warns of features that cannot be fitted from the statistics given.

        Args:
            input_dict: "schema", "statistics" or both, of one artifact each.
            output_dict: "recipe", of one artifact.
            exec_properties: "split" of the statistics; "pins", a recipe's JSON, if
                any; "exclude", a JSON list; "one_pass", 0 or 1.

        Raises:
            RecipeError: if there is no such split, a pin or an exclusion is of an
                unknown feature, or no feature is left.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        schema = statistics = None
        if input_dict.get("schema"):
            uri = artifact_utils.get_single_uri(input_dict["schema"])
            schema = suggestion.load_schema(io_utils.get_only_uri_in_dir(uri))
        if input_dict.get("statistics"):
            given = artifact_utils.get_single_instance(input_dict["statistics"])
            statistics = _load(given, exec_properties["split"])
        pins = exec_properties.get("pins")
        found = suggestion.suggest(
            schema if statistics is None else statistics,
            schema=None if statistics is None else schema,
            pins=config.loads(pins) if pins else None,
            exclude=json_utils.loads(exec_properties["exclude"]),
            one_pass=bool(exec_properties["one_pass"]),
        )
        made = artifact_utils.get_single_instance(output_dict["recipe"])
        found.save(made.uri)
        made.digest = found.recipe.digest
        made.features = len(found.recipe.features)
        made.another_pass = json.dumps(list(found.another_pass))
        if found.another_pass:
            _LOG.warning(
                "The statistics at %s do not suffice to fit %s. Take others with the "
                "suggested recipe: a second `NormalizationStatisticsGen`, with "
                "`recipe=` and an id of its own (`.with_id(...)`).",
                artifact_utils.get_single_uri(input_dict["statistics"]),
                ", ".join(map(repr, found.another_pass)),
            )


def _load(given: types.Artifact, split: str) -> artifact.Statistics:
    splits = artifact_utils.decode_split_names(given.split_names)
    if split not in splits:
        raise errors.RecipeError(
            f"`split={split!r}` is none of those that the statistics are of: "
            f"{', '.join(splits)}.",
            file=given.uri,
        )
    return artifact.load_statistics(artifact_utils.get_split_uri([given], split))


class NormalizationRecipeGen(base_component.BaseComponent):
    """Suggests a recipe from statistics, a Schema or both, and says why.

    `tfnorm.suggest` has the rules. What they should not decide is pinned by a recipe,
    best in a file beside the pipeline's code: its content is a parameter of the
    execution, so that the component runs anew when the file has changed.

    ```python
    statistics = NormalizationStatisticsGen(examples=examples_gen.outputs["examples"])
    recipe = NormalizationRecipeGen(
        statistics=statistics.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        pins="pins.json",
        exclude=["label"],
    )
    ```

    Pins may need other statistics than these: `Log` those of logarithms, `PerKey`
    those by key. So may `one_pass=False`. The features are named in a warning and in
    the artifact's `another_pass`; then fit from a second pass, by an id of its own:

    ```python
    again = NormalizationStatisticsGen(
        examples=examples_gen.outputs["examples"], recipe=recipe.outputs["recipe"]
    ).with_id("NormalizationStatisticsGen.again")
    ```

    Component outputs contains:

    * `recipe`: Channel of type `NormalizationRecipe`, whose folder holds `recipe.json`
      and `reasons.json`.

    Args:
        schema: Channel of a standard `Schema`.
        statistics: Channel of `NormalizationStatistics`. At least one of the two.
        split: Of which split the statistics count.
        pins: Features that are to be as this recipe has them: a `Recipe`, or the path
            of its JSON, which is read when the component is constructed.
        exclude: Names of features to leave out, such as the label.
        one_pass: Whether to suggest only what the statistics suffice for; see
            `tfnorm.suggest`.

    Raises:
        RecipeError: if neither schema nor statistics are given, or there is no recipe
            in the file.
    """

    SPEC_CLASS = NormalizationRecipeGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        schema: types.BaseChannel | None = None,
        *,
        statistics: types.BaseChannel | None = None,
        split: str = "train",
        pins: recipe_lib.Recipe | str | os.PathLike | None = None,
        exclude: Sequence[str] = (),
        one_pass: bool = True,
    ):
        if schema is None and statistics is None:
            raise errors.RecipeError(
                "a recipe is suggested from `statistics`, a `schema` or both; give at "
                "least one."
            )
        if isinstance(exclude, str):
            raise errors.RecipeError(
                f"`exclude={exclude!r}` must be a list of names: `[{exclude!r}]`."
            )
        if pins is not None and not isinstance(pins, recipe_lib.Recipe):
            pins = recipe_lib.load_recipe(pins)
        spec = NormalizationRecipeGenSpec(
            schema=schema,
            statistics=statistics,
            split=split,
            pins=None if pins is None else config.dumps(pins),
            exclude=json_utils.dumps(sorted(exclude)),
            one_pass=int(one_pass),
            recipe=types.Channel(type=artifacts.NormalizationRecipe),
            **recipes.VERSION,
        )
        super().__init__(spec=spec)
