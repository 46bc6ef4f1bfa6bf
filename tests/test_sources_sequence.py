# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every step of a feature list is a value; contexts are as Examples; zstd is read."""

import tempfile

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.io import tfrecordio
from apache_beam.testing import test_pipeline
from apache_beam.testing import util
from click import testing
from hypothesis import strategies as st

import tfnorm
from tfnorm import cli
from tfnorm import errors
from tfnorm import schemes
from tfnorm import sources
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import tfrecord

RNG = np.random.default_rng(0)


def feature(value):
    """A tf.train.Feature; of `None`, one without a value."""
    if value is None:
        return tf.train.Feature()
    value = list(np.ravel(value))
    if isinstance(value[0], bytes | np.bytes_):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
    if isinstance(value[0], int | np.integer):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


def features(values):
    found = {name: feature(value) for name, value in values.items()}
    return tf.train.Features(feature=found)


def sequence(context=None, **lists):
    """A serialized SequenceExample, as TensorFlow writes it."""
    steps = {
        name: tf.train.FeatureList(feature=map(feature, values))
        for name, values in lists.items()
    }
    return tf.train.SequenceExample(
        context=features(context or {}),
        feature_lists=tf.train.FeatureLists(feature_list=steps),
    ).SerializeToString()


def write(path, records):
    with open(path, "wb") as file:
        file.writelines(map(framing.frame, records))
    return str(path)


def read(path, names, bad=0, **options):
    return list(tfrecord.TFRecordShard(str(path), names, bad, **options).read())


def column(batches, name):
    """All values of a column, missing ones as `None`."""
    found = []
    for batch in batches:
        part = batch.columns[name]
        values = part.values.tolist()
        for i in np.flatnonzero(part.missing) if part.missing is not None else ():
            values[i] = None
        found += values
    return found


BLOCKS = pytest.mark.parametrize("block_bytes", [1, 200, 8 << 20])


@BLOCKS
def test_every_step_is_a_value(tmp_path, block_bytes):
    records = [
        sequence({"id": 1}, x=[1.5, 2.5, None], v=[[1, 2]]),
        sequence({"id": 2}, x=[]),
        sequence({}, x=[3.5], v=[[3, 4], [5, 6]]),
        sequence({"id": 4}),
        b"",
        sequence({"id": 6}, x=[4.5], unasked=[b"text"]),
    ]
    path = write(tmp_path / "a.tfrecord", records)
    found = read(path, ("id", "x", "v", "gone"), block_bytes=block_bytes)
    assert column(found, "id") == [1, 2, None, 4, None, 6]
    assert column(found, "x") == [1.5, 2.5, None, None, 3.5, None, None, 4.5]
    assert column(found, "v") == [[1, 2], None, [3, 4], [5, 6], None, None, None]
    assert column(found, "gone") == [None] * 6
    assert sum(batch.rows for batch in found) == 6


def test_names_are_those_of_contexts_and_of_lists(tmp_path):
    records = [sequence({"a": 1.0}, x=[1]), sequence({"b": 2.0}, y=[2, 3])]
    path = write(tmp_path / "a.tfrecord", records)
    (batch,) = sources.batches(path)
    assert list(batch.columns) == ["a", "b", "x", "y"]
    assert batch.columns["y"].values.tolist() == [0, 2, 3]


STEPS = st.lists(st.lists(st.floats(width=32) | st.none(), max_size=4), max_size=12)


@hypothesis.given(
    STEPS, st.sampled_from([1, 50, 1000]), st.integers(1, 3), st.randoms()
)
@hypothesis.settings(max_examples=60)
def test_shards_order_and_format_leave_no_trace(rows, block_bytes, files, random):
    flat = [step for steps in rows for step in steps or [None]]
    parquet = pa.table({"x": pa.array(flat, pa.float32())})
    wanted = tfnorm.statistics.FeatureStatistics()
    for batch in sources.batches(parquet):
        wanted = wanted.add(batch.columns["x"])
    records = [sequence({"n": len(steps)}, x=steps) for steps in rows]
    random.shuffle(records)
    found = tfnorm.statistics.FeatureStatistics()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(files):
            path = write(f"{folder}/{i}.tfrecord", records[i::files])
            for batch in read(path, ("x", "n"), block_bytes=block_bytes):
                found = found.add(batch.columns["x"])
    one = tfnorm.Statistics({"x": found}, 1)
    assert one.digest == tfnorm.Statistics({"x": wanted}, 1).digest


def test_fields_in_another_order_are_read(tmp_path):
    context, lists = example.parts(sequence({"a": 1}, x=[1.5, 2.5]))
    first, last = example.field(1, context), example.field(2, lists)
    records = [first + last, last + first, last, first + last + example.field(9, b"?")]
    path = write(tmp_path / "a.tfrecord", records)
    found = read(path, ("a", "x"))
    assert column(found, "a") == [1, 1, None, 1]
    assert column(found, "x") == [1.5, 2.5] * 4


def test_unpacked_steps_are_read(tmp_path):
    unpacked = example.field(3, b"\x08\x07\x08\x09")  # An int64_list of 7 and 9.
    step = example.field(1, unpacked)
    entry = example.field(1, b"x") + example.field(2, step)
    record = example.field(2, example.field(1, entry))
    path = write(tmp_path / "a.tfrecord", [record, sequence(x=[[1, 2]])])
    assert column(read(path, ("x",)), "x") == [[7, 9], [1, 2]]


def test_records_of_both_kinds_are_read(tmp_path):
    plain = tf.train.Example(features=features({"a": 1})).SerializeToString()
    path = write(tmp_path / "a.tfrecord", [plain, sequence({"a": 2}, x=[5]), plain])
    found = read(path, ("a", "x"))
    assert column(found, "a") == [1, 2, 1]
    assert column(found, "x") == [None, 5, None]


FAULTS = {
    "width": (sequence(x=[[1.0], [1.0, 2.0]]), "step has 2 values, where earlier"),
    "kind": (sequence(x=[1.0, 2]), "int64_list, where earlier steps"),
    "place": (sequence({"x": 1.0}), "in the context of the record"),
    "both": (sequence({"x": 1.0}, x=[1.0]), "in the context of the record"),
    "step": (
        example.field(
            2,
            example.field(
                1,
                example.field(1, b"x")
                + example.field(2, example.field(1, example.field(2, b"\x0a\x09"))),
            ),
        ),
        "step of the feature list is no",
    ),
    "lists": (example.field(2, b"\x0a\x7f"), "no serialized"),
}


@BLOCKS
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_its_record_and_is_counted(tmp_path, fault, block_bytes):
    bad, message = FAULTS[fault]
    good = sequence({"a": 1}, x=[1.0, 2.0])
    path = write(tmp_path / "a.tfrecord", [good, good, bad, good])
    with pytest.raises(errors.DataError, match=message) as error:
        read(path, ("a", "x"), block_bytes=block_bytes)
    assert (error.value.file, error.value.record) == (path, 2)
    assert error.value.offset == 2 * (len(good) + 16)
    found = read(path, ("a", "x"), bad=1, block_bytes=block_bytes)
    assert column(found, "x") == [1.0, 2.0] * 3
    assert column(found, "a") == [1, 1, 1]
    assert sum(batch.bad_records for batch in found) == 1


def test_a_list_where_a_context_was_is_an_error(tmp_path):
    path = write(tmp_path / "a.tfrecord", [sequence({"x": 1.0}), sequence(x=[1.0])])
    with pytest.raises(errors.FeatureError, match="in the feature lists of") as error:
        read(path, ("x",))
    assert (error.value.feature, error.value.record) == ("x", 1)


def test_a_feature_list_has_no_keys(tmp_path):
    path = write(tmp_path / "a.tfrecord", [sequence({"k": 1}, x=[1.0, 2.0])])
    recipe = tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "k")})
    with pytest.raises(errors.FeatureError, match="2 values in rows of 1 keys"):
        tfnorm.analyze(path, recipe)


def test_the_command_line_reads_zstd_as_beam_does(tmp_path):
    values = RNG.normal(size=(40, 5)).astype(np.float32)
    records = [sequence(x=list(row)) for row in values]
    path = str(tmp_path / "a.tfrecord.zst")
    with pa.output_stream(path, compression="zstd") as file:
        file.write(b"".join(map(framing.frame, records)))
    with test_pipeline.TestPipeline() as pipeline:
        read_by_beam = pipeline | tfrecordio.ReadFromTFRecord(path)
        util.assert_that(read_by_beam, util.equal_to(records))
    out = str(tmp_path / "out")
    done = testing.CliRunner().invoke(cli.main, ["stats", path, "--out", out])
    assert done.exit_code == 0, done.output
    found = tfnorm.load_statistics(out)["x"]
    assert found.mean == tfnorm.analyze({"x": values.ravel()})["x"].mean


@BLOCKS
@pytest.mark.parametrize("cut", [1, 30])
def test_damaged_zstd_is_an_error(tmp_path, cut, block_bytes):
    records = [sequence(x=[float(i)]) for i in range(50)]
    path = tmp_path / "a.tfrecord.zst"
    with pa.output_stream(str(path), compression="zstd") as file:
        file.write(b"".join(map(framing.frame, records)))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(errors.FormatError, match="damaged here") as error:
        read(path, ("x",), bad=9, block_bytes=block_bytes)
    assert error.value.file == str(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tfrecord.zst", b"plain"),
        ("a.tfrecord", b"\x28\xb5\x2f\xfd"),
        ("a.tfrecord.gz", b"\x28\xb5\x2f\xfd"),
        ("a.tfrecord.zst", b"\x1f\x8b\x08"),
    ],
)
def test_names_and_bytes_of_other_compression_are_an_error(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(errors.FormatError, match="mixed up"):
        read(tmp_path / name, ("x",))
