# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What examples/schemes_compared.py measured, as a table and what it says."""

from collections.abc import Sequence

import numpy as np

HEADER = [
    "images",
    "pixels",
    "batch norm",
    "accuracy",
    "epochs to loss",
    "largest stable rate",
    "condition, to the middle eigenvalue",
    "condition, to the least",
]


def cells(results: dict) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table."""
    rows = [
        [
            f"{row['task']}, {results['goals'][row['task']]:g}",
            row["scheme"],
            "yes" if row["batch_norm"] else "no",
            _percent(row["accuracy"]),
            _epochs(row["epochs"]),
            *[
                _magnitude(row[name])
                for name in ("largest_rate", "half_condition", "condition")
            ],
        ]
        for row in results["rows"]
    ]
    return [HEADER[0] + ", loss", *HEADER[1:]], rows


def note(results: dict) -> str:
    """Returns how it was measured."""
    rates = results["rates"]
    versions = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    return (
        f"{results['seeds']} networks each, of {results['hidden']} hidden units of "
        f"ReLU; {results['epochs']} epochs of plain gradient descent by batches of "
        f"{results['batch']}. Mean ± standard deviation over networks, or geometric "
        "mean (least to greatest). Accuracy is of test images, and epochs are counted "
        "until the mean training loss of one is below that in the first column; both "
        f"at the rate, of {len(rates)} from {rates[0]:.1g} to {rates[-1]:g}, each "
        f"{rates[1] / rates[0]:g} times the one before, of the least training loss. A "
        "rate is stable if the last epoch's loss is below that of guessing. Condition: "
        "the largest eigenvalue of the loss's Hessian in the weights into one hidden "
        "unit (the middle one of the units), at the start, over the middle eigenvalue "
        "or over the least that rounding in float64 can tell from 0. With batch norm "
        "the logits are linearized, and the direction of the weights themselves, along "
        f"which it has no slope, is left out. {versions}."
    )


def _percent(values: Sequence[float]) -> str:
    mean, deviation = 100 * np.mean(values), 100 * _deviation(values)
    return f"{mean:.1f}% ± {deviation:.1f}"


def _epochs(values: Sequence[int | None]) -> str:
    reached = [value for value in values if value is not None]
    if not reached:
        return "not reached"
    text = f"{np.mean(reached):.1f} ± {_deviation(reached):.1f}"
    some = len(reached) < len(values)
    return f"{text}, by {len(reached)} of {len(values)}" if some else text


def _magnitude(values: Sequence[float]) -> str:
    if not min(values):
        return "none"
    geometric = float(np.exp(np.log(values).mean()))
    low, middle, high = map(_number, (min(values), geometric, max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def _number(number: float) -> str:
    """Two digits, in a form that reads well."""
    if 1000 <= number < 1e6:
        return f"{float(f'{number:.1e}'):,.0f}"
    return f"{number:.2g}".replace("e+", "e")


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
