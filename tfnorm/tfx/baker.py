# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Bakes the normalization into a trained model, ready for Pusher."""

import collections.abc
import contextlib
import logging
import os
import tempfile

import keras
from tfx import types
from tfx.components.util import udf_utils
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import base_executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.utils import path_utils

from tfnorm import artifact
from tfnorm import baking
from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm.tfx import artifacts
from tfnorm.tfx import recipes
from tfnorm.tfx import training

_SUFFIX = ".keras"
# As stock components call them: TFX's cache knows them by these names.
_MODULE_FILE, _MODULE_PATH = "module_file", "module_path"


class NormalizationBakerSpec(component_spec.ComponentSpec):
    """What `NormalizationBaker` takes and gives."""

    PARAMETERS = {
        "split": component_spec.ExecutionParameter(type=str),
        "target": component_spec.ExecutionParameter(type=str, optional=True),
        "fold": component_spec.ExecutionParameter(type=int),
        _MODULE_FILE: component_spec.ExecutionParameter(type=str, optional=True),
        _MODULE_PATH: component_spec.ExecutionParameter(type=str, optional=True),
        **recipes.PARAMETERS,
    }
    # Inputs and outputs of a specification must differ in name.
    INPUTS = {
        "trained_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "statistics": component_spec.ChannelParameter(
            type=artifacts.NormalizationStatistics
        ),
        **recipes.INPUTS,
    }
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Executor(base_executor.BaseExecutor):
    """Fits the recipe, bakes it into the model and verifies what was written."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        """Bakes; see `NormalizationBaker`.

        Raises:
            ArtifactError: If the model's artifact does not hold one `.keras` file, or
                there are no statistics of the split.
            RecipeError: If there is no recipe, or model, recipe, statistics and target
                do not fit together.
            VerificationError: If the SavedModel does not give the model's numbers.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        trained = artifact_utils.get_single_instance(input_dict["trained_model"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        of_split = _statistics(statistics, exec_properties["split"])
        found = recipes.read(input_dict, exec_properties)
        if found is None:
            if of_split.recipe is None:
                raise errors.RecipeError(
                    "The statistics hold no recipe: give NormalizationBaker `recipe`, "
                    "the one that the model was trained with.",
                    file=statistics.uri,
                )
            found = config.decode(of_split.recipe)
        fitted = found.fit(of_split)
        if exec_properties.get(_MODULE_FILE) or exec_properties.get(_MODULE_PATH):
            # Imported; its classes are then known to Keras.
            udf_utils.get_fn(exec_properties, "__name__")
        model = _load(trained.uri)
        report = None
        if exec_properties.get("fold"):
            model, report = baking.fold(model)
            logging.info("Folding: %s", report)
        output = artifact_utils.get_single_instance(output_dict["model"])
        with _placed(path_utils.serving_model_dir(output.uri)) as folder:
            # An optional parameter may come as "".
            target = exec_properties.get("target") or None
            _bake(model, fitted, folder, target, statistics)
            logging.info("Verified: %s", baking.verify(folder))
        output.set_string_custom_property(
            "normalization_digest", fitted.statistics_digest
        )
        output.set_string_custom_property("recipe_digest", found.digest)
        output.set_string_custom_property("fitted_digest", fitted.digest)
        output.set_int_custom_property("folded", len(report.folded) if report else 0)
        if report:
            output.set_string_custom_property("fold_report", str(report))


class NormalizationBaker(base_component.BaseComponent):
    """Bakes the normalization into a trained model, ready for Pusher.

    The SavedModel takes raw columns (`serving_default`) and serialized `tf.Example`s
    (`serve_examples`), gives predictions in the target's own unit, and says what it
    holds (`tfnorm.inspect`); see `tfnorm.bake`. It was verified when the component has
    succeeded, and lies where stock components look for a model to serve.

    A model that holds a `layers.Features` is baked with its own constants, and refused
    if those are not the ones of the statistics here. Into any other, which takes
    normalized columns, one is put in front.

    Within a pipeline:

    ```python
    baker = tfnorm.tfx.NormalizationBaker(
        model=trainer.outputs["model"],
        statistics=statistics_gen.outputs["statistics"],
        recipe=recipe_gen.outputs["recipe"],
        target="arr_delay",
    )
    pusher = tfx.components.Pusher(model=baker.outputs["model"], ...)
    ```

    Args:
        model: Channel of `Model`, of a Trainer whose `run_fn` saved the Keras model by
            `tfnorm.tfx.write_model`, or by hand as the only `.keras` file there.
        statistics: Channel of `NormalizationStatistics` that the model was trained
            with.
        recipe: The recipe, or a channel of `NormalizationRecipe`; by default that which
            the statistics were taken for.
        target: The feature that the model predicts in normalized form, if it does.
        split: The split whose statistics the recipe is fitted to.
        fold: Whether to fold what can be folded of the constants within the model into
            its kernels before; see `tfnorm.fold`.
        module_file: Python file to import before the model is loaded, where classes
            and functions in it are one's own, registered by
            `keras.saving.register_keras_serializable`: the Trainer's `module_file`,
            say. As with stock components, TFX takes it along with the files beside it,
            and bakes anew if they change.
        module_path: Or a module of a package that is installed where it runs, as
            `package.module`.

    Raises:
        OptionsError: If both `module_file` and `module_path` are given.

    Component outputs contains:

    * `model`: Channel of `Model`. Its custom properties are `normalization_digest`
      (of the statistics), `recipe_digest`, `fitted_digest`, `folded` (how many layers
      were) and, of a model that was folded, `fold_report`.
    """

    SPEC_CLASS = NormalizationBakerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        statistics: types.BaseChannel,
        recipe: types.BaseChannel | recipe_lib.Recipe | None = None,
        *,
        target: str | None = None,
        split: str = "train",
        fold: bool = False,
        module_file: str | None = None,
        module_path: str | None = None,
    ):
        if module_file and module_path:
            raise errors.OptionsError(
                "`module_file` and `module_path` both came. Give one."
            )
        spec = NormalizationBakerSpec(
            trained_model=model,
            statistics=statistics,
            target=target,
            split=split,
            fold=int(fold),
            module_file=module_file,
            module_path=module_path,
            model=types.Channel(type=standard_artifacts.Model),
            **recipes.given(recipe),
        )
        super().__init__(spec=spec)
        if module_file:
            udf_utils.add_user_module_dependency(self, _MODULE_FILE, _MODULE_PATH)


def _statistics(
    given: artifacts.NormalizationStatistics, split: str
) -> artifact.Statistics:
    path = os.path.join(given.uri, f"{artifact.SPLIT}{split}")
    if not artifact.is_there(path):
        there = sorted(
            name.strip("/").removeprefix(artifact.SPLIT)
            for name in (fileio.listdir(given.uri) if fileio.exists(given.uri) else ())
            if name.startswith(artifact.SPLIT)
        )
        raise errors.ArtifactError(
            f"There are no statistics of split {split!r}, but of "
            f"{', '.join(map(repr, there)) or 'none'}. Say in `split` which to take.",
            file=given.uri,
        )
    return artifact.load_statistics(path)


def _load(uri: str) -> keras.Model:
    path = _model_file(uri)
    with contextlib.ExitStack() as stack:
        here = path
        if files.is_remote(path):
            # Keras opens files of this machine only.
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            here = os.path.join(folder, training.MODEL_FILE)
            fileio.copy(path, here)
        try:
            return baking.load_model(here)
        except errors.ArtifactError as error:
            raise errors.ArtifactError(
                f"{error.message} If there are classes or functions of yours in it, "
                "register them by `keras.saving.register_keras_serializable`, and give "
                "NormalizationBaker the file as `module_file`.",
                file=path,
            ) from error


def _model_file(uri: str) -> str:
    expected = os.path.join(path_utils.serving_model_dir(uri), training.MODEL_FILE)
    if fileio.exists(expected):
        return expected
    there = sorted(
        os.path.join(folder, name)
        for folder, _, names in (fileio.walk(uri) if fileio.exists(uri) else ())
        for name in names
        if name.endswith(_SUFFIX)
    )
    if len(there) != 1:
        what = f"several ({', '.join(there)})" if there else "none"
        raise errors.ArtifactError(
            f"One {_SUFFIX} file was expected in the model's artifact; {what} came. "
            "Save the Keras model in `run_fn` by `tfnorm.tfx.write_model(model, "
            f"fn_args)`, as {os.path.relpath(expected, uri)}.",
            file=uri,
        )
    return there[0]


def _bake(model, fitted, folder: str, target: str | None, statistics) -> None:
    try:
        baking.bake(model, fitted, folder, target=target)
    except errors.RecipeError as error:
        raise errors.RecipeError(
            f"{error.message} Here it was fitted to the statistics in "
            f"{statistics.uri!r}: give NormalizationBaker the statistics, split and "
            "recipe that the Trainer had.",
            feature=error.feature,
            file=error.file,
        ) from error


@contextlib.contextmanager
def _placed(path: str) -> collections.abc.Iterator[str]:
    """Yields a folder of this machine that is at `path` if the body succeeds."""
    try:
        if files.is_remote(path):
            with tempfile.TemporaryDirectory() as scratch:
                folder = os.path.join(scratch, "model")
                yield folder
                io_utils.copy_dir(folder, path)
        else:
            yield path
    except BaseException:
        if fileio.exists(path):
            fileio.rmtree(path)
        raise
