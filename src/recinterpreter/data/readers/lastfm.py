"""Last.fm's users of 2011 (HetRec 2011, lastfm-2k): the artists that a user tagged, in time.

The release has no times of listening, only those of tags; so an event is the first tag that a user
gave an artist. That is the only order there is, and not that of listening. Tags from before Last.fm
was there (2002) have a broken time and are left out. Then users and artists of few events are left
out, again and again (`data.lastfm.core`).

LLaRA (arXiv 2312.02445) trains on a Last.fm of its own making, released as pickles, which are not
read here. What it left out it does not say; its counts of users and items are told beside ours.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.archive import member
from recinterpreter.data.readers.checks import WHOLE, refuse_misfits
from recinterpreter.data.readers.core import first_of_pairs, k_core
from recinterpreter.data.readers.raw_titles import named
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, LastFmRules

logger = logging.getLogger("recinterpreter")

# Items: the padding id of its code; users: its figures are parts of 122, a tenth of them.
LLARA = {"users": 1_220, "items": 4_606}
_SETTING = "data.lastfm.path"
_INNER = "hetrec2011-lastfm-2k"
_TAGS = "user_taggedartists-timestamps.dat"
_STARTED = 1_009_843_200  # 2002-01-01
_LONGEST = 1000  # characters of an artist's name


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read the release: a folder or the zip, `files["archive"]`, unpacked to `scratch`.

    Raises UserError with file, line, what was got, what was wanted and what to do.
    """
    rules = settings.source
    if not isinstance(rules, LastFmRules):
        raise TypeError(f"wanted the settings of Last.fm, got {rules!r}")
    tags = _tags(member(files["archive"], _TAGS, _INNER, _SETTING, scratch))
    artists = _artists(member(files["archive"], "artists.dat", _INNER, _SETTING, scratch))
    events = tags if rules.core is None else k_core(tags, rules.core)
    if events.is_empty():
        raise UserError(
            f"{files['archive']}: no tag is left of users and artists with at least {rules.core} "
            "events (data.lastfm.core)"
        )
    items = named(events["item"], artists, _LONGEST)
    counts = {"users": events["user"].n_unique(), "items": len(items)}
    for what, count in counts.items():
        logger.info("%s: %d here, %d in LLaRA", what, count, LLARA[what])
    return Raw(events.lazy(), items)


def _tags(path: Path) -> pl.DataFrame:
    """Read the first tag that each user gave an artist: user, item, time; in the file's order."""
    names = ["userID", "artistID", "tagID", "timestamp"]
    table = _table(path, names)
    patterns = {**dict.fromkeys(names, WHOLE), "timestamp": r"^-?[0-9]{1,15}$"}
    refuse_misfits(table, patterns, str(path), f"{', '.join(names)}: whole numbers", first=2)
    tags = table.select(
        user="userID", item="artistID", time=pl.col("timestamp").cast(pl.Int64) // 1000
    ).collect()
    real = tags.filter(pl.col("time") >= _STARTED)
    logger.info("%d of %d tags are from before 2002, left out", len(tags) - len(real), len(tags))
    return first_of_pairs(real)


def _artists(path: Path) -> list[tuple[str, str]]:
    table = _table(path, ["id", "name"]).select("id", "name")
    refuse_misfits(table, {"id": WHOLE}, str(path), "id, name, url, pictureURL", first=2)
    return [(artist, name) for artist, name in table.collect().iter_rows()]


def _table(path: Path, wanted: list[str]) -> pl.LazyFrame:
    """Scan a table of tabs, all as text; names hold quotation marks, which mean nothing."""
    try:
        table = pl.scan_csv(
            path, separator="\t", quote_char=None, infer_schema=False, encoding="utf8-lossy"
        )
        names = table.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{path}: cannot be read as a table of tabs ({str(error).splitlines()[0]}); put the "
            "official file there again"
        ) from error
    if missing := [name for name in wanted if name not in names]:
        raise UserError(
            f"{path}: no column {', '.join(missing)}, only {', '.join(names)}; put the official "
            "file there again"
        )
    return table
