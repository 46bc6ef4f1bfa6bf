# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Examples artifacts as files of splits, and what a Schema says of their features."""

import dataclasses
import json
import logging
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils

from tfnorm import errors
from tfnorm import recipe as recipe_lib
from tfnorm import sources

# Custom property that says which Examples statistics count.
COUNTED = "examples"
_PROTO, _PARQUET = "FORMAT_PROTO", "FORMAT_PARQUET"
_RECORDS = ("FORMAT_TF_EXAMPLE", "FORMAT_TF_SEQUENCE_EXAMPLE")
_FILES = {
    "tfrecords_gzip": "TFRecord",
    "FORMAT_TFRECORDS_GZIP": "TFRecord",
    "tfrecords": "TFRecord",
    "tfrecord": "TFRecord",
    "array_record": "ArrayRecord",
    "parquet": "Parquet",
    "FILE_FORMAT_PARQUET": "Parquet",
}


def file_format(examples: Sequence[types.Artifact]) -> str:
    """Returns the format of the files of Examples, as `tfnorm.sources.open` calls it.

    Args:
        examples: The artifacts.

    Raises:
        FormatError: If it is none that can be read, or of some another than of others.
    """
    formats = [_format(one) for one in examples]
    for one, kind in zip(examples, formats, strict=True):
        if kind != formats[0]:
            raise errors.FormatError(
                f"The Examples are {kind}, but those of {examples[0].uri!r} are "
                f"{formats[0]}. Take the statistics of each by itself, and merge them.",
                file=one.uri,
            )
    return formats[0]


def _format(examples: types.Artifact) -> str:
    payload = examples_utils.get_payload_format_string(examples)
    if payload == _PROTO:
        raise errors.FormatError(
            "The Examples hold protocol buffers of another kind (FORMAT_PROTO), whose "
            "features nothing tells. Have ExampleGen write `tf.Example`, or Parquet, "
            "or convert them by a component in between.",
            file=examples.uri,
        )
    if payload == _PARQUET:
        return "Parquet"
    files = examples_utils.get_file_format(examples)
    if payload not in _RECORDS or files not in _FILES:
        raise errors.FormatError(
            f"The Examples are {payload} in files of {files!r}. Known are "
            f"{', '.join((*_RECORDS, _PARQUET))}, and {', '.join(_FILES)}.",
            file=examples.uri,
        )
    return _FILES[files]


def patterns(
    examples: Sequence[types.Artifact],
    splits: Collection[str] | None,
    exclude: Collection[str],
) -> dict[str, dict[str, list[str]]]:
    """Returns the patterns of the files of each split, by artifact.

    Args:
        examples: The artifacts; a split may be in some of them.
        splits: The splits that are wanted; `None` for all.
        exclude: Splits that are not.

    Returns:
        Name of a split to what `identity` says of each artifact that has it, to the
        patterns of its files.

    Raises:
        OptionsError: If a split that is named is in none of them, or none is left.
    """
    every = {one.uri: _splits(one) for one in examples}
    known = list(dict.fromkeys(split for names in every.values() for split in names))
    for split in [*(splits or ()), *exclude]:
        if split not in known:
            raise errors.OptionsError(
                f"There is no split {split!r} in the Examples, which have "
                f"{', '.join(known) or 'none'}."
            )
    wanted = [s for s in (known if splits is None else splits) if s not in exclude]
    if not wanted:
        raise errors.OptionsError(
            f"No split of {', '.join(known) or 'none'} is left to take statistics of."
        )
    return {
        split: {
            identity(one): examples_utils.get_split_file_patterns([one], split)
            for one in examples
            if split in every[one.uri]
        }
        for split in wanted
    }


def identity(examples: types.Artifact) -> str:
    """Tells which artifact of a metadata store Examples are.

    A place alone may come to hold something else, and a number is another's in another
    store.
    """
    return f"{examples.id} {examples.uri}"


def _splits(examples: types.Artifact) -> list[str]:
    custom = examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME
    if examples.has_custom_property(custom):
        return list(json.loads(examples.get_string_custom_property(custom)))
    return artifact_utils.decode_split_names(examples.split_names)


def counted(earlier: Sequence[types.Artifact]) -> dict[str, list[str]]:
    """Returns which Examples earlier statistics count, by split."""
    found: dict[str, list[str]] = {}
    for one in earlier:
        if one.has_custom_property(COUNTED):
            said = json.loads(one.get_string_custom_property(COUNTED))
            for split, names in said.items():
                found[split] = sorted({*found.get(split, ()), *names})
    return found


def not_counted(
    patterns: Mapping[str, Mapping[str, list[str]]], counted: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Returns the patterns of files of Examples that are not counted, by split."""
    found: dict[str, list[str]] = {}
    for split, of in patterns.items():
        for name, some in of.items():
            if name in counted.get(split, ()):
                logging.info("%s of Examples %s is counted already.", split, name)
            else:
                found.setdefault(split, []).extend(some)
    return found


def numbers_of(
    schemas: Sequence[types.Artifact],
    recipe: recipe_lib.Recipe | None,
    decoded: Collection[str] = (),
) -> list[str] | None:
    """Returns the features of numbers of a Schema; `None` where there is none.

    Args:
        schemas: The artifact, or nothing.
        recipe: The recipe, which the Schema must know the columns of.
        decoded: Features of encoded images or sound, which become numbers.

    Raises:
        RecipeError: If the Schema lacks a column of the recipe, or says that a feature
            holds no numbers.
        FeatureError: If no feature holds numbers.
    """
    if not schemas:
        return None
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri([*schemas]))
    schema = io_utils.SchemaReader().read(path)
    kinds = {one.name: _kind(one) for one in schema.feature}
    numbers = ("FLOAT", "INT")
    found = [name for name in kinds if kinds[name] in numbers or name in decoded]
    if recipe is None:
        if not found:
            raise errors.FeatureError("not one feature holds numbers.", file=path)
        return found
    for name in (*recipe.columns(), *([recipe.weight] if recipe.weight else [])):
        if name not in kinds:
            raise errors.RecipeError(
                f"is in the recipe and not in the Schema, which has "
                f"{', '.join(kinds) or 'none'}. Correct its name, or the Schema.",
                feature=name,
                file=path,
            )
        if name in recipe.features and name not in found:
            raise errors.RecipeError(
                f"is in the recipe, but {kinds[name]} in the Schema: no numbers.",
                feature=name,
                file=path,
            )
    return found


def _kind(feature) -> str:
    """The name of a feature's type, such as "FLOAT"."""
    types_ = feature.DESCRIPTOR.fields_by_name["type"].enum_type
    return types_.values_by_number[feature.type].name


def encoded_media(media: sources.Images | sources.Audio | None) -> str | None:
    """Returns how images or sound are decoded, as text for a parameter."""
    return None if media is None else json.dumps(dataclasses.asdict(media))


def decoded_media(exec_properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `encoded_media` made text of, by the name of the parameter."""
    return {
        name: make(**json.loads(exec_properties[name]))
        for name, make in (("images", sources.Images), ("audio", sources.Audio))
        if exec_properties.get(name)
    }
