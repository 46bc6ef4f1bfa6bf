# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a SavedModel says of itself, and whether it still gives its numbers."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfnorm
from tests import baking_data as data
from tfnorm import errors

ROOT = pathlib.Path(__file__).absolute().parents[1]


@pytest.fixture(scope="module")
def model():
    return data.raw_model()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("baked") / "model"
    tfnorm.bake(model, data.FITTED, path, target="arr_delay")
    return path


@pytest.fixture
def copy(path, tmp_path):
    return pathlib.Path(shutil.copytree(path, tmp_path / "copy"))


def asset(path) -> pathlib.Path:
    return path / "assets" / "normalization.json"


def edit(path, change) -> None:
    """Changes the manifest of a SavedModel on disk."""
    found = json.loads(asset(path).read_text())
    change(found)
    asset(path).write_text(json.dumps(found))


def resaved(loaded, path) -> pathlib.Path:
    tf.saved_model.save(loaded, str(path), signatures=dict(loaded.signatures))
    return path


def in_a_fresh_process(code: str, *arguments: str, **environment) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


# What it says.


def test_says_which_maps_from_which_data(path):
    found = tfnorm.inspect(path)
    assert found.fitted == data.FITTED
    assert found.statistics_digest == data.FITTED.statistics_digest
    assert found.recipe_digest == data.RECIPE.digest
    assert found.target == "arr_delay"


def test_says_what_the_signatures_take_and_give(path):
    found = tfnorm.inspect(path).signatures
    assert set(found) == {"serving_default", "serve_examples", "denormalize"}
    assert found["serving_default"].inputs.dtypes["when"] == "int64"
    assert found["serving_default"].outputs.shapes["prediction"] == (None,)


def test_says_the_constants_that_the_model_holds(path):
    constants = tfnorm.inspect(path).constants["when"]
    loaded = tf.saved_model.load(path).constants["when"]
    assert constants == {key: float(loaded[key].numpy()) for key in loaded}


def test_says_with_which_versions_it_was_baked(path):
    assert tfnorm.inspect(path).versions["tensorflow"] == tf.__version__


def test_reads_as_text(path):
    text = str(tfnorm.inspect(path))
    assert "'dep delay' Robust(" in text
    assert "serve_examples: examples -> " in text


def test_baking_returns_what_inspect_says(model, tmp_path):
    found = tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    assert found == tfnorm.inspect(tmp_path / "m")


def test_equal_models_have_equal_manifests(path, model, tmp_path):
    tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    assert asset(tmp_path / "m").read_bytes() == asset(path).read_bytes()


def test_inspect_needs_neither_tensorflow_nor_keras(path):
    code = (
        "import sys, tfnorm; print(tfnorm.inspect(sys.argv[1]).target);"
        "print({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    assert in_a_fresh_process(code, path).split() == ["arr_delay", "set()"]


def test_the_manifest_stays_when_tensorflow_saves_the_model_again(path, tmp_path):
    again = resaved(tf.saved_model.load(path), tmp_path / "again")
    assert tfnorm.inspect(again) == tfnorm.inspect(path)
    tfnorm.verify(again)


def test_a_folder_that_is_no_saved_model_is_an_error(tmp_path):
    with pytest.raises(errors.ArtifactError, match="is no SavedModel"):
        tfnorm.inspect(tmp_path)


def test_a_saved_model_of_others_is_an_error(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(errors.ArtifactError, match="did not bake it"):
        tfnorm.inspect(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "baking.Manifest"}', "\x00"])
def test_a_corrupted_manifest_is_an_error(copy, text):
    asset(copy).write_text(text)
    with pytest.raises(errors.ArtifactError, match="normalization.json"):
        tfnorm.inspect(copy)


def test_another_format_is_an_error(copy):
    edit(copy, lambda found: found.update(format=99))
    with pytest.raises(errors.ArtifactError, match="format"):
        tfnorm.inspect(copy)


# Golden rows.


def test_verifies_what_was_baked(path):
    report = tfnorm.verify(path)
    assert set(report.differences) == {
        "serving_default",
        "serve_examples",
        "denormalize",
    }
    assert report.rows == 6
    assert "constants as baked" in str(report)


def test_golden_rows_may_be_given(model, tmp_path):
    rows = {name: column[:3].tolist() for name, column in data.COLUMNS.items()}
    path = tmp_path / "m"
    found = tfnorm.bake(model, data.FITTED, path, target="arr_delay", rows=rows)
    assert found.golden.inputs["carrier"] == tuple(rows["carrier"])
    assert tfnorm.verify(path).rows == 3


def test_given_golden_rows_without_a_column_are_an_error(model, tmp_path):
    rows = {"distance": [1.0]}
    with pytest.raises(errors.RecipeError, match="golden rows lack it"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m", rows=rows)


def test_given_golden_rows_of_another_type_are_an_error(model, tmp_path):
    rows = {name: ["x"] for name in data.COLUMNS}
    with pytest.raises(errors.RecipeError, match="golden row is no float32"):
        tfnorm.bake(model, data.FITTED, tmp_path / "m", rows=rows)


def test_a_changed_constant_is_found_and_named(path, tmp_path):
    loaded = tf.saved_model.load(path)
    loaded.constants["distance"]["1.loc_hi"].assign_add(1.0)
    again = resaved(loaded, tmp_path / "again")
    with pytest.raises(errors.VerificationError, match=r"'distance'.*'1.loc_hi' is"):
        tfnorm.verify(again)


def test_a_changed_output_is_found_and_named(copy):
    edit(copy, lambda found: found["golden"]["outputs"]["normalized"].__setitem__(2, 9))
    with pytest.raises(errors.VerificationError, match="record 2.*9.0 was baked"):
        tfnorm.verify(copy)


def test_a_missing_constant_is_found_and_named(copy):
    edit(copy, lambda found: found["constants"]["when"].update(gone=1.0))
    with pytest.raises(errors.VerificationError, match="'when'.*'gone' is gone"):
        tfnorm.verify(copy)


def test_a_saved_model_that_cannot_be_loaded_is_an_error(copy):
    (copy / "saved_model.pb").write_bytes(b"no proto")
    with pytest.raises(errors.ArtifactError, match="cannot be loaded"):
        tfnorm.verify(copy)


def test_bake_verifies_before_it_puts_anything_in_place(model, tmp_path, monkeypatch):
    from tfnorm.baking import verification

    def fails(_):
        raise errors.VerificationError("Output 'prediction' differs.")

    monkeypatch.setattr(verification, "verify", fails)
    with pytest.raises(errors.VerificationError):
        tfnorm.bake(model, data.FITTED, tmp_path / "m", target="arr_delay")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_bake_leaves_the_model_before_it(model, copy, monkeypatch):
    from tfnorm.baking import verification

    def fails(_):
        raise errors.VerificationError("Output 'prediction' differs.")

    with monkeypatch.context() as patched, pytest.raises(errors.VerificationError):
        patched.setattr(verification, "verify", fails)
        tfnorm.bake(model, data.FITTED, copy, target="arr_delay")
    tfnorm.verify(copy)


# Where nothing but TensorFlow is installed.

SERVE = """
import sys

ABSENT = {
    "apache_beam", "jax", "keras", "pandas", "pyarrow", "scipy", "sklearn",
    "tensorflow_metadata", "tensorflow_transform", "tf_keras", "tfnorm", "torch",
}

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ABSENT:
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]

import numpy as np
import tensorflow as tf

columns = np.load(sys.argv[2])
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = serve(**{name: tf.constant(columns[name]) for name in columns})
np.savez(sys.argv[3], **{name: output.numpy() for name, output in outputs.items()})
print(ABSENT & set(sys.modules))
"""


def test_serves_the_same_numbers_where_only_tensorflow_is_installed(
    path, model, tmp_path
):
    columns = {
        name.replace(" ", "_"): column.astype("S") if column.dtype == object else column
        for name, column in data.COLUMNS.items()
    }
    np.savez(tmp_path / "raw.npz", **columns)
    arguments = (path, tmp_path / "raw.npz", tmp_path / "served.npz")
    imported = in_a_fresh_process(SERVE, *arguments)
    assert imported.strip() == "set()"
    wanted = model({name: tf.constant(data.COLUMNS[name]) for name in data.COLUMNS})
    with np.load(tmp_path / "served.npz") as served:
        # 2**-20: the same kernels on the same machine, eager and compiled.
        np.testing.assert_allclose(served["normalized"], wanted, atol=2**-20)
