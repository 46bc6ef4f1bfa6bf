# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Decodes blocks of serialized `tf.Example` to columns, fastest way first.

Records like one seen before but for their values are matched against it
(`templates`); the others are walked together (`walk`); what is unusual goes
through protobuf (`example`). All three give the same spans, so the same values.
"""

import collections
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import errors
from tfnorm.sources import buffers
from tfnorm.sources import example
from tfnorm.sources import framing
from tfnorm.sources import keys
from tfnorm.sources import templates
from tfnorm.sources import values
from tfnorm.sources import walk

# Rows walked together: enough that the cost of a NumPy call is small beside its
# work, few enough that their bytes stay in the cache.
CHUNK_BYTES = 4 << 20
CHUNK_ROWS = 4096
# Keys that nobody asked for are remembered up to this number.
MOST_KEYS = 4096
MOST_TEMPLATES = 64
# A template that explains less of the leftovers than this is not worth keeping.
LEAST_SHARE = 0.1


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
        self._forms: dict[str, values.Form | None] = dict.fromkeys(self._features)
        self._table = keys.KeyTable(tuple(name.encode() for name in self._features))
        self._templates: dict[int, list[templates.Template]] = collections.defaultdict(
            list
        )
        self._template_count = 0
        # Attempts left to find a template that helps; a success restores them.
        self._patience = 4
        self.names: set[str] = set()

    @property
    def forms(self) -> dict[str, values.Form | None]:
        """What each feature looks like; `None` while no record has it."""
        return self._forms

    def decode(
        self, block: framing.Block
    ) -> Iterator[tuple[dict[str, values.Part], np.ndarray, list[errors.DataError]]]:
        """Yields columns, record numbers and faults for some rows at a time."""
        buffer = buffers.Buffer(block.data)
        for chunk in self._chunks(block):
            rows = slice(*chunk)
            yield self._decode_chunk(block, buffer, rows)

    def learn(self, block: framing.Block) -> list[errors.DataError]:
        """Adds to `names` without decoding; returns the undecodable records."""
        buffer = buffers.Buffer(block.data)
        faults = []
        for chunk in self._chunks(block):
            rows = slice(*chunk)
            spans, odd = self._spans(buffer, block.starts[rows], block.ends[rows])
            self.names.update(key.decode() for key in self._table.keys)
            for i in odd.tolist():
                row = i + rows.start
                found = example.parse(
                    block.data[int(block.starts[row]) : int(block.ends[row])]
                )
                if found is None:
                    faults.append(self._malformed(block, row))
                else:
                    self.names.update(found)
        return faults

    def _chunks(self, block: framing.Block) -> Iterator[tuple[int, int]]:
        count = len(block.starts)
        if not count:
            return
        size = int(block.ends[-1] - block.starts[0]) // count + 1
        step = max(CHUNK_ROWS, CHUNK_BYTES // size)
        # Even parts: a small last one would cost as many calls as a full one.
        parts = max(1, round(count / step))
        bounds = [count * i // parts for i in range(parts + 1)]
        yield from zip(bounds[:-1], bounds[1:], strict=True)

    def _decode_chunk(self, block, buffer, rows):
        starts, ends = block.starts[rows], block.ends[rows]
        spans, odd = self._spans(buffer, starts, ends)
        faults: dict[int, errors.DataError] = {}
        if len(odd):
            buffer, spans = self._odd(block, rows, spans, odd, faults)
        columns = {}
        for name in self._features:
            part, form, wrong = values.decode(
                buffer, spans[self._table.index[name.encode()]], self._forms[name]
            )
            self._forms[name] = form
            columns[name] = part
            for fault in wrong:
                row = rows.start + fault.row
                if fault.row in faults:
                    continue
                if fault.message is None:
                    faults[fault.row] = self._malformed(block, row, name)
                else:
                    faults[fault.row] = errors.FeatureError(
                        fault.message, feature=name, **self._where(block, row)
                    )
        records = block.records[rows]
        if faults:
            keep = np.ones(len(starts), bool)
            keep[list(faults)] = False
            records = records[keep]
            columns = {name: select(part, keep) for name, part in columns.items()}
        return columns, records, [faults[row] for row in sorted(faults)]

    def _spans(self, buffer, starts, ends):
        """Finds the spans of some records; returns also which are odd."""
        count = len(starts)
        lengths = ends - starts
        todo = np.arange(count)
        spans = None
        for template in self._by_length(lengths):
            spans, todo = self._apply(template, buffer, starts, lengths, spans, todo)
        # One look for new templates a chunk; each costs a walk of one record.
        while (
            self._patience and len(todo) > 64 and self._template_count < MOST_TEMPLATES
        ):
            template = self._new_template(buffer, starts, ends, int(todo[0]))
            if template is None:
                self._patience -= 1
                break
            before = len(todo)
            tried = self._apply(template, buffer, starts, lengths, spans, todo)
            if before - len(tried[1]) < max(2, LEAST_SHARE * before):
                self._patience -= 1
                break
            spans, todo = tried
            self._patience = 4
            self._template_count += 1
            self._templates[template.length].append(template)
        if spans is None or len(spans) < len(self._table.keys):
            spans = self._grow(spans, count)
        if not len(todo):
            return spans, todo
        walked = walk.Walk(
            buffer,
            starts[todo],
            ends[todo],
            self._table,
            lambda row: self._learn(buffer, starts[todo[row]], ends[todo[row]]),
        ).run()
        if len(todo) == count:
            return walked.spans, walked.odd
        spans = self._grow(spans, count)
        spans[:, todo] = walked.spans
        return spans, todo[walked.odd]

    def _by_length(self, lengths: np.ndarray):
        if self._template_count:
            counts = np.bincount(np.minimum(lengths, 1 << 20))
            present = np.flatnonzero(counts)
            # The most frequent length first: its spans are written in one sweep.
            for length in present[np.argsort(-counts[present], kind="stable")].tolist():
                yield from self._templates.get(length, ())

    def _apply(self, template, buffer, starts, lengths, spans, todo):
        """Fills in the spans of the records that match; returns what is left."""
        alike = todo[lengths[todo] == template.length]
        if not len(alike):
            return spans, todo
        hits = alike[template.match(buffer, starts[alike])]
        if not len(hits):
            return spans, todo
        keys_known = len(self._table.keys)
        if spans is None:
            # Every column is written; those of other records are written again.
            spans = np.zeros((keys_known, len(starts)), np.int64)
            spans[: len(template.spans)] = template.place(starts)
        else:
            spans = self._grow(spans, len(starts))
            spans[: len(template.spans), hits] = template.place(starts[hits])
            spans[len(template.spans) :, hits] = 0
        left = np.zeros(len(starts), bool)
        left[todo] = True
        left[hits] = False
        return spans, np.flatnonzero(left)

    def _grow(self, spans, count):
        known = len(self._table.keys)
        if spans is None:
            return np.zeros((known, count), np.int64)
        if len(spans) < known:
            room = np.zeros((known - len(spans), count), np.int64)
            spans = np.concatenate((spans, room))
        return spans

    def _new_template(self, buffer, starts, ends, row):
        start, end = int(starts[row]), int(ends[row])
        one = walk.Walk(
            buffer,
            starts[row : row + 1],
            ends[row : row + 1],
            self._table,
            lambda _: self._learn(buffer, start, end),
        ).run()
        self._table = one.table
        if len(one.odd):
            return None
        spans = one.spans[:, 0]
        spans[spans != 0] -= start
        return templates.Template(buffer.data[start:end], spans)

    def _learn(self, buffer, start, end) -> keys.KeyTable | None:
        """Adds the keys of one record to the table."""
        found = example.parse(buffer.data[int(start) : int(end)])
        if found is None:
            return None
        new = [key for key in map(str.encode, found) if key not in self._table.index]
        if not new or len(self._table.keys) + len(new) > MOST_KEYS:
            return None
        self._table = keys.KeyTable((*self._table.keys, *new))
        return self._table

    def _odd(self, block, rows, spans, odd, faults):
        """Parses odd records one by one; their payloads are put behind the chunk."""
        base = int(block.starts[rows.start]) - framing.HEADER
        extra = [block.data[base : int(block.ends[rows.stop - 1])]]
        position = len(extra[0])
        spans = np.where(spans != 0, spans - base, 0)
        for i in odd.tolist():
            row = rows.start + i
            record = block.data[int(block.starts[row]) : int(block.ends[row])]
            found = example.parse(record)
            if found is None:
                faults[i] = self._malformed(block, row)
                continue
            for key, (kind, payload) in found.items():
                index = self._table.index.get(key.encode())
                if len(payload) > walk.LENGTH_MASK:
                    faults[i] = errors.FeatureError(
                        f"The record has {len(payload)} bytes of values; at most "
                        f"{walk.LENGTH_MASK} can be read.",
                        feature=key,
                        **self._where(block, row),
                    )
                elif index is not None:
                    spans[index, i] = walk.span(kind, len(payload), position)
                    extra.append(payload)
                    position += len(payload)
        extra.append(bytes(framing.PADDING))
        return buffers.Buffer(b"".join(extra)), spans

    def _where(self, block, row) -> dict:
        return {
            "file": self._file,
            "record": int(block.records[row]),
            "offset": block.place(row),
        }

    def _malformed(self, block, row, feature=None) -> errors.FormatError:
        return errors.FormatError(
            f"The record's {block.ends[row] - block.starts[row]} bytes are no "
            "serialized `tf.Example`, though their checksum is right: check the "
            "writer.",
            feature=feature,
            **self._where(block, row),
        )


def select(part: values.Part, keep: np.ndarray) -> values.Part:
    """Returns the rows to keep, by a boolean array of shape (rows,)."""
    return values.Part(
        int(keep.sum()),
        None if part.values is None else part.values[keep],
        None if part.missing is None else part.missing[keep],
    )
