# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a baked SavedModel says of itself."""

import collections.abc
import dataclasses
import os
import pathlib
import typing

from tfnorm import config
from tfnorm import errors
from tfnorm import recipe

ASSET = "normalization.json"
FORMAT = 1


@config.register("baking.Tensors")
@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors that a signature takes or gives.

    Args:
        dtypes: Name to the type of the elements.
        shapes: Name to the shape, with `None` for what may vary.
    """

    dtypes: collections.abc.Mapping[str, str]
    shapes: collections.abc.Mapping[str, tuple[int | None, ...]]


@config.register("baking.Signature")
@dataclasses.dataclass(frozen=True)
class Signature:
    """What a signature takes and gives."""

    inputs: Tensors
    outputs: Tensors


# Numbers, or nested sequences of them; NaN and infinities are written as strings.
_Values = collections.abc.Mapping[str, tuple[str | float, ...]]


@config.register("baking.Golden")
@dataclasses.dataclass(frozen=True)
class Golden:
    """Rows of raw input, and what the Keras model made of them.

    Args:
        inputs: Name of an input to its rows.
        outputs: Name of an output of `serving_default` to its rows.
    """

    inputs: _Values
    outputs: _Values


@config.register("baking.Manifest")
@dataclasses.dataclass(frozen=True)
class Manifest:
    """What normalization a SavedModel holds, from which data, and its golden rows.

    Args:
        format: Version of this format.
        fitted: The fitted recipe that was baked.
        target: Feature that the model predicts, if it was said.
        constants: Feature (or layer of its own) to constants by name. The loaded
            SavedModel has them as variables, under the same names.
        signatures: Name of a signature to what it takes and gives.
        arguments: Column to what `serving_default` calls it: the same, but for signs
            that TensorFlow does not allow.
        golden: Rows to verify it with.
        statistics_digest: Digest of the statistics that were fitted.
        recipe_digest: Digest of the recipe.
        versions: Package to the version that baked.
        skipped: What was left out, and why.
    """

    format: int
    fitted: recipe.FittedRecipe
    target: str | None
    constants: collections.abc.Mapping[str, collections.abc.Mapping[str, typing.Any]]
    signatures: collections.abc.Mapping[str, Signature]
    arguments: collections.abc.Mapping[str, str]
    golden: Golden
    statistics_digest: str | None
    recipe_digest: str
    versions: collections.abc.Mapping[str, str]
    skipped: collections.abc.Mapping[str, str]

    def __str__(self) -> str:
        digest = self.statistics_digest
        lines = [
            f"target      {self.target or 'none'}",
            f"statistics  {digest[:12] if digest else 'unknown'}",
            f"recipe      {self.recipe_digest[:12]}",
            f"baked by    {', '.join(f'{k} {v}' for k, v in self.versions.items())}",
        ]
        for name, signature in self.signatures.items():
            takes, gives = signature.inputs.dtypes, signature.outputs.dtypes
            lines.append(
                f"signature   {name}: {', '.join(takes)} -> {', '.join(gives)}"
            )
        for name, why in self.skipped.items():
            lines.append(f"left out    {name}: {why}")
        for name, constants in self.constants.items():
            feature = self.fitted.recipe.features.get(name)
            scheme = "" if feature is None else f" {feature.scheme}"
            lines.append(f"normalizes  {name!r}{scheme}")
            lines += [
                f"              {key} {_short(constants[key])}" for key in constants
            ]
        return "\n".join(lines)


def inspect(path: str | os.PathLike) -> Manifest:
    """Reads what normalization a SavedModel holds. Needs no TensorFlow.

    Raises:
        ArtifactError: If `path` is no SavedModel that tfnorm baked.
    """
    file = pathlib.Path(path) / "assets" / ASSET
    where = os.fspath(path)
    if not (pathlib.Path(path) / "saved_model.pb").is_file():
        raise errors.ArtifactError("is no SavedModel.", file=where)
    try:
        found = config.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise errors.ArtifactError(
            f"holds no {ASSET}: tfnorm did not bake it.", file=where
        ) from error
    except (OSError, UnicodeDecodeError, errors.RecipeError) as error:
        raise errors.ArtifactError(
            f"has a {ASSET} that cannot be read: {error}", file=where
        ) from error
    if not isinstance(found, Manifest) or found.format != FORMAT:
        raise errors.ArtifactError(
            f"has a {ASSET} that is not of format {FORMAT}, the one that this version "
            "of tfnorm reads.",
            file=where,
        )
    return found


def _short(value: typing.Any) -> str:
    if not isinstance(value, tuple):
        return f"{value:.9g}"
    shown = ", ".join(map(_short, value[:6]))
    return f"[{shown}{', ...' if len(value) > 6 else ''}]"
