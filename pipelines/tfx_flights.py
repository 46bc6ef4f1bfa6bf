# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The flights as a TFX pipeline finds them, and how it trains on them."""

import pathlib

import keras
import numpy as np
import pyarrow as pa
from google.protobuf import text_format
from pyarrow import csv
from tensorflow_metadata.proto.v0 import schema_pb2

import tfnorm
from pipelines import flights
from pipelines import flights_model

BATCH = 256


def write(folder: pathlib.Path, rows: int, skip: int = 0) -> None:
    """Writes flights as `csv/flights.csv`, and a `schema.pbtxt` that tells of them.

    Args:
        folder: Folder to write to.
        rows: How many flights, evenly spaced over the year.
        skip: How many flights to skip at the start, for other data.
    """
    columns = flights.read()
    every = len(columns[flights.TARGET].values)
    at = np.linspace(skip, every - 1, rows).astype(int)
    table = {}
    schema = schema_pb2.Schema()
    for name, column in columns.items():
        missing = None if column.missing is None else column.missing[at]
        values = column.values[at]
        if values.dtype == np.float32:  # Whole minutes, of which some are missing.
            values = np.where(missing, 0, values).astype(np.int64)
        table[name] = pa.array(values, mask=missing)
        _describe(schema.feature.add(name=name), table[name])
    (folder / "csv").mkdir(parents=True, exist_ok=True)
    # CsvExampleGen takes the quotes of a header for part of the names.
    bare = csv.WriteOptions(include_header=False, quoting_style="none")
    with open(folder / "csv" / "flights.csv", "wb") as file:
        file.write(f"{','.join(table)}\n".encode())
        csv.write_csv(pa.table(table), file, bare)
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema))


def _describe(feature: schema_pb2.Feature, values: pa.Array) -> None:
    if pa.types.is_binary(values.type):
        feature.type = schema_pb2.BYTES
        words = sorted(word.decode() for word in values.unique().to_pylist())
        feature.string_domain.value.extend(words)
    else:
        feature.type = schema_pb2.INT
    feature.presence.min_count = 1
    feature.value_count.max = 1
    if not values.null_count:
        feature.presence.min_fraction = 1.0
        feature.shape.SetInParent()


def vocabularies(path: str) -> dict[str, list[str]]:
    """Returns the words of each category, by the schema."""
    schema = text_format.Parse(pathlib.Path(path).read_text(), schema_pb2.Schema())
    return {
        feature.name: list(feature.string_domain.value)
        for feature in schema.feature
        if feature.name in flights.CATEGORIES
    }


def run_fn(fn_args) -> None:
    """Trains the model with the fitted constants, and leaves it to be baked."""
    keras.utils.set_random_seed(0)
    fitted = tfnorm.tfx.fitted_recipe(fn_args)
    model = flights_model.build(fitted, vocabularies(fn_args.schema_path))
    train, evaluation = (
        tfnorm.training_data(
            pattern, model, fitted, target=flights.TARGET, batch_size=BATCH
        )
        for pattern in (fn_args.train_files, fn_args.eval_files)
    )
    model.fit(
        train.repeat(),
        steps_per_epoch=fn_args.train_steps,
        validation_data=evaluation.take(fn_args.eval_steps),
        verbose=2,
    )
    tfnorm.tfx.write_model(model, fn_args)
