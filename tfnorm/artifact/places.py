# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Where artifacts lie: those that patterns name, and those of splits elsewhere."""

import fnmatch
import glob
import json
import os

from tfnorm import errors
from tfnorm import files

# What tells of a data set's statistics, in their folder, and of those of its splits,
# beside their folders. Where no folder can be renamed, those lie in a part of it that
# it names, and are read as if they lay beside it.
SUMMARY = "statistics.json"
SPLITS = "splits.json"
SPLIT = "Split-"


def part_of(summary: bytes) -> str | None:
    """The folder that a summary of splits, or of applied files, names, if it does."""
    try:
        return os.path.basename(json.loads(summary)["folder"]) or None
    except (ValueError, KeyError, TypeError):
        return None


def outer(path: str) -> str | None:
    """The folder of splits that a path names one of, if it does."""
    out, name = os.path.split(path.rstrip("/"))
    if not name.startswith(SPLIT):
        return None
    return out if files.exists(os.path.join(out, SPLITS)) else None


def within(out: str, path: str, summary: bytes) -> str:
    """The folder of the split at `path`, as the summary of `out` tells."""
    part = part_of(summary)
    name = path.rstrip("/").rpartition("/")[2]
    return path if part is None else os.path.join(out, part, name)


def is_there(path: str | os.PathLike) -> bool:
    """Says whether something is at an artifact's path that should be one.

    Raises:
        DataError: The file system cannot be reached.
    """
    where = os.fspath(path)
    if (out := outer(where)) is not None:
        where = within(out, where, files.read(os.path.join(out, SPLITS)))
    return files.exists(os.path.join(where, SUMMARY))


def folders(pattern: str) -> list[str]:
    """Returns the artifacts that a pattern names, sorted; itself, if it names one.

    What it matches beside artifacts is left out.

    Raises:
        EmptyDataError: It is a pattern and matches no artifact.
        DataError: The file system cannot be reached.
    """
    if not glob.has_magic(pattern):
        return [pattern]
    if files.is_remote(pattern):
        found = _remote(pattern.rstrip("/"))
    elif os.path.exists(pattern):
        return [pattern]
    else:
        every = sorted(glob.glob(pattern))
        found = [one for one in every if os.path.exists(os.path.join(one, SUMMARY))]
    if not found:
        raise errors.EmptyDataError(
            f"No folder that holds {SUMMARY} matches the pattern.", file=pattern
        )
    return found


def _remote(pattern: str) -> list[str]:
    found = {os.path.dirname(e.path) for e in files.matches(f"{pattern}/{SUMMARY}")}
    outs, _, names = pattern.rpartition("/")
    for entry in files.matches(f"{outs}/{SPLITS}"):
        said = files.read(entry.path)
        if part_of(said) is not None:
            out = os.path.dirname(entry.path)
            splits = (f"{SPLIT}{split}" for split in json.loads(said)["splits"])
            found |= {f"{out}/{name}" for name in fnmatch.filter(splits, names)}
    return sorted(found)
