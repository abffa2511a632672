"""Files that another program wrote, Parquet or npz, read in parts and checked on the way in.

Whatever leaves this module is dense, finite and of one shape; errors name the file and the row.
Shapes: N rows of a part.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recinterpreter import tables
from recinterpreter.errors import UserError

ROWS_AT_A_TIME = 4096
OPTIONAL = ("mask",)


@dataclass(frozen=True)
class Part:
    """Successive rows of a file, all its columns of N rows; rows are numbered from 1 on."""

    path: Path
    first: int
    columns: Mapping[str, pa.Array]

    def refuse(self, odd: np.ndarray, name: str, wanted: str) -> None:
        """Raise UserError that names the first odd row, (N,) booleans, if there is one."""
        if odd.any():
            row = int(odd.argmax())
            raise UserError(
                f"{self.path}, row {self.first + row}: column {name!r} {wanted}; write the file "
                "again"
            )

    def ids(self, name: str) -> pa.Array:
        """Return ids as text, (N,); whole numbers as they are written."""
        return self._ids(self.columns[name], name, np.arange(len(self.columns[name])))

    def whole(self, name: str) -> np.ndarray:
        """Return whole numbers from 0 on, (N,) int64."""
        column = self.columns[name]
        if not pa.types.is_integer(column.type):
            raise UserError(
                f"{self.path}: column {name!r} is {column.type}; wanted whole numbers from 0 on"
            )
        self._no_null(column, name)
        numbers: np.ndarray = column.to_numpy(zero_copy_only=False)
        self.refuse(numbers < 0, name, "is negative, wanted a whole number from 0 on")
        return numbers.astype(np.int64)

    def vectors(self, name: str) -> np.ndarray:
        """Return numbers of whatever shape each row has: (N, D) or (N, L, D) float32."""
        numbers = self._dense(name)
        if numbers.ndim == 1 or not (pa.types.is_floating(self._kind(name)) or numbers.size == 0):
            raise UserError(
                f"{self.path}: column {name!r} is {self.columns[name].type}; wanted lists of floats"
            )
        with np.errstate(over="ignore"):  # told below
            found: np.ndarray = numbers.astype(np.float32)
        odd = ~np.isfinite(found).reshape(len(found), -1).all(1)
        self.refuse(odd, name, "holds a number that is not finite in float32 (NaN, inf or beyond)")
        return found

    def marks(self, name: str) -> np.ndarray:
        """Return lists of booleans of one length: (N, L)."""
        marks = self._dense(name)
        if marks.ndim != 2 or not pa.types.is_boolean(self._kind(name)):
            raise UserError(
                f"{self.path}: column {name!r} is {self.columns[name].type}; wanted lists of "
                "booleans"
            )
        return marks

    def lists(self, name: str) -> tuple[np.ndarray, pa.Array]:
        """Return lists of ids, of any lengths: (row of each id, the ids as text)."""
        column = self.columns[name]
        if not _is_list(column.type):
            raise UserError(f"{self.path}: column {name!r} is {column.type}; wanted lists of ids")
        self._no_null(column, name)
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(column)), lengths)
        return rows, self._ids(column.flatten(), name, rows)

    def _ids(self, column: pa.Array, name: str, rows: np.ndarray) -> pa.Array:
        """Turn ids that stand in some rows of the part into text."""
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        of = pa.types
        text = of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind)
        if not (text or of.is_integer(kind)):
            raise UserError(
                f"{self.path}: column {name!r} is {column.type}; wanted ids: text or whole numbers"
            )
        ids = column.cast(pa.string())
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(ids), ""), True)
        odd = np.zeros(len(self), bool)
        odd[rows[blank.to_numpy(zero_copy_only=False)]] = True
        self.refuse(odd, name, "holds no id, wanted text or a whole number")
        return ids

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def _kind(self, name: str) -> pa.DataType:
        kind = self.columns[name].type
        while _is_list(kind):
            kind = kind.value_type
        return kind

    def _no_null(self, column: pa.Array, name: str, per_row: int = 1) -> None:
        absent = column.is_null().to_numpy(zero_copy_only=False)
        self.refuse(absent.reshape(-1, per_row).any(1), name, "is null, wanted a value")

    def _dense(self, name: str) -> np.ndarray:
        """Return nested lists as an array; UserError where they are ragged or hold nulls."""
        values, shape = self.columns[name], [len(self)]
        while _is_list(values.type):
            self._no_null(values, name, math.prod(shape[1:]))
            lengths = pc.list_value_length(values).to_numpy(zero_copy_only=False)
            size = int(lengths[0]) if len(lengths) else 0
            odd = (lengths != size).reshape(len(self), -1).any(1)
            self.refuse(odd, name, f"has another length than in the rows before it, {size}")
            if not size:
                self.refuse(np.ones(len(self), bool), name, "is an empty list")
            values = values.flatten()
            shape.append(size)
        self._no_null(values, name, math.prod(shape[1:]))
        numbers: np.ndarray = values.to_numpy(zero_copy_only=False)
        return numbers.reshape(shape)


def parts(path: Path, wanted: Sequence[str]) -> Iterator[Part]:
    """Read a file in parts, `wanted` columns and a mask where it has one.

    Raises UserError for a file that is not there, cannot be read, lacks a column or has no row.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct its path in recommenders.outside")
    if path.suffix not in _READERS:
        raise UserError(f"{path}: a file of type {path.suffix!r}; wanted .parquet or .npz")
    first = 1
    for columns in _READERS[path.suffix](path):
        for name in wanted:
            if name not in columns:
                raise UserError(
                    f"{path}: no column {name!r}; it has {', '.join(map(repr, columns))}"
                )
        kept = {name: c for name, c in columns.items() if name in (*wanted, *OPTIONAL)}
        part = Part(path, first, kept)
        if len(part):
            yield part
        first += len(part)
    if first == 1:
        raise UserError(f"{path}: holds no row; wanted at least one")


def _of_parquet(path: Path) -> Iterator[dict[str, pa.Array]]:
    try:
        tables.schema(path)
        for batch in tables.read_batches(path, ROWS_AT_A_TIME):
            yield dict(zip(batch.schema.names, batch.columns, strict=True))
    except (UserError, pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet; write the file again") from error


def _of_npz(path: Path) -> Iterator[dict[str, pa.Array]]:
    """Read arrays, which are in memory whole; never an object, for that could be code."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: cannot be read as npz ({error}); wanted numpy.savez of arrays of numbers "
            "and text, no objects"
        ) from error
    sizes = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise UserError(f"{path}: arrays of different lengths ({told}); wanted a row each")
    for start in range(0, max(sizes.values(), default=0), ROWS_AT_A_TIME):
        yield {n: _arrow(array[start : start + ROWS_AT_A_TIME]) for n, array in arrays.items()}


def _arrow(array: np.ndarray) -> pa.Array:
    """View an array (N, ...) as nested lists."""
    flat: Any = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in reversed(array.shape[1:]):
        if not size:
            return pa.array([[]] * len(array), pa.list_(flat.type))  # told of as an empty list
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    return flat


def _is_list(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind))


_READERS = {".parquet": _of_parquet, ".npz": _of_npz}
