# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics artifact on disk: a readable summary beside the exact state."""

import hashlib
import io
import json
import os
import pathlib
import typing
import zipfile
import zlib

import numpy as np

from tfnorm import config
from tfnorm import errors
from tfnorm import files
from tfnorm import statistics
from tfnorm.artifact import places
from tfnorm.artifact import state
from tfnorm.artifact import table
from tfnorm.artifact import weighted
from tfnorm.statistics import features as features_lib

SUMMARY = places.SUMMARY
STATE = "accumulators.npz"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_FORMAT = 1
# What the state is called where no folder can be renamed.
_PART = "{}-{{}}{}".format(*os.path.splitext(STATE))


def save(found: table.Statistics, path: str | os.PathLike) -> None:
    """Writes the artifact; see `Statistics.save`."""
    # The recipe is encoded already.
    described = config.encode(summary(found)) | {"recipe": found.recipe}
    if files.is_remote(path):
        _check_alone(os.fspath(path))
        with files.published(os.fspath(path), SUMMARY, _state_of, _PART) as made:
            with files.whole_file(made.path) as temporary:
                _write_state(found, temporary)
            made.summary = _encoded(described | {"state": made.part})
        return
    with files.whole_folder(path, SUMMARY) as folder:
        _write_state(found, folder / STATE)
        (folder / SUMMARY).write_bytes(_encoded(described))


def check_writable(path: str | os.PathLike) -> None:
    """Raises an ArtifactError where statistics cannot be saved: nobody takes them then.

    Raises:
        ArtifactError: if `path` holds something else, or is one of several splits.
        DataError: if the file system cannot be reached.
    """
    if not files.is_remote(path):
        files.check_replaceable(path, SUMMARY)
        return
    _check_alone(os.fspath(path))
    files.check_publishable(os.fspath(path), SUMMARY, _state_of, _PART)


def _check_alone(path: str) -> None:
    """Raises where a split of others would be replaced, which are one whole."""
    out = places.outer(path)
    if out and places.part_of(files.read(f"{out}/{places.SPLITS}")) is not None:
        raise errors.ArtifactError(
            f"is one of the splits that {places.SPLITS} beside it tells of. Write to "
            "another folder, or all splits at once.",
            file=path,
        )


def _write_state(found: table.Statistics, path: pathlib.Path) -> None:
    # NumPy's zip entries bear no time: equal state, equal bytes.
    arrays = state.pack(found.features, found.rows)
    arrays |= weighted.pack_total(found.weight_units)
    np.savez(path, allow_pickle=False, **arrays)


def _encoded(described: dict) -> bytes:
    return _text(described | {"checksum": _checksum(described)}).encode()


def _state_of(encoded: bytes) -> str | None:
    """The file of exact state that a summary names, if it is a summary."""
    try:
        described = json.loads(encoded)
        # Bytes that somebody changed might name any file.
        whole = described["checksum"] == _checksum(described)
        return described["state"] if whole else None
    except (ValueError, KeyError, TypeError):
        return None


def load_statistics(path: str | os.PathLike) -> table.Statistics:
    """Reads a statistics artifact and checks it against its digest and checksum.

    Of splits, it is found by `Split-<name>` in their folder, wherever `splits.json`
    there says that it lies.

    Raises:
        ArtifactError: if it is not there, cannot be read, or was changed.
    """
    where = os.fspath(path)
    out = places.outer(where)
    if out is None:
        return _load(where)
    if files.is_remote(out):
        return files.follow(
            out, places.SPLITS, lambda said: _load(places.within(out, where, said))
        )
    said = files.read(os.path.join(out, places.SPLITS))
    return _load(places.within(out, where, said))


def _load(where: str) -> table.Statistics:
    if files.is_remote(where):
        return files.follow(where, SUMMARY, lambda encoded: _read(where, encoded))
    return files.read_whole_folder(where, lambda: _read(where))


def _read(where: str, encoded: bytes | None = None) -> table.Statistics:
    try:
        if encoded is None:
            encoded = files.read(os.path.join(where, SUMMARY))
        described = json.loads(encoded.decode())
        if not isinstance(described, dict) or described.get("format") != _FORMAT:
            raise errors.ArtifactError(
                f"{SUMMARY} is not of format {_FORMAT}, the one that this version of "
                "tfnorm reads.",
                file=where,
            )
        if described.get("checksum") != _checksum(described):
            raise ValueError(f"{SUMMARY} is not as it was written")
        # Where folders cannot be renamed, the state of each writer has its own name.
        name = os.path.basename(described.get("state", STATE))
        held = io.BytesIO(files.read(os.path.join(where, name)))
        with np.load(held, allow_pickle=False) as arrays:
            state_arrays = dict(arrays)
            features, rows = state.unpack(state_arrays)
        found = table.Statistics(
            features,
            rows,
            described["bad_records"],
            described["recipe"],
            tuple(described["sources"]),
            tuple(map(_line, described.get("provenance", ()))),
            weighted.unpack_total(state_arrays),
        )
        digest = described["digest"]
    except (OSError, errors.DataError) as error:
        raise errors.ArtifactError(f"cannot be read: {error}", file=where) from error
    except (
        ValueError,
        LookupError,
        TypeError,
        EOFError,
        RuntimeError,  # Also NotImplementedError: flags of zip nobody set.
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise errors.ArtifactError(
            f"is corrupted: {type(error).__name__}: {error}", file=where
        ) from error
    if found.digest != digest:
        raise errors.ArtifactError(
            f"is corrupted: its state has digest {found.digest[:12]}, but {SUMMARY} "
            f"says {str(digest)[:12]}.",
            file=where,
        )
    return found


def _text(described: dict) -> str:
    """JSON with a line for each feature: `indent` takes ten times as long."""
    lines = {key: _line(value) for key, value in described.items()}
    features = (f"  {_line(n)}: {_line(f)}" for n, f in described["features"].items())
    lines["features"] = "{\n" + ",\n".join(features) + "\n}"
    return "{\n" + ",\n".join(f'"{k}": {lines[k]}' for k in sorted(lines)) + "\n}\n"


def _line(value) -> str:
    return json.dumps(value, sort_keys=True)


def _checksum(described: dict) -> str:
    """SHA-256 of what the summary says but for this, recipe and sources included."""
    rest = {key: value for key, value in described.items() if key != "checksum"}
    return hashlib.sha256(_line(rest).encode()).hexdigest()


def summary(found: table.Statistics) -> dict:
    """What `statistics.json` says, but for the recipe."""
    weight = {} if found.weight is None else {"weight": found.weight}
    return {
        **weight,
        "format": _FORMAT,
        "tfnorm_version": config.version(),
        "digest": found.digest,
        "rows": found.rows,
        "bad_records": found.bad_records,
        "sources": list(found.sources),
        "provenance": [json.loads(made) for made in found.provenance],
        "features": dict(sorted(_described(found.features).items())),
    }


def _described(features) -> dict:
    """What is said of each feature; of many groups only how many there are."""
    names, many = features_lib.of(features).few()
    return {name: _describe(features[name]) for name in names} | many


def _describe(feature: statistics.FeatureStatistics) -> dict:
    counts = feature.counts
    described: dict[str, typing.Any] = {
        "kind": feature.kind,
        "shape": feature.shape,
        "rows": feature.rows,
        "counts": {name: getattr(counts, name) for name in counts.__annotations__},
    }
    if feature.shape is None:
        return described
    if len(feature.channels) > statistics.WIDE:  # Nobody would read it.
        sums = {name: int(np.sum(n)) for name, n in described["counts"].items()}
        return {**described, "counts": sums}
    known, taken = feature.known, feature.has_quantiles
    # Not the matrix, which would bury the rest.
    pairs = {}
    if feature.joint is not None:
        pairs = {"comoments": {"complete_rows": feature.joint.count}}
    quantiles = {}
    if taken:  # All at once: each call gathers the buckets anew.
        found = feature.quantile(QUANTILES)
        for i, q in enumerate(QUANTILES):
            quantiles[str(q)] = {
                "lower": found.lower[..., i],
                "value": found.value[..., i],
                "upper": found.upper[..., i],
            }
    return {
        **described,
        **pairs,
        **({} if feature.weighted is None else {"weight": feature.weight}),
        "mean": feature.mean,
        "std": feature.std,
        "min": feature.min if known else None,
        "max": feature.max if known else None,
        "quantiles": quantiles,
    }
