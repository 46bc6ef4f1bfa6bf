# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The subcommands. Rooms are imported when one runs, so that help is quick."""

import click

from tfnorm import errors
from tfnorm import files
from tfnorm.cli import audio as audio_lib
from tfnorm.cli import comparing as comparing_lib
from tfnorm.cli import images as images_lib
from tfnorm.cli import rows as rows_lib
from tfnorm.cli import suggest as suggest_lib


class _Group(click.Group):
    """Shows an error that tfnorm raised on purpose as one line, and exits with 2."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except errors.TfnormError as error:
            name = type(error).__name__
            click.secho(f"{name}: {error}", fg="red", err=True)
            ctx.exit(2)


_folder = click.Path(file_okay=False)
_file = click.Path(dir_okay=False)
_max_bad_records = click.option(
    "--max-bad-records",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Unreadable records to leave out and count before it is an error.",
)


@click.group(cls=_Group)
@click.version_option(package_name="tfnorm")
def main() -> None:
    """Normalization, exact and inside the model.

    Compute statistics of a whole data set, fit a recipe to them, put the result into
    a SavedModel, and ask any SavedModel what normalization it holds.
    """


@main.command()
@click.argument("patterns", metavar="PATTERN...", nargs=-1)
@click.option("--recipe", type=_file, help="Recipe (JSON). Default: all numbers.")
@click.option("--out", type=_folder, help="Folder to write.")
@click.option(
    "--update",
    type=_folder,
    help="Statistics of other files to add to; replaced unless `--out` is given.",
)
@click.option(
    "--cache",
    type=_folder,
    help="Folder that keeps each file's statistics: reads what is new or changed.",
)
@_max_bad_records
@images_lib.options
@rows_lib.options
@audio_lib.options
@click.pass_context
def stats(ctx, patterns, recipe, out, update, cache, max_bad_records, **given) -> None:
    """Compute statistics of files with Beam.

    They are TFRecord, ArrayRecord, Parquet, CSV, Arrow or NumPy files, images (JPEG,
    PNG) or audio (WAV, FLAC), by the ends of their names; or a split of a folder of
    TensorFlow Datasets, as DIR@train. Paths may be of any file system that Beam knows.
    Of splits, each has an artifact of its own, in a folder such as `Split-train` in
    the one to write.

    Beam's own options go behind `--`, such as `-- --runner=DataflowRunner`.
    """
    patterns, beam_args = _split_beam_args(patterns)
    splits = rows_lib.splits(given, patterns, ctx)
    if not patterns and (splits is None or "by" in splits):
        raise click.UsageError("Missing argument 'PATTERN...'.", ctx)
    out = out or update
    if out is None:
        raise click.UsageError("Missing option '--out' or '--update'.", ctx)
    if splits is not None and cache:
        raise click.UsageError("Splits go without '--cache'.", ctx)
    from tfnorm import recipe as recipe_lib
    from tfnorm import sources
    from tfnorm.cli import show as show_lib

    wanted = None if recipe is None else recipe_lib.load_recipe(recipe)
    features = None if wanted is None else wanted.columns()
    media = {"images": images_lib.chosen(given), "audio": audio_lib.chosen(given)}
    asked = {
        "max_bad_records": max_bad_records,
        "beam_args": beam_args,
        **media,
        **rows_lib.chosen(given),
    }
    inputs = {"": patterns} if splits is None or "by" in splits else splits["inputs"]
    for paths in inputs.values():
        if not any(map(files.is_remote, paths)):
            # Fails before Beam takes its seconds to load.
            sources.open(paths, features, **media)
    with show_lib.progress("Reading the data") as seen:
        from tfnorm import beam

        seen.watch(beam.rows_so_far)
        if splits is None:
            found = beam.compute_statistics(
                patterns, wanted, out, update=update, cache=cache, **asked
            )
        else:
            asked |= {"update": update, **splits}
            parts = beam.compute_splits(recipe=wanted, out=out, **asked)
    if splits is None:
        show_lib.statistics(found)
    else:
        show_lib.splits(parts)
    click.echo(f"Written to {out}")


@main.command()
@click.argument("path", type=click.Path())
def show(path) -> None:
    """Show a statistics artifact."""
    from tfnorm import artifact
    from tfnorm.cli import show as show_lib

    show_lib.statistics(artifact.load_statistics(path))


@main.command()
@click.argument("parts", metavar="PART...", nargs=-1, required=True, type=_folder)
@click.option("--out", type=_folder, required=True, help="Folder to write.")
@click.option(
    "--subtract", multiple=True, type=_folder, help="Statistics to take away."
)
def merge(parts, subtract, out) -> None:
    """Merge statistics artifacts, exactly as if computed at once."""
    from tfnorm import artifact
    from tfnorm.cli import show as show_lib

    merged = artifact.Statistics()
    for part in parts:
        with errors.naming_file(part):
            merged = merged.merge(artifact.load_statistics(part))
    for part in subtract:
        with errors.naming_file(part):
            merged = merged.subtract(artifact.load_statistics(part))
    merged.save(out)
    show_lib.statistics(merged)
    click.echo(f"Written to {out}")


@main.command()
@click.argument("before", type=_folder)
@click.argument("after", type=_folder)
@click.pass_context
def diff(ctx, before, after) -> None:
    """Compare two statistics artifacts; exit status 1 if they differ."""
    from tfnorm import artifact
    from tfnorm.cli import show as show_lib

    one, other = artifact.load_statistics(before), artifact.load_statistics(after)
    show_lib.difference(one, other)
    ctx.exit(int(one.digest != other.digest))


main.add_command(comparing_lib.compare)


@main.command()
@click.argument("path", type=_folder)
@click.option("--recipe", type=_file, help="Recipe. Default: the artifact's own.")
@click.option("--out", type=_file, required=True, help="Fitted recipe to write.")
def fit(path, recipe, out) -> None:
    """Fit a recipe to a statistics artifact."""
    from tfnorm import artifact
    from tfnorm import config
    from tfnorm import recipe as recipe_lib
    from tfnorm.cli import show as show_lib

    found = artifact.load_statistics(path)
    if recipe is not None:
        wanted = recipe_lib.load_recipe(recipe)
    elif found.recipe is None:
        raise errors.RecipeError("holds no recipe; pass `--recipe`.", file=path)
    else:
        wanted = config.decode(found.recipe)
    fitted = wanted.fit(found)
    fitted.save(out)
    show_lib.fitted(fitted)
    click.echo(f"Written to {out}")


@main.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--recipe", type=_file, required=True, help="Fitted recipe (JSON).")
@click.option("--out", type=_folder, required=True, help="Folder to write.")
@click.option("--inverse", is_flag=True, help="Turn normalized files back.")
@_max_bad_records
@click.pass_context
def apply(ctx, inputs, recipe, out, inverse, max_bad_records) -> None:
    """Normalize TFRecord or Parquet files with Beam, or turn them back.

    Each file is written to the folder under its name; where several have one name, in
    folders named as theirs. What the recipe does not name passes through. Beam's own
    options go behind `--`.
    """
    inputs, beam_args = _split_beam_args(inputs)
    if not inputs:
        raise click.UsageError("Missing argument 'INPUT...'.", ctx)
    from tfnorm import recipe as recipe_lib
    from tfnorm import sources
    from tfnorm.cli import show as show_lib

    fitted = recipe_lib.load_fitted(recipe)
    if not any(map(files.is_remote, inputs)):
        # Fails before Beam takes its seconds to load.
        sources.check_written(sources.open(inputs, fitted.recipe.columns()))
    what = "Turning the data back" if inverse else "Normalizing"
    with show_lib.progress(what) as rows:
        from tfnorm import beam

        rows.watch(beam.rows_so_far)
        found = beam.apply_recipe(
            inputs,
            fitted,
            out,
            inverse=inverse,
            max_bad_records=max_bad_records,
            beam_args=beam_args,
        )
    bad = f", {found.bad_records} bad records left out" if found.bad_records else ""
    click.echo(f"{found.rows:,} rows in {len(found.files)} files{bad}")
    click.echo(f"Written to {out}")


@main.command()
@click.argument("model", type=click.Path())
@click.argument("fitted", type=_file)
@click.option("--out", type=_folder, required=True, help="SavedModel to write.")
@click.option("--target", help="Feature that the model predicts, normalized.")
def bake(model, fitted, out, target) -> None:
    """Bake MODEL (.keras) and a fitted recipe into one SavedModel."""
    from tfnorm import recipe as recipe_lib
    from tfnorm.cli import show as show_lib

    maps = recipe_lib.load_fitted(fitted)
    with show_lib.progress("Baking"):
        from tfnorm import baking

        baking.bake(baking.load_model(model), maps, out, target=target)
    show_lib.manifest(baking.inspect(out))
    click.echo(f"Written to {out}")


@main.command()
@click.argument("path", type=_folder)
def inspect(path) -> None:
    """Show what normalization a SavedModel holds, and from which data."""
    from tfnorm import baking
    from tfnorm.cli import show as show_lib

    show_lib.manifest(baking.inspect(path))


@main.command()
@click.argument("path", type=_folder)
def verify(path) -> None:
    """Run a SavedModel's golden rows: does it still give its numbers?"""
    from tfnorm.cli import show as show_lib

    with show_lib.progress("Running the golden rows"):
        from tfnorm import baking

        report = baking.verify(path)
    click.echo(f"Verified: {report}")


main.add_command(suggest_lib.suggest)


def _split_beam_args(arguments: tuple[str, ...]) -> tuple[list[str], list[str]]:
    # Click drops the `--`; what came behind it still begins with dashes.
    first = next(
        (i for i, a in enumerate(arguments) if a.startswith("--")), len(arguments)
    )
    return list(arguments[:first]), list(arguments[first:])
