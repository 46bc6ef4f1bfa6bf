# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A complete TFX pipeline on real flights, with normalization inside the model.

CsvExampleGen, an imported schema, a recipe, statistics of each split, Trainer, baking,
validation, Pusher, and BulkInferrer on raw examples, whose predictions are compared
with those of the Keras model in this process.

    python -m pipelines.tfx_local --out output/tfx
"""

import argparse
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx import v1 as tfx

import tfnorm
from pipelines import flights
from pipelines import tfx_flights

RUNNER = ("--runner=FnApiRunner",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the pipeline and prints what is inside the pushed model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("output/tfx"))
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--steps", type=int, default=300)
    options, beam_args = parser.parse_known_args(arguments)
    out = options.out.absolute()
    tfx_flights.write(out, options.rows)
    tfx.orchestration.LocalDagRunner().run(
        pipeline(out, steps=options.steps, beam_args=beam_args or RUNNER)
    )
    print(tfnorm.inspect(last(out / "pushed")))
    difference = compare(out)
    print(f"BulkInferrer and the Keras model differ by {difference:.1g} minutes.")


def pipeline(
    out: pathlib.Path,
    *,
    steps: int,
    recipe: tfnorm.Recipe = flights.RECIPE,
    beam_args: Sequence[str] = RUNNER,
) -> tfx.dsl.Pipeline:
    """Returns the pipeline; `out` holds its data, and all that it makes.

    Args:
        out: Folder with what `tfx_flights.write` wrote.
        steps: Steps to train.
        recipe: How features are normalized; those that it does not name, numbers of
            the schema, by the rules.
        beam_args: Options of Beam.
    """
    parts = tfx.components
    examples = parts.CsvExampleGen(input_base=str(out / "csv"))
    schema = parts.ImportSchemaGen(schema_file=str(out / "schema.pbtxt"))
    recipe_gen = tfnorm.tfx.NormalizationRecipeGen(
        schema=schema.outputs["schema"], pins=recipe
    )
    statistics = tfnorm.tfx.NormalizationStatisticsGen(
        examples=examples.outputs["examples"],
        recipe=recipe_gen.outputs["recipe"],
        schema=schema.outputs["schema"],
    )
    normalization = {
        "statistics": statistics.outputs["statistics"],
        "recipe": recipe_gen.outputs["recipe"],
    }
    fitter = tfnorm.tfx.NormalizationFitter(**normalization)
    trainer = parts.Trainer(
        run_fn="pipelines.tfx_flights.run_fn",
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        hyperparameters=fitter.outputs["hyperparameters"],
        train_args=tfx.proto.TrainArgs(num_steps=steps),
        eval_args=tfx.proto.EvalArgs(num_steps=10),
    )
    baker = tfnorm.tfx.NormalizationBaker(
        model=trainer.outputs["model"], target=flights.TARGET, **normalization
    )
    validator = tfnorm.tfx.NormalizationValidator(
        model=baker.outputs["model"],
        baseline=statistics.outputs["statistics"],
        splits=["eval"],
        **normalization,
    )
    blessed = {
        "model": baker.outputs["model"],
        "model_blessing": validator.outputs["blessing"],
    }
    pusher = push(out, **blessed)
    inferrer = infer(examples.outputs["examples"], "serve_examples", **blessed)
    made = [examples, schema, recipe_gen, statistics, fitter, trainer, baker]
    return assemble("flights", out, [*made, validator, pusher, inferrer], beam_args)


def push(out: pathlib.Path, **channels) -> tfx.components.Pusher:
    """Returns the Pusher, into a folder."""
    place = tfx.proto.PushDestination.Filesystem(base_directory=str(out / "pushed"))
    return tfx.components.Pusher(
        push_destination=tfx.proto.PushDestination(filesystem=place), **channels
    )


def infer(examples, signature: str, **channels) -> tfx.components.BulkInferrer:
    """Returns the component that predicts the raw examples of the split "eval"."""
    return tfx.components.BulkInferrer(
        examples=examples,
        data_spec=tfx.proto.DataSpec(example_splits=["eval"]),
        model_spec=tfx.proto.ModelSpec(model_signature_name=[signature]),
        **channels,
    )


def assemble(
    name: str, out: pathlib.Path, components: Sequence, beam_args: Sequence[str]
) -> tfx.dsl.Pipeline:
    """Returns a pipeline that keeps all that it makes, and metadata, in a folder."""
    store = tfx.orchestration.metadata.sqlite_metadata_connection_config
    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=str(out / "root"),
        components=list(components),
        enable_cache=True,
        beam_pipeline_args=list(beam_args),
        metadata_connection_config=store(str(out / "metadata.db")),
    )


def compare(out: pathlib.Path) -> float:
    """Returns how far BulkInferrer's predictions are from the Keras model's.

    The Keras model is the one that Trainer wrote. It takes the raw columns in this
    process, and the fitted recipe takes what it says back to minutes.
    """
    rows, served = predictions(out)
    folder = newest(out, "Trainer", "model")
    model = tfnorm.baking.load_model(folder / "Format-Serving" / "model.keras")
    raw = columns(rows, {name: given.dtype for name, given in model.input.items()})
    normalized = model.predict(raw, batch_size=1024, verbose=0)
    fitted = tfnorm.inspect(last(out / "pushed")).fitted
    expected = fitted.inverse({flights.TARGET: normalized})[flights.TARGET]
    return float(np.abs(served - expected).max())


def predictions(out: pathlib.Path) -> tuple[list, np.ndarray]:
    """Returns the raw rows that BulkInferrer read, and what it predicted."""
    rows, served = [], []
    files = newest(out, "BulkInferrer", "inference_result") / "*.gz"
    for log in tf.data.TFRecordDataset(tf.io.gfile.glob(str(files)), "GZIP"):
        predicted = prediction_log_pb2.PredictionLog.FromString(log.numpy()).predict_log
        for one in tf.make_ndarray(predicted.request.inputs["examples"]).ravel():
            rows.append(tf.train.Example.FromString(one).features.feature)
        served.extend(tf.make_ndarray(predicted.response.outputs["prediction"]).ravel())
    return rows, np.array(served)


def columns(rows: Sequence, kinds: Mapping[str, str]) -> dict[str, tf.Tensor]:
    """Decodes rows one by one, to have nothing in common with what serves."""
    found = {}
    for name, dtype in kinds.items():
        stored = "bytes_list" if dtype == "string" else "int64_list"
        values = [getattr(row[name], stored).value for row in rows]
        flat = [value[0] if value else np.nan for value in values]
        found[name] = tf.constant(flat, dtype)
    return found


def newest(out: pathlib.Path, component: str, output: str) -> pathlib.Path:
    """Returns the folder of the last artifact that a component made."""
    return last(out / "root" / component / output)


def last(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder in it whose name is the greatest number."""
    return max(folder.iterdir(), key=lambda path: int(path.name))


if __name__ == "__main__":
    main()
