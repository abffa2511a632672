"""Steam's reviews: our reader against ast.literal_eval and pandas, same rows; memory by length.

On a generated file in the official format (no real reviews are at hand): the keys and their order,
texts of a few hundred characters with quotes, line breaks and signs beyond ASCII. Processor time,
gunzip included for both; memory is that of a process which does nothing but the whole ingest.
"""

import ast
import gzip
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import polars as pl

from recinterpreter.data.readers.steam import read_reviews

LINES = 200_000
GAMES = 3_000
WORDS = re.findall(
    r"[^ ]+",
    "the a game is very good it's don't great fun play time story \u2665 caf\xe9 \"best\" hours I "
    "buy this really like 10/10 graphics and to of you with not so but\n really\\bad",
)
INGEST = """
import sys
from pathlib import Path
from recinterpreter.data.readers.steam_sample import read
from recinterpreter.settings.data import Ingest
settings = Ingest.model_validate_json(sys.argv[3])
files = dict(zip(settings.files, map(Path, sys.argv[1:3])))
events = read(files, settings, Path(sys.argv[2]).parent).events.collect()
status = Path("/proc/self/status").read_text()
print(len(events), int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""
SETTINGS = {
    "reader": "steam_sample",
    "files": ["games", "reviews"],
    "min_rating": None,
    "titles": {"style": "paper", "allow_markup": False},
    "source": {"min_reviews": 20, "users": 1 / 3, "games": 1 / 3, "seed": 0},
}


def measure(folder: Path, n: int = LINES) -> Iterator[tuple[str, float, str]]:
    """Compare on `n` lines; the whole ingest is measured on as many, and on five times as many."""
    lines = make_reviews(n, random.Random(0))
    reviews = pack(folder / "reviews.json.gz", [lines])
    yield "characters per line", len(lines) / n, ""
    started = time.process_time()
    theirs = with_pandas(reviews)
    slow = time.process_time() - started
    started = time.process_time()
    ours = pl.concat(read_reviews(reviews))
    fast = time.process_time() - started
    if ours.rows() != list(theirs.itertuples(index=False, name=None)):
        raise AssertionError("the two ways read different rows")
    yield "ast.literal_eval and pandas, rows per second", n / slow, "/s"
    yield "ours, rows per second", n / fast, "/s"
    yield "steam_ratio", slow / fast, "times"
    kept, peak = ingest(folder, lines, 1)
    yield f"{n:,} lines, reviews kept", kept, ""
    yield "steam_peak_mb", peak, "MB"
    kept, peak = ingest(folder, lines, 5)
    yield f"{5 * n:,} lines, reviews kept", kept, ""
    yield f"{5 * n:,} lines, peak", peak, "MB"


def with_pandas(path: Path) -> pd.DataFrame:
    """Read the columns that count in the usual way."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        frame = pd.DataFrame([ast.literal_eval(line) for line in file])
    days = pd.to_datetime(frame["date"]) - pd.Timestamp("1970-01-01")
    frame["time"] = days // pd.Timedelta(seconds=1)
    return frame[["username", "product_id", "time"]]


def ingest(folder: Path, lines: bytes, times: int) -> tuple[int, float]:
    """Ingest the lines of so many times the users: how many are kept, and the peak in MB."""
    games = "".join(f"{{u'id': u'{i}', u'title': u'Game {i}'}}\n" for i in range(GAMES)).encode()
    catalogue = pack(folder / "games.json.gz", [games])
    others = (lines.replace(b"u'player", b"u'player%d_" % i) for i in range(times))
    reviews = pack(folder / "more.json.gz", others)
    command = [sys.executable, "-c", INGEST, str(catalogue), str(reviews), json.dumps(SETTINGS)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    kept, peak = run.stdout.split()
    return int(kept), float(peak)


def make_reviews(n: int, rng: random.Random) -> bytes:
    """Write reviews as Python 2 does: `u` before a text, all beyond ASCII escaped."""
    return "".join(_review(rng) for _ in range(n)).encode()


def _review(rng: random.Random) -> str:
    text = " ".join(rng.choices(WORDS, k=int(rng.lognormvariate(3.2, 1.2))))
    review: dict[str, object] = {}
    if rng.random() < 0.4:
        review["user_id"] = f"7656119{rng.randrange(10**10):010}"
    # few users write much, most write little; one name in ten is not plain ASCII
    number = int(rng.paretovariate(0.6)) % 100_000
    review["username"] = f"player{number}" + ("\u2665" if number % 10 == 7 else "")
    review["hours"] = rng.randrange(20_000) / 10
    review["products"] = rng.randrange(500)
    review["product_id"] = str(rng.randrange(GAMES))
    review["page_order"] = rng.randrange(10)
    review["date"] = (
        f"20{rng.randrange(11, 18)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    )
    review["text"] = text
    review["early_access"] = rng.random() < 0.1
    review["page"] = rng.randrange(1000)
    pairs = (f"u{key!r}: {'u' if isinstance(v, str) else ''}{v!a}" for key, v in review.items())
    return "{" + ", ".join(pairs) + "}\n"


def pack(path: Path, parts: Iterator[bytes] | list[bytes]) -> Path:
    """Compress parts one after another into one gzip file."""
    with gzip.open(path, "wb", compresslevel=6) as file:
        for part in parts:
            file.write(part)
    return path
