"""The part of Steam that is used: users of many reviews, and of these users and games a draw.

The paper (section 4.1, Table 1) says: users with at least 20 reviews, then a sample of a third of
the users and a third of the games. It does not say which, so the draw here is ours, by a seed, and
so are these rules, in this order:

1. Reviews of games that the catalogue does not name are left out.
2. Of several reviews of a game by one user the earliest counts, on one day the first in the file.
3. Users with fewer than `min_reviews` games are left out.
4. Of the users left, and of the games they review, shares are drawn, each by itself.
5. What is left are the reviews of drawn games by drawn users; users and games without any are not
   in the data set. Reviews of one day stay in the file's order, as with every other source.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.steam import read_games, read_reviews
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, SteamSample

logger = logging.getLogger("recinterpreter")

# Table 1 of arXiv 2310.20487
PAPER = {"users": 11_938, "items": 3_581, "interactions": 274_726}
# Reviews are counted in so many classes of users. A user of a class with few reviews has few; so
# most of millions of users are out before any is looked at, in memory that does not grow.
_CLASSES = 2**22
_WAITING = 2**16  # rows after which those of games reviewed before are left out
# What is kept of the reviews meanwhile; item: its place in the catalogue, from 0
_REVIEWS = pa.schema({"user": pa.large_string(), "item": pa.int32(), "time": pa.int64()})


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read `games` and `reviews`: the events drawn, and the games they are of.

    Reviews go through a table in the folder `scratch`. Raises UserError for files that cannot be
    used, and where nothing is left.
    """
    source = settings.source
    if not isinstance(source, SteamSample):
        raise TypeError(f"wanted the settings of Steam, got {source!r}")
    games, reviews = files["games"], files["reviews"]
    titles = dict(read_games(games))
    table = scratch / "reviews.arrow"
    n_of_class = _store(reviews, table, list(titles))
    rows, users = _frequent(table, n_of_class, source.min_reviews)
    events = _draw(rows, users, list(titles), source)
    if events.is_empty():
        raise UserError(
            f"{reviews}: no review is left of users with at least {source.min_reviews} of them "
            "(data.steam.min_reviews), of the drawn shares (data.steam.users, data.steam.games)"
        )
    reviewed = {*events["item"]}
    items = [(item, title) for item, title in titles.items() if item in reviewed]
    counts = {"users": events["user"].n_unique(), "items": len(items), "interactions": len(events)}
    for what, count in counts.items():
        logger.info("%s: %d here, %d in the paper's Table 1", what, count, PAPER[what])
    logger.info(
        "they differ: the paper does not say which thirds it drew, whether it took users before or "
        "after games, nor what it made of a game that a user reviewed twice"
    )
    return Raw(events.lazy(), items)


def _store(reviews: Path, table: Path, known: list[str]) -> np.ndarray:
    """Write the reviews of known games to a table; return how many reviews each class has."""
    n_of_class = np.zeros(_CLASSES, np.int32)
    place_of = pl.DataFrame({"id": known, "item": np.arange(len(known), dtype=np.int32)})
    unknown = 0
    with pa.OSFile(str(table), "wb") as file, pa.ipc.new_stream(file, _REVIEWS) as writer:
        for frame in read_reviews(reviews):
            placed = frame.rename({"item": "id"}).join(place_of, on="id", maintain_order="left")
            unknown += len(frame) - len(placed)
            np.add.at(n_of_class, _class(placed["user"]), 1)
            writer.write_table(placed.select(_REVIEWS.names).to_arrow().cast(_REVIEWS))
    logger.info("%d reviews of games that the catalogue does not name, left out", unknown)
    return n_of_class


def _class(users: pl.Series) -> np.ndarray:
    return (users.hash() % _CLASSES).to_numpy()


def _frequent(table: Path, n_of_class: np.ndarray, least: int) -> tuple[pl.DataFrame, list[str]]:
    """Return the first reviews of games by users who have at least `least`, in the file's order.

    Users are numbered, so that a row takes a few bytes; their names are returned beside the rows.
    """
    may_be = n_of_class >= least
    numbers: dict[str, int] = {}
    first = pl.DataFrame(schema={"user": pl.UInt32, "item": pl.Int32, "time": pl.Int64})
    waiting, n_rows = [first], 0
    for part in _stored(table):
        part = part.filter(pl.Series(may_be[_class(part["user"])]))
        users = [numbers.setdefault(user, len(numbers)) for user in part["user"]]
        waiting.append(part.with_columns(pl.Series("user", users, dtype=pl.UInt32)))
        n_rows += len(part)
        if sum(map(len, waiting)) > 2 * len(first) + _WAITING:
            first = _first(waiting)
            waiting = [first]
    first = _first(waiting)
    logger.info("%d reviews of a game that the user had reviewed before", n_rows - len(first))
    n_of_user = np.bincount(first["user"], minlength=len(numbers))
    return first.filter(pl.Series(n_of_user[first["user"]] >= least)), list(numbers)


def _stored(table: Path) -> Iterator[pl.DataFrame]:
    with pa.OSFile(str(table), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            yield frame


def _first(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Keep the earliest review of each game by each user; order stays that of the file."""
    rows = pl.concat(parts)
    user, item, time = (rows[name].to_numpy() for name in rows.columns)
    order = np.lexsort((time, item, user))  # of equals the first in the file stays first
    again = user[order][1:] == user[order][:-1]
    again &= item[order][1:] == item[order][:-1]
    return rows[np.sort(order[np.append(True, ~again)[: len(order)]])]


def _draw(
    rows: pl.DataFrame, users: list[str], games: list[str], source: SteamSample
) -> pl.DataFrame:
    """Draw users and games by their names, so that their order in the file counts for nothing."""
    drawn_users = _share(rows["user"], users, source.users, np.random.default_rng([source.seed, 0]))
    drawn_games = _share(rows["item"], games, source.games, np.random.default_rng([source.seed, 1]))
    kept = rows.filter(pl.col("user").is_in(drawn_users) & pl.col("item").is_in(drawn_games))
    return pl.DataFrame(
        {
            "user": pl.Series([users[i] for i in kept["user"]], dtype=pl.String),
            "item": pl.Series([games[i] for i in kept["item"]], dtype=pl.String),
            "time": kept["time"],
        }
    )


def _share(
    numbers: pl.Series, names: list[str], share: float, rng: np.random.Generator
) -> list[int]:
    """Draw a share of the distinct numbers, of each of which `names` has the name."""
    distinct = sorted(numbers.unique(), key=names.__getitem__)
    n = round(share * len(distinct))
    return [distinct[i] for i in rng.permutation(len(distinct))[:n]]
