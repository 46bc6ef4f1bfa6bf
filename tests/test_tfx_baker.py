# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""NormalizationBaker: from a Trainer's model to one that stock Pusher pushes."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx import v1 as tfx
from tfx.dsl.io import filesystem_registry
from tfx.dsl.io.plugins import tensorflow_gfile
from tfx.orchestration import metadata
from tfx.types import standard_artifacts
from tfx.utils import path_utils

import tfnorm
from tfnorm import analysis
from tfnorm import config
from tfnorm import errors
from tfnorm import layers
from tfnorm import recipe
from tfnorm import schemes
from tfnorm.tfx import artifacts
from tfnorm.tfx import baker

pytestmark = pytest.mark.tfx

_RNG = np.random.default_rng(0)
COLUMNS = {
    "distance": _RNG.gamma(2, 500, 64).astype(np.float32),
    "seats": _RNG.integers(20, 300, 64),
}
TARGET = _RNG.normal(7, 40, 64).astype(np.float32)
RECIPE = recipe.Recipe(
    {
        "distance": schemes.Log(),
        "seats": schemes.ZScore(),
        "arr_delay": schemes.ZScore(),
    }
)
STATISTICS = analysis.analyze({**COLUMNS, "arr_delay": TARGET}, RECIPE)
FITTED = RECIPE.fit(STATISTICS)
# Of another day: the same features, other constants.
OTHER = analysis.analyze(
    {name: column[:32] for name, column in (COLUMNS | {"arr_delay": TARGET}).items()},
    RECIPE,
)
# Minutes up to 200, of float32 products added in another order.
CLOSE = {"rtol": 2**-16, "atol": 2**-14}

CHANNELS = [
    types.Channel(type=kind)
    for kind in (standard_artifacts.Model, artifacts.NormalizationStatistics)
]
# A module file, and what makes a model by it, where it is known.
MODULE = """
import keras

@keras.saving.register_keras_serializable("theirs")
class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""
TWICE = """
import sys
import keras
sys.path.insert(0, sys.argv[1])
import theirs
inputs = {name: keras.Input((1,), name=name) for name in ("distance", "seats")}
x = theirs.Twice()(inputs["distance"] + inputs["seats"])
keras.Model(inputs, x).save(sys.argv[2])
"""

SERVE = """
import json, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
rows = [bytes.fromhex(row) for row in json.load(sys.stdin)]
found = loaded.signatures["serve_examples"](examples=tf.constant(rows))
assert not {"tfnorm", "tfx"} & set(sys.modules)
print(json.dumps(found["prediction"].numpy().ravel().tolist()))
"""


def raw_model() -> keras.Model:
    """Returns a model of raw columns, which normalizes them within."""
    keras.utils.set_random_seed(0)
    inputs = {
        "distance": keras.Input((), name="distance"),
        "seats": keras.Input((), name="seats", dtype="int64"),
    }
    fitted = FITTED.select(["distance", "seats"])
    x = layers.Features(fitted, output="concat")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def normalized_model(*between: keras.layers.Layer) -> keras.Model:
    """Returns a model of normalized columns."""
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input((1,), name=name) for name in COLUMNS}
    x = keras.layers.Concatenate()(list(inputs.values()))
    x = keras.layers.Dense(4)(x)
    for layer in between:
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def batch_norm_model() -> keras.Model:
    model = normalized_model(keras.layers.BatchNormalization(name="norm"))
    rng = np.random.default_rng(1)
    weights = [rng.uniform(0.5, 2, w.shape) for w in model.get_layer("norm").weights]
    model.get_layer("norm").set_weights(weights)
    return model


def expected(model: keras.Model, raw: bool = False) -> np.ndarray:
    """Returns what the model in this process predicts, in minutes."""
    columns = COLUMNS if raw else FITTED.forward(COLUMNS)
    shape = (-1,) if raw else (-1, 1)
    found = model(
        {name: tf.constant(column.reshape(shape)) for name, column in columns.items()},
        training=False,
    )
    return FITTED.inverse({"arr_delay": found.numpy()})["arr_delay"].ravel()


def served(path) -> np.ndarray:
    """Returns what a SavedModel predicts of the raw columns."""
    loaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    shape = loaded.structured_input_signature[1]["distance"].shape
    rows = (-1,) + (1,) * (len(shape) - 1)
    return (
        loaded(**{n: tf.constant(c.reshape(rows)) for n, c in COLUMNS.items()})[
            "prediction"
        ]
        .numpy()
        .ravel()
    )


def examples() -> list[str]:
    """Returns the raw columns as serialized tf.Examples, in hexadecimal."""
    rows = []
    for distance, seats in zip(*COLUMNS.values(), strict=True):
        row = tf.train.Example()
        row.features.feature["distance"].float_list.value.append(distance)
        row.features.feature["seats"].int64_list.value.append(seats)
        rows.append(row.SerializeToString().hex())
    return rows


def of_type(kind, uri):
    made = kind()
    made.uri = str(uri)
    return made


def trained(uri, *models: keras.Model, name: str = "Format-Serving/model.keras"):
    for number, model in enumerate(models):
        path = pathlib.Path(uri, name.format(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
    pathlib.Path(uri).mkdir(exist_ok=True)
    return of_type(standard_artifacts.Model, uri)


def statistics(uri, found=STATISTICS, split: str = "train"):
    found.save(pathlib.Path(uri, f"Split-{split}"))
    return of_type(artifacts.NormalizationStatistics, uri)


def run(model, found, uri, *, recipes=(), **properties) -> standard_artifacts.Model:
    """Runs the executor, and returns the artifact that it made."""
    output = of_type(standard_artifacts.Model, uri)
    baker.Executor().Do(
        {"trained_model": [model], "statistics": [found], "recipe": [*recipes]},
        {"model": [output]},
        {
            "split": "train",
            "target": "arr_delay",
            "fold": 0,
            "recipe_json": None if recipes else config.dumps(RECIPE),
            **properties,
        },
    )
    return output


def saved_model(output) -> str:
    return path_utils.serving_model_path(output.uri)


def is_bare(uri) -> bool:
    """Whether a folder is not there, or holds nothing."""
    return not any(pathlib.Path(uri).rglob("*"))


@pytest.fixture
def of_train(tmp_path):
    return statistics(tmp_path / "statistics")


# What it bakes.


@pytest.mark.parametrize("make, raw", [(raw_model, True), (normalized_model, False)])
def test_serves_the_model_on_raw_columns(tmp_path, of_train, make, raw):
    model = make()
    output = run(trained(tmp_path / "model", model), of_train, tmp_path / "out")
    np.testing.assert_allclose(
        served(saved_model(output)), expected(model, raw), **CLOSE
    )


def test_serves_examples_where_only_tensorflow_is_imported(tmp_path, of_train):
    model = normalized_model()
    output = run(trained(tmp_path / "model", model), of_train, tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "-c", SERVE, saved_model(output)],
        input=json.dumps(examples()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(json.loads(done.stdout), expected(model), **CLOSE)


def test_folds_before_it_bakes(tmp_path, of_train):
    model = batch_norm_model()
    output = run(trained(tmp_path / "model", model), of_train, tmp_path / "out", fold=1)
    assert output.get_int_custom_property("folded") == 1
    assert "norm (BatchNormalization) -> " in output.get_string_custom_property(
        "fold_report"
    )
    np.testing.assert_allclose(served(saved_model(output)), expected(model), **CLOSE)


def test_folds_a_model_that_holds_features(tmp_path, of_train):
    model = raw_model()
    output = run(trained(tmp_path / "model", model), of_train, tmp_path / "out", fold=1)
    np.testing.assert_allclose(
        served(saved_model(output)), expected(model, raw=True), **CLOSE
    )


def test_says_what_it_baked(tmp_path, of_train):
    model = trained(tmp_path / "model", raw_model())
    output = run(model, of_train, tmp_path / "out")
    said = {
        name: output.get_string_custom_property(name)
        for name in ("normalization_digest", "recipe_digest", "fitted_digest")
    }
    assert said == {
        "normalization_digest": STATISTICS.digest,
        "recipe_digest": RECIPE.digest,
        "fitted_digest": FITTED.digest,
    }
    assert output.get_int_custom_property("folded") == 0
    assert tfnorm.inspect(saved_model(output)).statistics_digest == STATISTICS.digest


def test_predicts_as_the_model_does_without_a_target(tmp_path, of_train):
    model = raw_model()
    output = run(
        trained(tmp_path / "model", model), of_train, tmp_path / "out", target=None
    )
    found = FITTED.inverse({"arr_delay": served(saved_model(output))})["arr_delay"]
    np.testing.assert_allclose(found, expected(model, raw=True), **CLOSE)


def test_takes_a_recipe_of_another_component(tmp_path, of_train):
    made = of_type(artifacts.NormalizationRecipe, tmp_path / "recipe")
    RECIPE.save(tmp_path / "recipe" / "recipe.json")
    model = trained(tmp_path / "model", raw_model())
    output = run(model, of_train, tmp_path / "out", recipes=[made])
    assert output.get_string_custom_property("recipe_digest") == RECIPE.digest


def test_takes_the_recipe_of_the_statistics_by_default(tmp_path, of_train):
    given = baker.NormalizationBaker(*CHANNELS).exec_properties["recipe_json"]
    model = trained(tmp_path / "model", raw_model())
    output = run(model, of_train, tmp_path / "out", recipe_json=given)
    assert output.get_string_custom_property("recipe_digest") == RECIPE.digest


def test_takes_statistics_of_another_split(tmp_path):
    model = trained(tmp_path / "model", raw_model())
    found = statistics(tmp_path / "statistics", split="all")
    assert run(model, found, tmp_path / "out", split="all")


def test_finds_the_only_keras_file(tmp_path, of_train):
    model = trained(tmp_path / "model", raw_model(), name="Format-Serving/mine.keras")
    assert run(model, of_train, tmp_path / "out")


def test_reads_and_writes_where_tfx_reaches(tmp_path, of_train):
    class Ram(tensorflow_gfile.TensorflowFilesystem):
        SUPPORTED_SCHEMES = ["ram://"]

    registry = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    registry.register(Ram, priority=9)
    normalized_model().save(tmp_path / "model.keras")
    tf.io.gfile.makedirs("ram://model/Format-Serving")
    tf.io.gfile.copy(
        str(tmp_path / "model.keras"), "ram://model/Format-Serving/model.keras"
    )
    model = of_type(standard_artifacts.Model, "ram://model")
    output = run(model, of_train, "ram://out")
    np.testing.assert_allclose(
        served(saved_model(output)), expected(normalized_model()), **CLOSE
    )


@pytest.fixture
def of_their_own(tmp_path):
    """A model with a layer that is known to its module only."""
    (tmp_path / "theirs.py").write_text(MODULE)
    path = tmp_path / "model" / "Format-Serving" / "model.keras"
    path.parent.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", TWICE, tmp_path, path], check=True)
    yield of_type(standard_artifacts.Model, tmp_path / "model")
    keras.saving.get_custom_objects().pop("theirs>Twice", None)
    sys.modules.pop("theirs", None)


def is_twice(path) -> bool:
    """Whether a SavedModel gives what `TWICE` does."""
    total = sum(2 * column for column in FITTED.forward(COLUMNS).values())
    wanted = FITTED.inverse({"arr_delay": total})["arr_delay"]
    return np.allclose(served(path), wanted, **CLOSE)


def test_imports_the_module_of_layers_of_ones_own(tmp_path, of_train, of_their_own):
    with pytest.raises(errors.ArtifactError, match="Twice.*`module_file`"):
        run(of_their_own, of_train, tmp_path / "out")
    file = str(tmp_path / "theirs.py")
    output = run(of_their_own, of_train, tmp_path / "out", module_file=file)
    assert is_twice(saved_model(output))


# What it refuses.


def test_takes_one_module():
    with pytest.raises(errors.OptionsError, match="Give one"):
        baker.NormalizationBaker(*CHANNELS, RECIPE, module_file="a", module_path="b")


def test_refuses_a_model_of_other_statistics(tmp_path):
    model = trained(tmp_path / "model", raw_model())
    found = statistics(tmp_path / "statistics", OTHER)
    with pytest.raises(errors.RecipeError, match="that the Trainer had") as caught:
        run(model, found, tmp_path / "out")
    assert caught.value.feature == "distance"
    assert is_bare(tmp_path / "out")


def test_leaves_nothing_of_a_model_that_fails_verification(
    tmp_path, of_train, monkeypatch
):
    def fail(path):
        raise errors.VerificationError("A number differs.")

    monkeypatch.setattr(baker.baking, "verify", fail)
    model = trained(tmp_path / "model", raw_model())
    with pytest.raises(errors.VerificationError):
        run(model, of_train, tmp_path / "out")
    assert is_bare(tmp_path / "out")


@pytest.mark.parametrize("count, came", [(0, "none"), (2, "several")])
def test_needs_one_keras_file(tmp_path, of_train, count, came):
    made = [normalized_model() for _ in range(count)]
    model = trained(tmp_path / "model", *made, name="{}.keras")
    with pytest.raises(errors.ArtifactError, match=rf"{came}.*write_model") as caught:
        run(model, of_train, tmp_path / "out")
    assert caught.value.file == str(tmp_path / "model")


def test_needs_statistics_of_the_split(tmp_path, of_train):
    model = trained(tmp_path / "model", normalized_model())
    with pytest.raises(errors.ArtifactError, match="'eval', but of 'train'"):
        run(model, of_train, tmp_path / "out", split="eval")


def test_needs_statistics_at_all(tmp_path):
    model = trained(tmp_path / "model", normalized_model())
    nothing = of_type(artifacts.NormalizationStatistics, tmp_path / "nothing")
    with pytest.raises(errors.ArtifactError, match="'train', but of none"):
        run(model, nothing, tmp_path / "out")


def test_needs_a_recipe_if_the_statistics_hold_none(tmp_path):
    model = trained(tmp_path / "model", normalized_model())
    found = statistics(tmp_path / "statistics", analysis.analyze(COLUMNS))
    with pytest.raises(errors.RecipeError, match="NormalizationBaker `recipe`"):
        run(model, found, tmp_path / "out", recipe_json=None)


def test_needs_a_target_of_the_recipe(tmp_path, of_train):
    model = trained(tmp_path / "model", normalized_model())
    with pytest.raises(errors.RecipeError) as caught:
        run(model, of_train, tmp_path / "out", target="fare")
    assert caught.value.feature == "fare"


# Within a pipeline.


def pipeline(folder: pathlib.Path, **options) -> tfx.dsl.Pipeline:
    """Returns a pipeline that bakes what lies there, and pushes it."""
    model = tfx.dsl.Importer(
        source_uri=str(folder / "model"), artifact_type=standard_artifacts.Model
    ).with_id("Model")
    found = tfx.dsl.Importer(
        source_uri=str(folder / "statistics"),
        artifact_type=artifacts.NormalizationStatistics,
    ).with_id("Statistics")
    baked = baker.NormalizationBaker(
        model.outputs["result"],
        found.outputs["result"],
        RECIPE,
        target="arr_delay",
        fold=True,
        **options,
    )
    pusher = tfx.components.Pusher(
        model=baked.outputs["model"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(folder / "pushed")
            )
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="baking",
        pipeline_root=str(folder / "root"),
        components=[model, found, baked, pusher],
        enable_cache=True,
        metadata_connection_config=_store(folder),
    )


def _store(folder):
    return metadata.sqlite_metadata_connection_config(str(folder / "metadata.db"))


def models_of_metadata(folder):
    with metadata.Metadata(_store(folder)) as handle:
        return [
            artifact
            for artifact in handle.store.get_artifacts_by_type("Model")
            if "NormalizationBaker" in artifact.uri
        ]


def test_stock_pusher_pushes_what_it_baked(tmp_path, of_train):
    model = batch_norm_model()
    trained(tmp_path / "model", model)
    tfx.orchestration.LocalDagRunner().run(pipeline(tmp_path))
    (pushed,) = (tmp_path / "pushed").iterdir()
    np.testing.assert_allclose(served(pushed), expected(model), **CLOSE)
    (made,) = models_of_metadata(tmp_path)
    said = made.custom_properties
    assert said["normalization_digest"].string_value == STATISTICS.digest
    assert said["folded"].int_value == 1


def test_takes_a_module_file_along_and_bakes_anew_if_it_changes(
    tmp_path, of_train, of_their_own
):
    file = tmp_path / "theirs.py"

    def models() -> int:
        made = pipeline(tmp_path, module_file=str(file))
        tfx.orchestration.LocalDagRunner().run(made)
        return len({artifact.uri for artifact in models_of_metadata(tmp_path)})

    assert models() == 1
    assert is_twice(next((tmp_path / "pushed").iterdir()))
    assert models() == 1
    file.write_text(f"{MODULE}# Changed.\n")
    assert models() == 2


def test_a_pipeline_that_fails_keeps_no_model(tmp_path):
    statistics(tmp_path / "statistics", OTHER)
    trained(tmp_path / "model", raw_model())
    with pytest.raises(errors.RecipeError, match="that the Trainer had"):
        tfx.orchestration.LocalDagRunner().run(pipeline(tmp_path))
    assert not list((tmp_path / "root").rglob("saved_model.pb"))
    assert not (tmp_path / "pushed").exists()
