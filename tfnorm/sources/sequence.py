# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Decodes blocks of `tf.SequenceExample` as well as of `tf.Example`.

The context of a SequenceExample is laid out as an Example is, so it is decoded as
one. What a feature list holds are features, one a step: each is wrapped as an Example
of its own and decoded like records, too.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import errors
from tfnorm.sources import buffers
from tfnorm.sources import decode
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import values

_CONTEXT, _LISTS = 0x0A, 0x12
_Decoded = tuple[dict[str, values.Part], np.ndarray, list[errors.DataError]]
_Steps = dict[str, dict[int, list[bytes]]]


class Decoder:
    """Decodes the blocks of one file, in their order.

    Args:
        file: Path named in errors.
        features: Names of the features to decode.

    `names` holds the name of every feature met so far.
    """

    def __init__(self, file: str, features: Sequence[str]):
        self._file = file
        self._features = tuple(features)
        self._context = decode.Decoder(file, features)
        # Of the features that are feature lists in this file.
        self._lists: dict[str, decode.Decoder] = {}
        self.names = self._context.names

    @property
    def forms(self) -> dict[str, values.Form | None]:
        """What each feature looks like; `None` while no record has it."""
        found = {name: d.forms[name] for name, d in self._lists.items()}
        return {**self._context.forms, **found}

    def decode(self, block: framing.Block) -> Iterator[_Decoded]:
        """Yields columns, record numbers and faults for some rows at a time.

        A feature list gives a row for each step, and a missing one for each record
        without steps; these come behind the columns that have a row a record.
        """
        context, lists = _split(block)
        if not len(block.starts) or not (lists or self._lists):
            yield from self._context.decode(block)
            return
        known = {name for name, form in self._context.forms.items() if form}
        decoded = list(self._context.decode(context))
        faults = {fault.record: fault for _, _, wrong in decoded for fault in wrong}
        steps = self._steps(block, lists, faults)
        for name in self._features:
            inside = [_present(columns[name], r) for columns, r, _ in decoded]
            listed = block.records[sorted(steps[name])]
            self._settle(name, name in known, np.concatenate(inside), listed, faults)
        parts = []
        for name, decoder in self._lists.items():
            for columns, records, wrong in decoder.decode(
                _wrapped(name, block, steps[name])
            ):
                parts.append((columns, records, np.zeros(0, np.int64)))
                for fault in wrong:
                    faults.setdefault(fault.record, _of_a_step(fault))
        for columns, records, _ in decoded:
            kept = {n: part for n, part in columns.items() if n not in self._lists}
            parts.append((kept, records, records))
        for fault in faults.values():
            row = np.searchsorted(block.records, fault.record)
            fault.offset = block.place(row)
        bad = np.array(list(faults), np.int64)
        for columns, rows, records in parts:
            keep = ~np.isin(rows, bad)
            columns = {n: decode.select(part, keep) for n, part in columns.items()}
            yield columns, records[~np.isin(records, bad)], list(faults.values())
            faults = {}

    def learn(self, block: framing.Block) -> None:
        """Adds to `names` without decoding."""
        context, lists = _split(block)
        self._context.learn(context)
        for data in lists.values():
            self.names.update(example.steps(data) or ())

    def _steps(self, block, lists, faults) -> _Steps:
        """Reads the steps of each feature, by the row of the block."""
        found: _Steps = {name: {} for name in self._features}
        for row, data in lists.items():
            steps = example.steps(data)
            if steps is None:
                record = int(block.records[row])
                faults[record] = errors.FormatError(
                    "The record's feature lists are no serialized "
                    "`tf.train.FeatureLists`, though its checksum is right: check the "
                    "writer.",
                    file=self._file,
                    record=record,
                )
                continue
            for name in steps.keys() & found.keys():
                found[name][row] = steps[name]
        return found

    def _settle(self, name, known, inside, listed, faults) -> None:
        """Says whether a feature is a list, as in the first record that has it.

        Args:
            name: The feature.
            known: Whether earlier blocks have it in their contexts.
            inside: The records that have it in their context.
            listed: The records that have it in their feature lists.
            faults: Gets those that have it where the first has not.
        """
        if name not in self._lists and len(listed) and not known:
            if not len(inside) or listed[0] <= inside[0]:
                self._lists[name] = decode.Decoder(self._file, (name,))
        places = ("context", "feature lists")
        here, there = places if name in self._lists else places[::-1]
        for record in (inside if name in self._lists else listed).tolist():
            fault = errors.FeatureError(
                f"The feature is in the {here} of the record, where earlier records "
                f"have it in their {there}. Write it into one of the two.",
                feature=name,
                file=self._file,
                record=record,
            )
            faults.setdefault(record, fault)


def _split(block: framing.Block) -> tuple[framing.Block, dict[int, bytes]]:
    """Returns the contexts as a block, and the feature lists of the rows with some."""
    data, starts, ends = block.data, block.starts, block.ends
    buffer = buffers.Buffer(data)
    stops = _end_of(buffer, starts, _CONTEXT)
    # Bytes that are no Example may claim to reach behind their record.
    stops = np.where(stops > ends, starts, stops)
    rest = np.flatnonzero(stops != ends)
    if not len(rest):
        return block, {}
    whole = _end_of(buffer, stops[rest], _LISTS) == ends[rest]
    lists = {}
    for row in rest[whole].tolist():
        _, width = buffer.varint(stops[row : row + 1] + 1)
        lists[row] = data[int(stops[row]) + 1 + int(width[0]) : int(ends[row])]
    contexts = {}
    for row in rest[~whole].tolist():
        # Other fields, or these in another order.
        found = example.parts(data[int(starts[row]) : int(ends[row])])
        stops[row] = ends[row]
        if found is not None and found[1]:
            contexts[row], lists[row] = example.field(1, found[0]), found[1]
    if contexts:
        records = [
            contexts.get(row, data[starts[row] : stops[row]])
            for row in range(len(starts))
        ]
        data, starts, stops = _joined(records)
    return dataclasses.replace(block, data=data, starts=starts, ends=stops), lists


def _end_of(buffer: buffers.Buffer, starts: np.ndarray, tag: int) -> np.ndarray:
    """Returns where a field of the tag ends that starts there, or its start."""
    size, width = buffer.varint(starts + 1)
    there = (buffer.u8[starts] == tag) & (width > 0)
    return np.where(there, starts + 1 + width + size, starts)


def _wrapped(name: str, block: framing.Block, steps: dict[int, list[bytes]]):
    """Returns the steps of a feature list as a block of Examples, one a step."""
    key = example.field(1, name.encode())
    heads: dict[int, bytes] = {0: b""}  # A step without a value is missing.
    records: list[bytes] = []
    counts = []
    for row in range(len(block.starts)):
        found = steps.get(row) or (b"",)
        counts.append(len(found))
        for step in found:
            head = heads.get(len(step))
            if head is None:
                entry = example.field(1, key + example.field(2, step))
                head = heads[len(step)] = example.field(1, entry)[: -len(step)]
            records.append(head + step)
    data, starts, ends = _joined(records)
    return framing.Block(data, starts, ends, np.repeat(block.records, counts), 0)


def _joined(records: list[bytes]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Returns records one behind the other, and where each starts and ends."""
    data = b"".join((bytes(framing.HEADER), *records, bytes(framing.PADDING)))
    ends = framing.HEADER + np.cumsum([len(record) for record in records])
    starts = np.concatenate(([framing.HEADER], ends[:-1]))
    return data, starts.astype(np.int64), ends.astype(np.int64)


def _present(part: values.Part, records: np.ndarray) -> np.ndarray:
    return records if part.missing is None else records[~part.missing]


def _of_a_step(fault: errors.DataError) -> errors.DataError:
    if isinstance(fault, errors.FormatError):
        fault.message = (
            "A step of the feature list is no serialized `tf.train.Feature`, though "
            "the checksum is right: check the writer."
        )
    else:
        fault.message = fault.message.replace("record", "step")
    fault.args = (fault.message,)
    return fault
