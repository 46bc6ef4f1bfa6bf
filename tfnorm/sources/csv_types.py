# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Settles the types of CSV columns over a whole file, and reads cells as them."""

import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import errors
from tfnorm import files
from tfnorm.sources import shards

_CONVERSION = re.compile(r"In CSV column #(\d+): .*CSV conversion error to", re.DOTALL)
# A text column that is mostly numbers is a number column with a mistake in it: so
# many cells decide.
_SAMPLE = 1000


class Reader:
    """Opens one file as often as needed, and notes its malformed rows.

    Args:
        path: Path of the file.
        block_bytes: Bytes to read at once.
        tally: Counts rows with too few or too many cells; `None` skips them.
    """

    def __init__(self, path: str, block_bytes: int, tally: shards.Tally | None):
        self.path = path
        self._block_bytes = block_bytes
        self._tally = tally
        self._malformed: list[int] = []
        self._fault: errors.FormatError | None = None
        self._names: list[str] | None = None

    def record(self, row: int) -> int:
        """Returns the index in the file of the well-formed row number `row`."""
        for malformed in self._malformed:
            if malformed <= row:
                row += 1
        return row

    def batches(self, types: dict[str, Any]) -> Iterator:
        """Yields record batches of columns of the given types.

        Raises:
            FormatError: A row has too few or too many cells, or nothing can be read.
            FeatureError: A cell is not of its column's type.
        """
        import pyarrow as pa

        try:
            reader = self.open(types)
            self._raise_fault()
            for batch in reader:
                self._raise_fault()
                yield batch
        except pa.ArrowInvalid as error:
            self._raise_fault()
            name = self.column_at_fault(error)
            if name in types:
                raise self._locate(name, types[name]) from error
            raise self._unreadable(error) from error
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def open(self, types: dict[str, Any] | None):
        """Returns a reader with the `schema` of the first block.

        Args:
            types: The columns to read, with an Arrow type, or `None` to infer it;
                `None` for all columns.
        """
        import pyarrow.csv

        known = {name: t for name, t in (types or {}).items() if t is not None}
        return pyarrow.csv.open_csv(
            self._bytes(),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=self._block_bytes),
            pyarrow.csv.ParseOptions(
                newlines_in_values=True,
                # In a file of one column an empty line is an empty cell.
                ignore_empty_lines=len(self._header()) > 1,
                invalid_row_handler=self._skip,
            ),
            pyarrow.csv.ConvertOptions(
                null_values=[""],
                strings_can_be_null=True,
                include_columns=None if types is None else list(types),
                column_types=known,
            ),
        )

    def names(self) -> list[str]:
        """Returns the names in the header.

        Raises:
            FormatError: There is none.
        """
        import pyarrow as pa

        try:
            return self._header()
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def column_at_fault(self, error: Exception) -> str | None:
        """Returns the column whose cell could not be converted, if that is it."""
        match = _CONVERSION.match(str(error))
        return self._header()[int(match[1])] if match else None

    def _header(self) -> list[str]:
        if self._names is None:
            self._names = self._read_header()
        return self._names

    def _read_header(self) -> list[str]:
        import pyarrow.csv

        reader = pyarrow.csv.open_csv(
            self._bytes(),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=self._block_bytes),
            pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=lambda _: "skip"
            ),
        )
        return reader.schema.names

    def _bytes(self):
        """Opens the file, and inflates it if its name says so."""
        import pyarrow as pa

        if not files.is_remote(self.path):
            return pa.input_stream(self.path, compression="detect")
        zipped = "gzip" if self.path.lower().endswith(".gz") else None
        return pa.input_stream(files.open(self.path), compression=zipped)

    def _locate(self, name: str, wanted) -> errors.FeatureError:
        """Returns the error for the first cell of a column that is not `wanted`."""
        import pyarrow as pa

        reader = Reader(self.path, self._block_bytes, None)
        row = 0
        for batch in reader.batches({name: pa.string()}):
            _, faults = convert(batch.column(0), wanted)
            if faults:
                record = reader.record(row + faults[0][0])
                return not_a_number(self.path, record, name, wanted, faults[0][1])
            row += batch.num_rows
        return not_a_number(self.path, row, name, wanted, "?")

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _unreadable(self, error) -> errors.FormatError:
        return errors.FormatError(
            f"The file is no readable CSV file ({error}). It needs a header line, "
            "commas, and quotes around cells that hold either.",
            file=self.path,
        )

    def _skip(self, row) -> str:
        """Decides over a row with too few or too many cells."""
        record = row.number - 2  # Rows count from 1, and the header is the first.
        if record in self._malformed:
            return "skip"
        self._malformed.append(record)
        if self._tally is None:
            return "skip"
        try:
            self._tally.add(
                errors.FormatError(
                    f"The row has {row.actual_columns} cells where the header has "
                    f"{row.expected_columns}. Quote cells that hold a comma.",
                    file=self.path,
                    record=record,
                )
            )
        except errors.FormatError as fault:
            # An exception would be lost inside Arrow.
            self._fault = fault
            return "error"
        return "skip"


def infer(
    reader: Reader, features: Sequence[str] | None
) -> tuple[tuple[str, Any], ...]:
    """Returns name and Arrow type of each column, as of the whole file.

    A column without any cell is of type null.

    Raises:
        FeatureError: A column is absent.
    """
    import pyarrow as pa

    header = reader.names()
    names = list(header if features is None else features)
    for name in names:
        if header.count(name) != 1:
            problem = f"{header.count(name) or 'no'} columns"
            raise errors.FeatureError(
                f"The file has {problem} of this name; it has "
                f"{', '.join(map(repr, header))}.",
                feature=name,
                file=reader.path,
            )
    schema = reader.open(dict.fromkeys(names)).schema
    types = {name: schema.field(name).type for name in names}
    # Text takes any cell. A number with a point stays one: text in its column is a
    # mistake, and is found when it is read. All else may yet turn out different.
    settled = (pa.string(), pa.binary(), pa.float64())
    unsettled = {name: t for name, t in types.items() if t not in settled}
    while unsettled:
        try:
            for _ in reader.open(unsettled):
                pass
            break
        except pa.ArrowInvalid as error:
            name = reader.column_at_fault(error)
            if name not in unsettled:
                break  # Reading the values raises it again, with all that is known.
        wider = {pa.null(): pa.int64(), pa.int64(): pa.float64()}
        unsettled[name] = types[name] = wider.get(unsettled[name], pa.string())
        if types[name] == pa.string():
            del unsettled[name]
    for name, t in types.items():
        if t in settled[:2] and _mostly_numbers(reader, name):
            types[name] = pa.float64()
    return tuple(types.items())


def convert(cells, wanted) -> tuple[Any, list[tuple[int, str]]]:
    """Casts text cells; returns also row and text of those that are not `wanted`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if cells.type == wanted:
        return cells, []
    if pa.types.is_boolean(cells.type):
        # Only words look so, and a number column has none.
        cells = cells.cast(pa.string())
    text = pc.utf8_trim_whitespace(cells)
    try:
        return text.cast(wanted), []
    except pa.ArrowInvalid:
        faults = list(_misfits(text, wanted, 0))
    wrong = {row for row, _ in faults}
    kept = pa.array([i not in wrong for i in range(len(text))])
    return pc.if_else(kept, text, None).cast(wanted), faults


def not_a_number(path, record, name, wanted, cell) -> errors.FeatureError:
    """Returns the error for a cell that is not of its column's type."""
    return errors.FeatureError(
        f"The cell {cell!r} is no {wanted}, as the rest of the column is. Leave the "
        "cell empty if the value is missing.",
        feature=name,
        file=path,
        record=record,
    )


def _misfits(text, wanted, first: int) -> Iterator[tuple[int, str]]:
    """Halves the cells until those that cannot be cast stand alone."""
    import pyarrow as pa

    try:
        text.cast(wanted)
    except pa.ArrowInvalid:
        if len(text) == 1:
            yield first, text[0].as_py()
            return
        half = len(text) // 2
        yield from _misfits(text[:half], wanted, first)
        yield from _misfits(text[half:], wanted, first + half)


def _mostly_numbers(reader: Reader, name: str) -> bool:
    import pyarrow as pa

    sample: list[str] = []
    for batch in reader.open({name: pa.string()}):
        sample += batch.column(0).drop_null()[: _SAMPLE - len(sample)].to_pylist()
        if len(sample) >= _SAMPLE:
            break
    if not sample:
        return False
    _, faults = convert(pa.array(sample, pa.string()), pa.float64())
    return 2 * len(faults) < len(sample)
