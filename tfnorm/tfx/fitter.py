# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Fits a recipe to statistics, for a stock Trainer."""

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import base_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from tfnorm import artifact
from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm.tfx import artifacts
from tfnorm.tfx import recipes
from tfnorm.tfx import training

# The only one in its folder, as Trainer wants it.
FILE = "hyperparameters.json"
# Inputs and outputs of a specification must differ in name.
_TUNED = "tuned_hyperparameters"


class NormalizationFitterSpec(component_spec.ComponentSpec):
    """What `NormalizationFitter` takes and gives."""

    PARAMETERS = {
        **recipes.PARAMETERS,
        "split": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics
        ),
        **recipes.INPUTS,
        _TUNED: component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters, optional=True
        ),
    }
    OUTPUTS = {
        "hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters
        )
    }


class Executor(base_executor.BaseExecutor):
    """Fits the recipe and writes it among hyperparameters."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fits the recipe; see `NormalizationFitter`.

        Raises:
            RecipeError: If there is no recipe, or the statistics are not for it.
            DataError: If a policy of the recipe refuses the data.
            ArtifactError: If statistics or hyperparameters cannot be read, or the
                result be written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        found = artifact_utils.get_single_instance(input_dict["statistics"])
        split = exec_properties["split"]
        if split not in found.splits:
            raise errors.ArtifactError(
                f"has no statistics of the split {split!r}, but of "
                f"{', '.join(found.splits) or 'none'}.",
                file=found.uri,
            )
        path = os.path.join(found.uri, artifact.SPLIT + split)
        statistics = artifact.load_statistics(path)
        recipe = recipes.read(input_dict, exec_properties)
        if recipe is None:
            if statistics.recipe is None:
                raise errors.RecipeError(
                    "holds no recipe: give NormalizationFitter `recipe`.", file=path
                )
            recipe = config.decode(statistics.recipe)
        fitted = recipe.fit(statistics)
        made = artifact_utils.get_single_instance(output_dict["hyperparameters"])
        _write(made.uri, fitted, _tuned(input_dict.get(_TUNED) or []))
        made.set_string_custom_property("fitted_digest", fitted.digest)
        made.set_string_custom_property("normalization_digest", statistics.digest)
        made.set_string_custom_property("recipe_digest", recipe.digest)


class NormalizationFitter(base_component.BaseComponent):
    """Fits a recipe to statistics, and hands it to a Trainer as hyperparameters.

    A stock Trainer passes them to `run_fn`, where `tfnorm.tfx.fitted_recipe(fn_args)`
    returns the fitted recipe. Those of a Tuner are kept beside.

    Within a pipeline:

    ```python
    fitter = tfnorm.tfx.NormalizationFitter(
        statistics=statistics_gen.outputs["statistics"],
        recipe=recipe_gen.outputs["recipe"],
    )
    trainer = tfx.components.Trainer(
        hyperparameters=fitter.outputs["hyperparameters"], ...
    )
    ```

    Args:
        statistics: Channel of `NormalizationStatistics`.
        recipe: The recipe, or a channel of `NormalizationRecipe`; by default that which
            the statistics were taken for.
        split: The split whose statistics the recipe is fitted to.
        hyperparameters: Channel of `HyperParameters` of a Tuner, to hand on with it.

    Raises:
        RecipeError: If `recipe` is none.

    Component outputs contains:

    * `hyperparameters`: Channel of `HyperParameters`. Its custom properties are
      `normalization_digest` (of the statistics), `recipe_digest` and `fitted_digest`.
    """

    SPEC_CLASS = NormalizationFitterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        recipe: types.BaseChannel | recipe_lib.Recipe | None = None,
        *,
        split: str = "train",
        hyperparameters: types.BaseChannel | None = None,
    ):
        spec = NormalizationFitterSpec(
            statistics=statistics,
            split=split,
            hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
            **recipes.given(recipe),
            **{_TUNED: hyperparameters},
        )
        super().__init__(spec=spec)


def _tuned(given: list[types.Artifact]) -> Mapping[str, Any]:
    """Returns what a Tuner found."""
    if not given:
        return {}
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(given))
    try:
        found = json.loads(files.read(path))
    except ValueError as error:
        raise errors.ArtifactError(f"is not JSON: {error}.", file=path) from error
    if not isinstance(found, dict):
        raise errors.ArtifactError(
            f"must hold hyperparameters by name, but holds a {type(found).__name__}.",
            file=path,
        )
    return found


def _write(uri: str, fitted: recipe_lib.FittedRecipe, tuned: Mapping[str, Any]) -> None:
    made = {
        **tuned,
        training.FITTED: config.encode(fitted),
        training.DIGEST: fitted.statistics_digest,
    }
    with files.whole_file(os.path.join(uri, FILE)) as temporary:
        temporary.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
