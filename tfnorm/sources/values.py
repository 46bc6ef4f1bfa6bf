# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Turns the spans of one feature into the values of its column."""

import dataclasses

import numpy as np

from tfnorm.sources import buffers
from tfnorm.sources import example
from tfnorm.sources import varints
from tfnorm.sources import walk

DTYPES = {
    example.BYTES: np.dtype(object),
    example.FLOAT: np.dtype(np.float32),
    example.INT64: np.dtype(np.int64),
}


@dataclasses.dataclass(frozen=True)
class Form:
    """What a feature looks like in the first record of a file that has it."""

    kind: int
    width: int

    def empty(self, rows: int) -> np.ndarray:
        """Returns values for rows that are all missing."""
        shape = (rows,) if self.width == 1 else (rows, self.width)
        if self.kind == example.BYTES:
            return np.full(shape, b"", object)
        return np.zeros(shape, DTYPES[self.kind])


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why a row cannot be in the column; `message` is `None` if it is malformed."""

    row: int
    message: str | None


@dataclasses.dataclass(frozen=True)
class Part:
    """Consecutive rows of one column; `values` is `None` while all are missing."""

    rows: int
    values: np.ndarray | None
    missing: np.ndarray | None


def decode(
    buffer: buffers.Buffer, spans: np.ndarray, form: Form | None
) -> tuple[Part, Form | None, list[Fault]]:
    """Decodes one feature of some consecutive rows.

    Args:
        buffer: The bytes that the spans point into.
        spans: Packed spans, int64 array of shape (rows,).
        form: What earlier records of the file had, or `None`.

    Returns:
        The rows, the form as now known, and what is wrong with which row (such a
        row counts as missing in the returned part).
    """
    rows = len(spans)
    high = spans >> walk.LENGTH_SHIFT
    scalar = example.FLOAT << walk.KIND_SHIFT - walk.LENGTH_SHIFT | 4
    if form == Form(example.FLOAT, 1) and (high == scalar).all():
        values = buffer.u32[spans & walk.POSITION_MASK].view(np.float32)
        return Part(rows, values, None), form, []

    kinds = high >> walk.KIND_SHIFT - walk.LENGTH_SHIFT
    lengths = high & walk.LENGTH_MASK
    # No span, a list packed into no bytes, or a BytesList without strings.
    present = (spans != 0) & ((lengths > 0) | (kinds == example.BYTES))
    held = np.flatnonzero(present)
    if not len(held):
        return Part(rows, None, np.ones(rows, bool)), form, []
    positions = spans[held] & walk.POSITION_MASK
    kinds, lengths = kinds[held], lengths[held]
    if form is None:
        form, skipped = _first_form(buffer, kinds, positions, lengths)
        if form is None:
            faults = [Fault(int(held[i]), None) for i in skipped]
            return Part(rows, None, np.ones(rows, bool)), None, faults

    several = kinds == example.BYTES_LISTS
    if several.any():
        kinds = np.where(several, example.BYTES, kinds)
    faults = []
    right = kinds == form.kind
    if not right.all():
        for i in np.flatnonzero(~right):
            faults.append(
                _other_kind(
                    buffer,
                    int(held[i]),
                    form,
                    kinds[i],
                    (positions[i : i + 1], lengths[i : i + 1]),
                )
            )
        held, positions, lengths = held[right], positions[right], lengths[right]
        several = several[right]
    read = {
        example.FLOAT: _floats,
        example.INT64: _integers,
        example.BYTES: _strings,
    }[form.kind]
    values, counts = read(buffer, positions, lengths, several, form.width)
    if counts is not None:
        for i in np.flatnonzero(counts != form.width):
            faults.append(_other_width(int(held[i]), form, int(counts[i])))
        held = held[counts == form.width]
    if len(held) == rows:
        return Part(rows, values, None), form, []
    full = form.empty(rows)
    full[held] = values
    missing = np.ones(rows, bool)
    missing[held] = False
    return Part(rows, full, missing), form, faults


def _first_form(buffer, kinds, positions, lengths):
    """Returns the form of the first well-formed row, and the rows before it."""
    skipped = []
    for i in range(len(kinds)):
        width = _width(buffer, kinds[i], positions[i : i + 1], lengths[i : i + 1])
        if width > 0:
            kind = int(kinds[i])
            kind = example.BYTES if kind == example.BYTES_LISTS else kind
            return Form(kind, width), skipped
        skipped.append(i)
    return None, skipped


def _width(buffer, kind, position, length) -> int:
    """Returns how many values one row has, or -1 if it is malformed."""
    if kind == example.FLOAT:
        return -1 if length[0] % 4 else int(length[0]) // 4
    if kind == example.INT64:
        return int(varints.lists(buffer, position, length)[1][0])
    if kind == example.BYTES:
        return 1
    return len(_several(buffer, position[0], length[0]))


def _floats(buffer, positions, lengths, several, width):
    counts = None
    if not (lengths == 4 * width).all():
        counts = np.where(lengths % 4 == 0, lengths // 4, -1)
        positions = positions[counts == width]
    if width == 1:
        return buffer.u32[positions].view(np.float32), counts
    return buffer.gather(positions, 4 * width).view(np.float32), counts


def _integers(buffer, positions, lengths, several, width):
    if width == 1:
        values = varints.single(buffer, positions, lengths)
        if values is not None:
            return values, None
    if not len(positions):
        return np.zeros((0, width) if width > 1 else 0, np.int64), None
    numbers, counts = varints.lists(buffer, positions, lengths)
    if not (counts == width).all():
        numbers = numbers[np.repeat(counts == width, np.maximum(counts, 0))]
    return (numbers if width == 1 else numbers.reshape(-1, width)), counts


def _strings(buffer, positions, lengths, several, width):
    data = buffer.data
    places = zip(positions.tolist(), lengths.tolist(), strict=True)
    if not several.any():
        strings = np.empty(len(positions), object)
        strings[:] = [data[i : i + length] for i, length in places]
        if width == 1:
            return strings, None
        return np.empty((0, width), object), np.ones(len(positions), np.int64)
    found = [
        _several(buffer, i, length) if many else [data[i : i + length]]
        for (i, length), many in zip(places, several.tolist(), strict=True)
    ]
    counts = np.array([len(strings) for strings in found])
    flat = [string for strings in found if len(strings) == width for string in strings]
    values = np.empty(len(flat), object)
    values[:] = flat
    return (values if width == 1 else values.reshape(-1, width)), counts


def _several(buffer, position, length) -> list[bytes]:
    return example.bytes_values(buffer.data[int(position) : int(position + length)])


def _other_kind(buffer, row, form, kind, place) -> Fault:
    if _width(buffer, kind, *place) < 0:
        return Fault(row, None)
    return Fault(
        row,
        f"The values are of type {example.KIND_NAMES[int(kind)]}, where earlier "
        f"records have {example.KIND_NAMES[form.kind]}. Write the feature as one type.",
    )


def _other_width(row, form, count) -> Fault:
    if count < 0:
        return Fault(row, None)
    return Fault(
        row,
        f"The record has {count} values, where earlier records have {form.width}: "
        "ragged lengths cannot be stacked. Pad or cut the lists, or leave the "
        "feature out.",
    )
