"""Files whose every line is a Python-2 dictionary, `{u'id': u'7', ...}`: read in a stream, fast.

Nothing is ever evaluated. Regular expressions read the lines that Python 2 itself writes, block by
block; they take a part of what `ast.literal_eval` takes, at the same value. Any other line is left
to that, so what a line says, or that it says nothing, is what `ast.literal_eval` finds.
"""

from __future__ import annotations

import ast
import gzip
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from isal import igzip, isal_zlib

from recinterpreter.errors import UserError
from recinterpreter.ticker import Ticker

_BLOCK = 2**22  # bytes read at a time
# A dictionary line of more is broken; `ast.literal_eval` takes a hundred times the memory.
_LONGEST = 2**20

# What Python 2 writes is printable ASCII. No number is so long that Python would refuse it.
_NUMBER = r"(?:True|False|None|-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?)"
_ESCAPE = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"""
# Neither kind of text holds `': `, a quote and a colon, so what looks like a key is one.
_SINGLE = rf"'(?:[ -&(-\[\]-~]|{_ESCAPE})*'"
_DOUBLE = rf"""\"(?:[ !#-&(-\[\]-~]|{_ESCAPE}|'+(?:[ !#-&(-9;-\[\]-~]|{_ESCAPE}))*'*\""""
_PLAIN = r"[!-&(-\[\]-~](?:[ -&(-\[\]-~]*[!-&(-\[\]-~])?"  # no escape, no space around
_VALUE = rf"(?:{_NUMBER}|u(?:{_SINGLE}|{_DOUBLE}))"
_PAIR = rf"u'[a-z_]+': {_VALUE}"
_LINE = rf"^\{{{_PAIR}(?:, {_PAIR})*\}}\n$"
_TO_ASCII = bytes(range(0x80)).ljust(0x100, b"\0")


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
        with open(path, "rb") as raw, igzip.open(raw) as file:
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
    except (gzip.BadGzipFile, isal_zlib.error, zlib.error, EOFError) as error:
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
    """Some fields of every line of a block, as text.

    Each comes with the function that makes a text of its value, an empty one of a value of no use;
    it must leave printable ASCII without space around as it is: that is not shown to it.
    """

    def __init__(self, **clean: Callable[[Any], str]) -> None:
        self._clean = clean
        names = "|".join(clean)
        self._key = rf"u'(?:{names})': "
        self._pairs = re.compile(rf"u'({names})': ({_VALUE})")
        self._plain = {name: rf"u'{name}': u'({_PLAIN})'" for name in clean}

    def read(self, block: bytes) -> tuple[pl.DataFrame, int]:
        """Return a column for each field, and how many lines are no dictionary.

        The frame has a row for every other line, in their order; null where it has nothing of use.
        """
        lines, starts = _lines(block)
        usual = lines.str.contains(_LINE)
        columns = {name: lines.str.extract(plain) for name, plain in self._plain.items()}
        # so many keys and each with a value: each stands once
        known = usual & (lines.str.count_matches(self._key) == len(columns))
        for column in columns.values():
            known &= column.is_not_null()
        odd = (~known).arg_true()
        said = [self._said(block[starts[i] : starts[i + 1] - 1], usual[i]) for i in odd]
        whole = np.ones(len(lines), bool)
        whole[odd] = [texts is not None for texts in said]
        for place, name in enumerate(columns):
            texts = [line and line[place] for line in said]
            columns[name] = columns[name].scatter(odd, pl.Series(texts, dtype=pl.String))
        frame = pl.DataFrame(columns).filter(whole)
        return frame, len(lines) - len(frame)

    def _said(self, line: bytes, usual: bool) -> list[str | None] | None:
        """Clean what one line says, in the order of the fields; None for what is no dictionary."""
        if usual:
            pairs = self._pairs.findall(line.decode("ascii"))
            values = {key: _value(token) for key, token in pairs}
        else:
            found = literal(line)
            if found is None:
                return None
            values = found
        return [clean(values.get(name)) or None for name, clean in self._clean.items()]


def _lines(block: bytes) -> tuple[pl.Series, np.ndarray]:
    """Return the lines of a block, and where each starts; bytes beyond ASCII become 0."""
    starts = np.append(0, np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1)
    text = block if block.isascii() else block.translate(_TO_ASCII)
    buffers = pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(text)
    return pl.Series(pa.StringArray.from_buffers(len(starts) - 1, *buffers)), starts


def _value(token: str) -> Any:
    """Read a number or a text that Python 2 wrote."""
    if token[0] == "u":
        return token[2:-1].encode().decode("unicode_escape")
    return ast.literal_eval(token)
