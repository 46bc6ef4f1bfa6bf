# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What Beam's file systems hold is read and written as what lies on this machine."""

import concurrent.futures
import gzip
import pathlib

import numpy as np
import pytest

import tfnorm
from pipelines import merge_statistics
from tests import columns_by_format
from tests import remote_files
from tfnorm import errors
from tfnorm import files
from tfnorm import schemes
from tfnorm import sources
from tfnorm.sources import write

RECIPE = tfnorm.Recipe({"x": schemes.ZScore(), "y": schemes.Quantile()})
FORMATS = [*sorted(columns_by_format.WRITERS), "csv", "csv gzip", "npy"]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder, whose files are under `shelf://` too."""
    system = remote_files.ShelfFileSystem
    monkeypatch.setattr(system, "folder", tmp_path)
    monkeypatch.setattr(system, "bytes_read", 0)
    monkeypatch.setattr(system, "fails_after", None)
    return tmp_path


def columns(seed: int = 0, rows: int = 400) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=rows).astype(np.float32),
        "y": rng.integers(0, 999, rows),
        "v": rng.normal(size=(rows, 3)).astype(np.float32),
    }


def written(format_: str, folder: pathlib.Path, rows: int = 400) -> str:
    """Writes two files; returns their pattern, from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = columns(rows=rows)
    if format_ == "npy":
        np.save(folder / "0.npy", data["v"])
        return "*.npy"
    if "csv" in format_:
        rows = zip(data["x"].tolist(), data["y"].tolist(), strict=True)
        text = "x,y\n" + "".join(f"{x!r},{y}\n" for x, y in rows)
        zipped = "gzip" in format_
        path = folder / ("0.csv.gz" if zipped else "0.csv")
        path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
        return path.name
    pattern = columns_by_format.WRITERS[format_](data, folder, 2)
    return pathlib.PurePath(pattern).name


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_has_the_digest_of_local_files(shelf, format_):
    pattern = written(format_, shelf / "d/day=1")
    local = tfnorm.analyze(f"{shelf}/d/day=*/{pattern}")
    assert tfnorm.analyze(f"shelf://d/day=*/{pattern}").digest == local.digest


@pytest.mark.parametrize("format_", FORMATS)
def test_a_lost_connection_is_an_error_that_names_the_file(shelf, format_, monkeypatch):
    pattern = written(format_, shelf / "d", rows=4000)
    shards = sources.open(f"shelf://d/{pattern}")
    monkeypatch.setattr(remote_files.ShelfFileSystem, "fails_after", 0)
    with pytest.raises(errors.DataError, match="connection was lost") as error:
        list(shards[0].read())
    assert error.value.file == shards[0].path


# Of CSV without compression, what is left may be rows as good as any.
@pytest.mark.parametrize("format_", [f for f in FORMATS if f != "csv"])
def test_a_file_cut_off_is_an_error_that_names_the_file(shelf, format_):
    pattern = written(format_, shelf / "d", rows=4000)
    for path in (shelf / "d").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(errors.DataError) as error:
        for shard in sources.open(f"shelf://d/{pattern}"):
            list(shard.read())
    assert error.value.file.startswith("shelf://d/")


def test_of_parquet_only_the_columns_asked_for_travel(shelf):
    rng = np.random.default_rng(0)
    data = {f"x{i}": rng.normal(size=50_000) for i in range(20)}
    (path,) = write.write_parquet(data, shelf / "d/a")
    recipe = tfnorm.Recipe({"x7": schemes.ZScore()})
    found = tfnorm.analyze(f"shelf://d/{pathlib.Path(path).name}", recipe)
    assert found.digest == tfnorm.analyze(path, recipe).digest
    # One of 20 columns, and the footer three times.
    assert (
        remote_files.ShelfFileSystem.bytes_read < pathlib.Path(path).stat().st_size / 10
    )


def test_patterns_match_as_on_this_machine(shelf):
    for place in ("d/a.npy", "d/day=1/b.npy", "d/day=2/b.npy", "d/day=2/h/c.npy"):
        (shelf / place).parent.mkdir(parents=True, exist_ok=True)
        np.save(shelf / place, np.arange(3))
    for pattern in ("d/*.npy", "d/day=*/b.npy", "d/day=[12]/?.npy", "d/*/h/*.npy"):
        local = [
            s.path.removeprefix(f"{shelf}/") for s in sources.open(f"{shelf}/{pattern}")
        ]
        remote = [s.path for s in sources.open(f"shelf://{pattern}")]
        assert remote == [f"shelf://{path}" for path in local]


@pytest.mark.parametrize(
    ("path", "kind", "match"),
    [
        ("shelf://d/none.npy", errors.EmptyDataError, "no such file"),
        ("shelf://d/*.npy", errors.EmptyDataError, "No file matches"),
        ("shelf://d", errors.DataError, "directory"),
        ("nowhere://d/a.npy", errors.OptionsError, "apache-beam"),
    ],
)
def test_what_cannot_be_found_is_an_error(shelf, path, kind, match):
    (shelf / "d").mkdir()
    (shelf / "d/a.csv").write_text("x\n1\n")
    with pytest.raises(kind, match=match) as error:
        sources.open(path)
    assert error.value.file == path


def test_what_was_applied_is_read_and_turned_back_by_its_folder(shelf):
    write.write_parquet(columns(), shelf / "d/p", shards=2)
    recipe = tfnorm.Recipe({"x": schemes.ZScore()})
    before = tfnorm.analyze("shelf://d/*.parquet", recipe)
    fitted = recipe.fit(before)
    tfnorm.beam.apply_recipe("shelf://d/*.parquet", fitted, "shelf://n")
    assert tfnorm.analyze("shelf://n", recipe).rows == 400
    tfnorm.beam.apply_recipe("shelf://n/", fitted, "shelf://b", inverse=True)
    back = tfnorm.analyze("shelf://b", recipe)["x"]
    np.testing.assert_allclose(back.mean, before["x"].mean, atol=1e-7)


def test_statistics_recipes_and_fitted_recipes_are_kept(shelf):
    found = tfnorm.analyze(columns(), RECIPE)
    found.save("shelf://s/stats")
    loaded = tfnorm.load_statistics("shelf://s/stats")
    assert (loaded, loaded.digest) == (found, found.digest)
    RECIPE.save("shelf://s/recipe.json")
    assert tfnorm.load_recipe("shelf://s/recipe.json") == RECIPE
    fitted = RECIPE.fit(found)
    fitted.save("shelf://s/fitted.json")
    assert tfnorm.load_fitted("shelf://s/fitted.json").digest == fitted.digest


def test_a_remote_artifact_is_one_when_copied_here(shelf):
    found = tfnorm.analyze(columns())
    found.save("shelf://s")
    assert tfnorm.load_statistics(shelf / "s").digest == found.digest


def test_an_artifact_of_this_machine_is_one_when_copied_there(shelf):
    found = tfnorm.analyze(columns())
    found.save(shelf / "s")
    assert tfnorm.load_statistics("shelf://s").digest == found.digest


def test_one_who_writes_leaves_no_state_of_before(shelf):
    for seed in range(3):
        tfnorm.analyze(columns(seed)).save("shelf://s")
    assert len(list((shelf / "s").iterdir())) == 2


def test_of_two_writers_one_wins_whole(shelf, monkeypatch):
    one, other = (tfnorm.analyze(columns(seed)) for seed in (1, 2))
    one.save("shelf://s")
    waiting = [other]

    def meanwhile(path):
        # Just before the summary of the first, the second writes all it has.
        if "statistics.json" in path and waiting:
            waiting.pop().save("shelf://s")

    system = remote_files.ShelfFileSystem
    monkeypatch.setattr(system, "before_write", staticmethod(meanwhile))
    one.save("shelf://s")
    assert not waiting
    assert tfnorm.load_statistics("shelf://s").digest == one.digest


def test_readers_find_one_writer_or_another_whole(shelf):
    found = [tfnorm.analyze(columns(seed, rows=20)) for seed in range(2)]
    digests = {one.digest for one in found}
    found[0].save("shelf://s")

    def write_often(one):
        for _ in range(20):
            one.save("shelf://s")

    def read_often(_):
        return {tfnorm.load_statistics("shelf://s").digest for _ in range(40)}

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write_often, one) for one in found]
        seen = set().union(*pool.map(read_often, range(2)))
        for writer in writers:
            writer.result()
    assert seen <= digests
    assert tfnorm.load_statistics("shelf://s").digest in digests


def test_who_fails_leaves_what_was_there(shelf, monkeypatch):
    before = tfnorm.analyze(columns(1))
    before.save("shelf://s")

    def fail(path):
        if "statistics.json" in path:
            raise OSError("the disk is full")

    system = remote_files.ShelfFileSystem
    monkeypatch.setattr(system, "before_write", staticmethod(fail))
    with pytest.raises(errors.ArtifactError, match="disk is full"):
        tfnorm.analyze(columns(2)).save("shelf://s")
    assert tfnorm.load_statistics("shelf://s").digest == before.digest
    assert len(list((shelf / "s").iterdir())) == 2


def test_a_folder_of_other_things_is_not_written_to(shelf):
    (shelf / "s").mkdir()
    (shelf / "s/thesis.tex").write_text("")
    with pytest.raises(errors.ArtifactError, match="holds no"):
        tfnorm.analyze(columns()).save("shelf://s")
    assert len(list((shelf / "s").iterdir())) == 1


JOBS = {
    "statistics": lambda: tfnorm.beam.compute_statistics("shelf://d/*", None, OUT),
    "splits": lambda: tfnorm.beam.compute_splits({"a": "shelf://d/*"}, None, OUT),
    "merge": lambda: tfnorm.beam.merge_statistics(["shelf://part"], OUT),
}
OUT = "shelf://s"


@pytest.mark.parametrize("job", JOBS)
def test_a_job_asks_first_whether_its_folder_can_be_written(shelf, monkeypatch, job):
    write.write_parquet(columns(), shelf / "d/p")
    tfnorm.analyze("shelf://d/*").save("shelf://part")
    (shelf / "s").mkdir()
    (shelf / "s/thesis.tex").write_text("")
    paths = []
    system = remote_files.ShelfFileSystem
    monkeypatch.setattr(system, "before_write", staticmethod(paths.append))
    with pytest.raises(errors.ArtifactError, match="holds no"):
        JOBS[job]()
    assert paths == []


def test_state_that_was_changed_is_an_error(shelf):
    tfnorm.analyze(columns(1)).save("shelf://s")
    (state,) = (shelf / "s").glob("*.npz")
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(errors.ArtifactError, match="corrupted"):
        tfnorm.load_statistics("shelf://s")


def test_what_needs_a_folder_renamed_is_an_error():
    with pytest.raises(errors.ArtifactError, match="no folder is renamed"):
        files.check_replaceable("s3://bucket/model", "manifest.json")


def test_merged_statistics_are_written_where_the_parts_are(shelf):
    days = [columns(seed) for seed in (1, 2)]
    whole = tfnorm.Statistics()
    for day, data in enumerate(days):
        found = tfnorm.analyze(data, RECIPE)
        found.save(f"shelf://days/{day}")
        whole = whole.merge(found)
    parts = ["shelf://days/0", "shelf://days/1"]
    merged = tfnorm.beam.merge_statistics(parts, "shelf://both")
    assert merged.digest == whole.digest
    less = ["shelf://days/1"]
    left = tfnorm.beam.merge_statistics(["shelf://both"], "shelf://less", subtract=less)
    assert tfnorm.load_statistics("shelf://less").digest == left.digest
    assert left["x"].mean == tfnorm.analyze(days[0], RECIPE)["x"].mean
    assert sorted(path.name for path in shelf.iterdir()) == ["both", "days", "less"]


def test_splits_are_written_and_read(shelf):
    pattern = written("tfrecord", shelf / "d")
    inputs = {"train": f"shelf://d/{pattern}", "eval": f"shelf://d/{pattern}"}
    found = tfnorm.beam.compute_splits(inputs, RECIPE, "shelf://out")
    local = tfnorm.analyze(f"{shelf}/d/{pattern}", RECIPE)
    for split in inputs:
        there = tfnorm.load_statistics(f"shelf://out/Split-{split}")
        assert there.digest == found[split].digest == local.digest
    assert (shelf / "out/splits.json").is_file()
    assert sorted(path.name for path in shelf.iterdir()) == ["d", "out"]


def of_key(shelf, rows: int) -> dict:
    """Computes splits by a column of that many values; returns their digests."""
    data = {"x": np.arange(12.0), "k": np.arange(12) % rows}
    write.write_parquet(data, shelf / f"k{rows}/p")
    found = tfnorm.beam.compute_splits(
        f"shelf://k{rows}/*.parquet", None, "shelf://s", by="k"
    )
    return {name: part.digest for name, part in found.items()}


def loaded(names) -> dict:
    return {n: tfnorm.load_statistics(f"shelf://s/Split-{n}").digest for n in names}


def test_fewer_splits_leave_none_of_before(shelf):
    for rows in (3, 2):
        found = of_key(shelf, rows)
        assert loaded(found) == found
    with pytest.raises(errors.ArtifactError, match="no such file"):
        tfnorm.load_statistics("shelf://s/Split-2")
    assert len(list((shelf / "s").iterdir())) == 2
    (shelf / "s").rename(shelf / "copied")
    copied = tfnorm.load_statistics(shelf / "copied/Split-0")
    assert copied.digest == found["0"]


def test_of_two_jobs_the_splits_of_one_are_found(shelf, monkeypatch):
    between = iter([2])

    def meanwhile(path):
        if "shelf://s/splits-" in path and next(between, None):
            of_key(shelf, 2)

    monkeypatch.setattr(
        remote_files.ShelfFileSystem, "before_write", staticmethod(meanwhile)
    )
    found = of_key(shelf, 3)
    assert next(between, None) is None
    assert loaded(found) == found
    assert len(list((shelf / "s").iterdir())) == 2


def test_splits_are_not_written_among_other_things_nor_one_alone(shelf):
    found = of_key(shelf, 2)
    with pytest.raises(errors.ArtifactError, match="all splits at once"):
        tfnorm.Statistics().save("shelf://s/Split-1")
    assert loaded(found) == found
    (shelf / "s/splits.json").rename(shelf / "s/thesis.tex")
    with pytest.raises(errors.ArtifactError, match="holds no"):
        of_key(shelf, 2)


def test_a_pattern_names_artifacts_and_no_other_folders(shelf):
    of_key(shelf, 2)
    for day in (1, 2):
        tfnorm.analyze(columns(day)).save(f"shelf://days/{day}")
    (shelf / "days/notes").mkdir()
    (shelf / "days/notes/a.txt").write_text("")
    expected = {"days/*": ["days/1", "days/2"], "s/Split-*": ["s/Split-0", "s/Split-1"]}
    for pattern, paths in expected.items():
        found = tfnorm.artifact.folders(f"shelf://{pattern}")
        assert found == [f"shelf://{path}" for path in paths]
    local = tfnorm.artifact.folders(f"{shelf}/days/*")
    assert local == [f"{shelf}/days/1", f"{shelf}/days/2"]
    arguments = ["--part", "shelf://days/*", "--out", "shelf://all"]
    assert merge_statistics.main(arguments).rows == 800
    for pattern in ("shelf://none/*", f"{shelf}/days/n*"):
        with pytest.raises(errors.EmptyDataError, match=r"statistics\.json"):
            tfnorm.artifact.folders(pattern)
