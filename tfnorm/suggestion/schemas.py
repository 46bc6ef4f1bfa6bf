# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a Schema of TensorFlow Metadata tells of its features."""

import dataclasses
import os

import numpy as np

from tfnorm import errors
from tfnorm import files
from tfnorm.suggestion import evidence

_NAME = "tensorflow.metadata.v0.Schema"
# TFDV and tf.Transform do not read features of these stages, either.
_UNUSED = ("PLANNED", "ALPHA", "DEPRECATED", "DEBUG_ONLY", "DISABLED")
# Domains of what is no number by itself.
_WORDS = {
    "natural_language_domain": "text",
    "mid_domain": "an identifier",
    "url_domain": "a URL",
    "time_domain": "a time, of which to make features first",
    "time_of_day_domain": "a time, of which to make features first",
    "struct_domain": "a struct of other features",
}
_ENCODED = {
    "image_domain": "encoded images",
    "audio_domain": "encoded audio",
    "video_domain": "encoded video",
}
_TYPES = {"BYTES": "text or bytes", "STRUCT": "a struct of other features"}


def is_schema(source: object) -> bool:
    """Tells whether something is a `tensorflow_metadata` Schema."""
    descriptor = getattr(source, "DESCRIPTOR", None)
    return getattr(descriptor, "full_name", None) == _NAME


def load_schema(path: str | os.PathLike):
    """Reads a Schema: the text of a protocol buffer, or its bytes where it ends in .pb.

    Args:
        path: The file, of any file system that Beam knows.

    Raises:
        FormatError: if it holds no Schema.
        DataError: if it cannot be read.
    """
    from google.protobuf import message
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        held = files.read(path)
    except (OSError, errors.DataError) as error:
        raise errors.DataError(
            f"cannot be read: {error}", file=os.fspath(path)
        ) from error
    schema = schema_pb2.Schema()
    try:
        if os.fspath(path).endswith(".pb"):
            schema.ParseFromString(held)
        else:
            text_format.Parse(held.decode(), schema)
    except (message.DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise errors.FormatError(
            f"holds no Schema of TensorFlow Metadata: {error}", file=os.fspath(path)
        ) from error
    return schema


def of_schema(schema) -> dict[str, evidence.Evidence]:
    """What a Schema tells of each of its features."""
    shared = {
        "int_domain": {domain.name: domain for domain in schema.int_domain},
        "float_domain": {domain.name: domain for domain in schema.float_domain},
        "string_domain": {domain.name: domain for domain in schema.string_domain},
    }
    return {feature.name: _of_feature(feature, shared) for feature in schema.feature}


def with_schema(seen: evidence.Evidence, said: evidence.Evidence) -> evidence.Evidence:
    """What statistics and a Schema tell together of a feature.

    Encoded images and sound have statistics of what was decoded: then they are numbers,
    whatever the Schema calls them.
    """
    return dataclasses.replace(
        seen,
        bounds=said.bounds,
        optional=said.optional,
        refused=None if said.encoded else said.refused,
    )


def _kind(feature) -> str:
    return (
        feature.DESCRIPTOR.fields_by_name["type"]
        .enum_type.values_by_number[feature.type]
        .name
    )


def _of_feature(feature, shared) -> evidence.Evidence:
    domain, chosen = _domain(feature, shared)
    dims = [dim.size for dim in feature.shape.dim]
    said = evidence.Evidence(
        integer=_kind(feature) == "INT",
        elements=dims[-1] if dims and dims[-1] > 0 else 1,
        optional=_optional(feature),
        refused=_refused(feature, domain, chosen),
        encoded=chosen in _ENCODED,
        image=len(dims) == 3 and dims[-1] in (1, 3, 4),
    )
    if chosen in ("int_domain", "float_domain"):
        ends = [float(getattr(domain, e)) for e in ("min", "max") if domain.HasField(e)]
        if len(ends) == 2 and np.isfinite(ends).all() and ends[0] <= ends[1]:
            said = dataclasses.replace(said, bounds=(ends[0], ends[1]))
    return said


def _domain(feature, shared) -> tuple:
    """The domain of a feature and of what kind it is, also where it is shared."""
    chosen = feature.WhichOneof("domain_info")
    if chosen != "domain":
        return (getattr(feature, chosen), chosen) if chosen else (None, None)
    for kind, domains in shared.items():
        if feature.domain in domains:
            return domains[feature.domain], kind
    raise errors.RecipeError(
        f"the schema names the domain {feature.domain!r}, which it does not hold.",
        feature=feature.name,
    )


def _refused(feature, domain, chosen: str | None) -> str | None:
    stages = feature.DESCRIPTOR.fields_by_name["lifecycle_stage"].enum_type
    stage = stages.values_by_number[feature.lifecycle_stage].name
    if stage in _UNUSED or feature.deprecated:
        return f"the schema says that it is {stage if stage in _UNUSED else _UNUSED[2]}"
    kind = _kind(feature)
    if kind in _TYPES:
        return f"the schema says that it is {_ENCODED.get(chosen or '', _TYPES[kind])}"
    if chosen in _WORDS:
        return f"the schema says that it is {_WORDS[chosen]}"
    if chosen == "bool_domain":
        return "the schema says that it is boolean, which needs no normalization"
    if chosen == "string_domain" or getattr(domain, "is_categorical", False):
        return "the schema says that it is a category"
    return _unlike(feature)


def _unlike(feature) -> str | None:
    """Why rows do not hold the same number of values, if they do not."""
    shape = feature.WhichOneof("shape_type")
    if shape == "shape":
        # An axis of size 0 or less is one of which nothing is known.
        if any(dim.size <= 0 for dim in feature.shape.dim):
            return "the schema leaves an axis of its shape open, so rows may differ"
    elif shape == "value_counts":
        return "the schema says that its rows are nested lists"
    elif shape == "value_count":
        count = feature.value_count
        most = count.max if count.HasField("max") else None
        if most is None or (most > 1 and count.min != most):
            return (
                f"the schema lets a row hold from {count.min} to "
                f"{'any number of' if most is None else most} values, and a recipe "
                "needs rows that hold the same number"
            )
    return None


def _optional(feature) -> bool:
    """Whether rows may lack a value."""
    lists = feature.WhichOneof("shape_type") == "value_count"
    if lists and feature.value_count.HasField("max") and not feature.value_count.min:
        return True
    # A presence that names no fraction asks for none.
    return feature.HasField("presence") and feature.presence.min_fraction < 1
