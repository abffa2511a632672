"""Titles: how a raw title is written when the LLM is to say it, and the ITEMS table of a source."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

import pyarrow as pa

from recinterpreter.errors import UserError
from recinterpreter.schemas import ITEMS
from recinterpreter.settings.data import Titles

# Articles that MovieLens moves behind the title; German "Die" is left out, it is also a verb.
_ARTICLES = "The|A|An|Le|La|Les|L'|Il|Lo|Gli|El|Los|Las|Der|Das|Den|Det|O"
_TRAILING_ARTICLE = re.compile(rf"(?P<title>.*\S), (?P<article>{_ARTICLES})")
# "(1995)", and MovieLens' "(1995) (V)" of a film made for video
_YEAR = re.compile(r"(?P<title>.*\S) ?\(\d{4}\)(?: \((?:V|TV)\))?")
# The second title in "Seven (Se7en) (1995)"; only before a year, so that the user's own
# "Portal (Deluxe Edition)" stays apart from "Portal".
_ALTERNATE = re.compile(r"(?P<title>.*\S) \([^()]*\)")
# With its semicolon only: html.unescape alone reads "&ampere" as an entity.
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z]\w*);")
# A tag (<b>, </s>), a special token (<|end|>) or a prompt's slot marker (<SeqH>)
_MARKUP = re.compile(r"<[^<>\s][^<>]*>")
_SHOWN = 5


def styled(raw: str, style: str) -> str:
    """Write a raw title in one of three styles; never empty where `raw` is not.

    "Empire Strikes Back, The (1980)" becomes
    paper: "Empire Strikes Back" (year cut, trailing article dropped; the paper's examples),
    natural: "The Empire Strikes Back", raw: as it is.
    An alternate title in brackets before the year is cut with it. HTML entities are resolved,
    white space is made single, Unicode composed (NFC), in every style.
    """
    title = _normalised(raw)
    if style == "raw":
        return title
    if match := _YEAR.fullmatch(title):
        title = match["title"]
        if match := _ALTERNATE.fullmatch(title):
            title = match["title"]
    if match := _TRAILING_ARTICLE.fullmatch(title):
        title, article = match["title"], match["article"]
        if style == "natural":
            title = article + ("" if article.endswith("'") else " ") + title
    return title


def build_items(rows: Sequence[tuple[str, str]], titles: Titles) -> pa.Table:
    """Make ITEMS from (source id, raw title) rows; item ids follow their order, from 1.

    Raises UserError naming items and titles: no item at all, an id that is empty or stands
    twice, a title that is empty, holds a control character, or markup that is not allowed.
    """
    if not rows:
        raise UserError("the table of items is empty; wanted one row per item")
    _refuse(_id_problems(source_id for source_id, _ in rows))
    _refuse(
        f"item {source_id!r}, title {raw!r}: {problem}"
        for source_id, raw in rows
        if (problem := _title_problem(raw, titles.allow_markup))
    )
    source_ids, raw_titles = zip(*rows, strict=True)
    return pa.table(
        {
            "item_id": pa.array(range(1, len(rows) + 1), pa.int32()),
            "source_id": list(source_ids),
            "raw_title": list(raw_titles),
            "title": [styled(raw, titles.style) for raw in raw_titles],
        },
        schema=ITEMS,
    )


def _normalised(raw: str) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), raw)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _id_problems(source_ids: Iterable[str]) -> Iterable[str]:
    seen: set[str] = set()
    for row, source_id in enumerate(source_ids, start=1):
        if not source_id.strip():
            yield f"row {row} of the items has an empty id; give every item one"
        elif source_id in seen:
            yield f"row {row} of the items has the id {source_id!r} again; ids must be distinct"
        seen.add(source_id)


def _title_problem(raw: str, allow_markup: bool) -> str | None:
    # resolved first: "&#10;" is a line break, "&lt;b&gt;" a tag
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), raw)
    control = next((c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp")), None)
    if control is not None:
        return (
            f"holds the control character U+{ord(control):04X} (line break, tab or the like); "
            "wanted one line of plain text, remove it from the table of items"
        )
    if not text.strip():
        return "is empty; give the item a title or remove it"
    if (markup := _MARKUP.search(text)) and not allow_markup:
        return (
            f"holds {markup[0]!r}, which reads as markup or as a slot of a prompt; remove it, or "
            "set data.titles.allow_markup: true to keep it as plain text"
        )
    return None


def _refuse(problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UserError("the items cannot be used:\n  " + "\n  ".join(found[:_SHOWN]) + more)
