"""Raw files as a user has them, small."""

import gzip


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
