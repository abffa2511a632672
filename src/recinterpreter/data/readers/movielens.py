"""MovieLens-1M, 20M, 25M and latest-small: ratings and movies, from a folder or the official zip.

The 1M release has `::` between fields and is written in latin-1, the others are CSV in UTF-8.
Ratings are read in a stream, so that 25 million of them never stand in memory at once. Movies that
nobody rated are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.archive import member
from recinterpreter.data.readers.checks import NUMBER, WHOLE, refuse_misfits
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, MovieLensRelease

logger = logging.getLogger("recinterpreter")

_PATTERNS = {"user": WHOLE, "item": WHOLE, "rating": NUMBER, "time": WHOLE}
_CSV = ["userId", "movieId", "rating", "timestamp"]


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read `archive`, the zip or a folder of the release that the settings name.

    Of a zip two files are unpacked to the folder `scratch`, from where the events are read later.
    Raises UserError with file, line, what was got, what was wanted and what to do.
    """
    if not isinstance(settings.source, MovieLensRelease):
        raise TypeError(f"wanted a release of MovieLens, got {settings.source!r}")
    release = settings.source.release
    kind = ".dat" if release == "ml-1m" else ".csv"
    ratings_path, movies_path = (
        member(files["archive"], f"{name}{kind}", release, f"data.{release}.path", scratch)
        for name in ("ratings", "movies")
    )
    if release == "ml-1m":
        ratings, movies = _dat_ratings(ratings_path), _dat_movies(movies_path)
    else:
        ratings, movies = _csv_ratings(ratings_path), _csv_movies(movies_path)
    rated = {*ratings.select(pl.col("item").unique()).collect(engine="streaming")["item"]}
    if unknown := rated - movies.keys():
        raise UserError(
            f"{ratings_path}: {len(unknown)} movies are rated that {movies_path.name} does not "
            f"hold: {', '.join(sorted(unknown)[:5])}; wanted both files of one release"
        )
    unrated = len(movies) - len(rated)
    logger.info("%d of %d movies are rated by nobody, left out", unrated, len(movies))
    events = ratings.with_columns(pl.col("time").cast(pl.Int64), pl.col("rating").cast(pl.Float64))
    columns = ["user", "item", "time"] + (["rating"] if settings.min_rating is not None else [])
    return Raw(events.select(columns), [row for row in movies.items() if row[0] in rated])


def _csv_ratings(path: Path) -> pl.LazyFrame:
    table = _scan_csv(path, _CSV).select(
        user="userId", item="movieId", rating="rating", time="timestamp"
    )
    refuse_misfits(table, _PATTERNS, str(path), f"{', '.join(_CSV)}, numbers", first=2)
    return table


def _dat_ratings(path: Path) -> pl.LazyFrame:
    """Read `user::item::rating::time`: with one colon as separator, every second field is empty."""
    names = ["user", "empty 1", "item", "empty 2", "rating", "empty 3", "time"]
    table = pl.scan_csv(
        path, separator=":", has_header=False, new_columns=names, quote_char=None,
        infer_schema=False, encoding="utf8-lossy",
    )  # fmt: skip
    wanted = "user::movie::rating::timestamp, numbers"
    empty = dict.fromkeys(names[1::2], "^$")
    refuse_misfits(table.fill_null(""), {**_PATTERNS, **empty}, str(path), wanted, first=1)
    return table.select(*_PATTERNS)


def _csv_movies(path: Path) -> dict[str, str]:
    table = _scan_csv(path, ["movieId", "title"]).select("movieId", "title")
    refuse_misfits(table, {"movieId": WHOLE, "title": r"\S"}, str(path), "movieId, title", first=2)
    return _distinct(table.collect().rows(), path)


def _dat_movies(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")  # some convert the file: latin-1 is hardly ever valid UTF-8
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    rows = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        key, _, rest = line.partition("::")
        title, _, _ = rest.rpartition("::")
        if not (key.isascii() and key.isdigit() and title.strip()):
            raise UserError(
                f"{path}, line {number}: got {line[:60]!r}, wanted number::title::genres; mend or "
                "remove the line"
            )
        rows.append((key, title))
    return _distinct(rows, path)


def _scan_csv(path: Path, wanted: list[str]) -> pl.LazyFrame:
    """Scan a CSV file, all as text; UserError where it has not the columns that are wanted."""
    try:
        table = pl.scan_csv(path, infer_schema=False)
        names = table.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); put the official file "
            "there again"
        ) from error
    if missing := [name for name in wanted if name not in names]:
        raise UserError(
            f"{path}: no column {', '.join(missing)}, only {', '.join(map(repr, names))}; wanted "
            f"{', '.join(wanted)} in the first line, put the official file there"
        )
    return table


def _distinct(rows: list[tuple[str, str]], path: Path) -> dict[str, str]:
    movies = dict(rows)
    if len(movies) < len(rows):
        raise UserError(
            f"{path}: {len(rows)} movies of {len(movies)} different numbers; wanted each once, put "
            "the official file there"
        )
    return movies
