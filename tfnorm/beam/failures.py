# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Carries typed errors from Beam workers to whoever started the job, and options there.

Runners hand on the text of an exception, not the exception. So a worker's error
travels as one line of JSON in that text.
"""

import contextlib
import json
import re
from collections.abc import Iterator

import apache_beam as beam

from tfnorm import errors
from tfnorm import files

_MARK = "tfnorm-error:"
_FIELDS = ("message", "feature", "file", "record", "offset")


@contextlib.contextmanager
def carried() -> Iterator[None]:
    """Adds the line to the text of a `TfnormError` that leaves the body."""
    try:
        yield
    except errors.TfnormError as error:
        raise RuntimeError(text_of(error)) from error


class Step(beam.DoFn):
    """A step that touches files, with the options of whoever built the pipeline.

    Beam starts the workers of pools and processes without any.
    """

    def __getstate__(self):
        # Workers may pickle it again, who know of none.
        return {"_told": files.told()} | self.__dict__

    def setup(self):
        told = self.__dict__.get("_told")
        if told and told != files.told():
            files.use_options(told)


def text_of(error: errors.TfnormError) -> str:
    """Returns the text that `typed_errors` finds the error in."""
    fields = {name: getattr(error, name) for name in _FIELDS}
    line = json.dumps({"kind": type(error).__name__} | fields)
    return f"{error}\n{_MARK}{line}"


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Raises a worker's `TfnormError` as what it was, where the body runs a pipeline.

    Without this, it comes as a runner's error that holds it as text.
    """
    try:
        yield
    except Exception as failure:
        error = _find(failure)
        if error is None:
            raise
        raise error from None


def is_typed(failure: BaseException) -> bool:
    """Returns whether a failure holds a `TfnormError`, or is one."""
    return isinstance(failure, errors.TfnormError) or _MARK in str(failure)


def _find(failure: Exception) -> errors.TfnormError | None:
    for line in re.findall(f"{_MARK}(.*)", str(failure)):
        # The text may be the repr of a repr: undo what escaping it holds.
        for text in (line, line.encode().decode("unicode_escape", "replace")):
            with contextlib.suppress(json.JSONDecodeError):
                fields, _ = json.JSONDecoder().raw_decode(text)
                kind = getattr(errors, fields.pop("kind"))
                return kind(fields.pop("message"), **fields)
    return None
