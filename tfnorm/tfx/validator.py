# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Blesses a model whose data are as those that it was normalized by."""

import collections.abc
import contextlib
import dataclasses
import json
import logging
import os
import tempfile

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import base_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.utils import path_utils

from tfnorm import artifact
from tfnorm import baking
from tfnorm import comparison
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm.tfx import artifacts
from tfnorm.tfx import blessings
from tfnorm.tfx import recipes

_LOG = logging.getLogger("tfnorm")


class NormalizationValidatorSpec(component_spec.ComponentSpec):
    """What `NormalizationValidator` takes and gives."""

    PARAMETERS = {
        # A list as JSON; all where it is left out.
        "splits": component_spec.ExecutionParameter(type=str, optional=True),
        "split": component_spec.ExecutionParameter(type=str),
        # A list as JSON; none where it is left out.
        "exclude": component_spec.ExecutionParameter(type=str, optional=True),
        **recipes.PARAMETERS,
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics
        ),
        "baseline": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics
        ),
        "model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
        "other_blessing": component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
        **recipes.INPUTS,
    }
    OUTPUTS = {
        "blessing": component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        )
    }


class Executor(base_executor.BaseExecutor):
    """Compares each split with the baseline, looks into the model, and blesses."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        """Validates; see `NormalizationValidator`.

        Raises:
            ArtifactError: If there are no statistics of a split.
            EmptyDataError: If a split has no rows.
            RecipeError: If the recipe cannot be read, or does not have a feature that
                is to be excluded.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        before = artifact_utils.get_single_instance(input_dict["baseline"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        baseline = _statistics(before, exec_properties["split"])
        wanted = recipes.read(input_dict, exec_properties)
        reasons: list[str] = []
        target = None
        if input_dict.get("model"):
            model = artifact_utils.get_single_instance(input_dict["model"])
            manifest, reasons = _inspected(model, baseline.digest)
            if manifest is not None:
                wanted = wanted or manifest.fitted.recipe
                target = manifest.target
            blessing.set_string_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
            )
            blessing.set_int_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id
            )
        if input_dict.get("other_blessing"):
            (other,) = input_dict["other_blessing"]
            reasons += blessings.unblessed(other)
        compared = {}
        names = json.loads(exec_properties.get("splits") or "null")
        exclude = json.loads(exec_properties.get("exclude") or "[]")
        for name in statistics.splits if names is None else names:
            found = _statistics(statistics, name)
            compared[name] = _compared(found, baseline, wanted, exclude, target)
            _LOG.info("Split %r:\n%s", name, compared[name])
            reasons += [f"split {name!r}, {one}" for one in compared[name].findings]
        for reason in reasons:
            _LOG.warning("Not blessed: %s", reason)
        blessings.bless(blessing, compared, reasons)
        if "current_component_id" in exec_properties:
            blessing.set_string_custom_property(
                "component_id", exec_properties["current_component_id"]
            )


class NormalizationValidator(base_component.BaseComponent):
    """Blesses a model whose data are as those that it was normalized by.

    It compares the statistics of new data, or of what a server logged, with those that
    were baked (`tfnorm.compare`), by the thresholds of the recipe. Pusher does not push
    what is not blessed. With a `model`, that is verified as well: it must still give
    the numbers of its golden rows, and hold the statistics of the baseline.

    Within a pipeline:

    ```python
    validator = tfnorm.tfx.NormalizationValidator(
        statistics=statistics_of_today.outputs["statistics"],
        baseline=statistics_gen.outputs["statistics"],
        recipe=recipe_gen.outputs["recipe"],
        model=baker.outputs["model"],
    )
    pusher = tfx.components.Pusher(
        model=baker.outputs["model"],
        model_blessing=validator.outputs["blessing"],
        push_destination=...,
    )
    ```

    Args:
        statistics: Channel of `NormalizationStatistics` of the new data.
        baseline: Channel of those that the model was baked with.
        recipe: The recipe, or a channel of `NormalizationRecipe`: which features are
            compared, with which thresholds. By default that of the model; without one,
            that which the baseline was taken for.
        model: Channel of `Model`: the baked one.
        blessing: Channel of another `ModelBlessing`, such as the stock Evaluator's. It
            must be blessed as well, since Pusher takes a single `model_blessing`.
        splits: Which of the new statistics' splits to compare; by default, each. All
            must pass.
        split: The split of the baseline that the recipe was fitted to.
        exclude: Features that are not compared. What the `model` predicts need not be
            among them: where new data have no value of it, as a server's logs, it is
            not compared, and a note says so.

    Component outputs contains:

    * `blessing`: Channel of `ModelBlessing`: a file `BLESSED` or `NOT_BLESSED`, and
      `comparison.json` with every measure. Its custom properties are those that the
      stock Evaluator sets, with the reasons as `blessing_message`.
    """

    SPEC_CLASS = NormalizationValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        baseline: types.BaseChannel,
        recipe: types.BaseChannel | recipe_lib.Recipe | None = None,
        *,
        model: types.BaseChannel | None = None,
        blessing: types.BaseChannel | None = None,
        splits: collections.abc.Sequence[str] | None = None,
        split: str = "train",
        exclude: collections.abc.Sequence[str] = (),
    ):
        if isinstance(exclude, str):
            raise errors.RecipeError(
                f"`exclude={exclude!r}` must be a list of features: `[{exclude!r}]`."
            )
        if splits is not None and (isinstance(splits, str) or not splits):
            raise errors.RecipeError(
                f"`splits={splits!r}` must be a list of the names of some splits, such "
                "as `['eval']`; leave it out for all."
            )
        spec = NormalizationValidatorSpec(
            statistics=statistics,
            baseline=baseline,
            model=model,
            other_blessing=blessing,
            splits=None if splits is None else json.dumps(list(splits)),
            split=split,
            exclude=json.dumps(list(exclude)) if exclude else None,
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            **recipes.given(recipe),
        )
        super().__init__(spec=spec)


def _statistics(held: types.Artifact, split: str) -> artifact.Statistics:
    if split not in held.splits:
        raise errors.ArtifactError(
            f"there are no statistics of a split {split!r}, but of "
            f"{', '.join(map(repr, held.splits))}.",
            file=held.uri,
        )
    return artifact.load_statistics(f"{held.uri.rstrip('/')}/{artifact.SPLIT}{split}")


def _compared(
    found: artifact.Statistics,
    baseline: artifact.Statistics,
    recipe: recipe_lib.Recipe | None,
    exclude: collections.abc.Sequence[str],
    target: str | None,
) -> comparison.Comparison:
    """Compares all that is to be, without a target that the new data lack."""
    compares = recipe is not None and target in recipe.features
    if (
        target is None
        or target in exclude
        or not compares
        or (target in found and found[target].rows > found[target].missing)
    ):
        return comparison.compare(found, baseline, recipe=recipe, exclude=exclude)
    compared = comparison.compare(
        found, baseline, recipe=recipe, exclude=[*exclude, target]
    )
    note = f"{target!r} is what the model predicts, and the new data lack it."
    return dataclasses.replace(compared, notes=(*compared.notes, note))


def _inspected(
    model: types.Artifact, digest: str
) -> tuple[baking.Manifest | None, list[str]]:
    """What a baked model says of itself, and what is wrong with it."""
    path = path_utils.serving_model_path(
        model.uri, path_utils.is_old_model_artifact(model)
    )
    try:
        with _local(path) as folder:
            manifest = baking.inspect(folder)
            _LOG.info("Verified: %s", baking.verify(folder))
    except (errors.ArtifactError, errors.VerificationError) as error:
        return None, [f"the model cannot be verified: {error}"]
    held = manifest.statistics_digest
    if held == digest:
        return manifest, []
    said = f"those of digest {held[:12]}" if held else "none of a known digest"
    return manifest, [
        f"the model holds other statistics: {said}, but the baseline's is "
        f"{digest[:12]}. Bake it with the baseline, or compare with what was baked."
    ]


@contextlib.contextmanager
def _local(path: str) -> collections.abc.Iterator[str]:
    """A folder of this machine with what lies at a path of any file system."""
    if not files.is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        there = os.path.join(folder, "model")
        io_utils.copy_dir(path, there)
        yield there
