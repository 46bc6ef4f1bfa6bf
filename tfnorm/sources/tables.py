# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What files of Arrow tables share, Parquet and IPC: schemas, columns, errors."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tfnorm import arrays
from tfnorm import errors
from tfnorm import files
from tfnorm.sources import arrow

ANY = "any"


def names_of(
    schema: Any, features: tuple[str, ...] | None, path: str
) -> tuple[str, ...]:
    """Returns the columns to read: the features, or all there are.

    Raises:
        FeatureError: There is no column of a name, or more than one.
    """
    if features is None:
        return tuple(schema.names)
    for name in features:
        found = schema.get_all_field_indices(name)
        if len(found) != 1:
            problem = "no column" if not found else f"{len(found)} columns"
            raise errors.FeatureError(
                f"The file has {problem} of this name; it has "
                f"{', '.join(map(repr, schema.names))}.",
                feature=name,
                file=path,
            )
    return features


def kinds_of(
    schema: Any, features: tuple[str, ...] | None, path: str
) -> dict[str, str]:
    """Returns the class of each column's type; raises as `names_of` does."""
    import pyarrow as pa

    names = names_of(schema, features, path)
    types = {name: schema.field(name).type for name in names}
    # A column of nulls alone has no type of its own, as some write it.
    return {n: ANY if pa.types.is_null(t) else arrow.kind(t) for n, t in types.items()}


@contextlib.contextmanager
def typed(path: str, kind: str, record: int | None = None) -> Iterator[None]:
    """Turns what Arrow says of a damaged file of some kind into a FormatError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise
        raise errors.FormatError(
            f"The file is no readable {kind} file ({error}). Write it again.",
            file=path,
            record=record,
        ) from error


class Columns:
    """Converts the record batches of one file, in their order.

    Args:
        path: Path for errors.
        names: The columns to convert.
        record: Index in the file of the first row.
    """

    def __init__(self, path: str, names: tuple[str, ...], record: int = 0):
        self.record = record
        self._path = path
        self._names = names
        self._widths: dict[str, int] = {}

    def convert(self, batch) -> arrays.Batch:
        """Converts the next record batch.

        Raises:
            FeatureError: A column holds no numbers, or is ragged.
        """
        columns = {}
        for name in self._names:
            column = arrow.column(
                batch.column(batch.schema.get_field_index(name)),
                feature=name,
                file=self._path,
                first_record=self.record,
                width=self._widths.get(name),
            )
            if column.missing is None or not column.missing.all():
                shape = column.values.shape
                self._widths[name] = 1 if len(shape) == 1 else shape[1]
            columns[name] = column
        found = arrays.Batch(columns, batch.num_rows, self._path, self.record)
        self.record += batch.num_rows
        return found


def same_kinds(
    paths: Sequence[str],
    features: tuple[str, ...] | None,
    read: Callable[[str, tuple[str, ...] | None], dict[str, str]],
) -> tuple[str, ...] | None:
    """Compares the classes of each file's columns with those of the first file.

    Args:
        paths: The files.
        features: Names of the columns; `None` for those of the first file.
        read: From path and features to the class of each column.

    Returns:
        The names of the columns.

    Raises:
        FeatureError: A column is absent, or of another class of type; that of a column
            of nulls alone is any.
    """
    if features is None:
        features = tuple(read(paths[0], None))
    expected: dict[str, tuple[str, str]] = {}
    every = files.each(lambda path: read(path, features), paths)
    for path, kinds in zip(paths, every, strict=True):
        for name, kind in kinds.items():
            if kind == ANY:
                continue
            first, where = expected.setdefault(name, (kind, path))
            if kind != first:
                raise errors.FeatureError(
                    f"The column's type is {kind}, but in {where!r} it is {first}. "
                    "Write the files with one schema.",
                    feature=name,
                    file=path,
                )
    return features
