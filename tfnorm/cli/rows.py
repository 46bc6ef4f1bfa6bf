# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The options that say which rows count, how much, in which slices and splits."""

import click

_OPTIONS = (
    click.option("--weight", help="Column that says how much each row counts."),
    click.option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        help="Which rows count, as 'age > 3' or 'carrier in UA,AA'; all must hold.",
    ),
    click.option(
        "--slice",
        "slices",
        multiple=True,
        metavar="COLUMN[,COLUMN]",
        help="Statistics of the rows of each value, too; may come again.",
    ),
    click.option(
        "--max-slices", type=click.IntRange(min=1), help="Most slices. Default: 10,000."
    ),
    click.option("--split-by", metavar="COLUMN", help="Column that names the split."),
    click.option(
        "--split",
        "splits",
        multiple=True,
        metavar="NAME=PATTERN",
        help="Files of a split, in place of PATTERN; may come again.",
    ),
)


def options(command):
    """Adds the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen(given: dict) -> dict:
    """Returns the arguments that say which rows count."""
    from tfnorm import arrays

    found: dict = {"weight": given["weight"]}
    if given["where"]:
        found["filters"] = [arrays.parse_filter(text) for text in given["where"]]
    if given["slices"]:
        found["slices"] = [tuple(text.split(",")) for text in given["slices"]]
    if given["max_slices"]:
        found["max_slices"] = given["max_slices"]
    return found


def splits(given: dict, patterns: list[str], ctx: click.Context) -> dict | None:
    """Returns the inputs and the column of splits; `None` where there are none."""
    if given["split_by"]:
        if given["splits"]:
            raise click.UsageError("Say '--split-by' or '--split', not both.", ctx)
        return {"inputs": patterns, "by": given["split_by"]}
    if not given["splits"]:
        return None
    if patterns:
        raise click.UsageError("'--split' names the files: say no PATTERN.", ctx)
    inputs: dict[str, list[str]] = {}
    for text in given["splits"]:
        name, sign, pattern = text.partition("=")
        if not (name and sign and pattern):
            raise click.UsageError(f"{text!r} is no NAME=PATTERN.", ctx)
        inputs.setdefault(name, []).append(pattern)
    return {"inputs": inputs}
