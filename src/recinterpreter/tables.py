"""The only module that reads or writes Parquet; `schemas` says what stands in each table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recinterpreter.errors import UserError

_METADATA_KEY = b"recinterpreter"
_BUFFER = 2**20  # bytes of a file in a stream that are read at a time


class Writer:
    """Write one table in a stream of row groups; the file appears under its name when complete.

    Use as a context manager. `metadata` is any JSON value map, readable by `metadata(path)`.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.schema = schema.with_metadata(
            {_METADATA_KEY: json.dumps(dict(metadata or {}), sort_keys=True)}
        )
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.part")

    def __enter__(self) -> Writer:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Stream splitting puts the like bytes of floats together: zstd then finds what repeats.
        floats = [
            f"{field.name}.list.element"
            for field in self.schema
            if pa.types.is_fixed_size_list(field.type)
            and pa.types.is_floating(field.type.value_type)
        ]
        self._file = pq.ParquetWriter(
            self._partial,
            self.schema,
            compression="zstd",
            use_dictionary=[f.name for f in self.schema if pa.types.is_string(f.type)] or False,
            use_byte_stream_split=floats or False,
            write_statistics=True,
        )
        return self

    def write(self, rows: pa.Table | Mapping[str, Any]) -> None:
        """Append a row group: a table, or columns by name that fit the schema."""
        if not isinstance(rows, pa.Table):
            rows = pa.table(
                {f.name: _column(rows[f.name], f.type) for f in self.schema}, schema=self.schema
            )
        self._file.write_table(rows.select(self.schema.names).cast(self.schema))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                with open(self._partial, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def _column(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Turn NumPy arrays (2-D for fixed-size lists), Arrow arrays or lists into a column."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray) and values.ndim == 2:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1]).cast(kind)
    return pa.array(values, kind)


def write(
    path: Path,
    rows: pa.Table | Mapping[str, Any],
    schema: pa.Schema,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a whole table at once, atomically."""
    with Writer(path, schema, metadata) as writer:
        writer.write(rows)


def write_rows(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a table given row by row (for the small ones)."""
    write(path, pa.Table.from_pylist(list(rows), schema=schema), schema, metadata)


def _open(path: Path, mapped: bool = True) -> pq.ParquetFile:
    if not path.is_file():
        raise UserError(f"{path}: no such table; ask Snakemake for it: snakemake {path}")
    try:
        if mapped:
            return pq.ParquetFile(path, memory_map=True)
        return pq.ParquetFile(path, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file ({error}); delete it and run again"
        ) from error


def read(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check it against its schema.

    Raises UserError when the file is missing, unreadable, or a column is absent or of another type.
    """
    file = _open(path)
    _check(path, file.schema_arrow, schema)
    return file.read(columns=list(columns) if columns else None)


def read_batches(path: Path, rows: int = 4096) -> Iterator[pa.RecordBatch]:
    """Read a table in a stream of at most `rows` rows, in the file's order.

    Memory is that of a row group however long the table is: nothing is read ahead, and the file is
    not mapped, since what has been read of a mapped file counts as memory.
    """
    file = _open(path, mapped=False)
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[group])


def metadata(path: Path) -> dict[str, Any]:
    """Return what the writer noted about the table."""
    noted = (_open(path).schema_arrow.metadata or {}).get(_METADATA_KEY, b"{}")
    return dict(json.loads(noted))


def _check(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    for field in wanted:
        index = found.get_field_index(field.name)
        if index < 0:
            raise UserError(
                f"{path}: column {field.name!r} is missing; found {', '.join(found.names)}"
            )
        kind = found.field(index).type
        if kind != field.type:
            raise UserError(f"{path}: column {field.name!r} is {kind}, wanted {field.type}")


def matrix(column: pa.ChunkedArray | pa.Array, positions: int) -> np.ndarray:
    """View a fixed-size-list column without nulls as an array (rows, positions, width)."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty column has no chunk to combine into
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    size = column.type.list_size
    values: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), positions, size // positions)
