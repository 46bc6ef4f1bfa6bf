# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics artifact: equal data, equal bytes; trusted only if unchanged."""

import dataclasses
import json
import resource
import subprocess
import sys
from concurrent import futures

import numpy as np
import pytest

import tfnorm
from tfnorm import artifact
from tfnorm import errors
from tfnorm import statistics


def table(values, rows=None, name="x") -> artifact.Statistics:
    found = statistics.FeatureStatistics.of(np.asarray(values))
    return artifact.Statistics({name: found}, rows or len(values))


@pytest.fixture
def found() -> artifact.Statistics:
    rng = np.random.default_rng(0)
    features = {
        "floats": statistics.FeatureStatistics.of(rng.normal(size=20_000)),
        "images": statistics.FeatureStatistics.of(
            rng.integers(0, 256, (9, 4, 4, 3), np.uint8)
        ),
        "offset": statistics.FeatureStatistics.of(
            np.array([-(2**62), 7, 0]), missing=np.array([False, False, True])
        ),
        "absent": statistics.FeatureStatistics(5, 5),
    }
    return artifact.Statistics(features, 20_000, 3, {"type": "x"}, ("a", "b"))


def test_reads_back_what_it_wrote(found, tmp_path):
    found.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert again.digest == found.digest
    assert again["offset"].min == -(2**62)
    assert (again.rows, again.bad_records, again.sources) == (20_000, 3, ("a", "b"))


def test_equal_data_write_equal_bytes(found, tmp_path):
    found.save(tmp_path / "one")
    found.merge(artifact.Statistics()).save(tmp_path / "two")
    for name in ("statistics.json", "accumulators.npz"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_statistics_survive_reading_so_that_merging_goes_on(found, tmp_path):
    found.save(tmp_path / "s")
    again = tfnorm.load_statistics(tmp_path / "s")
    assert again.merge(again).digest == found.merge(found).digest


def test_tells_what_rows_its_parts_were_asked_for():
    lines = ('{"feature": "image", "crop": null}', '{"split": "a"}', '{"weight": "w"}')
    part = artifact.Statistics(provenance=lines)
    assert part.asked == {"split": ["a"], "weight": ["w"]}
    other = artifact.Statistics(provenance=('{"split": "b"}', '{"weight": "w"}'))
    assert part.merge(other).asked == {"split": ["a", "b"], "weight": ["w"]}
    assert artifact.Statistics().asked == {}


def test_the_digest_does_not_depend_on_provenance(found):
    bare = artifact.Statistics(found.features, found.rows)
    assert bare.digest == found.digest


@pytest.mark.parametrize("other", [[1.0, 2.0, 3.5], [1.0, 2.0]])
def test_other_data_have_another_digest(other):
    assert table([1.0, 2.0, 3.0]).digest != table(other).digest


def test_the_summary_is_readable(found, tmp_path):
    found.save(tmp_path / "s")
    described = json.loads((tmp_path / "s" / "statistics.json").read_text())
    images = described["features"]["images"]
    assert images["shape"] == [3] and images["kind"] == "integer"
    assert described["features"]["offset"]["counts"]["missing"] == 1
    assert images["quantiles"]["0.5"]["lower"] == images["quantiles"]["0.5"]["upper"]


def test_replaces_an_artifact_as_a_whole(found, tmp_path):
    table([1.0]).save(tmp_path / "s")
    found.save(tmp_path / "s")
    assert tfnorm.load_statistics(tmp_path / "s").digest == found.digest
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("name", ["statistics.json", "accumulators.npz"])
def test_a_flipped_bit_is_found_or_changes_nothing(found, tmp_path, name):
    found.save(tmp_path / "s")
    path = tmp_path / "s" / name
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    harmless = 0
    for position in rng.integers(len(whole), size=300):
        data = bytearray(whole)
        data[position] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            again = tfnorm.load_statistics(tmp_path / "s")
        except errors.ArtifactError as error:
            assert error.file == str(tmp_path / "s")
        else:
            harmless += 1  # Such as a date in the zip, which says nothing.
            assert again == found
    assert harmless < 100


@pytest.mark.parametrize(
    ("key", "value"),
    [("digest", "0" * 64), ("recipe", None), ("sources", ["x"]), ("bad_records", 7)],
)
def test_a_changed_summary_is_found(found, tmp_path, key, value):
    found.save(tmp_path / "s")
    path = tmp_path / "s" / "statistics.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {key: value}))
    with pytest.raises(errors.ArtifactError, match="corrupted"):
        tfnorm.load_statistics(tmp_path / "s")


@pytest.mark.parametrize("name", ["statistics.json", "accumulators.npz"])
def test_a_truncated_artifact_is_found(found, tmp_path, name):
    found.save(tmp_path / "s")
    path = tmp_path / "s" / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(errors.ArtifactError, match="corrupted"):
        tfnorm.load_statistics(tmp_path / "s")


def test_says_where_there_is_no_artifact(tmp_path):
    with pytest.raises(errors.ArtifactError, match="nothing-here"):
        tfnorm.load_statistics(tmp_path / "nothing-here")


FULL_DISK = """
import resource, signal, sys
import numpy as np
from tfnorm import artifact, errors, statistics
values = np.random.default_rng(0).normal(size=50_000)
found = artifact.Statistics({"x": statistics.FeatureStatistics.of(values)}, 50_000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    found.save(sys.argv[1])
except errors.ArtifactError as error:
    print(error)
"""


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path):
    table([1.0]).save(tmp_path / "s")
    before = tfnorm.load_statistics(tmp_path / "s").digest
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    assert tfnorm.load_statistics(tmp_path / "s").digest == before
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_a_folder_that_cannot_be_made_is_a_typed_error(found, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.ArtifactError, match="cannot be written"):
        found.save(tmp_path / "file" / "s")


def test_refuses_to_merge_statistics_of_other_features():
    with pytest.raises(errors.StatisticsError, match="x, y"):
        table([1.0]).merge(table([1.0], name="y"))


def test_names_the_feature_that_does_not_fit():
    with pytest.raises(errors.StatisticsError, match="feature 'x'.*integer"):
        table([1.0]).merge(table([1]))


def test_subtracts_a_part_exactly():
    whole, part = table([1.0, 9.0, 5.0, 0.0]), table([5.0])
    assert whole.subtract(part).digest == table([1.0, 9.0, 0.0]).digest


def test_names_the_features_there_are():
    with pytest.raises(KeyError, match="'y' is not among x"):
        _ = table([1.0])["y"]


def test_converts_to_tfdv_protocol_buffers(found):
    dataset = found.to_tfmd().datasets[0]
    by_name = {feature.path.step[0]: feature for feature in dataset.features}
    assert dataset.num_examples == 20_000
    assert set(by_name) == {
        "absent",
        "floats",
        "images[0]",
        "images[1]",
        "images[2]",
        "offset",
    }
    floats = by_name["floats"].num_stats
    assert floats.mean == found["floats"].mean
    assert floats.std_dev == found["floats"].std
    assert floats.median == found["floats"].quantile(0.5).value
    assert by_name["offset"].num_stats.common_stats.num_missing == 1


def test_never_replaces_a_folder_of_other_things(found, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(errors.ArtifactError, match="holds no statistics.json"):
        found.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_writing_one_path_at_a_time_leaves_one_whole(tmp_path):
    parts = [table(np.arange(2.0 + n)) for n in range(4)]
    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: part.save(tmp_path / "s"), parts * 10))
    found = tfnorm.load_statistics(tmp_path / "s")
    assert found.digest in {part.digest for part in parts}
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_reading_while_it_is_replaced_finds_one_whole(tmp_path):
    parts = [table(np.arange(2.0 + n)) for n in range(2)]
    parts[0].save(tmp_path / "s")
    digests = {part.digest for part in parts}
    with futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [p.save(tmp_path / "s") for p in parts * 20])
        while not writing.done():
            assert tfnorm.load_statistics(tmp_path / "s").digest in digests
        writing.result()


def test_writes_what_a_link_points_to(found, tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "v1")
    found.save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert tfnorm.load_statistics(tmp_path / "v1").digest == found.digest


def test_taking_nothing_away_changes_nothing(found):
    assert found.subtract(artifact.Statistics()) == found


def test_more_bad_records_than_there_are_cannot_be_subtracted():
    found = tfnorm.analyze({"x": np.arange(4.0)})
    bad = dataclasses.replace(found, bad_records=1)
    assert bad.subtract(bad).bad_records == 0
    with pytest.raises(errors.StatisticsError, match="never merged in"):
        found.subtract(bad)
