"""Raw files as a user has them, small."""

import gzip
import json


def write_own(folder, catalogue="i.csv"):
    """Write two tables of one's own; return the options that name them."""
    events = ["who,what,when"]
    events += [f"u{u},i{(u + step) % 7},{1000 * u + step}" for u in range(30) for step in range(6)]
    (folder / "e.csv").write_text("\n".join(events) + "\n")
    items = ["what,name"] + [f'i{i},"Thing, number {i}"' for i in range(7)]
    (folder / "i.csv").write_text("\n".join(items) + "\n")
    (folder / "bad.csv").write_text("\n".join([*items, 'i9,"two\nlines"']) + "\n")
    columns = "{user: who, item: what, time: when, title: name, rating: null}"
    own = f"{{name: mine, events: e.csv, items: {catalogue}, columns: {columns}}}"
    return "--config", f"data={{sources: [events], events: {own}}}"


def write_steam(folder, games=12):
    """Write the two raw files, small: dictionaries as Python 2 writes them."""
    folder.mkdir(parents=True)
    listed = [f"{{u'id': u'{game}', u'title': u'Game {game}'}}" for game in range(1, games + 1)]
    reviews = [
        f"{{u'username': u'player{user}', u'product_id': u'{game}', u'text': u'it\\'s \\u2665', "
        f"u'date': u'2015-03-{(user * game) % 28 + 1:02}'}}"
        for game in range(1, games + 1)
        for user in range(40)
    ]
    for name, lines in (("games", listed), ("reviews", [*reviews, "{u'username': u'broken"])):
        content = ("\n".join(lines) + "\n").encode()
        (folder / f"steam_{name}.json.gz").write_bytes(gzip.compress(content))


def write_movielens(folder, users=30):
    """Write MovieLens-100K's two files: some users of forty films."""
    folder.mkdir(parents=True)
    ratings = [
        f"{user}\t{(user * 3 + step) % 40 + 1}\t{step % 5 + 1}\t{1000 * user + step}"
        for user in range(1, users + 1)
        for step in range(6)
    ]
    films = [f"{i}|Film {i} (1995)|01-Jan-1995||" + "|0" * 19 for i in range(1, 41)]
    (folder / "u.data").write_text("\n".join(ratings) + "\n")
    (folder / "u.item").write_text("\n".join(films) + "\n", encoding="latin-1")


def write_movielens_1m(folder, users=30):
    """Write the two files of MovieLens-1M that are read: some users of forty films."""
    folder.mkdir(parents=True)
    ratings = [
        f"{user}::{(user * 3 + step) % 40 + 1}::{step % 5 + 1}::{1000 * user + step}"
        for user in range(1, users + 1)
        for step in range(6)
    ]
    films = [f"{i}::Film {i}: the film (1995)::Drama" for i in range(1, 41)]
    (folder / "ratings.dat").write_text("\n".join(ratings) + "\n")
    (folder / "movies.dat").write_text("\n".join(films) + "\n", encoding="latin-1")


def write_amazon(folder, users=30):
    """Write two categories of 2018, JSON lines, and one of 2023, ratings as CSV; gzipped."""
    folder.mkdir(parents=True)
    rows = [
        (f"A{user}", f"B{(user * 3 + step) % 12}", 86_400 * (user + step))
        for user in range(users)
        for step in range(6)
    ]
    reviews = [
        {"reviewerID": user, "asin": item, "overall": 5.0, "reviewText": "it's \u2665",
         "unixReviewTime": time}
        for user, item, time in rows
    ]  # fmt: skip
    products = [
        {key: f"B{i}", "title": f"Card &amp; envelope, number {i}"}
        for key in ("asin", "parent_asin")
        for i in range(12)
    ]
    for category in ("Gift_Cards", "Software"):
        _write_lines(folder / f"{category}_5.json.gz", reviews)
        _write_lines(folder / f"meta_{category}.json.gz", products)
    ratings = ["user_id,parent_asin,rating,timestamp"]
    ratings += [f"{user},{item},5.0,{time}000" for user, item, time in rows]
    (folder / "Gift_Cards.csv.gz").write_bytes(gzip.compress("\n".join(ratings).encode()))
    _write_lines(folder / "meta_Gift_Cards.jsonl.gz", products)


def _write_lines(path, records):
    path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in records).encode()))


def write_lastfm(folder, users=30):
    """Write the two files of Last.fm that are read: tags of some users of twelve artists."""
    folder.mkdir(parents=True)
    tags = [
        f"{user}\t{(user * 3 + step) % 12 + 1}\t{tag}\t{1238536800000 + user * 86_400_000 + step}"
        for user in range(1, users + 1)
        for step in range(6)
        for tag in (1, 2)
    ]
    artists = [f'{i}\tThe "{i}" Band\thttp://x\thttp://y' for i in range(1, 13)]
    header = "userID\tartistID\ttagID\ttimestamp"
    table = "\n".join([header, *tags]) + "\n"
    (folder / "user_taggedartists-timestamps.dat").write_text(table)
    (folder / "artists.dat").write_text("\n".join(["id\tname\turl\tpictureURL", *artists]) + "\n")
