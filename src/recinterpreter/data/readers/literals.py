"""Files whose every line is a Python-2 dictionary, `{u'id': u'7', ...}`: read in a stream, fast.

Nothing is ever evaluated. A regular expression reads the lines that Python 2 itself writes, block
by block; it takes a part of what `ast.literal_eval` takes, at the same value. Any other line is
left to that, so what a line says, or that it says nothing, is what `ast.literal_eval` finds.
"""

from __future__ import annotations

import ast
import gzip
import re
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recinterpreter.errors import UserError
from recinterpreter.ticker import Ticker

_BLOCK = 2**22  # characters read at a time
# A dictionary line of more is broken; `ast.literal_eval` takes a hundred times the memory.
_LONGEST = 2**20

_ESCAPE = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"""
_TEXT = rf"""u(?:'[^'\\\n]*+(?:{_ESCAPE}[^'\\\n]*+)*+'|"[^"\\\n]*+(?:{_ESCAPE}[^"\\\n]*+)*+")"""
_NUMBER = r"(?:True|False|None|-?(?:0|[1-9]\d*+)(?:\.\d++)?+)"
_PLAIN = r"u'([^'\\\n]++)'"
_VALUE = rf"(?:{_NUMBER}|{_TEXT})"


def blocks(path: Path, setting: str) -> Iterator[bytes]:
    """Yield a gzip file in blocks of whole lines, some megabytes each, and tell the progress.

    Memory is that of a block. Raises UserError for a file that is missing, damaged or truncated;
    `setting` is the key of config.yaml that names it.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct {setting}")
    ticker = Ticker(f"{path.name} bytes", path.stat().st_size)
    rest = b""
    try:
        with open(path, "rb") as raw, gzip.open(raw) as file:
            while block := file.read(_BLOCK):
                block = rest + block
                end = block.rfind(b"\n") + 1
                if not end and len(block) <= _LONGEST:
                    rest = block
                    continue
                # a line beyond all measure is cut, and broken
                yield block[:end] if end else block + b"\n"
                rest = block[end:] if end else b""
                ticker.tick(raw.tell())
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(
            f"{path}: a truncated or damaged gzip file ({error}); wanted it whole, delete it and "
            f"download it again, or correct {setting}"
        ) from error
    if rest:
        yield rest + b"\n"


def literal(line: bytes) -> dict[Any, Any] | None:
    """Read one line as `ast.literal_eval` does; None for what is no dictionary."""
    if len(line) > _LONGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape is no business of the reader
        try:
            value = ast.literal_eval(line.decode("utf-8").strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


class Fields:
    """Some fields of every line of a block."""

    def __init__(self, *names: str) -> None:
        self._names = names
        # of a key that stands twice the last value counts, as in Python; of each field a group
        # takes what is a plain text, so that it needs no more work, another what is not
        wanted = "".join(rf"{name}': (?:{_PLAIN}|({_VALUE}))|" for name in names)
        pairs = rf"(?:u'(?:{wanted}[a-z_]++': {_VALUE})(?:, |(?=\}})))++"
        self._line = re.compile(rf"^\{{{pairs}\}}$", re.MULTILINE)

    def read(self, block: bytes) -> tuple[list[list[Any]], int]:
        """Return a column for each field, and how many lines are no dictionary.

        A column has a value for every other line, in their order; None where the line has none.
        """
        text = block.decode("ascii") if block.isascii() else ""
        found, n_lines = self._line.findall(text), block.count(b"\n")
        if len(found) == n_lines and (columns := self._columns(found)):
            return columns, 0
        lines = [self._read_line(line) for line in block.split(b"\n")[:-1]]
        good = [values for values in lines if values is not None]
        columns = [list(column) for column in zip(*good, strict=True)]
        return columns or [[] for _ in self._names], n_lines - len(good)

    def _columns(self, found: list[tuple[str, ...]]) -> list[list[Any]] | None:
        """Return the columns; None where a key stands twice, with values of both kinds."""
        groups = list(zip(*found, strict=True))
        columns: list[list[Any]] = []
        for plain, other in zip(groups[::2], groups[1::2], strict=True):
            column = list(plain)
            if "" in column:
                column = [text or None for text in plain]
            if any(other):
                if any(text and token for text, token in zip(plain, other, strict=True)):
                    return None
                column = [
                    ast.literal_eval(token) if token else value
                    for value, token in zip(column, other, strict=True)
                ]
            columns.append(column)
        return columns

    def _read_line(self, line: bytes) -> list[Any] | None:
        found = self._line.findall(line.decode("ascii")) if line.isascii() else []
        if found and (columns := self._columns(found)):
            return [value for [value] in columns]
        values = literal(line)
        return None if values is None else [values.get(name) for name in self._names]
