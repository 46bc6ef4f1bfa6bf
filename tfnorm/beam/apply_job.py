# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The job that normalizes files with a fitted recipe, and turns them back."""

import collections
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam

from tfnorm import analysis
from tfnorm import artifact
from tfnorm import errors
from tfnorm import files
from tfnorm import recipe as recipe_lib
from tfnorm import sources
from tfnorm.beam import apply
from tfnorm.beam import failures
from tfnorm.beam import listing
from tfnorm.beam import runners

# Beside the files: what made them. A folder that holds it may be replaced.
SUMMARY = sources.APPLIED


@dataclasses.dataclass(frozen=True)
class Summary:
    """What `apply_recipe` wrote, as `applied.json` in its folder says it.

    Args:
        files: Names of the files, sorted, with the folders in which they lie there.
        rows: How many rows they have.
        bad_records: How many unreadable records were left out.
        inverse: Whether normalized columns were turned back.
        fitted: Digest of the fitted recipe.
        statistics_digest: Digest of the statistics that it was fitted to, if known.
    """

    files: tuple[str, ...]
    rows: int
    bad_records: int
    inverse: bool
    fitted: str
    statistics_digest: str | None


def apply_recipe(
    inputs,
    fitted: recipe_lib.FittedRecipe,
    out: str | os.PathLike,
    *,
    inverse: bool = False,
    max_bad_records: int = 0,
    beam_args: Sequence[str] = (),
) -> Summary:
    """Writes normalized files: one for each that is read, of its name and format.

    Files of one name keep the folders that tell them apart: `day=1/d.parquet`, and
    with it all others their own, below the folder that they share.

    Rows keep their order, Parquet files their row groups, gzip stays gzip. Columns that
    the recipe does not name pass through with their very bytes. Of the others, float32
    and float64 stay what they are, and integers, half precision and booleans become
    float32 (decimals float64), but where a map leaves integers as they are. (Half
    precision would bring values back to within 2**-11 of themselves only.) What is
    missing stays missing unless the recipe imputes it; `<feature>_missing` is added
    where the recipe says. The numbers are those of `FittedRecipe.forward`.

    With `inverse` it goes back: to floats within the rounding of the maps, and to
    integers, undone in float64 and rounded: of affine maps they are equal to what they
    were within 2**22 of the centre, since a normalized float32 has 24 bits. Parquet
    columns get their types back, added columns go, and what those mark is missing
    again. Imputed values that no column marks stay.

    The folder is written whole or not at all; an earlier one of the kind is replaced.
    On a remote file system the files lie in a folder within it, which `applied.json`
    names when all are there; `tfnorm.sources.open(out)` follows it.

    Args:
        inputs: Path or pattern of TFRecord or Parquet files, or a list.
        fitted: The fitted recipe. `FittedRecipe.select` leaves features out.
        out: Folder to write, on a file system that all workers share.
        inverse: Whether to turn normalized columns back.
        max_bad_records: How many unreadable records to leave out and count.
        beam_args: Beam's own options, such as `--runner=...`.

    Raises:
        DataError: if the data are not what the recipe says; names file and record.
        NotInvertible: if a feature's map loses information.
        ArtifactError: if the folder cannot be written, or is of another kind.
        OptionsError: if Beam cannot run with the options.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from tfnorm import schemes
    >>> from tfnorm.sources import write
    >>> data = {"x": np.array([1.0, 3.0])}
    >>> recipe = recipe_lib.Recipe({"x": schemes.ZScore()})
    >>> fitted = recipe.fit(analysis.analyze(data, recipe))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write.write_parquet(data, f"{folder}/raw/d")
    ...     found = apply_recipe(paths, fitted, f"{folder}/out")
    ...     (batch,) = sources.batches(f"{folder}/out/*.parquet")
    >>> batch.columns["x"].values, found.rows
    (array([-1.,  1.]), 2)
    """
    applied = apply.Applied(fitted, inverse)
    if inverse:
        _check_invertible(fitted)
    runners.options_of(beam_args)  # The file systems need them first.
    shards = sources.open(
        inputs, applied.columns, max_bad_records=max_bad_records, whole=True
    )
    sources.check_written(shards)
    root = _root([shard.path for shard in shards])
    _check_names(shards, root, out)
    with _whole_folder(os.fspath(out), fitted) as folder:
        with failures.typed_errors(), runners.pipeline_of(beam_args) as pipeline:
            _ = (
                pipeline
                | "ListShards" >> listing.ListShards(shards)
                | apply.RewriteShards(fitted, folder.path, inverse, root, staged=True)
                # Keyed, so that the summary is that of all shards.
                | "ToOne" >> beam.Map(_to_one)
                | "GatherShards" >> beam.GroupByKey()
                | "Summarize"
                >> beam.ParDo(_Summarize(applied, max_bad_records, folder.path, root))
            )
        return _finished(folder)


@contextlib.contextmanager
def _whole_folder(
    out: str, fitted: recipe_lib.FittedRecipe
) -> Iterator[files.Publication]:
    """Yields where workers write the files, which are seen when all is written."""
    if files.is_remote(out):
        part = "files-{}"
        with files.published(out, SUMMARY, artifact.part_of, part) as made:
            yield made
        return
    with files.whole_folder(out, SUMMARY) as folder:
        yield files.Publication("", os.fspath(folder))


def _check_invertible(fitted: recipe_lib.FittedRecipe) -> None:
    for name, bijector in fitted.maps.items():
        if not bijector.invertible:
            raise errors.NotInvertible(
                "its map loses information, so that the files cannot be turned back. "
                "Leave it out by `FittedRecipe.select`.",
                feature=name,
            )


def _root(paths: Sequence[str]) -> str:
    """What paths have in common, where their last parts alone are not apart."""
    names = collections.Counter(map(os.path.basename, paths))
    if len(names) == len(paths):
        return ""
    folders = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    common = itertools.takewhile(lambda parts: len(set(parts)) == 1, folders)
    root = "".join(f"{parts[0]}/" for parts in common)
    if not root:
        path = next(p for p in paths if names[os.path.basename(p)] > 1)
        raise errors.DataError(
            f"Another file is called {os.path.basename(path)!r}, too, and lies on "
            "another file system. Write them to folders of their own.",
            file=path,
        )
    return root


def _check_names(
    shards: list[sources.Shard], root: str, out: str | os.PathLike
) -> None:
    """Raises where a file has the summary's name, or what is read would be replaced."""
    there = f"{_place(out)}/"
    for folder in {os.path.dirname(shard.path) for shard in shards}:
        if f"{_place(folder)}/".startswith(there):
            raise errors.ArtifactError(
                "is where the files are read from. Name another folder.",
                file=os.fspath(out),
            )
    for shard in shards:
        if apply.name_of(shard.path, root) == SUMMARY:
            raise errors.DataError(
                "Such a file describes the folder. Rename it.", file=shard.path
            )


def _place(folder: str | os.PathLike) -> str:
    folder = os.fspath(folder)
    return folder.rstrip("/") if files.is_remote(folder) else os.path.realpath(folder)


def _to_one(rewritten: apply.Rewritten) -> tuple[int, apply.Rewritten]:
    return 0, rewritten


class _Summarize(failures.Step):
    """Checks what all shards say together, and writes it beside them."""

    def __init__(self, applied, max_bad_records: int, folder: str, root: str):
        self._applied = applied
        self._max_bad_records = max_bad_records
        self._folder = folder
        self._root = root

    def process(self, keyed):
        with failures.carried():
            listing.check_not_over(self._folder)
            found = self._summary(list(keyed[1]))
            path = os.path.join(self._folder, SUMMARY)
            with files.whole_file(path) as temporary:
                text = json.dumps(dataclasses.asdict(found), indent=2)
                temporary.write_text(text + "\n", encoding="utf-8")
        yield found

    def _summary(self, parts: Iterable[apply.Rewritten]) -> Summary:
        parts = sorted(parts, key=lambda part: part.source)
        rows = sum(part.rows for part in parts)
        bad_records = sum(part.bad_records for part in parts)
        analysis.check_bad_records(bad_records, self._max_bad_records)
        fitted = self._applied.fitted
        for name in fitted.maps if rows else ():
            if not sum(part.values[name] for part in parts):
                raise errors.FeatureError(
                    f"has no value in any of the {rows} rows of {parts[0].source}"
                    f"{' and others' if len(parts) > 1 else ''}. If that is right, "
                    "leave it out by `FittedRecipe.select`.",
                    feature=name,
                )
        names = tuple(sorted(apply.name_of(p.source, self._root) for p in parts))
        return Summary(
            names,
            rows,
            bad_records,
            self._applied.inverse,
            fitted.digest,
            fitted.statistics_digest,
        )


def _finished(folder: files.Publication) -> Summary:
    """Reads the summary, and clears away what workers that died have left."""
    found = json.loads(files.read(os.path.join(folder.path, SUMMARY)))
    if folder.part:
        described = json.dumps(found | {"folder": folder.part}, indent=2)
        folder.summary = f"{described}\n".encode()
    else:
        kept = {os.path.join(folder.path, name) for name in [SUMMARY, *found["files"]]}
        kept |= {str(above) for path in kept for above in pathlib.Path(path).parents}
        for path in list(pathlib.Path(folder.path).rglob("*")):
            if str(path) not in kept:
                files.remove(str(path))
    found["files"] = tuple(found["files"])
    return Summary(**found)
