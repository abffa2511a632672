"""Amazon's reviews: the releases of 2014, 2018 and 2023, one category at a time.

A user is a reviewer, an event a review, an item a product (2023: the parent of its variants). In
all releases these rules hold, in this order:

1. Of several reviews of an item by one user the earliest counts, of one time the first in the file
   (the 2023 release has it so).
2. Users and items of few reviews are left out, again and again (`data.amazon.core`). Official
   5-core files are that nearly already; so raw files give the same.
3. An item is called by its title in the metadata, made fit by `raw_titles`, or where there is
   none by its own id (ASIN): it stays in the data set, as in the published counts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.checks import NUMBER, WHOLE, refuse_misfits
from recinterpreter.data.readers.core import first_of_pairs, k_core
from recinterpreter.data.readers.raw_titles import named
from recinterpreter.data.readers.records import read_columns, read_records
from recinterpreter.errors import UserError
from recinterpreter.settings.data import AmazonRules, Ingest

logger = logging.getLogger("recinterpreter")

_SETTING = "data.amazon.path"
_FIELDS = {  # of a review: user, item, rating, time
    2014: ("reviewerID", "asin", "overall", "unixReviewTime"),
    2018: ("reviewerID", "asin", "overall", "unixReviewTime"),
    2023: ("user_id", "parent_asin", "rating", "timestamp"),
}
_TYPES = (pl.String(), pl.String(), pl.Float64(), pl.Int64())
# of a CSV file of 2014, which has no header; that of 2023 has one, of the four fields above
_CSV_2014 = ("reviewerID", "asin", "reviewerName", "helpful", "reviewText", "overall", "summary",
             "unixReviewTime", "reviewTime")  # fmt: skip


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read one category: `files` are `reviews` and `metadata`, as the release has them.

    Nothing is written to `scratch`: a review takes some 20 bytes of memory. Raises UserError for
    files that cannot be used, and where nothing is left.
    """
    rules = settings.source
    if not isinstance(rules, AmazonRules):
        raise TypeError(f"wanted the settings of Amazon, got {rules!r}")
    events = filtered(_reviews(files["reviews"], int(rules.release)), rules, files["reviews"])
    key = "parent_asin" if rules.release == 2023 else "asin"
    records = read_records(files["metadata"], _SETTING, key, "title")
    return Raw(events.lazy(), named(events["item"], records, rules.longest_title))


def filtered(events: pl.DataFrame, rules: AmazonRules, source: Path) -> pl.DataFrame:
    """Leave out repeated reviews, and users and items of few; UserError where nothing is left."""
    first = first_of_pairs(events)
    logger.info("%d reviews of an item that the user had reviewed before", len(events) - len(first))
    kept = first if rules.core is None else k_core(first, rules.core)
    if kept.is_empty():
        raise UserError(
            f"{source}: of {len(first)} reviews none is left of users and items with at least "
            f"{rules.core} of them (data.amazon.core)"
        )
    logger.info(
        "data.amazon.core %s leaves %d of %d reviews: %d users, %d items",
        *(rules.core, len(kept), len(first), kept["user"].n_unique(), kept["item"].n_unique()),
    )
    return kept.with_columns(pl.col("user", "item").cast(pl.String))


def _reviews(path: Path, release: int) -> pl.DataFrame:
    """Read user, item (categories of text), rating and time (seconds since 1970) of all reviews."""
    names = _FIELDS[release]
    if ".csv" in path.suffixes:
        raw = _csv(path, release)
    else:
        typed = dict(zip(names, _TYPES, strict=True))
        parts = [_compact(part, names) for part in read_columns(path, _SETTING, typed)]
        raw = pl.concat(parts)
    good = raw.filter(pl.col("user") != "", pl.col("item") != "").drop_nulls()
    logger.info("%d reviews without user, item, rating or time, left out", len(raw) - len(good))
    per_second = 1000 if release == 2023 else 1
    return good.with_columns(pl.col("time") // per_second)


def _csv(path: Path, release: int) -> pl.DataFrame:
    names = _FIELDS[release]
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct {_SETTING}")
    headless = release == 2014
    try:
        table = pl.scan_csv(
            path,
            has_header=not headless,
            new_columns=list(_CSV_2014) if headless else None,
            infer_schema=False,
        )
        found = table.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); put the official file "
            f"there again, see {_SETTING}"
        ) from error
    if missing := [name for name in names if name not in found]:
        raise UserError(f"{path}: no column {', '.join(missing)}, only {', '.join(found)}")
    patterns = dict(zip(names, (r"\S", r"\S", NUMBER, WHOLE), strict=True))
    refuse_misfits(table, patterns, str(path), f"{', '.join(names)}", first=1 if headless else 2)
    return _compact(table.select(*names).collect(engine="streaming"), names)


def _compact(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    user, item, rating, time = (pl.col(name) for name in names)
    return frame.select(
        user=user.cast(pl.Categorical),
        item=item.cast(pl.Categorical),
        time=time.cast(pl.Int64),
        rating=rating.cast(pl.Float64),
    )
