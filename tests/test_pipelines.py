# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The main job, and the files that run each step on the runner that flags name."""

import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image

import tfnorm
from pipelines import apply_recipe
from pipelines import compute_statistics
from pipelines import flights
from pipelines import merge_statistics
from tfnorm import schemes
from tfnorm.sources import write


def test_reads_every_flight():
    columns = flights.read()
    assert {len(column.values) for column in columns.values()} == {336_776}
    assert columns["arr_delay"].missing.sum() == 9_430
    assert columns["scheduled"].values.dtype == np.int64


@pytest.mark.slow
def test_serves_in_a_fresh_process_what_the_model_says(tmp_path):
    # In a process of its own, as `make run` starts it. Exits with an error if the
    # digests of the two formats or any served number differ.
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.local", "--rows", "20000", "--epochs", "1",
         "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "equal to the last bit" in done.stdout
    assert "tfnorm inspect" in done.stdout
    found = tfnorm.load_statistics(tmp_path / "statistics-parquet")
    assert found.rows == 20_000
    assert tfnorm.inspect(tmp_path / "saved_model").statistics_digest == found.digest


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=999).astype(np.float32), "n": np.arange(999)}
    write.write_tfrecords(columns, folder / "d", shards=3)
    recipe = tfnorm.Recipe({"x": schemes.Robust(), "n": schemes.ZScore()})
    recipe.save(folder / "recipe.json")
    return folder


def flags(**options) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


# On other engines: tests/test_distributed.py.
def test_statistics_are_computed_and_merged_by_flags_alone(data, tmp_path):
    recipe = data / "recipe.json"
    for shard in range(3):
        compute_statistics.main(
            flags(
                input=data / f"d-0000{shard}-*.tfrecord",
                recipe=recipe,
                out=tmp_path / f"part{shard}",
                fitted=tmp_path / "fitted.json",
            )
        )
    merged = merge_statistics.main(flags(part=tmp_path / "part*", out=tmp_path / "all"))
    expected = tfnorm.analyze(data / "*.tfrecord", tfnorm.load_recipe(recipe))
    assert merged.digest == expected.digest
    assert tfnorm.load_statistics(tmp_path / "all").digest == expected.digest
    assert tfnorm.load_fitted(tmp_path / "fitted.json").statistics_digest == (
        tfnorm.load_statistics(tmp_path / "part2").digest
    )
    rest = merge_statistics.main(
        flags(part=tmp_path / "all", subtract=tmp_path / "part2", out=tmp_path / "rest")
    )
    assert rest.rows == 666


def test_statistics_are_added_to_by_flags_alone(data, tmp_path):
    for shard in range(3):
        found = compute_statistics.main(
            flags(
                input=data / f"d-0000{shard}-*.tfrecord",
                update=tmp_path / "all",
                out=tmp_path / "all",
                cache=tmp_path / "cache",
            )
        )
    assert found.digest == tfnorm.analyze(data / "*.tfrecord").digest


def test_files_are_normalized_and_turned_back_by_flags_alone(data, tmp_path):
    recipe = tfnorm.load_recipe(data / "recipe.json")
    recipe.fit(tfnorm.analyze(data / "*.tfrecord", recipe)).save(tmp_path / "f.json")
    there, back, fitted = tmp_path / "there", tmp_path / "back", tmp_path / "f.json"
    given = flags(input=data / "*.tfrecord", fitted=fitted, out=there)
    assert apply_recipe.main(given).rows == 999
    given = flags(input=there / "*.tfrecord", fitted=fitted, out=back, feature="n")
    apply_recipe.main([*given, "--inverse"])
    names = {path.name for path in data.glob("*.tfrecord")} | {"applied.json"}
    for folder in (there, back):
        assert {path.name for path in folder.iterdir()} == names
    batches = tfnorm.sources.batches(back / "*.tfrecord", ["n"])
    found = np.concatenate([batch.columns["n"].values for batch in batches])
    np.testing.assert_array_equal(found, np.arange(999))


def test_a_flag_that_nobody_knows_is_an_error(data, tmp_path):
    with pytest.raises(tfnorm.errors.OptionsError, match="--runer"):
        compute_statistics.main(
            flags(input=data / "*.tfrecord", out=tmp_path / "s", runer="FnApiRunner")
        )


def test_a_fitted_recipe_needs_a_recipe(data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        given = flags(input=data / "*", out=tmp_path / "s", fitted=tmp_path / "f")
        compute_statistics.main(given)
    assert "--fitted needs --recipe" in capsys.readouterr().err


def test_rows_are_chosen_by_flags(data, tmp_path):
    asked = {"weight": "n", "slices": ["n"], "filters": [("n", "<", 9)]}
    files = flags(input=data / "d-*", recipe=data / "recipe.json")
    chosen = ["--weight=n", "--slice=n", "--where=n < 9"]
    found = compute_statistics.main([*files, *chosen, f"--out={tmp_path}/s"])
    recipe = tfnorm.load_recipe(data / "recipe.json")
    assert found.digest == tfnorm.analyze(data / "d-*", recipe, **asked).digest
    splits = compute_statistics.main(
        [*files, "--where=n < 9", "--split_by=n", f"--out={tmp_path}/splits"]
    )
    assert splits["8"].rows == 1 and len(splits) == 9
    assert (tmp_path / "splits/Split-8/statistics.json").exists()


def test_at_most_so_many_slices_are_taken_by_flags(data, tmp_path):
    given = flags(input=data / "d-*", slice="n", max_slices=9, out=tmp_path / "s")
    with pytest.raises(tfnorm.errors.DataError, match="max_slices"):
        compute_statistics.main(given)


def test_images_are_decoded_as_flags_say(tmp_path):
    pixels = np.arange(12 * 8, dtype=np.uint8).reshape(12, 8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = '{"feature": "scan", "channels": 1, "crop": [4, 2]}'
    given = flags(input=tmp_path / "*.png", images=images, out=tmp_path / "s")
    found = compute_statistics.main(given)
    assert found["scan"].mean == pixels[4:8, 3:5].mean()


def test_audio_is_heard_as_flags_say(tmp_path):
    samples = np.float32([[0.5], [-0.25]])
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")
    audio = '{"feature": "speech", "features": "waveform", "sample_rate": 8000}'
    given = flags(input=tmp_path / "*.wav", audio=audio, out=tmp_path / "s")
    assert compute_statistics.main(given)["speech"].mean == 0.125


@pytest.mark.parametrize(
    "images, says",
    [
        ("{", "Expecting property name"),
        ("[]", "mapping"),
        ('{"colours": 3}', "colours"),
        ('{"resize": 3}', "len"),
        ('{"channels": 2}', "must be 1 or 3"),
    ],
)
def test_images_that_cannot_be_asked_for_are_a_wrong_flag(
    tmp_path, capsys, images, says
):
    with pytest.raises(SystemExit):
        given = flags(input=tmp_path / "*.png", images=images, out=tmp_path / "s")
        compute_statistics.main(given)
    assert re.search(f"argument --images: .*{says}", capsys.readouterr().err)
