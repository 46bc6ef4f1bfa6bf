# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What Beam's file systems do, and typed errors for what they say."""

import contextlib
import errno
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import errors

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_ABSENT, _DENIED = (404, errno.ENOENT), (401, 403, errno.EACCES, errno.EPERM)


def is_remote(path: Any) -> bool:
    """Says whether a path is `scheme://...`, to be reached by Beam's file systems.

    Example:

    >>> is_remote("s3://bucket/day=1/part-0.parquet"), is_remote("/data/part-0.csv")
    (True, False)
    """
    return isinstance(path, str) and _SCHEME.match(path) is not None


def use_options(flags: Sequence[str]) -> None:
    """Tells Beam's file systems a job's options, such as `--s3_endpoint_url=...`.

    They hold until the next are told; a Beam pipeline tells its own when it is made.
    Without any, `s3://` and `gs://` find credentials where their libraries look.
    """
    from apache_beam.io import filesystems
    from apache_beam.options import pipeline_options

    options = pipeline_options.PipelineOptions(list(flags))
    filesystems.FileSystems.set_options(options)


def told() -> tuple[str, ...]:
    """Returns the options that Beam's file systems were told."""
    from apache_beam.io import filesystems

    options = filesystems.FileSystems._pipeline_options
    return () if options is None else tuple(options._flags or ())


def system(path: str):
    """Returns the Beam file system of a path.

    Raises:
        OptionsError: Beam has none for the scheme, or it cannot run.
    """
    from apache_beam.io import filesystems
    from apache_beam.options import value_provider

    options = filesystems.FileSystems._pipeline_options
    if options is None and value_provider.RuntimeValueProvider.runtime_options is None:
        use_options(())
    try:
        return filesystems.FileSystems.get_filesystem(path)
    except Exception as error:
        raise errors.OptionsError(
            f"Beam's file system for {path.split('://')[0]}:// cannot be used "
            f"({_said(error)}). It needs a package (`apache-beam[gcp]` for gs://, "
            "`[aws]` for s3://, `[azure]` for azfs://, `hdfs` for hdfs://), and some "
            "need options, such as --hdfs_host.",
            file=path,
        ) from error


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turns what a file system says while it reads into a typed error.

    Raises:
        EmptyDataError: There is no such file, bucket or folder.
        OptionsError: The file system lacks a package.
        DataError: It cannot be read.
    """
    try:
        yield
    except errors.TfnormError:
        raise
    except Exception as error:
        raise _typed(path, error) from error


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turns what a file system says while it writes into an ArtifactError."""
    try:
        yield
    except errors.TfnormError:
        raise
    except Exception as error:
        raise errors.ArtifactError(
            f"cannot be written: {_said(error)}.", file=path
        ) from error


def _typed(path: str, error: Exception) -> errors.TfnormError:
    said = _said(error)
    for cause in _causes(error):
        code = getattr(cause, "code", None) or getattr(cause, "errno", None)
        code = getattr(code, "value", code)  # Of gs://, an `http.HTTPStatus`.
        if code in _ABSENT or isinstance(cause, FileNotFoundError):
            return errors.EmptyDataError(f"There is no such file ({said}).", file=path)
        if code in _DENIED or isinstance(cause, PermissionError):
            return errors.DataError(
                f"Access is denied ({said}). Check the credentials.", file=path
            )
        if isinstance(cause, ImportError | AssertionError) or "not installed" in said:
            return errors.OptionsError(
                f"The file system lacks a package ({said}).", file=path
            )
    return errors.DataError(f"The file cannot be read ({said}).", file=path)


def _causes(error: Any) -> Iterator[Exception]:
    """Yields an error and those that it was made of, the outermost first."""
    yield error
    within = getattr(error, "exception_details", None)
    for inner in within.values() if isinstance(within, dict) else (within,):
        if isinstance(inner, Exception):
            yield from _causes(inner)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _said(error: Exception) -> str:
    """The words of the innermost error."""
    *_, last = _causes(error)
    text = getattr(last, "message", None) or str(last) or type(last).__name__
    return str(text).strip().rstrip(".")
