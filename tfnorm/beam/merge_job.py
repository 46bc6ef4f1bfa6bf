# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The job that merges statistics artifacts, and takes some away again."""

import functools
import os
from collections.abc import Iterable
from collections.abc import Sequence

import apache_beam as beam

from tfnorm import artifact
from tfnorm import errors
from tfnorm import files
from tfnorm.beam import compute
from tfnorm.beam import failures
from tfnorm.beam import runners


def merge_statistics(
    parts: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    *,
    subtract: Sequence[str | os.PathLike] = (),
    beam_args: Sequence[str] = (),
) -> artifact.Statistics:
    """Merges statistics artifacts, exactly as if they had been computed at once.

    Args:
        parts: Folders of the artifacts.
        out: Folder of the artifact to write.
        subtract: Folders of artifacts to take away, such as a day or a user's rows.
        beam_args: Beam's own options, such as `--runner=...`.

    Raises:
        EmptyDataError: if there is no part.
        ArtifactError: if one cannot be read, or the merged one not be written.
        StatisticsError: if they do not fit together.
        OptionsError: if Beam cannot run with the options.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import tfnorm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for day in (1, 2):
    ...         found = tfnorm.analyze({"x": np.arange(10.0) * day})
    ...         found.save(f"{folder}/{day}")
    ...     days = [f"{folder}/1", f"{folder}/2"]
    ...     merged = merge_statistics(days, f"{folder}/both")
    >>> merged["x"].mean, merged.rows
    (np.float64(6.75), 20)
    """
    if not parts:
        raise errors.EmptyDataError("there are no statistics to merge.")
    paths = [os.fspath(path) for path in parts]
    minus = [os.fspath(path) for path in subtract]
    load = beam.ParDo(_Load()).with_output_types(tuple[str, artifact.Statistics])
    merge = beam.CombineGlobally(_MergeNamed()).without_defaults()
    if (fanout := compute.fanout(len(paths))) > 1:
        merge = merge.with_fanout(fanout)
    runners.options_of(beam_args)  # The file systems need them first.
    artifact.check_writable(out)
    with files.scratch(out) as folder:
        path = os.path.join(folder, "statistics")
        with failures.typed_errors(), runners.pipeline_of(beam_args) as pipeline:
            _ = (
                pipeline
                | "ListParts" >> beam.Create(paths)
                | "LoadParts" >> load
                | "MergeParts" >> merge
                | "SubtractParts" >> beam.ParDo(_Subtract(minus))
                | compute.WriteStatistics(path, staged=True)
            )
        found = artifact.load_statistics(path)
    found.save(out)
    return found


class _Load(failures.Step):
    def process(self, path: str):
        with failures.carried():
            yield path, artifact.load_statistics(path)


class _MergeNamed(beam.CombineFn):
    """Merges artifacts; where one does not fit, the error names it.

    An accumulator is the path of one of the artifacts in it, and what they merge to.
    """

    def create_accumulator(self) -> tuple[str, artifact.Statistics]:
        return "", artifact.Statistics()

    def add_input(self, accumulator, named):
        path, found = named
        with failures.carried(), errors.naming_file(path):
            return path, accumulator[1].merge(found)

    def merge_accumulators(self, accumulators: Iterable):
        return functools.reduce(self.add_input, accumulators, self.create_accumulator())

    def extract_output(self, accumulator) -> artifact.Statistics:
        return accumulator[1]

    def get_accumulator_coder(self) -> beam.coders.Coder:
        return beam.coders.PickleCoder()


class _Subtract(failures.Step):
    def __init__(self, paths: Sequence[str]):
        self._paths = tuple(paths)

    def process(self, found: artifact.Statistics):
        with failures.carried():
            for path in self._paths:
                with errors.naming_file(path):
                    found = found.subtract(artifact.load_statistics(path))
        yield found
