"""Rows that a long job has made, kept on the disk until it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from recinterpreter import tables
from recinterpreter.checkpoint import Progress

_SECONDS = 10.0  # of work that a death may cost, about
_BYTES = 2**26  # of rows that wait for the disk, at most


class Kept:
    """The rows a job has made before and after any death, in the order in which it makes them.

    They lie as numbered tables in the folder of its progress, each written whole or not at all. The
    job asks first for those of its earlier lives and goes on behind the last: what it makes is the
    same wherever it was ended. A job of a few seconds writes nothing.
    """

    def __init__(self, progress: Progress, schema: pa.Schema) -> None:
        self._progress, self.schema = progress, schema
        self._waiting: list[pa.Table] = []
        self._since = time.monotonic()

    def earlier(self) -> Iterator[pa.Table]:
        """Read what was kept, table by table."""
        for path in self._files():
            yield tables.read(path, self.schema)

    def add(self, rows: pa.Table | Mapping[str, Any]) -> None:
        """Keep rows, though not at once: in a few seconds, or when there are many."""
        if self._progress.folder is None:
            return
        self._waiting.append(tables.table(rows, self.schema))
        waiting = sum(table.nbytes for table in self._waiting)
        if waiting >= _BYTES or time.monotonic() - self._since >= _SECONDS:
            path = self._progress.folder / f"{len(self._files()):06d}.parquet"
            tables.write(path, pa.concat_tables(self._waiting), self.schema)
            self._waiting = []
            self._since = time.monotonic()

    def _files(self) -> list[Path]:
        folder = self._progress.folder
        return sorted(folder.glob("[0-9]*.parquet")) if folder else []
