# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Typed errors: each says what came, what was expected and where."""

import contextlib
from collections.abc import Iterator


class TfnormError(Exception):
    """Base of every error that tfnorm raises on purpose.

    Args:
        message: What came, what was expected, how to mend it.
        feature: Name of the feature at fault, where there is one.
        file: Path of the file at fault, where there is one.
        record: Index of the record (row) in that file, from 0.
        offset: Byte offset of that record in the (uncompressed) file.
    """

    # TensorFlow's AutoGraph raises other errors of traced functions as its own.
    ag_pass_through = True

    def __init__(
        self,
        message: str,
        *,
        feature: str | None = None,
        file: str | None = None,
        record: int | None = None,
        offset: int | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.feature = feature
        self.file = file
        self.record = record
        self.offset = offset

    def __str__(self) -> str:
        where = []
        if self.feature is not None:
            where.append(f"feature {self.feature!r}")
        if self.file is not None:
            where.append(f"file {self.file!r}")
        if self.record is not None:
            byte = "" if self.offset is None else f" (byte {self.offset})"
            where.append(f"record {self.record}{byte}")
        return f"{', '.join(where)}: {self.message}" if where else self.message

    def __reduce__(self):
        # Keyword-only fields would be lost on the way back from a worker.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type, args: tuple, fields: dict) -> TfnormError:
    error = kind(*args)
    error.__dict__.update(fields)
    return error


class DataError(TfnormError):
    """The data are not what they should be."""


class FormatError(DataError):
    """The bytes of a file are not its format: truncated, corrupt, compressed."""


class FeatureError(DataError):
    """A feature is absent, of another type, or ragged."""


class EmptyDataError(DataError):
    """There is nothing to read, or nothing valid in it."""


class RecipeError(TfnormError, ValueError):
    """A recipe names what does not exist or cannot be done."""


class OptionsError(TfnormError, ValueError):
    """Beam does not know an option, or cannot run with it."""


class WorkerError(TfnormError):
    """A worker of a job died, vanished or fell silent."""


class ArtifactError(TfnormError):
    """An artifact on disk cannot be read, trusted or written."""


class StatisticsError(TfnormError):
    """Statistics do not fit together, or do not hold what is asked."""


class NotFittedError(TfnormError):
    """A layer or recipe is used before it has statistics."""


class NotInvertible(TfnormError):
    """The map loses information, so it has no inverse."""


class VerificationError(TfnormError):
    """A SavedModel no longer gives the numbers it was baked with."""


def never_merged() -> StatisticsError:
    """The error where what is subtracted is not among what there is."""
    return StatisticsError("What is subtracted was never merged in.")


@contextlib.contextmanager
def naming_file(path: str) -> Iterator[None]:
    """Names a file in errors from within that name none."""
    try:
        yield
    except TfnormError as error:
        error.file = error.file or path
        raise
