# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From a list of shards to workers that each have some of them, while a job lasts."""

import os
import pickle
import zlib
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam

from tfnorm import errors
from tfnorm import files
from tfnorm import sources
from tfnorm.beam import runners


class ListShards(beam.PTransform):
    """Lists shards, as `tfnorm.sources.open` does, in a pipeline.

    They travel with the pipeline's description, of which services take some 10 MB:
    compressed, that is a million files.

    Args:
        shards: The shards, or tuples that hold one.
    """

    def __init__(self, shards: Sequence):
        super().__init__()
        self._packed = zlib.compress(pickle.dumps(list(shards), protocol=5))

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "OfAll" >> beam.Create([self._packed], reshuffle=False)
            | "Unpack" >> beam.FlatMap(_unpacked)
        )


class SpreadShards(beam.PTransform):
    """Spreads shards over workers, each as `(name, [shard])`."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        runners.refuse_dask(shards.pipeline.runner)
        # Grouping spreads them with half of Reshuffle's steps.
        return (
            shards
            | "NameShards" >> beam.Map(_named).with_output_types(tuple[str, object])
            | "SpreadShards" >> beam.GroupByKey()
        )


def check_not_over(folder: str) -> None:
    """Raises an ArtifactError where a job's own folder is gone: its job is over."""
    if not files.is_remote(folder) and not os.path.isdir(folder):
        raise errors.ArtifactError("The job is over.", file=folder)


def _unpacked(packed: bytes) -> Iterator[sources.Shard]:
    yield from pickle.loads(zlib.decompress(packed))


def _named(shard) -> tuple[str, sources.Shard]:
    return repr(shard), shard
