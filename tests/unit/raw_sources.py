"""Good raw files of every kind of source, small, and ways to spoil them."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from recinterpreter.settings.data import (
    AmazonRules,
    Columns,
    Ingest,
    LastFmRules,
    MovieLensRelease,
    SteamSample,
    Titles,
)

# (user, item, day): each of five users meets each of four items
EVENTS = [(user, item, user * item % 28) for user in range(1, 6) for item in range(1, 5)]
COLUMNS = Columns(user="who", item="what", time="when", title="name", rating="stars")


@dataclass(frozen=True)
class Source:
    """What is read: the files that hold something, packed, and which paths the reader gets."""

    settings: Ingest
    contents: dict[str, bytes]
    given: list[str]
    pack: Callable[[bytes], bytes] = bytes

    def write(self, folder: Path, packed: dict[str, bytes]) -> list[Path]:
        """Write packed files; return the paths for the reader."""
        for name, content in packed.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return [folder / name for name in self.given]

    def packed(self, contents: dict[str, bytes]) -> dict[str, bytes]:
        return {name: self.pack(content) for name, content in contents.items()}


@dataclass(frozen=True)
class Zipped(Source):
    """The same in one zip."""

    def packed(self, contents: dict[str, bytes]) -> dict[str, bytes]:
        return {self.given[0]: zipped(contents)}


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _settings(reader: str, files: list[str], source: object = None) -> Ingest:
    titles = Titles(style="natural", allow_markup=False)
    return Ingest(reader=reader, files=files, min_rating=2, titles=titles, source=source)


def _lines(*lines: str, coding: str = "utf-8") -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(coding)


def _table(kind: str, columns: dict[str, list[object]]) -> bytes:
    frame, file = pl.DataFrame(columns), io.BytesIO()
    if kind == "parquet":
        frame.write_parquet(file)
    elif kind == "jsonl":
        frame.write_ndjson(file)
    else:
        frame.write_csv(file, separator="\t" if kind == "tsv" else ",")
    return file.getvalue()


def _own(kind: str) -> Source:
    events = {
        "who": [f"u{user}" for user, _, _ in EVENTS],
        "what": [str(item) for _, item, _ in EVENTS],
        "when": [f"2024-05-{day + 1:02}T12:00:00" for _, _, day in EVENTS],
        "stars": [4.0 for _ in EVENTS],
    }
    items = {
        "what": [str(i) for i in range(1, 5)],
        "name": [f'Thing, "{i}" é' for i in range(1, 5)],
    }
    tables = {f"events.{kind}": _table(kind, events), f"items.{kind}": _table(kind, items)}
    return Source(_settings("events", ["events", "items"], COLUMNS), tables, list(tables))


def _movielens(release: str) -> dict[str, bytes]:
    if release == "ml-100k":
        ratings = [f"{user}\t{item}\t4\t{day}" for user, item, day in EVENTS]
        films = [f"{i}|Café {i} (1995)|01-Jan-1995||" + "|0" * 19 for i in range(1, 5)]
        return {"u.data": _lines(*ratings), "u.item": _lines(*films, coding="latin-1")}
    if release == "ml-1m":
        ratings = [f"{user}::{item}::4::{day}" for user, item, day in EVENTS]
        films = [f"{i}::Café {i} (1995)::Drama" for i in range(1, 5)]
        return {"ratings.dat": _lines(*ratings), "movies.dat": _lines(*films, coding="latin-1")}
    ratings = [f"{user},{item},4.0,{day}" for user, item, day in EVENTS]
    films = [f'{i},"Café, {i} (1995)",Drama' for i in range(1, 5)]
    return {
        "ratings.csv": _lines("userId,movieId,rating,timestamp", *ratings),
        "movies.csv": _lines("movieId,title,genres", *films),
    }


def _release(release: str, as_zip: bool) -> Source:
    reader = "ml_100k" if release == "ml-100k" else "movielens"
    said = None if release == "ml-100k" else MovieLensRelease(release=release)
    contents = {f"{release}/{name}": text for name, text in _movielens(release).items()}
    settings = _settings(reader, ["archive"], said)
    if as_zip:
        return Zipped(settings, contents, [f"{release}.zip"])
    return Source(settings, contents, [release])


def _steam() -> Source:
    games = [f"{{u'id': u'{i}', u'title': u'Caf\\xe9 {i}', u'tags': [u'x']}}" for i in range(1, 5)]
    reviews = [
        f"{{u'username': u'\\u2665 {user}', u'product_id': u'{item}', u'hours': 1.5, "
        f"u'date': u'2015-03-{day + 1:02}', u'text': u\"it's\"}}"
        for user, item, day in EVENTS
    ]
    sample = SteamSample(min_reviews=1, users=1.0, games=1.0, seed=0)
    settings = _settings("steam_sample", ["games", "reviews"], sample)
    contents = {"games.json.gz": _lines(*games), "reviews.json.gz": _lines(*reviews)}
    return Source(settings, contents, list(contents), gzip.compress)


def _amazon() -> Source:
    reviews = [
        json.dumps({"reviewerID": f"u{user}", "asin": f"B{item}", "overall": 4.0,
                    "reviewText": "it\u2665", "unixReviewTime": 86_400 * day})
        for user, item, day in EVENTS
    ]  # fmt: skip
    products = [
        f"{{'asin': 'B{i}', 'title': 'Caf\\xe9 &amp; {i}', 'price': 1.5}}" for i in range(1, 5)
    ]
    rules = AmazonRules(release=2014, core=2, longest_title=80)
    contents = {"reviews.json.gz": _lines(*reviews), "meta.json.gz": _lines(*products)}
    settings = _settings("amazon", ["reviews", "metadata"], rules)
    return Source(settings, contents, list(contents), gzip.compress)


def _amazon_csv() -> Source:
    reviews = [f"u{user},B{item},4.0,{1000 * 86_400 * day}" for user, item, day in EVENTS]
    products = [json.dumps({"parent_asin": f"B{i}", "title": f"Caf\xe9 {i}"}) for i in range(1, 5)]
    rules = AmazonRules(release=2023, core=None, longest_title=80)
    contents = {
        "reviews.csv": _lines("user_id,parent_asin,rating,timestamp", *reviews),
        "meta.jsonl.gz": gzip.compress(_lines(*products)),
    }
    settings = _settings("amazon", ["reviews", "metadata"], rules)
    return Source(settings, contents, list(contents))


def _p5() -> Source:
    sequences = [f"{user} 1 2 3 4" for user in range(1, 6)]
    maps = {"id2user": {str(u): f"u{u}" for u in range(1, 6)}}
    maps["id2item"] = {str(i): f"B{i}" for i in range(1, 5)}
    times = [f"{user}\t{item}\t{day}" for user, item, day in EVENTS]
    contents = {
        "sequences.txt": _lines(*sequences),
        "datamaps.json": json.dumps(maps).encode(),
        "titles.tsv": _lines(
            "p5_item\tasin\ttitle", *(f"{i}\tB{i}\tCaf\xe9 {i}" for i in range(1, 5))
        ),
        "times.tsv": _lines("p5_user\tp5_item\tunixReviewTime", *times),
    }
    rules = AmazonRules(release="p5", core=None, longest_title=80)
    settings = _settings("p5", ["sequences", "datamaps", "titles", "times"], rules)
    return Source(settings, contents, list(contents))


def _lastfm() -> Source:
    tags = [f"{user}\t{item}\t9\t{1_238_536_800_000 + day}" for user, item, day in EVENTS]
    artists = [f'{i}\tCaf\xe9 "{i}"\thttp://x\thttp://y' for i in range(1, 5)]
    contents = {
        "user_taggedartists-timestamps.dat": _lines("userID\tartistID\ttagID\ttimestamp", *tags),
        "artists.dat": _lines("id\tname\turl\tpictureURL", *artists),
    }
    settings = _settings("lastfm", ["archive"], LastFmRules(core=2))
    return Zipped(settings, contents, ["hetrec2011-lastfm-2k.zip"])


SOURCES = {
    "ml-100k": _release("ml-100k", as_zip=False),
    "ml-100k zip": _release("ml-100k", as_zip=True),
    "ml-1m": _release("ml-1m", as_zip=False),
    "ml-latest-small": _release("ml-latest-small", as_zip=False),
    "ml-latest-small zip": _release("ml-latest-small", as_zip=True),
    "steam": _steam(),
    "amazon 2014": _amazon(),
    "amazon 2023": _amazon_csv(),
    "p5": _p5(),
    "lastfm zip": _lastfm(),
    "own csv": _own("csv"),
    "own tsv": _own("tsv"),
    "own jsonl": _own("jsonl"),
    "own parquet": _own("parquet"),
}

PIECES = [
    b"\n", b"\r", b"\r\n", b"\0", b"\0" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\x85",
    b"\xed\xa0\x80", "\u0663".encode(), "\u2028".encode(), b"x" * 100_000, b"7" * 100_000,
    b"(" * 3000, b"'", b'"', b'""', b"\\", b",", b"\t", b"|", b"::", b"{", b"}", b"[", b"u'",
    b": ", b"\\ud83d", b"-", b".", b"e", b"nan", b"inf", b"1e400", b"-1", b"9" * 20, b"None",
    b"0001-01-01", b"9999-12-31", b"99999-01-01T00:00:00Z", b"2024-02-30", b"&#10;", b"&#xD800;",
    b"<b>",
]  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, flip, double, leave out or put in something, one to three times."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 60)))
        piece = content[start:end]
        other = draw(
            st.sampled_from([b"", b"", piece * 2, piece[::-1], piece + b"\n"])
            | st.sampled_from(PIECES)
            | st.binary(max_size=20)
        )
        rest = draw(st.sampled_from([content[end:], content[end:], content[end:], b""]))
        content = content[:start] + other + rest
    return content


def spoilt(content: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that are nearly right, or anything at all."""
    return st.one_of(_mutated(content), _mutated(content), _mutated(content), st.binary())
