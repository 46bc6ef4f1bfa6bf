# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Files are normalized as columns in memory are, and come back; on every engine."""

import dataclasses
import json

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing import util

import tfnorm
from tfnorm import arrays
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm import sources
from tfnorm.schemes import registry
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import write

ROWS = 3_000
RECIPE = tfnorm.Recipe(
    {
        "delay": tfnorm.Feature(
            schemes.Robust(), missing="impute", impute_with="median", indicator=True
        ),
        "speed": schemes.PerKey(schemes.ZScore(), key="carrier"),
        "distance": schemes.ZScore(),
        "scheduled": schemes.ZScore(),
        "pixels": schemes.MinMax(),
    }
)
ENGINES = {
    "one process": [],
    "processes": ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
}


def columns() -> dict[str, arrays.Column]:
    rng = np.random.default_rng(0)
    some = rng.random((2, ROWS)) < 0.05
    speed = rng.normal(50, 9, ROWS).astype(np.float32)
    speed[:3] = np.nan  # A value, where missing is none.
    return {
        "delay": arrays.Column(rng.standard_cauchy(ROWS).astype(np.float32), some[0]),
        "carrier": arrays.Column(np.array([b"UA", b"B6"], object)[np.arange(ROWS) % 2]),
        "speed": arrays.Column(speed, some[1]),
        "note": arrays.Column(np.array([b"", b"\xff\0"], object)[np.arange(ROWS) % 2]),
        "distance": arrays.Column(rng.integers(1, 5_000, ROWS), some[1]),
        "scheduled": arrays.Column(1_700_000_000 + rng.integers(0, 86_400, ROWS)),
        "pixels": arrays.Column(rng.random((ROWS, 3)).astype(np.float32)),
        "number": arrays.Column(rng.integers(-(2**62), 2**62, ROWS)),
    }


@pytest.fixture(scope="module")
def fitted() -> tfnorm.FittedRecipe:
    return RECIPE.fit(tfnorm.analyze(columns(), RECIPE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write.write_tfrecords(columns(), path / "f", shards=3)
    write.write_tfrecords(columns(), path / "f", shards=2, compress=True)
    write.write_parquet(columns(), path / "f", shards=2)
    return path


def apply(pattern, fitted, out, **options):
    return tfnorm.beam.apply_recipe(str(pattern), fitted, out, **options)


def read(pattern, names) -> dict[str, arrays.Column]:
    """All rows of some files, as columns."""
    batches = list(sources.batches(str(pattern), list(names)))
    found = {}
    for name in names:
        parts = [batch.columns[name] for batch in batches]
        missing = [
            np.zeros(len(p.values), bool) if p.missing is None else p.missing
            for p in parts
        ]
        values = np.concatenate([part.values for part in parts])
        found[name] = arrays.Column(values, np.concatenate(missing))
    return found


def absent(column: arrays.Column) -> np.ndarray:
    rows = len(column.values)
    return np.zeros(rows, bool) if column.missing is None else column.missing


def assert_equal(found: arrays.Column, expected: arrays.Column) -> None:
    assert found.values.dtype == expected.values.dtype
    held = ~absent(expected)
    np.testing.assert_array_equal(~absent(found), held)
    np.testing.assert_array_equal(found.values[held], expected.values[held])


KINDS = ["tfrecord", "tfrecord.gz", "parquet"]


@pytest.mark.parametrize(
    ("kind", "engine"),
    [*((kind, "one process") for kind in KINDS), ("parquet", "processes")],
)
def test_files_hold_the_numbers_of_forward(folder, fitted, tmp_path, kind, engine):
    found = apply(
        folder / f"f-*.{kind}", fitted, tmp_path / "out", beam_args=ENGINES[engine]
    )
    assert found.rows == ROWS
    names = [path.name for path in sorted(folder.glob(f"f-*.{kind}"))]
    written = [path.name for path in sorted((tmp_path / "out").iterdir())]
    assert list(found.files) == names and written == ["applied.json", *names]
    forward = fitted.forward(columns())
    result = read(tmp_path / f"out/f-*.{kind}", forward)
    for name, expected in forward.items():
        if isinstance(expected, arrays.Column):  # Passed through.
            assert_equal(result[name], expected)
            continue
        # Of what is missing and not imputed, files say so and arrays say NaN.
        held = ~absent(result[name])
        assert result[name].values.dtype == expected.dtype
        np.testing.assert_array_equal(result[name].values[held], expected[held])
        assert np.isnan(expected[~held]).all()
    missing = absent(columns()["speed"])
    np.testing.assert_array_equal(absent(result["speed"]), missing)
    assert np.isnan(result["speed"].values[:3][~missing[:3]]).all()
    assert not absent(result["delay"]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_brings_the_files_back(folder, fitted, tmp_path, kind):
    apply(folder / f"f-*.{kind}", fitted, tmp_path / "out")
    apply(tmp_path / f"out/f-*.{kind}", fitted, tmp_path / "back", inverse=True)
    raw = columns()
    back = read(tmp_path / f"back/f-*.{kind}", raw)
    for name in ("carrier", "note", "number", "distance", "scheduled"):
        assert_equal(back[name], raw[name])
    for name in ("delay", "speed", "pixels"):
        held = ~absent(raw[name])
        np.testing.assert_array_equal(~absent(back[name]), held)
        # A few roundings of float32 there and back, of the value and of the scale.
        scale = np.nanmax(np.abs(raw[name].values[held]))
        np.testing.assert_allclose(
            back[name].values[held],
            raw[name].values[held],
            rtol=1e-6,
            atol=4e-7 * scale,
        )
    schema = example_names(tmp_path / "back", kind)
    assert schema == set(raw)


def example_names(folder, kind) -> set[str]:
    path = sorted(folder.glob(f"*.{kind}"))[0]
    if kind == "parquet":
        return set(pq.read_schema(path).names)
    return set(next(iter(sources.open(str(path))[0].read())).columns)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_attempt_writes_the_same_bytes(folder, fitted, tmp_path, kind):
    apply(folder / f"f-*.{kind}", fitted, tmp_path / "0")
    apply(folder / f"f-*.{kind}", fitted, tmp_path / "1")
    for path in (tmp_path / "0").iterdir():
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()


def test_batches_of_any_pipeline_are_normalized_and_turned_back(fitted):
    raw = columns()
    batch = arrays.Batch(raw, ROWS)
    expected = recipe_lib.forward_columns(fitted, raw)

    def check(found):
        (there,) = found
        for name, column in expected.items():
            assert_equal(there.columns[name], column)

    def check_back(found):
        (back,) = found
        assert set(back.columns) == set(raw)
        assert_equal(back.columns["distance"], raw["distance"])

    with beam.Pipeline("FnApiRunner") as pipeline:
        there = pipeline | beam.Create([batch]) | tfnorm.beam.ApplyRecipe(fitted)
        back = there | "Back" >> tfnorm.beam.ApplyRecipe(fitted, inverse=True)
        util.assert_that(there, check)
        util.assert_that(back, check_back, label="CheckBack")


def test_statistics_of_the_normalized_files_are_those_in_memory(
    folder, fitted, tmp_path
):
    digests = set()
    for kind in KINDS:
        apply(folder / f"f-*.{kind}", fitted, tmp_path / kind)
        digests.add(tfnorm.analyze(tmp_path / kind / f"*.{kind}", RECIPE).digest)
    in_memory = {**columns(), **recipe_lib.forward_columns(fitted, columns())}
    assert digests == {tfnorm.analyze(in_memory, RECIPE).digest}


def parquet(tmp_path, table: pa.Table, name="d.parquet", **options):
    path = tmp_path / name
    pq.write_table(table, path, **options)
    return path


def fit(**features) -> tfnorm.FittedRecipe:
    """Z-scores of columns with these values."""
    recipe = tfnorm.Recipe({name: schemes.ZScore() for name in features})
    data = {name: np.asarray(values) for name, values in features.items()}
    return recipe.fit(tfnorm.analyze(data, recipe))


TYPES = {
    "float32": (pa.float32(), [1.0, 2.0, 4.0], pa.float32()),
    "float64": (pa.float64(), [1.0, 2.0, 4.0], pa.float64()),
    "float16": (pa.float16(), np.array([1, 2, 4], np.float16), pa.float32()),
    "int8": (pa.int8(), [1, 2, 4], pa.float32()),
    "uint64": (pa.uint64(), [1, 2, 4], pa.float32()),
    "bool": (pa.bool_(), [True, False, True], pa.float32()),
    "decimal": (pa.decimal128(9, 2), ["1.25", "2.00", "4.50"], pa.float64()),
    "time": (pa.timestamp("us", "UTC"), [1, 2, 4], pa.float32()),
}


@pytest.mark.parametrize("kind", TYPES)
def test_parquet_types_are_kept_or_made_real_and_come_back(tmp_path, kind):
    raw, values, normalized = TYPES[kind]
    array = pa.array(values).cast(raw)
    path = parquet(tmp_path, pa.table({"x": array}))
    recipe = tfnorm.Recipe({"x": schemes.ZScore()})
    maps = recipe.fit(tfnorm.analyze(path, recipe))
    apply(path, maps, tmp_path / "out")
    assert pq.read_schema(tmp_path / "out/d.parquet").field("x").type == normalized
    apply(tmp_path / "out/d.parquet", maps, tmp_path / "back", inverse=True)
    back = pq.read_table(tmp_path / "back/d.parquet").column("x").chunk(0)
    assert back.type == raw
    if kind == "float64":  # The constants of a map are float32, for all types.
        np.testing.assert_allclose(back, array, rtol=2**-24)
    else:
        assert back == array


LISTS = {
    "list": pa.list_(pa.int32()),
    "large list": pa.large_list(pa.int32()),
    "fixed": pa.list_(pa.int32(), 2),
}


@pytest.mark.parametrize("kind", LISTS)
def test_parquet_lists_stay_lists_of_their_kind(tmp_path, kind):
    rows = [[1, 2], [3, 4], [5, 9]]
    # Arrow cannot read lists of a fixed size with nulls.
    rows += [] if kind == "fixed" else [None]
    raw = pa.table({"x": pa.array(rows, LISTS[kind])})
    path = parquet(tmp_path, raw)
    maps = fit(x=[[1, 2], [3, 4], [5, 9]])
    apply(path, maps, tmp_path / "out")
    found = pq.read_table(tmp_path / "out/d.parquet")
    assert type(found.schema.field("x").type) is type(LISTS[kind])
    assert found.schema.field("x").type.value_type == pa.float32()
    assert found.column("x").null_count == raw.column("x").null_count
    apply(tmp_path / "out/d.parquet", maps, tmp_path / "back", inverse=True)
    assert pq.read_table(tmp_path / "back/d.parquet") == raw


def test_parquet_keeps_row_groups_codec_order_and_what_it_does_not_read(tmp_path):
    n = 1_000
    table = pa.table(
        {
            "nested": pa.array([{"a": [i], "b": None} for i in range(n)]),
            "x": np.arange(n, dtype=np.float32),
            "word": pa.array(["a", None] * (n // 2)).dictionary_encode(),
        }
    ).replace_schema_metadata({"owner": "me"})
    path = parquet(tmp_path, table, row_group_size=300, compression="zstd")
    apply(path, fit(x=np.arange(n, dtype=np.float32)), tmp_path / "out")
    file = pq.ParquetFile(tmp_path / "out/d.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(4)]
    assert groups == [300, 300, 300, 100]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.metadata[b"owner"] == b"me"
    found = file.read()
    assert found.column_names == table.column_names
    for name in ("nested", "word"):
        assert (
            found.column(name).combine_chunks() == table.column(name).combine_chunks()
        )


def tf_example(**features) -> bytes:
    columns = {n: np.asarray([v]) for n, v in features.items()}
    found = {n: arrays.Column(v) for n, v in columns.items()}
    return next(iter(write.examples(found, slice(0, 1))))


def test_unknown_fields_of_an_example_pass_through(tmp_path):
    strange = tf_example(x=np.float32(2)) + b"\x7a\x03abc"  # Field 15, of bytes.
    path = tmp_path / "d.tfrecord"
    path.write_bytes(framing.frame(strange) + framing.frame(tf_example(y=3)))
    apply(path, fit(x=np.float32([0, 4])), tmp_path / "out")
    (block,) = framing.read_blocks(str(tmp_path / "out/d.tfrecord"))
    first, second = (
        block.data[a:b] for a, b in zip(block.starts, block.ends, strict=True)
    )
    assert first.endswith(b"\x7a\x03abc")
    message = example.messages().Example.FromString(first)
    assert list(message.features.feature["x"].float_list.value) == [0.0]
    assert second == tf_example(y=3)


def test_a_zstd_file_stays_one(tmp_path):
    write.write_tfrecords({"x": np.float32([1, 3])}, tmp_path / "plain")
    (plain,) = tmp_path.glob("plain*")
    with pa.output_stream(tmp_path / "a.tfrecord.zst", compression="zstd") as file:
        file.write(plain.read_bytes())
    apply(tmp_path / "a.tfrecord.zst", fit(x=np.float32([1, 3])), tmp_path / "out")
    (block,) = framing.read_blocks(str(tmp_path / "out/a.tfrecord.zst"))
    assert len(block.records) == 2
    found = tfnorm.analyze(str(tmp_path / "out/a.tfrecord.zst"))["x"]
    assert (found.mean, found.std) == (0.0, 1.0)


def test_empty_files_stay_empty(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    write.write_tfrecords({"x": np.float32([1, 2])}, tmp_path / "b")
    apply(tmp_path / "*.tfrecord", fit(x=np.float32([1, 2])), tmp_path / "out")
    assert (tmp_path / "out/a.tfrecord").read_bytes() == b""
    none = pa.table({"x": pa.array([], pa.float32())})
    parquet(tmp_path, none, "a.parquet")
    write.write_parquet({"x": np.float32([1, 2])}, tmp_path / "b")
    apply(tmp_path / "*.parquet", fit(x=np.float32([1, 2])), tmp_path / "two")
    assert pq.read_table(tmp_path / "two/a.parquet").column("x").type == pa.float32()


def test_a_file_without_a_value_of_a_list_is_imputed_in_its_shape(tmp_path):
    feature = tfnorm.Feature(schemes.ZScore(), missing="impute", indicator=True)
    recipe = tfnorm.Recipe({"x": feature})
    maps = recipe.fit(tfnorm.analyze({"x": np.float32([[1, 2], [3, 6]])}, recipe))
    for name, values in (("a", [[1, 2]]), ("b", [[0, 0]])):
        missing = np.array([name == "b"])
        column = arrays.Column(np.float32(values), missing)
        write.write_tfrecords({"x": column}, tmp_path / name)
    apply(tmp_path / "*.tfrecord", maps, tmp_path / "out")
    found = read(tmp_path / "out/b-*", ["x", "x_missing"])
    assert found["x"].values.tolist() == [[0.0, 0.0]]
    assert found["x_missing"].values.tolist() == [[1.0, 1.0]]
    apply(tmp_path / "out/*.tfrecord", maps, tmp_path / "back", inverse=True)
    assert read(tmp_path / "back/a-*", ["x"])["x"].values.tolist() == [[1.0, 2.0]]
    assert read(tmp_path / "back/b-*", ["x"])["x"].missing.tolist() == [True]


def test_the_summary_says_what_made_the_files(folder, fitted, tmp_path):
    found = apply(folder / "*.parquet", fitted, tmp_path / "out")
    said = json.loads((tmp_path / "out/applied.json").read_text())
    assert said == dataclasses.asdict(found) | {"files": list(found.files)}
    assert said["statistics_digest"] == fitted.statistics_digest
    assert said["fitted"] == fitted.digest


VECTORS = {
    name: row
    for name, row in registry.REGISTRY.items()
    if row.domain in ("real", "above_minus_one", "positive", "pixels")
}


@pytest.fixture(scope="module")
def of_all_schemes(tmp_path_factory):
    """Files with a column of vectors for each scheme of vectors, and the fitted."""
    rng = np.random.default_rng(0)
    raw = {}
    for name, row in VECTORS.items():
        values = rng.gamma(2.0, 20.0, (200, 3)).clip(1, 255)
        values = values - 30 if row.domain == "real" else values
        missing = rng.random(200) < 0.1
        raw[name] = arrays.Column(values.astype(np.float32), missing)
    recipe = tfnorm.Recipe({name: row.scheme for name, row in VECTORS.items()})
    folder = tmp_path_factory.mktemp("schemes")
    write.write_tfrecords(raw, folder / "d", shards=2)
    write.write_parquet(raw, folder / "d", shards=2)
    return folder, raw, recipe.fit(tfnorm.analyze(raw, recipe))


@pytest.mark.parametrize("kind", ["tfrecord", "parquet"])
def test_every_scheme_of_vectors_gives_files_what_it_gives_arrays(
    of_all_schemes, tmp_path, kind
):
    folder, raw, fitted = of_all_schemes
    apply(folder / f"d-*.{kind}", fitted, tmp_path / "out")
    found = read(tmp_path / f"out/*.{kind}", raw)
    for name, expected in fitted.forward(raw).items():
        held = ~raw[name].missing
        np.testing.assert_array_equal(~absent(found[name]), held, err_msg=name)
        np.testing.assert_array_equal(
            found[name].values[held], expected[held], err_msg=name
        )


@pytest.mark.parametrize("kind", ["tfrecord", "parquet"])
def test_every_scheme_that_inverts_turns_files_back_as_arrays(
    of_all_schemes, tmp_path, kind
):
    folder, raw, fitted = of_all_schemes
    names = [n for n, row in VECTORS.items() if row.inverse != "nowhere"]
    fitted = fitted.select(names)
    apply(folder / f"d-*.{kind}", fitted, tmp_path / "out")
    apply(tmp_path / f"out/*.{kind}", fitted, tmp_path / "back", inverse=True)
    found = read(tmp_path / f"back/*.{kind}", names)
    normalized = {n: x for n, x in fitted.forward(raw).items() if n in names}
    for name, expected in fitted.inverse(normalized).items():
        held = ~raw[name].missing
        np.testing.assert_array_equal(~absent(found[name]), held, err_msg=name)
        np.testing.assert_array_equal(
            found[name].values[held], expected[held], err_msg=name
        )
