# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NormalizationStatisticsGen: every payload and split, whole or not at all."""

import hashlib
import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from ml_metadata import metadata_store
from tfx import types
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import channel_utils
from tfx.types import standard_artifacts

import tfnorm
from tfnorm import errors
from tfnorm import schemes
from tfnorm.sources import write
from tfnorm.tfx import examples as examples_lib
from tfnorm.tfx import statistics_gen

pytestmark = pytest.mark.tfx

RECIPE = tfnorm.Recipe({"x": schemes.Robust(), "n": schemes.ZScore()})
FORMATS = example_gen_pb2.PayloadFormat
SCHEMA = """
feature {{ name: "x" type: FLOAT }}
feature {{ name: "{n}" type: INT }}
feature {{ name: "word" type: BYTES }}
"""


def rows(seed: int, count: int = 40) -> dict:
    rng = np.random.default_rng(seed)
    words = np.array([b"a", b"b"], object)[rng.integers(0, 2, count)]
    x = rng.normal(size=count).astype(np.float32)
    return {"x": x, "n": rng.integers(0, 9, count), "word": words}


def _gzip(folder, seed):
    """As ExampleGen names files; the last shard has no records."""
    folder.mkdir(parents=True)
    paths = write.write_tfrecords(rows(seed), folder / "some", compress=True)
    paths += write.write_tfrecords({}, folder / "none", compress=True)
    for number, path in enumerate(paths):
        name = f"data_tfrecord-0000{number}-of-00002.gz"
        pathlib.Path(path).rename(folder / name)


def _plain(folder, seed):
    (path,) = write.write_tfrecords(rows(seed), folder / "data")
    pathlib.Path(path).rename(folder / "examples-00000-of-00001")


def _parquet(folder, seed):
    write.write_parquet(rows(seed), folder / "data_parquet", shards=2)


PAYLOADS = {
    "gzip": (_gzip, None, None),
    "plain": (_plain, FORMATS.FORMAT_TF_EXAMPLE, None),
    "parquet": (_parquet, FORMATS.FORMAT_PARQUET, "parquet"),
    "parquet files": (_parquet, FORMATS.FORMAT_TF_EXAMPLE, "FILE_FORMAT_PARQUET"),
}


def examples(uri, splits=("train", "eval"), kind="gzip", seed=0, span=3):
    make, payload, files = PAYLOADS[kind]
    made = standard_artifacts.Examples()
    made.uri = str(uri)
    made.span = span
    made.split_names = artifact_utils.encode_split_names(list(splits))
    for number, split in enumerate(splits):
        make(pathlib.Path(uri, f"Split-{split}"), seed + number)
    if payload is not None:
        examples_utils.set_payload_format(made, payload)
    if files is not None:
        examples_utils.set_file_format(made, files)
    return made


def schema(folder, name="n") -> list:
    folder.mkdir()
    (folder / "schema.pbtxt").write_text(SCHEMA.format(n=name))
    made = standard_artifacts.Schema()
    made.uri = str(folder)
    return [made]


def take(given, out, recipe=RECIPE, beam_args=(), inputs=None, **options):
    """Runs the executor as TFX does, with what the component's spec says."""
    channels = channel_utils.as_channel(given)
    component = tfnorm.tfx.NormalizationStatisticsGen(channels, recipe, **options)
    made = tfnorm.tfx.NormalizationStatistics()
    made.uri = str(out)
    os.makedirs(made.uri)
    context = base_beam_executor.BaseBeamExecutor.Context(list(beam_args))
    statistics_gen.Executor(context).Do(
        {"examples": given, **(inputs or {})},
        {"statistics": [made]},
        component.exec_properties,
    )
    return made


def digests(made) -> dict[str, str]:
    return json.loads(made.split_digests)


def files_of(folder) -> list[str]:
    return [str(path) for path in sorted(pathlib.Path(folder).iterdir())]


@pytest.mark.parametrize("recipe", [RECIPE, None], ids=["recipe", "all"])
@pytest.mark.parametrize("kind", PAYLOADS)
def test_each_payload_has_the_statistics_of_its_rows(tmp_path, kind, recipe):
    given = examples(tmp_path / "in", kind=kind)
    made = take([given], tmp_path / "out", recipe)
    expected = {
        "train": tfnorm.analyze(rows(0), recipe).digest,
        "eval": tfnorm.analyze(rows(1), recipe).digest,
    }
    assert digests(made) == expected
    lines = "\n".join(f"{split} {expected[split]}" for split in ("eval", "train"))
    assert made.digest == hashlib.sha256(lines.encode()).hexdigest()
    assert made.splits == ["eval", "train"]
    assert (made.rows, made.span) == (80, 3)
    assert made.recipe_digest == ("" if recipe is None else recipe.digest)
    kept = tfnorm.load_statistics(tmp_path / "out/Split-train")
    assert kept.digest == expected["train"]


def test_statistics_are_those_of_the_job_alone(tmp_path):
    given = examples(tmp_path / "in", kind="parquet")
    made = take([given], tmp_path / "out")
    alone = tfnorm.beam.compute_statistics(
        str(tmp_path / "in/Split-eval/*"), RECIPE, tmp_path / "alone"
    )
    assert digests(made)["eval"] == alone.digest


def test_steps_of_sequence_examples_are_values(tmp_path):
    made = examples(tmp_path / "in", ())
    made.split_names = '["train"]'
    record = tf.train.SequenceExample()
    for value in (1.0, 2.0, 6.0):
        steps = record.feature_lists.feature_list["s"].feature
        steps.add().float_list.value.append(value)
    path = tmp_path / "in/Split-train/data_tfrecord-00000-of-00001.gz"
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        writer.write(record.SerializeToString())
        writer.write(record.SerializeToString())
    examples_utils.set_payload_format(made, FORMATS.FORMAT_TF_SEQUENCE_EXAMPLE)
    take([made], tmp_path / "out", tfnorm.Recipe({"s": schemes.ZScore()}))
    found = tfnorm.load_statistics(tmp_path / "out/Split-train")
    assert (found["s"].mean, found["s"].counts.valid, found.rows) == (3.0, 6, 2)


def test_protos_of_another_kind_are_refused(tmp_path):
    given = examples(tmp_path / "in")
    examples_utils.set_payload_format(given, FORMATS.FORMAT_PROTO)
    with pytest.raises(errors.FormatError, match="Have ExampleGen write"):
        take([given], tmp_path / "out")


def test_formats_are_not_mixed(tmp_path):
    given = [
        examples(tmp_path / "1"),
        examples(tmp_path / "2", kind="parquet"),
    ]
    with pytest.raises(errors.FormatError, match="merge them"):
        take(given, tmp_path / "out")


def test_several_artifacts_are_read_together(tmp_path):
    given = [
        examples(tmp_path / "1", span=1),
        examples(tmp_path / "2", ("train", "test"), seed=5, span=2),
    ]
    made = take(given, tmp_path / "out")
    train = [
        *files_of(tmp_path / "1/Split-train"),
        *files_of(tmp_path / "2/Split-train"),
    ]
    both = tfnorm.analyze([path for path in train if "-00000-of" in path], RECIPE)
    assert digests(made)["train"] == both.digest
    assert made.splits == ["eval", "test", "train"]
    assert made.span == 2


def test_splits_may_have_patterns_of_their_own(tmp_path):
    write.write_parquet(rows(0), tmp_path / "in/a")
    write.write_parquet(rows(1), tmp_path / "in/b")
    given = standard_artifacts.Examples()
    given.uri = str(tmp_path / "in")
    given.split_names = "[]"
    examples_utils.set_file_format(given, "parquet")
    name, said = examples_utils.get_custom_split_patterns_key_and_property(
        {"first": "a-*", "second": "b-*"}
    )
    given.set_string_custom_property(name, said)
    made = take([given], tmp_path / "out")
    assert digests(made) == {
        "first": tfnorm.analyze(rows(0), RECIPE).digest,
        "second": tfnorm.analyze(rows(1), RECIPE).digest,
    }


@pytest.mark.parametrize(
    "chosen", [{"splits": ["eval"]}, {"exclude_splits": ["train"]}]
)
def test_splits_may_be_chosen(tmp_path, chosen):
    assert take([examples(tmp_path / "in")], tmp_path / "out", **chosen).splits == [
        "eval"
    ]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"splits": ["test"]}, "no split 'test' in"),
        ({"exclude_splits": ["test"]}, "no split 'test' in"),
        ({"exclude_splits": ["train", "eval"]}, "is left"),
        ({"splits": "eval"}, "must be a list"),
        ({"splits": [], "exclude_splits": []}, "not both"),
    ],
)
def test_splits_that_are_not_there_are_named(tmp_path, chosen, message):
    with pytest.raises(errors.OptionsError, match=message):
        take([examples(tmp_path / "in")], tmp_path / "out", **chosen)


def test_a_split_without_rows_is_named_with_its_files(tmp_path):
    given = [examples(tmp_path / "in")]
    for path in (tmp_path / "in/Split-eval").glob("*-00000-of-*"):
        path.unlink()
    message = r"'eval' has not one row in \S+in/Split-eval/\*\..*`exclude_splits`"
    with pytest.raises(errors.EmptyDataError, match=message):
        take(given, tmp_path / "1")
    assert take(given, tmp_path / "2", exclude_splits=["eval"]).splits == ["train"]


def test_features_that_the_rows_lack_may_be_left_out(tmp_path):
    label = tfnorm.Recipe({**RECIPE.features, "label": schemes.ZScore()})
    given = [examples(tmp_path / "in")]
    with pytest.raises(errors.FeatureError, match="no value in any"):
        take(given, tmp_path / "1", label)
    made = take(given, tmp_path / "2", label, exclude_features=["label"])
    assert made.digest == take(given, tmp_path / "3").digest
    assert made.recipe_digest == RECIPE.digest


@pytest.mark.parametrize(
    ("recipe", "exclude", "message"),
    [
        (RECIPE, ["label"], "recipe has n, x"),
        (RECIPE, ["n", "x"], "leaves no feature"),
        (None, ["x"], "give `recipe`"),
    ],
    ids=["unknown", "all", "no recipe"],
)
def test_features_to_leave_out_are_those_of_a_recipe(
    tmp_path, recipe, exclude, message
):
    given = [examples(tmp_path / "in")]
    with pytest.raises(errors.RecipeError, match=message):
        take(given, tmp_path / "out", recipe, exclude_features=exclude)


def test_encoded_images_become_pixels(tmp_path):
    made = examples(tmp_path / "in", ("train",))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    png = np.array([tf.io.encode_png(one).numpy() for one in pixels], object)
    folder = tmp_path / "in/Split-train"
    for path in folder.iterdir():
        path.unlink()
    (path,) = write.write_tfrecords({"word": png}, folder / "some", compress=True)
    pathlib.Path(path).rename(folder / "data_tfrecord-00000-of-00001.gz")
    recipe = tfnorm.Recipe({"word": schemes.ZScore()})
    said = {"schema": schema(tmp_path / "schema")}
    images = tfnorm.sources.Images("word", crop=(2, 2))
    take([made], tmp_path / "out", recipe, inputs=said, images=images)
    found = tfnorm.load_statistics(tmp_path / "out/Split-train")
    expected = pixels[:, 1:3, 2:4].reshape(-1, 3).mean(0)
    np.testing.assert_allclose(found["word"].mean, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "media",
    [
        {"images": tfnorm.sources.Images("photo", decoder="tensorflow", resize=(8, 9))},
        {"audio": tfnorm.sources.Audio("speech", features="mfcc", n_mfcc=20)},
    ],
    ids=["images", "audio"],
)
def test_how_media_are_decoded_travels_as_a_parameter(media):
    channel = types.Channel(type=standard_artifacts.Examples)
    component = tfnorm.tfx.NormalizationStatisticsGen(channel, RECIPE, **media)
    assert examples_lib.decoded_media(component.exec_properties) == media


def test_rows_may_be_seen_in_slices(tmp_path):
    chosen = {"slices": ["word", ("word", "n")]}
    made = take([examples(tmp_path / "in")], tmp_path / "out", **chosen)
    assert digests(made)["train"] == tfnorm.analyze(rows(0), RECIPE, **chosen).digest


def test_an_empty_parameter_is_as_none(tmp_path):
    given = [examples(tmp_path / "in")]
    made = take(given, tmp_path / "1", weight="")
    assert made.digest == take(given, tmp_path / "2").digest


def test_rows_may_be_chosen_and_weighted(tmp_path):
    chosen = {"filters": [("x", ">", 0.0)], "weight": "n"}
    recipe = tfnorm.Recipe({"x": schemes.ZScore()})
    made = take([examples(tmp_path / "in")], tmp_path / "out", recipe, **chosen)
    assert digests(made)["train"] == tfnorm.analyze(rows(0), recipe, **chosen).digest


def test_a_schema_says_which_features_there_are(tmp_path):
    given = [examples(tmp_path / "in", kind="plain")]
    said = {"schema": schema(tmp_path / "schema", "unseen")}
    take(given, tmp_path / "out", None, inputs=said)
    found = tfnorm.load_statistics(tmp_path / "out/Split-train")
    assert [*found] == ["unseen", "x"]
    assert found["unseen"].counts.missing == 40
    assert found["x"] == tfnorm.analyze(rows(0))["x"]


@pytest.mark.parametrize(
    ("recipe", "feature"),
    [
        (RECIPE, "n"),
        (tfnorm.Recipe({"word": schemes.ZScore()}), "word"),
        (tfnorm.Recipe({"x": schemes.PerKey(schemes.ZScore(), "user")}), "user"),
        (tfnorm.Recipe({"x": schemes.ZScore()}, weight="w"), "w"),
    ],
    ids=["absent", "words", "key", "weight"],
)
def test_a_schema_that_lacks_what_the_recipe_names_is_an_error(
    tmp_path, recipe, feature
):
    given = examples(tmp_path / "in")
    given.uri = "/no/such/place"  # Nothing is read.
    said = {"schema": schema(tmp_path / "schema", "unseen")}
    with pytest.raises(errors.RecipeError) as raised:
        take([given], tmp_path / "out", recipe, inputs=said)
    assert raised.value.feature == feature


def test_earlier_statistics_are_merged(tmp_path):
    days = [examples(tmp_path / f"{i}", seed=10 * i, span=i) for i in range(3)]
    found = [take([day], tmp_path / f"s{i}") for i, day in enumerate(days[:2])]
    inputs = {"earlier_statistics": found}
    made = take(days[2:], tmp_path / "out", inputs=inputs)
    whole = take(days, tmp_path / "whole")
    assert (made.digest, made.rows) == (whole.digest, whole.rows)


def test_examples_that_are_counted_are_not_counted_again(tmp_path):
    days = [examples(tmp_path / f"{i}", seed=10 * i) for i in range(2)]
    inputs = {"earlier_statistics": [take(days[:1], tmp_path / "s", splits=["train"])]}
    again = take(days, tmp_path / "again", inputs=inputs)
    assert again.digest == take(days, tmp_path / "whole").digest
    inputs = {"earlier_statistics": [again]}
    assert take(days, tmp_path / "twice", inputs=inputs).digest == again.digest
    days[0].id = 7  # Another artifact in the same place.
    with pytest.raises(errors.DataError, match="already"):
        take(days[:1], tmp_path / "other", inputs=inputs)


def test_a_pipeline_merges_what_the_same_component_found_before(tmp_path):
    for number in range(3):
        examples(tmp_path / f"{number}", ("train",), seed=number)

    def imported(number, name):
        return tfx.dsl.Importer(
            source_uri=str(tmp_path / f"{number}"),
            artifact_type=standard_artifacts.Examples,
            properties={"split_names": '["train"]'},
        ).with_id(name)

    def run(day):
        new, logs = imported(day, "new"), imported(2, "logs")
        channel = tfx.dsl.Channel(
            type=tfnorm.tfx.NormalizationStatistics,
            producer_component_id="DailyStatistics",
            output_key="statistics",
        )
        before = tfx.dsl.Resolver(
            strategy_class=tfx.dsl.experimental.LatestArtifactStrategy,
            statistics=channel,
        ).with_id("before")
        daily = tfnorm.tfx.NormalizationStatisticsGen(
            examples=new.outputs["result"], statistics=before.outputs["statistics"]
        ).with_id("DailyStatistics")
        other = tfnorm.tfx.NormalizationStatisticsGen(
            examples=logs.outputs["result"]
        ).with_id("StatisticsOfLogs")  # Its statistics are the latest of all.
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="daily",
                pipeline_root=str(tmp_path / "root"),
                components=[new, logs, before, daily, other],
                metadata_connection_config=connection,
            )
        )

    config = tfx.orchestration.metadata.sqlite_metadata_connection_config
    connection = config(str(tmp_path / "metadata.db"))
    for day in range(2):
        run(day)
    kind = tfnorm.tfx.NormalizationStatistics.TYPE_NAME
    made = metadata_store.MetadataStore(connection).get_artifacts_by_type(kind)
    (last,) = [one for one in made if one.custom_properties["rows"].int_value == 80]
    train = files_of(tmp_path / "0/Split-train") + files_of(tmp_path / "1/Split-train")
    expected = tfnorm.analyze([path for path in train if "-00000-of" in path])
    found = tfnorm.load_statistics(f"{last.uri}/Split-train")
    assert found.digest == expected.digest


def test_no_earlier_statistics_are_as_none(tmp_path):
    given = [examples(tmp_path / "in")]
    made = take(given, tmp_path / "1", inputs={"earlier_statistics": []})
    assert made.digest == take(given, tmp_path / "2").digest


@pytest.mark.parametrize("bad", [b"\0\0\0\0", b""], ids=["damaged", "empty"])
def test_a_failure_leaves_no_half_made_artifact(tmp_path, bad):
    given = examples(tmp_path / "in", kind="plain")
    path = tmp_path / "in/Split-eval/examples-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-4] + bad if bad else b"")
    with pytest.raises(errors.DataError):
        take([given], tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_unreadable_records_are_counted(tmp_path):
    given = examples(tmp_path / "in", kind="plain")
    path = tmp_path / "in/Split-eval/examples-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    assert take([given], tmp_path / "out", max_bad_records=1).rows == 79


def test_arguments_of_beam_reach_the_job(tmp_path):
    given = [examples(tmp_path / "in")]
    with pytest.raises(errors.OptionsError, match="is refused"):
        dask = "apache_beam.runners.dask.dask_runner.DaskRunner"
        take(given, tmp_path / "1", beam_args=[f"--runner={dask}"])
    # TFX adds what it needs on other runners: its package, and labels.
    flags = ["--runner=FnApiRunner", "--job_name=a", "--project=b"]
    made = take(given, tmp_path / "2", beam_args=flags)
    assert digests(made)["train"] == tfnorm.analyze(rows(0), RECIPE).digest


def test_what_is_no_recipe_is_refused(tmp_path):
    with pytest.raises(errors.RecipeError, match="but `str` came"):
        take([examples(tmp_path / "in")], tmp_path / "out", "recipe.json")
