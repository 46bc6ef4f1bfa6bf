# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the statistics of Examples, by split."""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts

from tfnorm import analysis
from tfnorm import arrays
from tfnorm import artifact
from tfnorm import beam
from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.tfx import artifacts
from tfnorm.tfx import examples as examples_lib
from tfnorm.tfx import recipes

# Inputs and outputs of a specification must differ in name.
_EARLIER = "earlier_statistics"
_text = component_spec.ExecutionParameter(type=str, optional=True)


class NormalizationStatisticsGenSpec(component_spec.ComponentSpec):
    """What `NormalizationStatisticsGen` takes and gives."""

    PARAMETERS = {
        **recipes.PARAMETERS,
        "splits": _text,
        "exclude_splits": _text,
        "exclude_features": _text,
        "images": _text,
        "audio": _text,
        "slices": _text,
        "filters": _text,
        "weight": _text,
        "max_bad_records": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        **recipes.INPUTS,
        "schema": component_spec.ChannelParameter(
            type=standard_artifacts.Schema, optional=True
        ),
        _EARLIER: component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics, optional=True
        ),
    }
    OUTPUTS = {
        "statistics": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics
        )
    }


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs the statistics job with the pipeline's Beam arguments."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Takes the statistics; see `NormalizationStatisticsGen`.

        Raises:
            DataError: If the Examples cannot be read, or are not what the recipe says.
            RecipeError: If recipe and Schema, or recipe and earlier statistics, do not
                fit together.
            OptionsError: If there is no such split, or Beam cannot run with its
                arguments.
            ArtifactError: If the statistics cannot be written, or earlier ones be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = input_dict["examples"]
        if not examples:
            raise errors.EmptyDataError(
                "There are no Examples to take statistics of: the channel is empty."
            )
        recipe = recipes.without(
            recipes.read(input_dict, exec_properties),
            _decoded(exec_properties, "exclude_features") or (),
        )
        media = examples_lib.decoded_media(exec_properties)
        made = artifact_utils.get_single_instance(output_dict["statistics"])
        earlier = input_dict.get(_EARLIER) or []
        patterns = examples_lib.patterns(
            examples,
            _decoded(exec_properties, "splits"),
            _decoded(exec_properties, "exclude_splits") or (),
        )
        counted = examples_lib.counted(earlier)
        found = beam.compute_splits(
            examples_lib.not_counted(patterns, counted),
            recipe,
            made.uri,
            max_bad_records=exec_properties.get("max_bad_records") or 0,
            update=[one.uri for one in earlier] or None,
            features=examples_lib.numbers_of(
                input_dict.get("schema") or (),
                recipe,
                [one.feature for one in media.values()],
            ),
            file_format=examples_lib.file_format(examples),
            # An optional parameter may come as "".
            weight=exec_properties.get("weight") or None,
            filters=_decoded(exec_properties, "filters"),
            slices=[tuple(one) for one in _decoded(exec_properties, "slices") or ()],
            beam_args=self._beam_pipeline_args,
            **media,
        )
        for split, of in patterns.items():
            counted[split] = sorted({*counted.get(split, ()), *of})
        made.set_string_custom_property(examples_lib.COUNTED, json.dumps(counted))
        made.span = max(one.span for one in examples)
        _describe(made, found, recipe)


class NormalizationStatisticsGen(base_beam_component.BaseBeamComponent):
    """Takes exact statistics of Examples, by split, with Beam.

    They are the same bytes for any sharding, runner and number of workers, so that
    their digest tells what data a model was normalized with. Examples may be TFRecord
    files of `tf.Example` or `tf.SequenceExample`, or Parquet files, in any number of
    artifacts (such as those of a Resolver's rolling window), with custom patterns of
    splits. The job runs with the pipeline's `beam_pipeline_args`; without any, in this
    process.

    Within a pipeline:

    ```python
    statistics_gen = tfnorm.tfx.NormalizationStatisticsGen(
        examples=example_gen.outputs["examples"],
        recipe=tfnorm.Recipe({"age": tfnorm.schemes.ZScore()}),
    )
    ```

    and day after day, with the statistics of the days before. The Resolver names the
    component that made them: else it takes those of any, such as of serving logs.

    ```python
    before = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestArtifactStrategy,
        statistics=tfx.dsl.Channel(
            type=tfnorm.tfx.NormalizationStatistics,
            producer_component_id="DailyStatistics",
            output_key="statistics",
        ),
    ).with_id("before")
    statistics_gen = tfnorm.tfx.NormalizationStatisticsGen(
        examples=example_gen.outputs["examples"],
        statistics=before.outputs["statistics"],
    ).with_id("DailyStatistics")
    ```

    Args:
        examples: Channel of `Examples`.
        recipe: What to take statistics for: the recipe, or a channel of
            `NormalizationRecipe`. By default all features of numbers, as a recipe is
            suggested from.
        schema: Channel of `Schema`. It must know what the recipe names; without a
            recipe, statistics are those of its features of numbers, and one that no
            row has counts as missing.
        statistics: Channel of `NormalizationStatistics` of other files, to be merged
            with those of the Examples, split by split. It may be empty, as it is on
            the first day. They must be of the same recipe, weight and filters; a split
            without new files stays as it was. Examples that they count already, as
            after a second run of the same day, are not counted again; those that were
            copied to another URI are.
        splits: Names of the splits to take; all by default.
        exclude_splits: Names of splits to leave out, such as one without rows.
        exclude_features: Names of features of the recipe to leave out of it here, such
            as the label, which serving logs lack.
        images: How a column of encoded images becomes pixels; see `sources.Images`.
        audio: How a column of encoded sound becomes features; see `sources.Audio`.
        max_bad_records: How many unreadable records of each split to leave out and
            count before it is an error.
        weight: Column that says how much each row counts, where the recipe names none.
        filters: Which rows count, as of `tfnorm.analyze`.
        slices: Columns, or tuples of such, by whose values there are statistics of
            their own, as of `tfnorm.analyze`.

    Raises:
        RecipeError: If the recipe or the filters are none.
        OptionsError: If both `splits` and `exclude_splits` are given.

    Component outputs contains:

    * `statistics`: Channel of `NormalizationStatistics`. Its `split_digests` are what
      `tfnorm.inspect` says of a model, `digest` is of all of them. The custom property
      `examples` says which Examples they count, by split.
    """

    SPEC_CLASS = NormalizationStatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        recipe: types.BaseChannel | recipe_lib.Recipe | None = None,
        *,
        schema: types.BaseChannel | None = None,
        statistics: types.BaseChannel | None = None,
        splits: Sequence[str] | None = None,
        exclude_splits: Sequence[str] | None = None,
        exclude_features: Sequence[str] | None = None,
        images: sources.Images | None = None,
        audio: sources.Audio | None = None,
        max_bad_records: int = 0,
        weight: str | None = None,
        filters: Any = None,
        slices: Sequence[str | tuple[str, ...]] = (),
    ):
        if splits is not None and exclude_splits is not None:
            raise errors.OptionsError("Give `splits` or `exclude_splits`, not both.")
        chosen = arrays.Filters.of(filters)
        by = analysis.Rows.of(slices=slices).slices
        spec = NormalizationStatisticsGenSpec(
            examples=examples,
            schema=schema,
            splits=_encoded(splits),
            exclude_splits=_encoded(exclude_splits),
            exclude_features=_encoded(exclude_features, "features"),
            images=examples_lib.encoded_media(images),
            audio=examples_lib.encoded_media(audio),
            slices=json.dumps(by) if by else None,
            filters=None if chosen is None else json.dumps(chosen.as_json()),
            weight=weight,
            max_bad_records=max_bad_records,
            statistics=types.Channel(type=artifacts.NormalizationStatistics),
            **recipes.given(recipe),
            **{_EARLIER: statistics},
        )
        super().__init__(spec=spec)


def _encoded(names: Sequence[str] | None, of: str = "splits") -> str | None:
    if isinstance(names, str):
        raise errors.OptionsError(f"{names!r} must be a list of names of {of}.")
    return None if names is None else json.dumps([*names])


def _decoded(exec_properties: Mapping[str, Any], name: str) -> Any:
    text = exec_properties.get(name)
    return json.loads(text) if text else None


def _describe(
    made: types.Artifact,
    found: Mapping[str, artifact.Statistics],
    recipe: recipe_lib.Recipe | None,
) -> None:
    """Sets what the metadata say of statistics."""
    digests = {split: part.digest for split, part in sorted(found.items())}
    lines = [f"{split} {digest}" for split, digest in digests.items()]
    made.split_names = artifact_utils.encode_split_names([*digests])
    made.rows = sum(part.rows for part in found.values())
    made.digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    made.split_digests = json.dumps(digests)
    made.recipe_digest = "" if recipe is None else recipe.digest
