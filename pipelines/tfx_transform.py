# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The flights through TFX's stock Transform, with tfnorm's statistics in its graph.

CsvExampleGen, an imported schema, Transform, Trainer, Pusher, and BulkInferrer on raw
examples. The transform graph holds the normalization; the model's signature runs it.

    python -m pipelines.tfx_transform --out output/tfx_transform
"""

import argparse
import math
import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

import tfnorm
from pipelines import flights
from pipelines import flights_model
from pipelines import tfx_flights
from pipelines import tfx_local

RECIPE = tfnorm.Recipe(
    {n: f for n, f in flights.RECIPE.features.items() if n != flights.TARGET}
)
_KEPT = "model.keras"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the pipeline and compares what it infers with the model in this process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("output/tfx_transform")
    )
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--steps", type=int, default=300)
    options, beam_args = parser.parse_known_args(arguments)
    out = options.out.absolute()
    tfx_flights.write(out, options.rows)
    tfx.orchestration.LocalDagRunner().run(
        pipeline(out, steps=options.steps, beam_args=beam_args or tfx_local.RUNNER)
    )
    difference = compare(out)
    print(f"BulkInferrer and the Keras model differ by {difference:.1g} minutes.")


def pipeline(
    out: pathlib.Path, *, steps: int, beam_args: Sequence[str] = tfx_local.RUNNER
) -> tfx.dsl.Pipeline:
    """Returns the pipeline; see `tfx_local.pipeline`."""
    parts = tfx.components
    examples = parts.CsvExampleGen(input_base=str(out / "csv"))
    schema = parts.ImportSchemaGen(schema_file=str(out / "schema.pbtxt"))
    transform = parts.Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="pipelines.tfx_transform.preprocessing_fn",
        disable_statistics=True,
    )
    trainer = parts.Trainer(
        run_fn="pipelines.tfx_transform.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=steps),
        eval_args=tfx.proto.EvalArgs(num_steps=10),
    )
    pushed = tfx_local.push(out, model=trainer.outputs["model"])
    inferrer = tfx_local.infer(
        examples.outputs["examples"], "serving_default", model=trainer.outputs["model"]
    )
    return tfx_local.assemble(
        "flights_transform",
        out,
        [examples, schema, transform, trainer, pushed, inferrer],
        beam_args,
    )


def preprocessing_fn(inputs: dict) -> dict:
    """Normalizes the numbers; categories and the target pass, the latter as a float."""
    dense = {name: _dense(x) for name, x in inputs.items()}
    outputs = tfnorm.tft.apply(RECIPE)({name: dense[name] for name in RECIPE.features})
    words = {name: dense[name] for name in flights.CATEGORIES}
    return {**outputs, **words, flights.TARGET: dense[flights.TARGET]}


def _dense(x: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """One number a row: NaN where there is none."""
    if not isinstance(x, tf.SparseTensor):
        return x
    numbers = tf.cast(x, tf.float32)
    filled = tft.sparse_tensor_to_dense_with_shape(numbers, [None, 1], math.nan)
    return tf.squeeze(filled, 1)


def run_fn(fn_args) -> None:
    """Trains on transformed examples, and exports model and transform as one."""
    keras.utils.set_random_seed(0)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    spec = transform.transformed_feature_spec()
    words = tfx_flights.vocabularies(fn_args.schema_path)
    names = [name for name in spec if name not in {*words, flights.TARGET}]
    model = flights_model.build_normalized(names, words)

    def known(example):
        return tf.math.is_finite(example[flights.TARGET])

    def pair(example):
        target = example.pop(flights.TARGET)
        return {name: example[name] for name in model.input}, target

    files = tf.data.Dataset.list_files(fn_args.train_files)
    records = tf.data.TFRecordDataset(files, "GZIP")
    rows = records.map(lambda one: tf.io.parse_single_example(one, spec))
    train = rows.filter(known).batch(tfx_flights.BATCH).map(pair).prefetch(2)
    model.fit(train.repeat(), steps_per_epoch=fn_args.train_steps, verbose=2)
    _export(model, transform, fn_args.serving_model_dir)
    model.save(pathlib.Path(fn_args.model_run_dir, _KEPT))


def _export(model: keras.Model, transform: tft.TFTransformOutput, path: str) -> None:
    raw = transform.raw_feature_spec()
    del raw[flights.TARGET]
    normalize = transform.transform_features_layer()

    def serve(examples):
        outputs = normalize(tf.io.parse_example(examples, raw))
        return {"prediction": model({name: outputs[name] for name in model.input})}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(normalize)
    taken = tf.TensorSpec([None], tf.string, name="examples")
    archive.add_endpoint("serving_default", serve, input_signature=[taken])
    archive.write_out(path)


def compare(out: pathlib.Path) -> float:
    """Returns how far BulkInferrer's predictions are from the Keras model's.

    The model is the one that Trainer wrote; what it takes is normalized here, by the
    recipe, fitted to the statistics of the same split that Transform analyzed.
    """
    rows, served = tfx_local.predictions(out)
    model = keras.saving.load_model(
        tfx_local.newest(out, "Trainer", "model_run") / _KEPT
    )
    train = tfx_local.newest(out, "CsvExampleGen", "examples") / "Split-train" / "*"
    fitted = RECIPE.fit(tfnorm.analyze(str(train), RECIPE))
    kinds = dict.fromkeys(flights.CATEGORIES, "string")
    for name, feature in RECIPE.features.items():
        kinds[name] = "float32" if feature.missing == "impute" else "int64"
    columns = fitted.forward(tfx_local.columns(rows, kinds))
    given = {name: columns[name] for name in model.input}
    expected = model.predict(given, batch_size=1024, verbose=0)
    return float(np.abs(served - expected).max())


if __name__ == "__main__":
    main()
