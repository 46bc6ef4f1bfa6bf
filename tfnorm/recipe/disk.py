# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes as files of JSON."""

import os

from tfnorm import config
from tfnorm import errors
from tfnorm import files


def save(value, path: str | os.PathLike) -> None:
    """Writes a value as JSON, whole or not at all."""
    with files.whole_file(path) as temporary:
        temporary.write_text(config.dumps(value), encoding="utf-8")


def load(path: str | os.PathLike, kind: type):
    """Reads a value of some class; see `load_recipe` for the errors."""
    try:
        value = config.loads(files.read(path).decode())
    except (OSError, UnicodeDecodeError, errors.DataError) as error:
        raise errors.RecipeError(
            f"cannot be read: {error}", file=os.fspath(path)
        ) from error
    except errors.RecipeError as error:
        error.file = error.file or os.fspath(path)
        raise
    if not isinstance(value, kind):
        raise errors.RecipeError(
            f"holds no {kind.__name__} but a {type(value).__name__}.",
            file=os.fspath(path),
        )
    return value
