"""Titles taken from web pages: what is left of one that can be said in a sentence.

Amazon's hold HTML entities (some written twice: `&amp;amp;`), tags, line breaks; a few of the 2018
release are not titles but a script of the page they were taken from. Many are a name and a long
list of search words, up to 900 characters.
"""

from __future__ import annotations

import html
import logging
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import polars as pl

from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")

_RAW = 4000  # characters of a raw title that are looked at
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
# 2018: `var aPageStart = (new Date()).getTime();` and more of the page's own code. The authors of
# the release tell such lines by getTime too.
_SCRIPT = re.compile(r"getTime|var ue_|function\s*\(")
_NO_END = " ,;:|/&+-–—([{"


def clean(raw: object, longest: int) -> str:
    """Return a title on one line, of at most `longest` characters; empty where there is none.

    Entities are resolved, tags and angle brackets are cut out, white space is made single. A title
    that is longer is cut behind the last word that is whole, without the signs that then stand at
    its end.
    """
    if not isinstance(raw, str) or _SCRIPT.search(raw):
        return ""
    text = _TAG.sub(" ", html.unescape(html.unescape(raw[:_RAW])))
    title = " ".join("".join(" " if c in "<>" or _controls(c) else c for c in text).split())
    if len(title) <= longest:
        return title
    cut, space, _ = title[: longest + 1].rpartition(" ")
    return (cut if space else title[:longest]).rstrip(_NO_END)


def named(
    reviewed: pl.Series, records: Iterable[tuple[Any, ...]], longest: int
) -> list[tuple[str, str]]:
    """Return (id, title) of the items reviewed, in the order of the records of (id, title).

    Of several records of an item the first that has a title counts. Items without any come last,
    called by their ids, in the order of their first event.
    """
    wanted = dict.fromkeys(reviewed.unique(maintain_order=True), "")
    titles: dict[str, str] = {}
    for item, raw in records:
        if isinstance(item, str) and item in wanted and item not in titles:
            title = clean(raw, longest)
            if title:
                titles[item] = title
    if not titles:
        raise UserError(
            f"of {len(wanted)} items none has a title; wanted events and titles of one category"
        )
    untitled = [(item, item) for item in wanted if item not in titles]
    logger.info("%d of %d items have no title: they are called by id", len(untitled), len(wanted))
    return [*titles.items(), *untitled]


def _controls(character: str) -> bool:
    # Cs: half of a character, which no file can hold
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
