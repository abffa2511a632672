"""Steam: the two official raw files, catalogue and reviews, as events and items.

Both hold a Python-2 dictionary a line (see `literals`), and some lines that are of no use: they
are counted and left out. A user is a username (the number `user_id` stands in some lines only), an
event is a review, its time the first second of its day: no finer time is given.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from recinterpreter.data.readers.literals import Fields, blocks, literal
from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")

_SETTING = "data.steam.path"
_SECONDS_PER_DAY = 86_400
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # Unicode's Cc, Zl and Zp


def read_games(path: Path) -> list[tuple[str, str]]:
    """Read the catalogue: (id, raw title) of every game that has both, in the file's order.

    A title is `title`, or `app_name` where there is none; control characters (a few games have
    one) become spaces. Of an id that stands twice the first line counts.
    Raises UserError for a file that cannot be read, or of which most lines are of no use.
    """
    games: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for block in blocks(path, _SETTING):
        for line in block.split(b"\n")[:-1]:
            counts["lines"] += 1
            game = literal(line)
            if game is None:
                counts["broken"] += 1
                continue
            key, title = _id(game.get("id")), _text(game.get("title") or game.get("app_name"))
            if not key:
                counts["without an id"] += 1
            elif not title:
                counts["without a name"] += 1
            elif key in games:
                counts["of an id that stood before"] += 1
            else:
                games[key] = title
    _judge(path, counts)
    return list(games.items())


def read_reviews(path: Path) -> Iterator[pl.DataFrame]:
    """Read the reviews in a stream of frames: user, item (text), time (seconds since 1970).

    Rows are in the file's order; memory is that of a block however long the file is. Raises
    UserError, after the last frame, where most lines were of no use.
    """
    fields = Fields(username=_text, product_id=_id, date=_text)
    counts: Counter[str] = Counter()
    for block in blocks(path, _SETTING):
        rows, broken = fields.read(block)
        days = rows["date"].str.to_date("%Y-%m-%d", strict=False)
        frame = rows.select(
            user="username", item="product_id", time=days.cast(pl.Int64) * _SECONDS_PER_DAY
        )
        counts["lines"] += len(frame) + broken
        counts["broken"] += broken
        for column, name in (("user", "a username"), ("item", "a game"), ("time", "a date")):
            counts[f"without {name}"] += frame[column].null_count()
        yield frame.drop_nulls()
    _judge(path, counts)


def _id(value: Any) -> str:
    """Write a game's id as text; empty where it is none."""
    return _text(str(value) if type(value) is int else value)


def _text(value: Any) -> str:
    """Return text that is valid Unicode, on one line, without space around; empty for all else."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and value.isprintable():
        return value.strip()
    # Python 2 may write one character as two halves (surrogates); a half alone is none
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub(" ", whole).strip()


def _judge(path: Path, counts: Counter[str]) -> None:
    """Tell what was of no use; raise where that is most of the file."""
    lines = counts.pop("lines", 0)
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if not lines:
        raise UserError(f"{path}: the file is empty; put the official file there, see {_SETTING}")
    if 2 * sum(counts.values()) > lines:
        raise UserError(
            f"{path}: of {lines} lines most are of no use: {told}; wanted the official file, a "
            f"Python-2 dictionary a line, see {_SETTING}"
        )
    logger.info("%s: %d lines%s", path.name, lines, f"; left out: {told}" if told else "")
