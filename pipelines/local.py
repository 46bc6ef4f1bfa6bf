# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From raw files to a served SavedModel, on real flights.

Writes the flights as TFRecord and as Parquet, computes exact statistics of each with
Beam, fits a recipe, trains a small model for the arrival delay with normalization
inside, bakes it, and compares what a fresh process serves with the Keras model.

    python -m pipelines.local --out output
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np
import rich.console
import rich.progress

import tfnorm
from pipelines import flights
from tfnorm.cli import show
from tfnorm.sources import write

with show.quiet():  # TensorFlow greets with a page of notes.
    import keras
    import tensorflow as tf

    from pipelines import flights_model

SHARDS = 4
HELD_OUT = 20  # Every 20th flight is for testing.
SERVED_ROWS = 256


def main() -> None:
    """Runs every step and prints a summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("output"))
    parser.add_argument("--rows", type=int, help="Use only so many flights.")
    parser.add_argument("--epochs", type=int, default=3)
    options, beam_args = parser.parse_known_args()
    run(options.out, options.rows, options.epochs, beam_args)


def run(out: pathlib.Path, rows: int | None, epochs: int, beam_args=()) -> dict:
    """Runs every step; returns the figures of the summary."""
    started = time.monotonic()
    keras.utils.set_random_seed(0)
    with _Steps() as step:
        step("Reading the flights")
        columns = flights.read()
        if rows is not None:
            columns = {n: _take(c, slice(0, rows)) for n, c in columns.items()}

        step("Writing them as TFRecord and as Parquet")
        write.write_tfrecords(columns, out / "data" / "flights", shards=SHARDS)
        write.write_parquet(columns, out / "data" / "flights", shards=SHARDS)

        statistics = {}
        for kind in ("tfrecord", "parquet"):
            step(f"Computing statistics of the {kind} files with Beam")
            statistics[kind] = tfnorm.beam.compute_statistics(
                str(out / "data" / f"flights-*.{kind}"),
                flights.RECIPE,
                out / f"statistics-{kind}",
                beam_args=beam_args,
            )
        found = statistics["tfrecord"]
        if found.digest != statistics["parquet"].digest:
            raise SystemExit("The two formats gave different statistics.")

        fitted = flights.RECIPE.fit(found)
        fitted.save(out / "fitted.json")
        step("Training a model for the arrival delay")
        words = {name: set(columns[name].values) for name in flights.CATEGORIES}
        model = flights_model.build(fitted, words)
        error, typical = _train(model, fitted, columns, epochs)

        step("Baking normalization and model into one SavedModel")
        baked = out / "saved_model"
        tfnorm.bake(model, fitted, baked, target=flights.TARGET)
        tfnorm.verify(baked)

        step("Serving raw rows in a fresh process")
        difference = _compare(model, fitted, columns, baked, out)

    figures = {
        "rows": found.rows,
        "digest": found.digest,
        "mean_absolute_error": error,
        "typical_error": typical,
        "serving_difference": difference,
    }
    _report(figures, found, baked, time.monotonic() - started)
    return figures


def _train(model, fitted, columns, epochs: int) -> tuple[float, float]:
    """Fits the model; returns its and the median's mean absolute error in minutes."""
    arrived = np.flatnonzero(~columns[flights.TARGET].missing)
    test = arrived[::HELD_OUT]
    train = np.setdiff1d(arrived, test)
    features, target = _rows(columns, train)
    scaled = fitted.forward({flights.TARGET: target})[flights.TARGET]
    data = tf.data.Dataset.from_tensor_slices((features, scaled))
    data = data.shuffle(len(train), seed=0).batch(1024).prefetch(2)
    model.fit(data, epochs=epochs, verbose=0, shuffle=False)  # Shuffled above.
    features, actual = _rows(columns, test)
    predicted = _predict(model, features)
    minutes = fitted.inverse({flights.TARGET: predicted})[flights.TARGET]
    typical = np.abs(actual - np.median(target)).mean()
    return float(np.abs(minutes - actual).mean()), float(typical)


def _rows(columns, index) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw features and target of some rows; NaN where a number is missing."""
    raw = {}
    for name, column in columns.items():
        values = column.values[index]
        if column.missing is not None and values.dtype == np.float32:
            values = np.where(column.missing[index], np.float32(np.nan), values)
        raw[name] = values
    return raw, raw.pop(flights.TARGET)


def _predict(model, features) -> np.ndarray:
    data = tf.data.Dataset.from_tensor_slices(features).batch(4096)
    return model.predict(data, verbose=0)


def _compare(model, fitted, columns, baked, out) -> float:
    """Serves raw rows in a fresh process; returns the largest difference."""
    features, _ = _rows(columns, slice(0, SERVED_ROWS))
    given, answers = out / "raw_rows.npz", out / "served.npz"
    np.savez(
        given,
        **{n: v.astype("S") if v.dtype == object else v for n, v in features.items()},
    )
    program = pathlib.Path(__file__).with_name("serve_rows.py")
    command = [sys.executable, "-I", program, baked, given, answers]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The fresh process failed:\n{done.stderr}")
    served = np.load(answers)
    expected = _predict(model, features)
    minutes = fitted.inverse({flights.TARGET: expected})[flights.TARGET]
    pairs = [
        (served["serving_default"], minutes),
        (served["serve_examples"], minutes),
        (served["denormalize"], minutes),
        (served["normalized"], expected),
    ]
    difference = max(float(np.abs(a - b).max()) for a, b in pairs)
    # Minutes; the same float32 graph, fused differently for another batch size.
    if not difference <= 1e-3:
        raise SystemExit(f"Served numbers differ by {difference} from the model's.")
    return difference


def _take(column, rows):
    missing = None if column.missing is None else column.missing[rows]
    return tfnorm.arrays.Column(column.values[rows], missing)


class _Steps:
    """Shows the step that is running, and how long each took."""

    def __enter__(self):
        self._progress = rich.progress.Progress(
            rich.progress.SpinnerColumn(finished_text="[green]*"),
            rich.progress.TextColumn("{task.description}"),
            rich.progress.TimeElapsedColumn(),
        )
        self._progress.start()
        self._task = None
        return self._start

    def _start(self, what: str) -> None:
        self._finish()
        self._task = self._progress.add_task(what, total=1)

    def _finish(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=1)

    def __exit__(self, *error):
        if error[0] is None:
            self._finish()
        self._progress.stop()


def _report(figures, found, baked, seconds: float) -> None:
    delay = found["dep_delay"]
    median = delay.quantile(0.5)
    difference = figures["serving_difference"]
    rich.console.Console(highlight=False, soft_wrap=True).print(
        f"""
Statistics   {found.rows:,} flights, {len(found)} columns, read as TFRecord and as
             Parquet: equal to the last bit (digest {found.digest[:12]})
             departure delay {delay.mean:.2f} +- {delay.std:.2f} minutes, median
             {median.value:g} in [{median.lower:g}, {median.upper:g}], \
{delay.counts.missing:,} missing
Model        mean absolute error {figures["mean_absolute_error"]:.2f} minutes on \
held-out flights
             (always saying the median: {figures["typical_error"]:.2f})
SavedModel   {baked}
             served from a fresh process, as raw rows and as tf.Examples: at most
             {difference:.1g} minutes from what the Keras model says
Look inside  tfnorm inspect {baked}
             tfnorm verify {baked}
             tfnorm show {baked.parent / "statistics-tfrecord"}
Done in {seconds:.0f} seconds."""
    )


if __name__ == "__main__":
    main()
