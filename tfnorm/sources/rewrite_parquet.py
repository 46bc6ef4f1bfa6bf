# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes Parquet files again with some columns changed."""

import base64
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import arrow
from tfnorm.sources import parquet
from tfnorm.sources import tables
from tfnorm.sources import write as write_lib

# Key of the file's metadata that holds the schema before it was first rewritten.
_BEFORE = b"tfnorm:schema_before"


def write(
    shard: parquet.ParquetShard,
    path: pathlib.Path,
    change,
    optional: Sequence[str],
    restore: bool,
) -> Iterator[arrays.Batch]:
    """Writes the file, a row group at a time; see `rewriting.rewrite`."""
    import pyarrow.parquet as pq

    with shard.opened() as file:
        schema = file.schema_arrow
        names = tables.names_of(schema, shard.features, shard.path)
        names = (*names, *(name for name in optional if name in schema.names))
        columns = tables.Columns(shard.path, names)
        before = _schema_before(schema) if restore else None
        writer = None
        try:
            for table in shard.row_groups(file):
                batch = columns.convert(table)
                changed = dict(change(batch)) if batch.rows else {}
                made = _table(table, batch, changed, names, before)
                if writer is None:
                    kept = made.schema.with_metadata(_metadata(schema, restore))
                    writer = pq.ParquetWriter(path, kept, compression=_codec(file))
                writer.write_table(_as(made, writer.schema, batch), max(1, batch.rows))
                yield batch
        finally:
            if writer is not None:
                writer.close()


def _table(table, batch: arrays.Batch, changed, names, before):
    """The table with the changed columns in their places, new ones behind."""
    for name, column in changed.items():
        there = name in table.schema.names
        if name not in names and there:
            raise errors.FeatureError(
                "is to be added, and the file has it already. Rename the column.",
                feature=name,
                file=batch.file,
            )
        if column is None:
            table = table.drop_columns([name]) if there else table
            continue
        index = table.schema.get_field_index(name) if there else None
        raw = table.schema.field(index).type if there else None
        if before is not None and name in before.names:
            raw = before.field(name).type
        try:
            array = _array(column, raw, exactly=before is not None)
        except (ValueError, NotImplementedError) as error:  # Also of Arrow.
            raise errors.FeatureError(
                f"cannot be written as {raw}: {error}.",
                feature=name,
                file=batch.file,
                record=batch.first_record,
            ) from error
        if index is None:
            table = table.append_column(name, array)
        else:
            table = table.set_column(index, name, array)
    return table


def _array(column: arrays.Column, raw, exactly: bool):
    """The column as Arrow, in lists of the kind that `raw` is.

    Args:
        column: What to write.
        raw: Type of the column before; `None` of one that is new.
        exactly: Whether its numbers are to have the type of `raw`.
    """
    import pyarrow as pa

    if column.values.ndim > 2:
        raise ValueError(f"its rows have shape {column.values.shape[1:]}, not lists")
    listed = column.values.ndim == 2 or raw is not None and arrow.is_list(raw)
    values = column.values.reshape(len(column.values), -1) if listed else column.values
    array = write_lib.to_arrow(arrays.Column(values, column.missing))
    if raw is None:
        return array
    item = arrow.item(raw)
    item = item.value_type if pa.types.is_dictionary(item) else item
    whole = values.dtype.kind in "iub"
    if not (exactly or whole) or pa.types.is_null(item):
        item = pa.from_numpy_dtype(values.dtype)
    return array.cast(_listed(raw, item, column) if listed else item)


def _listed(raw, item, column: arrays.Column):
    """The type of lists of `item`, of the kind that `raw` is where Arrow can."""
    import pyarrow as pa

    if pa.types.is_large_list(raw):
        return pa.large_list(item)
    width = column.values[0].size if len(column.values) else None
    # Arrow cannot read lists of a fixed size back where some are null.
    if pa.types.is_fixed_size_list(raw) and column.missing is None:
        if width in (None, raw.list_size):
            return pa.list_(item, raw.list_size)
    return pa.list_(item)


def _as(table, schema, batch: arrays.Batch):
    """The table with the types of the first row group of the file."""
    import pyarrow as pa

    try:
        return table.cast(schema)
    except (ValueError, NotImplementedError, pa.ArrowException) as error:
        raise errors.FeatureError(
            f"the rows cannot be written like those before them: {error}.",
            file=batch.file,
            record=batch.first_record,
        ) from error


def _metadata(schema, restored: bool) -> dict[bytes, bytes]:
    """The file's metadata, and in it the schema to go back to."""
    found = dict(schema.metadata or {})
    if restored:
        found.pop(_BEFORE, None)
    elif _BEFORE not in found:
        plain = schema.remove_metadata()
        found[_BEFORE] = base64.b64encode(plain.serialize().to_pybytes())
    return found


def _schema_before(schema):
    import pyarrow as pa

    found = (schema.metadata or {}).get(_BEFORE)
    if found is None:
        return None
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(found)))


def _codec(file) -> str:
    """The compression of the file's first column."""
    if not file.metadata.num_row_groups or not file.metadata.num_columns:
        return "snappy"
    found = file.metadata.row_group(0).column(0).compression.lower()
    return "none" if found == "uncompressed" else found
