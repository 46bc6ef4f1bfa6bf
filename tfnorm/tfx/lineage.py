# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which statistics are inside a model, by the metadata of the pipeline."""

import os
from collections.abc import Collection

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tfnorm import errors
from tfnorm import files
from tfnorm.tfx import artifacts

_BAKER = "tfnorm.tfx.baker.NormalizationBaker"
_MODELS = ("Model", "PushedModel")
_DESTINATION = "pushed_destination"
_IN = metadata_store_pb2.Event.INPUT
_OUT = metadata_store_pb2.Event.OUTPUT


def statistics_inside(
    store: metadata_store.MetadataStore, path: str
) -> list[metadata_store_pb2.Artifact]:
    """Finds the statistics that were baked into a model.

    Args:
        store: Metadata store of the pipeline.
        path: The URI of a model or a pushed model, or where Pusher put it. Of this
            machine it may be relative.

    Returns:
        The `NormalizationStatistics` that NormalizationBaker read for it, one if the
        model was baked once. Its `uri` is the folder, its properties tell the digests.

    Raises:
        ArtifactError: If the metadata know no such model, or none that was baked.

    Example:

    ```
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(path)
    store = ml_metadata.MetadataStore(connection)
    [found] = tfnorm.tfx.statistics_inside(store, "serving/1700000000")
    statistics = tfnorm.load_statistics(f"{found.uri}/Split-train")
    ```
    """
    models = [model.id for model in _models(store, path)]
    if not models:
        raise errors.ArtifactError("no model that the metadata know", file=path)
    found: dict[int, metadata_store_pb2.Artifact] = {}
    seen: set[int] = set()
    while models := [model for model in models if model not in seen]:
        seen.update(models)
        makers = [
            event.execution_id
            for event in store.get_events_by_artifact_ids(models)
            if event.type == _OUT
        ]
        models = []
        for maker in store.get_executions_by_id(sorted({*makers})):
            for read in _read_by(store, maker):
                if maker.type == _BAKER:
                    if read.type == artifacts.NormalizationStatistics.TYPE_NAME:
                        found[read.id] = read
                elif read.type in _MODELS:
                    models.append(read.id)
    if not found:
        raise errors.ArtifactError(
            "was not baked by NormalizationBaker, as far as the metadata know.",
            file=path,
        )
    return [found[key] for key in sorted(found)]


def _models(store, path: str) -> Collection[metadata_store_pb2.Artifact]:
    # Metadata have paths as the pipeline was given them, relative ones, too.
    for given in dict.fromkeys([path.rstrip("/"), _absolute(path)]):
        by_uri = [a for a in store.get_artifacts_by_uri(given) if a.type in _MODELS]
        if by_uri:
            return by_uri
    return [
        pushed
        for pushed in store.get_artifacts_by_type("PushedModel")
        if _absolute(pushed.custom_properties[_DESTINATION].string_value)
        == _absolute(path)
    ]


def _absolute(path: str) -> str:
    remote = not path or files.is_remote(path)
    return path.rstrip("/") if remote else os.path.abspath(path)


def _read_by(store, execution) -> Collection[metadata_store_pb2.Artifact]:
    events = store.get_events_by_execution_ids([execution.id])
    read = sorted({event.artifact_id for event in events if event.type == _IN})
    return store.get_artifacts_by_id(read) if read else []
