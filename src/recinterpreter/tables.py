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
from recinterpreter.partial import partial_name

_METADATA_KEY = b"recinterpreter"
_BUFFER = 2**20  # bytes of a file in a stream that are read at a time
_GROUP_BYTES = 2**24  # of the floats in a row group, where a table has vectors
_GROUP_ROWS = 2**20  # in any row group, as pyarrow has it
_MAKE_AGAIN = "delete it and run again"


class Writer:
    """Write one table in a stream; the file appears under its name when complete.

    Use as a context manager. `metadata` is any JSON value map, readable by `metadata(path)`. Rows
    wait until they fill a row group, whose size the schema alone decides: however rows are handed
    over, the same ones make the same bytes, and the memory used is that of a row group.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.schema = schema.with_metadata(
            {_METADATA_KEY: json.dumps(dict(metadata or {}), sort_keys=True)}
        )

    def __enter__(self) -> Writer:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = partial_name(self.path)
        vectors = _vectors(self.schema)
        self._group = rows_of_group(self.schema)
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        # Stream splitting puts the like bytes of floats together: zstd then finds what repeats.
        floats = [f"{field.name}.list.element" for field in vectors]
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
        """Append rows: a table, or columns by name that fit the schema."""
        self._waiting.append(table(rows, self.schema))
        self._n_waiting += len(self._waiting[-1])
        if self._n_waiting >= self._group:
            self._write_groups(self._n_waiting - self._n_waiting % self._group)

    def _write_groups(self, n_rows: int) -> None:
        """Write the first of the waiting rows."""
        waiting = pa.concat_tables(self._waiting)
        for start in range(0, n_rows, self._group):
            group = waiting.slice(start, min(self._group, n_rows - start))
            # in one piece: pages of a file end where pieces end
            self._file.write_table(group.combine_chunks(), row_group_size=self._group)
        self._waiting = [waiting.slice(n_rows)]
        self._n_waiting -= n_rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._n_waiting:
                self._write_groups(self._n_waiting)
            self._file.close()
            if kind is None:
                with open(self._partial, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def table(rows: pa.Table | Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Return rows as a table of a schema: of a table its columns, or columns by name that fit."""
    if not isinstance(rows, pa.Table):
        rows = pa.table({f.name: _column(rows[f.name], f.type) for f in schema}, schema=schema)
    return rows.select(schema.names).cast(schema)


def rows_of_group(schema: pa.Schema) -> int:
    """Return how many rows of a table go into each of its row groups but the last."""
    width = sum(f.type.list_size * f.type.value_type.bit_width // 8 for f in _vectors(schema))
    return min(max(1, _GROUP_BYTES // width), _GROUP_ROWS) if width else _GROUP_ROWS


def _vectors(schema: pa.Schema) -> list[pa.Field]:
    """Return the columns that hold a vector of floats in every row."""
    return [
        field
        for field in schema
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type)
    ]


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


def _open(path: Path, mapped: bool = True, mend: str = _MAKE_AGAIN) -> pq.ParquetFile:
    if not path.is_file():
        raise UserError(f"{path}: no such table; ask Snakemake for it: snakemake {path}")
    try:
        if mapped:
            return pq.ParquetFile(path, memory_map=True)
        return pq.ParquetFile(path, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({error}); {mend}") from error


def read(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check it against its schema.

    Raises UserError when the file is missing, unreadable, or a column is absent or of another type.
    """
    file = _open(path)
    _check(path, file.schema_arrow, schema)
    return file.read(columns=list(columns) if columns else None)


def read_batches(
    path: Path,
    rows: int = 4096,
    wanted: range | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read a table in a stream of `rows` rows, the last of them fewer, in the file's order.

    wanted, columns: the rows and columns of the file to read, all where None. Memory is that of a
    row group however long the table is: nothing is read ahead, and the file is not mapped, since
    what has been read of a mapped file counts as memory.
    """
    waiting: list[pa.RecordBatch] = []
    for batch in _pieces(_open(path, mapped=False), rows, wanted, columns):
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            joined = pa.concat_batches(waiting)
            yield joined.slice(0, rows)
            waiting = [joined.slice(rows)]
    if sum(map(len, waiting)):
        yield pa.concat_batches(waiting)


def _pieces(
    file: pq.ParquetFile, rows: int, wanted: range | None, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """Read row group by row group what of it is wanted, at most `rows` rows at a time."""
    wanted = range(file.metadata.num_rows) if wanted is None else wanted
    first = 0  # of the row group, then of the batch
    for group in range(file.num_row_groups):
        after = first + file.metadata.row_group(group).num_rows
        if first >= wanted.stop or after <= wanted.start:
            first = after
            continue
        for batch in file.iter_batches(rows, row_groups=[group], columns=columns):
            start, stop = max(wanted.start - first, 0), min(wanted.stop - first, len(batch))
            if start < stop:
                yield batch.slice(start, stop - start)
            first += len(batch)


def schema(path: Path, mend: str = _MAKE_AGAIN) -> pa.Schema:
    """Return the columns of a table, without what its writer noted.

    mend: what to do about a file that is no table; nobody should delete what the user wrote.
    """
    return _open(path, mend=mend).schema_arrow.remove_metadata()


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
