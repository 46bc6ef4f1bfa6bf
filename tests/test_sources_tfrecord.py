# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""TFRecord files of tf.Example give the values that were written, however written."""

import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfnorm import arrays
from tfnorm import sources
from tfnorm.sources import decode
from tfnorm.sources import framing
from tfnorm.sources import records
from tfnorm.sources import tfrecord
from tfnorm.sources import write

FLOAT, INT64, BYTES = "float", "int64", "bytes"
TAGS = {BYTES: 1, FLOAT: 2, INT64: 3}


def varint(number):
    number &= 2**64 - 1
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode_list(kind, values, packed=True):
    if kind == BYTES:
        return b"".join(field(1, value) for value in values)
    if kind == FLOAT:
        items = [struct.pack("<I", value) for value in values]
        return (
            field(1, b"".join(items))
            if packed
            else b"".join(b"\x0d" + item for item in items)
        )
    items = [varint(value) for value in values]
    return (
        field(1, b"".join(items))
        if packed
        else b"".join(b"\x08" + item for item in items)
    )


def encode_entry(key, kind, values, style="plain"):
    feature = field(TAGS[kind], encode_list(kind, values, style != "unpacked"))
    if style == "unknown field":
        feature += field(9, b"new")
    parts = [field(1, key.encode()), field(2, feature)]
    entry = field(1, b"".join(parts[::-1] if style == "value first" else parts))
    if style == "duplicate":
        return encode_entry(key, INT64, [1]) + entry
    return entry


def encode_example(entries):
    return field(1, b"".join(entries))


def write_records(path, records):
    with open(path, "wb") as file:
        file.writelines(map(framing.frame, records))
    return str(path)


def read(path, features, **options):
    """Returns the columns of a whole file, missing rows as `None`."""
    batches = list(tfrecord.TFRecordShard(str(path), features, **options).read())
    return {
        name: [
            None if missing else values_of(value)
            for batch in batches
            for value, missing in zip(
                batch.columns[name].values, missing_of(batch, name), strict=True
            )
        ]
        for name in (batches[0].columns if batches else features)
    }


def missing_of(batch, name):
    missing = batch.columns[name].missing
    return np.zeros(batch.rows, bool) if missing is None else missing


def values_of(value):
    """Returns floats as their bits, so that NaN equals itself and 0 is not -0."""
    if isinstance(value, bytes):
        return [value]  # NumPy's own strings would lose zeros at the end.
    if value.dtype == np.float32:
        value = value.view(np.uint32)
    return value.reshape(-1).tolist()


FLOAT_BITS = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 1, 0x007FFFFF]),
)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-200, 200),
    st.sampled_from([2**56 - 1, 2**56, 2**63 - 1, -(2**63), -1]),
)
STRINGS = st.binary(max_size=200)
VALUES = {FLOAT: FLOAT_BITS, INT64: NUMBERS, BYTES: STRINGS}
KEYS = st.one_of(
    st.text("abcdefgh_01", min_size=1, max_size=24),
    st.text(min_size=0, max_size=6).filter(lambda s: s.isprintable()),
    st.sampled_from(["é" * 20, "k" * 127, "k" * 128, "k" * 126]),
)
STYLES = ["plain"] * 12 + ["unpacked", "value first", "unknown field", "duplicate"]


@st.composite
def data_sets(draw):
    """Draws schema and records, each record a list of (key, values, style)."""
    names = draw(st.lists(KEYS, min_size=1, max_size=6, unique=True))
    schema = {
        name: (
            draw(st.sampled_from([FLOAT, FLOAT, INT64, BYTES])),
            draw(st.sampled_from([1, 1, 1, 2, 5, 40])),
        )
        for name in names
    }
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        present = draw(st.permutations(names))[: draw(st.integers(0, len(names)))]
        rows.append(
            [
                (
                    name,
                    draw(
                        st.one_of(
                            st.lists(
                                VALUES[schema[name][0]],
                                min_size=schema[name][1],
                                max_size=schema[name][1],
                            ),
                            st.just([])
                            if draw(st.integers(0, 9)) == 0
                            else st.nothing(),
                        )
                    ),
                    draw(st.sampled_from(STYLES)),
                )
                for name in present
            ]
        )
    repeats = draw(st.sampled_from([1, 1, 40]))
    return schema, rows * repeats


def expected(schema, rows):
    found = {name: [None] * len(rows) for name in schema}
    for i, row in enumerate(rows):
        for name, values, _ in row:
            found[name][i] = list(values) or None
    return found


def records_of(schema, rows):
    return [
        encode_example(
            encode_entry(name, schema[name][0], values, style)
            for name, values, style in row
        )
        for row in rows
    ]


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(
    data=data_sets(),
    block_bytes=st.sampled_from([1, 13, 200, 5000, 1 << 20]),
    chunk_rows=st.sampled_from([1, 5, 4096]),
)
def test_values_are_those_written_in_any_order_and_encoding(
    data, block_bytes, chunk_rows
):
    schema, rows = data
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(decode, "CHUNK_ROWS", chunk_rows)
        patch.setattr(decode, "CHUNK_BYTES", chunk_rows * 300)
        path = write_records(f"{folder}/a.tfrecord", records_of(schema, rows))
        found = read(path, tuple(schema), block_bytes=block_bytes)
    assert found == expected(schema, rows)


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(data=data_sets())
def test_a_subset_of_the_features_has_the_same_values(data):
    schema, rows = data
    names = tuple(schema)[::2]
    with tempfile.TemporaryDirectory() as folder:
        path = write_records(f"{folder}/a.tfrecord", records_of(schema, rows))
        found = read(path, names)
    assert found == {name: expected(schema, rows)[name] for name in names}


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(data=data_sets())
def test_without_names_every_feature_of_the_file_is_found(data):
    schema, rows = data
    with tempfile.TemporaryDirectory() as folder:
        path = write_records(f"{folder}/a.tfrecord", records_of(schema, rows))
        found = read(path, None)
    met = sorted({name for row in rows for name, _, _ in row})
    assert found == {name: expected(schema, rows)[name] for name in met}


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_agrees_with_parse_example(tmp_path, order):
    random = np.random.default_rng(0)
    serialized = []
    for _ in range(3000):
        names = ["f", "long_feature_name_of_a_float", "i", "s", "v"]
        if order == "random":
            random.shuffle(names)
        scalars = random.standard_normal(2).astype(np.float32)
        feature = {
            "f": tf.train.Feature(float_list={"value": scalars[:1]}),
            "long_feature_name_of_a_float": tf.train.Feature(
                float_list={"value": scalars[1:]}
            ),
            "i": tf.train.Feature(
                int64_list={"value": [random.integers(-(2**40), 2**40)]}
            ),
            "s": tf.train.Feature(
                bytes_list={"value": [random.bytes(random.integers(0, 9))]}
            ),
            "v": tf.train.Feature(float_list={"value": random.standard_normal(30)}),
        }
        if random.random() < 0.05:
            names.remove("f")
        serialized.append(
            b"".join(
                tf.train.Features(feature={name: feature[name]}).SerializeToString()
                for name in names
            )
        )
    serialized = [field(1, features) for features in serialized]
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    spec = {
        "f": tf.io.FixedLenFeature([], tf.float32, default_value=-7.0),
        "long_feature_name_of_a_float": tf.io.FixedLenFeature([], tf.float32),
        "i": tf.io.FixedLenFeature([], tf.int64),
        "s": tf.io.FixedLenFeature([], tf.string),
        "v": tf.io.FixedLenFeature([30], tf.float32),
    }
    parsed = tf.io.parse_example(serialized, spec)
    (batch,) = tfrecord.TFRecordShard(str(path), tuple(spec)).read()
    missing = batch.columns["f"].missing
    assert 0 < missing.sum() < 1000
    np.testing.assert_array_equal(missing, parsed["f"].numpy() == -7.0)
    np.testing.assert_array_equal(
        np.where(missing, -7.0, batch.columns["f"].values), parsed["f"].numpy()
    )
    for name in list(spec)[1:]:
        np.testing.assert_array_equal(batch.columns[name].values, parsed[name].numpy())


@pytest.mark.parametrize(
    ("kind", "values", "dtype", "shape"),
    [
        (FLOAT, [0], np.float32, (3,)),
        (FLOAT, [0, 0], np.float32, (3, 2)),
        (INT64, [1], np.int64, (3,)),
        (INT64, [1, 300], np.int64, (3, 2)),
        (BYTES, [b"a"], object, (3,)),
        (BYTES, [b"a", b""], object, (3, 2)),
    ],
)
def test_one_value_gives_a_row_and_several_a_matrix(
    tmp_path, kind, values, dtype, shape
):
    record = encode_example([encode_entry("x", kind, values)])
    path = write_records(tmp_path / "a.tfrecord", [record] * 3)
    (batch,) = tfrecord.TFRecordShard(path, ("x",)).read()
    column = batch.columns["x"].values
    assert (column.dtype, column.shape) == (dtype, shape)
    assert column.flags.c_contiguous


def test_a_feature_that_no_record_has_is_missing_everywhere(tmp_path):
    path = write_records(tmp_path / "a.tfrecord", [encode_example([])] * 3)
    (batch,) = tfrecord.TFRecordShard(path, ("x",)).read()
    column = batch.columns["x"]
    assert (column.values.dtype, column.values.shape) == (np.float32, (3,))
    assert column.missing.all()


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        encode_entry("x", FLOAT, []),
        field(1, field(1, b"x") + field(2, b"")),
        field(1, field(1, b"x") + field(2, field(2, b""))),
        field(1, field(1, b"x") + field(2, field(3, b""))),
        field(1, field(1, b"x")),
    ],
    ids=["absent", "no bytes", "no kind", "no list", "other empty list", "no value"],
)
def test_an_absent_feature_and_an_empty_list_are_missing(tmp_path, entry):
    full = encode_example([encode_entry("x", FLOAT, [7])])
    path = write_records(tmp_path / "a.tfrecord", [full, field(1, entry), full])
    assert read(path, ("x",)) == {"x": [[7], None, [7]]}


def test_an_example_of_no_bytes_has_no_features(tmp_path):
    path = write_records(tmp_path / "a.tfrecord", [b"", b""])
    assert read(path, ("x",)) == {"x": [None, None]}


def test_a_missing_value_of_a_wide_feature_keeps_its_shape(tmp_path):
    full = encode_example([encode_entry("x", FLOAT, [1, 2, 3])])
    records = [encode_example([]), full]
    path = write_records(tmp_path / "a.tfrecord", records)
    (batch,) = tfrecord.TFRecordShard(path, ("x",), block_bytes=1).read()
    assert batch.columns["x"].values.shape == (2, 3)
    assert batch.columns["x"].missing.tolist() == [True, False]


def test_of_a_repeated_key_the_last_value_counts(tmp_path):
    entries = [encode_entry("x", FLOAT, [1]), encode_entry("x", FLOAT, [2])]
    path = write_records(tmp_path / "a.tfrecord", [encode_example(entries)] * 100)
    assert read(path, ("x",)) == {"x": [[2]] * 100}


def test_many_keys_nobody_asked_for_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MOST_KEYS", 10)
    records = [
        encode_example(
            [encode_entry(f"id_{i}", INT64, [i]), encode_entry("x", INT64, [i])]
        )
        for i in range(50)
    ]
    path = write_records(tmp_path / "a.tfrecord", records)
    assert read(path, ("x",)) == {"x": [[i] for i in range(50)]}


def test_an_empty_file_has_no_batches(tmp_path):
    path = write_records(tmp_path / "a.tfrecord", [])
    assert list(tfrecord.TFRecordShard(path, ("x",)).read()) == []


def test_a_record_longer_than_a_block_is_read_whole(tmp_path):
    values = list(range(30000))
    record = encode_example([encode_entry("x", INT64, values)])
    path = write_records(tmp_path / "a.tfrecord", [record] * 3)
    assert read(path, ("x",), block_bytes=1000) == {"x": [values] * 3}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_written_is_read(tmp_path, compress, shards):
    random = np.random.default_rng(0)
    written = {
        "x": arrays.Column(
            random.standard_normal(1000).astype(np.float32), random.random(1000) < 0.1
        ),
        "n": random.integers(-1000, 2**60, 1000),
        "v": random.standard_normal((1000, 3)).astype(np.float32),
        "s": np.array([b"%d" % (i % 7) for i in range(1000)], object),
    }
    write.write_tfrecords(written, tmp_path / "data", shards=shards, compress=compress)
    batches = list(sources.batches(str(tmp_path / "data-*"), list(written)))
    for name, value in written.items():
        found = np.concatenate([batch.columns[name].values for batch in batches])
        missing = np.concatenate([missing_of(batch, name) for batch in batches])
        if isinstance(value, arrays.Column):
            np.testing.assert_array_equal(missing, value.missing)
            value, found = value.values[~missing], found[~missing]
        np.testing.assert_array_equal(found, value)


def test_tensorflow_reads_what_is_written(tmp_path):
    (path,) = write.write_tfrecords({"x": np.arange(5.0)}, tmp_path / "data")
    records = [record.numpy() for record in tf.data.TFRecordDataset(path)]
    parsed = tf.io.parse_example(records, {"x": tf.io.FixedLenFeature([], tf.float32)})
    np.testing.assert_array_equal(parsed["x"].numpy(), np.arange(5.0))


def test_writing_again_gives_the_same_bytes(tmp_path):
    paths = [
        write.write_tfrecords({"x": np.arange(9)}, tmp_path / name, compress=True)[0]
        for name in "ab"
    ]
    first, second = (pathlib.Path(path).read_bytes() for path in paths)
    assert first == second


def test_gzip_of_several_members_is_read_through(tmp_path):
    (path,) = write.write_tfrecords({"x": np.arange(5)}, tmp_path / "a", compress=True)
    data = pathlib.Path(path).read_bytes()
    with open(tmp_path / "b.tfrecord.gz", "wb") as file:
        file.write(data + data)
    assert read(tmp_path / "b.tfrecord.gz", ("x",)) == {
        "x": [[i] for i in range(5)] * 2
    }


def test_batches_number_their_records(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BATCH_ROWS", 4)
    (path,) = write.write_tfrecords({"x": np.arange(10)}, tmp_path / "a")
    shard = tfrecord.TFRecordShard(path, ("x",), block_bytes=100)
    batches = list(shard.read())
    assert len(batches) > 1
    assert all(batch.columns["x"].values[0] == batch.first_record for batch in batches)


@pytest.mark.parametrize(
    "name",
    [
        "a.tfrecord",
        "a.tfrecords",
        "a.tfrecord-00000-of-00001",
        "a_tfrecord-00000-of-00001",
        "part-0",
    ],
)
def test_tfrecords_are_known_by_name_or_content(tmp_path, name):
    write_records(tmp_path / name, [encode_example([encode_entry("x", INT64, [1])])])
    (shard,) = sources.open(tmp_path / name, ["x"])
    assert [batch.rows for batch in shard.read()] == [1]


def test_gzip_shards_of_tfx_are_read(tmp_path):
    (path,) = write.write_tfrecords({"x": np.arange(5)}, tmp_path / "a", compress=True)
    name = tmp_path / "data_tfrecord-00000-of-00001.gz"
    os.rename(path, name)
    assert read(name, ("x",)) == {"x": [[i] for i in range(5)]}


def test_a_shard_is_picklable(tmp_path):
    (path,) = write.write_tfrecords({"x": np.arange(5)}, tmp_path / "a")
    (shard,) = sources.open(path, ["x"])
    assert pickle.loads(pickle.dumps(shard)) == shard


def test_importing_sources_loads_nothing_heavy():
    code = (
        "import sys; from tfnorm import sources; "
        "assert not {'pyarrow', 'tensorflow', 'pandas', 'google.protobuf'} "
        "& set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
