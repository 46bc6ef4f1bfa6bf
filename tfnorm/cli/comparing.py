# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The subcommand that compares new data with a baseline."""

import click

_folder = click.Path(file_okay=False)
_file = click.Path(dir_okay=False)


@click.command()
@click.argument("found", type=_folder)
@click.argument("baseline", type=_folder)
@click.option("--recipe", type=_file, help="Recipe. Default: the baseline's own.")
@click.option(
    "--exclude", multiple=True, help="Feature that is not compared; may be repeated."
)
@click.option("--out", type=_file, help="File to write (JSON).")
@click.pass_context
def compare(ctx, found, baseline, recipe, exclude, out) -> None:
    """Compare statistics FOUND with those of a BASELINE.

    Exit status 1 if they are farther apart than the recipe's thresholds let pass.
    """
    from tfnorm import artifact
    from tfnorm import comparison
    from tfnorm import recipe as recipe_lib
    from tfnorm.cli import show as show_lib

    wanted = None if recipe is None else recipe_lib.load_recipe(recipe)
    one, other = artifact.load_statistics(found), artifact.load_statistics(baseline)
    compared = comparison.compare(one, other, recipe=wanted, exclude=exclude)
    show_lib.comparison(compared)
    if out is not None:
        compared.save(out)
        click.echo(f"Written to {out}")
    ctx.exit(int(not compared.passed))
