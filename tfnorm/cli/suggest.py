# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The command that suggests a recipe."""

import os

import click

# How files of a Schema end; what ends otherwise is a statistics artifact.
_SCHEMAS = (".pb", ".pbtxt", ".textproto")
_file = click.Path(dir_okay=False)


@click.command()
@click.argument("source", type=click.Path())
@click.option("--schema", type=_file, help="Schema beside statistics (.pbtxt).")
@click.option(
    "--out", type=click.Path(file_okay=False), required=True, help="Folder to write."
)
@click.option("--pins", type=_file, help="Recipe of features that are to be so.")
@click.option("--exclude", multiple=True, metavar="NAME", help="Feature to leave out.")
@click.option(
    "--another-pass", is_flag=True, help="Also what needs one more pass: `Log`."
)
def suggest(source, schema, out, pins, exclude, another_pass) -> None:
    """Suggest a recipe from statistics or a Schema (.pbtxt), and say why.

    The folder gets `recipe.json`, which the other commands take, and `reasons.json`.
    """
    from tfnorm import artifact
    from tfnorm import recipe as recipe_lib
    from tfnorm import suggestion

    alone = os.path.splitext(source)[1] in _SCHEMAS
    load = suggestion.load_schema if alone else artifact.load_statistics
    found = suggestion.suggest(
        load(source),
        schema=None if schema is None else suggestion.load_schema(schema),
        pins=None if pins is None else recipe_lib.load_recipe(pins),
        exclude=exclude,
        one_pass=not another_pass,
    )
    found.save(out)
    click.echo(found)
    if found.another_pass:
        names = ", ".join(found.another_pass)
        click.echo(f"To take statistics of with this recipe: {names}")
    click.echo(f"Written to {out}")
