# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""`tf.Example` through google.protobuf, one record at a time, without TensorFlow.

The reference that the vectorised decoder hands unusual records to, and the
writer's encoder. The messages live in a descriptor pool of their own, so that
they never meet TensorFlow's.
"""

import functools
import types

# Codes of a feature's kind; 1 to 3 are the field numbers in tf.Feature.
BYTES_LISTS, BYTES, FLOAT, INT64 = 0, 1, 2, 3
KIND_NAMES = {
    BYTES_LISTS: "bytes_list",
    BYTES: "bytes_list",
    FLOAT: "float_list",
    INT64: "int64_list",
}


@functools.cache
def messages() -> types.SimpleNamespace:
    """Returns the message classes Example, Feature, BytesList and so on."""
    from google.protobuf import descriptor_pb2
    from google.protobuf import descriptor_pool
    from google.protobuf import message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tfnorm/example.proto", package="tfnorm", syntax="proto3"
    )

    def add(message, name, number, kind, repeated=False, type_name=None):
        return message.field.add(
            name=name,
            number=number,
            type=kind,
            label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            type_name=type_name,
        )

    lists = (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    )
    for name, kind in lists:
        add(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), 1):
        type_name = f".tfnorm.{lists[number - 1][0]}"
        add(
            feature, name, number, field.TYPE_MESSAGE, type_name=type_name
        ).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    add(entry, "value", 2, field.TYPE_MESSAGE, type_name=".tfnorm.Feature")
    add(
        features,
        "feature",
        1,
        field.TYPE_MESSAGE,
        repeated=True,
        type_name=".tfnorm.Features.FeatureEntry",
    )
    # A SequenceExample, but for its parts, which stay bytes.
    sequence = file.message_type.add(name="Sequence")
    add(sequence, "context", 1, field.TYPE_BYTES, repeated=True)
    add(sequence, "feature_lists", 2, field.TYPE_BYTES, repeated=True)
    steps = file.message_type.add(name="FeatureList")
    add(steps, "feature", 1, field.TYPE_BYTES, repeated=True)
    lists_ = file.message_type.add(name="FeatureLists")
    entry = lists_.nested_type.add(name="FeatureListEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    type_name = ".tfnorm.FeatureList"
    add(entry, "value", 2, field.TYPE_MESSAGE, type_name=type_name)
    type_name = ".tfnorm.FeatureLists.FeatureListEntry"
    add(lists_, "feature_list", 1, field.TYPE_MESSAGE, True, type_name)
    example = file.message_type.add(name="Example")
    add(example, "features", 1, field.TYPE_MESSAGE, type_name=".tfnorm.Features")

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    return types.SimpleNamespace(
        **{
            name: message_factory.GetMessageClass(
                pool.FindMessageTypeByName(f"tfnorm.{name}")
            )
            for name in names
        }
    )


def parse(record: bytes) -> dict[str, tuple[int, bytes]] | None:
    """Returns the kind and the payload of each feature of one record.

    The payload is what a packed list holds: little-endian floats, varints, or
    the bytes of one string; for several strings the kind is `BYTES_LISTS` and
    the payload a serialized BytesList; without values it is empty and the kind 0.
    Returns `None` if `record` is no Example.
    """
    from google.protobuf import message

    try:
        example = messages().Example.FromString(record)
    except message.DecodeError:
        return None
    found = {}
    for key, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind == "bytes_list":
            values = feature.bytes_list.value
            if len(values) == 1:
                found[key] = (BYTES, values[0])
            else:
                found[key] = (BYTES_LISTS, feature.bytes_list.SerializeToString())
        elif kind == "float_list" and feature.float_list.value:
            found[key] = (FLOAT, _payload(feature.float_list.SerializeToString()))
        elif kind == "int64_list" and feature.int64_list.value:
            found[key] = (INT64, _payload(feature.int64_list.SerializeToString()))
        else:
            found[key] = (BYTES_LISTS, b"")
    return found


def parts(record: bytes) -> tuple[bytes, bytes] | None:
    """Returns context and feature lists of one SequenceExample, serialized.

    Returns `None` if `record` is no SequenceExample.
    """
    from google.protobuf import message

    try:
        found = messages().Sequence.FromString(record)
    except message.DecodeError:
        return None
    # Parts of one message, one behind the other, are merged when they are read.
    return b"".join(found.context), b"".join(found.feature_lists)


def steps(feature_lists: bytes) -> dict[str, list[bytes]] | None:
    """Returns the serialized steps of each feature list of one record.

    Returns `None` if the bytes are no FeatureLists.
    """
    from google.protobuf import message

    try:
        found = messages().FeatureLists.FromString(feature_lists)
    except message.DecodeError:
        return None
    return {name: list(steps.feature) for name, steps in found.feature_list.items()}


def bytes_values(payload: bytes) -> list[bytes]:
    """Returns the strings in a serialized BytesList."""
    return list(messages().BytesList.FromString(payload).value)


def field(number: int, data: bytes) -> bytes:
    """Returns a field of bytes, or of a message, as it is serialized."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Returns a whole number from 0 as it is serialized."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _payload(packed: bytes) -> bytes:
    """Strips the tag and the length of the only field of a packed list."""
    position = 1
    while packed[position] & 0x80:
        position += 1
    return packed[position + 1 :]
