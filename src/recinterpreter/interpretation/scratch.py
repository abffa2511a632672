"""Rows of an array too large for memory, in a file that is gone with the process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np


class Scratch:
    """N rows of one shape and type: appended once, then read by number.

    The file has no name, so nothing is left of it however the process ends. Rows are read by
    `pread`, not mapped: memory does not grow with what has been read.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as it lives
        self._order: np.ndarray | None = None
        self._row = np.empty(0)

    def append(self, rows: np.ndarray) -> None:
        """Add rows (N, ...), all of the first ones' shape and type."""
        self._row = np.empty_like(rows[0])
        self._file.write(np.ascontiguousarray(rows).data)

    def reorder(self, order: np.ndarray) -> Scratch:
        """Call the row that was appended as number order[i] number i from now on."""
        self._file.flush()
        self._order = order
        return self

    def __len__(self) -> int:
        return 0 if self._order is None else len(self._order)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        assert self._order is not None
        found = np.empty((len(rows), *self._row.shape), self._row.dtype)
        # in the order of the file, which a disk likes best
        places = self._order[rows]
        for i in np.argsort(places, kind="stable"):
            start = int(places[i]) * self._row.nbytes
            os.preadv(self._file.fileno(), [found[i].data.cast("B")], start)
        return found
