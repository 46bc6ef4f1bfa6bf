# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Records of `tf.Example` and `tf.SequenceExample` as batches, whatever holds them."""

import abc
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tfnorm import arrays
from tfnorm.sources import decode
from tfnorm.sources import framing
from tfnorm.sources import sequence
from tfnorm.sources import shards
from tfnorm.sources import values

BATCH_ROWS = 32768
BATCH_BYTES = 32 << 20


@dataclasses.dataclass(frozen=True)
class RecordShard(shards.Shard):
    """Records of `tf.Example` or `tf.SequenceExample`, in a file of some format.

    A `float_list` becomes float32, an `int64_list` int64, a `bytes_list` objects of
    type bytes. One value a record gives shape (rows,), k values (rows, k). An absent
    feature and an empty list are missing; a feature that no record has so far is
    float32 and all missing.

    The context of a SequenceExample is as an Example. Of a feature list, every step
    is a value of the feature: its column has a row for each step of each record,
    however many these are, and not one for each record. A step without a value is
    missing, and so is a feature list that is absent or has no steps, once.
    """

    @abc.abstractmethod
    def blocks(self) -> Iterator[framing.Block]:
        """Yields the records, whole and verified, some MiB at a time.

        Raises:
            FormatError: Nothing says where the next record starts.
        """

    def read(self) -> Iterator[arrays.Batch]:
        """Yields batches of some 10,000 rows.

        Raises:
            FormatError: A checksum, a length or the end of the file is wrong.
            FeatureError: A feature has another type or length than in an earlier
                record or step, or is a feature list in some records only.
        """
        features = self._names() if self.features is None else self.features
        decoder = sequence.Decoder(self.path, features)
        tally = shards.Tally(self.max_bad_records)
        pending = _Pending(self.path, decoder)
        for block in self.blocks():
            faults = list(block.faults)
            for columns, records, wrong in decoder.decode(block):
                faults += wrong
                pending.add(columns, records)
            # In the order of the file, whatever the block size.
            for fault in sorted(faults, key=lambda fault: fault.record):
                tally.add(fault)
            if pending.full:
                yield pending.batch(tally.report())
        if pending.rows or tally.pending:
            yield pending.batch(tally.report())

    def read_records(
        self, features: Sequence[str]
    ) -> Iterator[tuple[arrays.Batch, list[bytes]]]:
        """Yields batches of some features, each with the records of its rows.

        It raises as `read` does.
        """
        decoder = decode.Decoder(self.path, features)
        tally = shards.Tally(self.max_bad_records)
        pending = _Pending(self.path, decoder)
        for block in self.blocks():
            parts = list(decoder.decode(block))
            faults = [*block.faults, *(fault for part in parts for fault in part[2])]
            for fault in sorted(faults, key=lambda fault: fault.record):
                tally.add(fault)
            for columns, records, _ in parts:
                pending.add(columns, records)
                rows = np.searchsorted(block.records, records)
                places = zip(
                    block.starts[rows].tolist(), block.ends[rows].tolist(), strict=True
                )
                data = [block.data[start:end] for start, end in places]
                yield pending.batch(tally.report()), data
        if tally.pending:
            yield pending.batch(tally.report()), []

    def _names(self) -> tuple[str, ...]:
        decoder = sequence.Decoder(self.path, ())
        for block in self.blocks():
            decoder.learn(block)
        return tuple(sorted(decoder.names))


class _Pending:
    """Rows that wait until there are enough for a batch."""

    def __init__(self, file: str, decoder: sequence.Decoder):
        self._file = file
        self._decoder = decoder
        self._clear()

    def _clear(self) -> None:
        self.rows = 0
        self._bytes = 0
        self._records: list[np.ndarray] = []
        self._parts: dict[str, list[values.Part]] = {}

    @property
    def full(self) -> bool:
        return self.rows >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def add(self, columns: dict[str, values.Part], records: np.ndarray) -> None:
        self._records.append(records)
        self.rows += len(records)
        for name, part in columns.items():
            self._parts.setdefault(name, []).append(part)
            if part.values is not None:
                self._bytes += part.values.nbytes
                if part.values.dtype == object:  # Encoded images may be large.
                    self._bytes += sum(map(len, part.values.ravel().tolist()))

    def batch(self, bad_records: int) -> arrays.Batch:
        columns = {
            name: self._column(form, self._parts.get(name, ()))
            for name, form in self._decoder.forms.items()
        }
        records = np.concatenate([np.zeros(0, np.int64), *self._records])
        first = int(records[0]) if len(records) else 0
        batch = arrays.Batch(
            columns,
            self.rows,
            self._file,
            first,
            bad_records,
            # Where some were left out in between.
            records if (np.diff(records) != 1).any() else None,
        )
        self._clear()
        return batch

    def _column(self, form: values.Form | None, parts) -> arrays.Column:
        if form is None:
            rows = sum(part.rows for part in parts)
            return arrays.Column(np.zeros(rows, np.float32), np.ones(rows, bool))
        if not parts:
            return arrays.Column(form.empty(0))
        filled = [
            form.empty(part.rows) if part.values is None else part.values
            for part in parts
        ]
        missing = None
        if any(part.missing is not None for part in parts):
            missing = _concatenate(
                [
                    np.zeros(part.rows, bool) if part.missing is None else part.missing
                    for part in parts
                ]
            )
            if not missing.any():
                missing = None
        return arrays.Column(_concatenate(filled), missing)


def _concatenate(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
