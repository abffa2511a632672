"""Titles in answers: does every real title find itself, and how fast, ours against the authors'?

A comparison is one title of a history looked for in one answer of ten titles. To give its verdict,
ours reads the answer once, against all titles of the catalogue, and then counts hits one to one;
the authors' way searches each of the ten titles in it. "Whole catalogue" asks their way for what
ours tells too: which titles at all an answer names.
"""

import ast
import gzip
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from recinterpreter.data.readers.ml_100k import read_movielens
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.scoring import legacy
from recinterpreter.scoring.matcher import AnswerForm, Catalogue
from recinterpreter.scoring.verdicts import judge
from recinterpreter.settings.data import Titles

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FORM = AnswerForm("This user has watched ", " in the previous.")
HISTORY = 10
ANSWERS = 1000
SEARCHED = 20


def main() -> Iterator[tuple[str, float, str]]:
    movielens = Path(os.environ.get("MOVIELENS", SHARED / "movielens" / "ml-100k"))
    named = {
        "ml-100k": movielens_titles(movielens, "raw"),
        "ml-100k as the paper writes": movielens_titles(movielens, "paper"),
        "steam": steam_titles(SHARED / "steam"),
    }
    found, speeds = [], []
    for name, titles in named.items():
        catalogue = Catalogue(titles)
        ours = [finds_itself(catalogue, item, title) for item, title in titles.items()]
        theirs = [legacy.found(title, title) for title in titles.values()]
        found += ours
        yield f"{name}: catalogue", len(titles), "titles"
        yield f"{name}: titles_found", sum(ours), "titles"
        yield f"{name}: titles_found, legacy", sum(theirs), "titles"
        speed, old, whole, old_whole = speeds_of(catalogue, titles)
        speeds.append(speed)
        yield f"{name}: comparisons", speed, "1/s"
        yield f"{name}: comparisons, legacy", old, "1/s"
        yield f"{name}: ours / legacy", speed / old, "times"
        yield f"{name}: whole catalogue", whole, "1/s"
        yield f"{name}: whole catalogue, legacy", old_whole, "1/s"
        yield f"{name}: whole catalogue, ours / legacy", whole / old_whole, "times"
    yield "titles_found", sum(found) / len(found), "share"
    yield "comparisons_per_s", min(speeds), "1/s"


def movielens_titles(folder: Path, style: Literal["raw", "paper"]) -> dict[int, str]:
    """Titles of MovieLens-100K by item."""
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; wanted MovieLens-100K: MOVIELENS=<its folder>")
    _, titles = read_movielens(folder)
    items = build_items(titles, Titles(style=style, allow_markup=True))
    return {row["item_id"]: row["title"] for row in items.to_pylist()}


def steam_titles(folder: Path) -> dict[int, str]:
    """Titles of Steam's catalogue; lines that hold no title are left out and counted."""
    file = folder / "steam_games.json.gz"
    if not file.is_file():
        raise UserError(f"{file}: no such file; wanted Steam's catalogue of games")
    titles, awkward = {}, 0
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            try:
                game = ast.literal_eval(line)
                title = game.get("app_name") or game["title"]
            except (ValueError, SyntaxError, KeyError, AttributeError):
                awkward += 1
            else:
                titles[len(titles) + 1] = title
    print(f"steam: {awkward} lines without a title were left out")
    return titles


def finds_itself(catalogue: Catalogue, item: int, title: str) -> bool:
    """Say whether the title, and nothing else, is found in an answer that names it."""
    text = f"{FORM.prefix}{title}{FORM.suffix}"
    return [o.title for o in catalogue.find(text, FORM)] == [catalogue.title_of(item)]


def speeds_of(catalogue: Catalogue, titles: dict[int, str]) -> tuple[float, float, float, float]:
    """Comparisons per second: of a history, ours and legacy; of all titles, ours and legacy."""
    rng = random.Random(0)
    asked = [rng.sample(sorted(titles), HISTORY) for _ in range(ANSWERS)]
    # half of each answer is right
    said = [h[: HISTORY // 2] + rng.sample(sorted(titles), HISTORY // 2) for h in asked]
    texts = [FORM.prefix + ", ".join(titles[i] for i in items) + FORM.suffix for items in said]
    pairs = list(zip(asked, texts, strict=True))

    def ours() -> None:
        for history, text in pairs:
            judge(catalogue, history, catalogue.find(text, FORM))

    def theirs() -> None:
        for history, text in pairs:
            sum(legacy.found(titles[item], text) for item in history)

    def all_of_theirs() -> None:
        for text in texts[:SEARCHED]:
            sum(legacy.found(title, text) for title in titles.values())

    mine = seconds(ours) / ANSWERS
    return (
        HISTORY / mine,
        HISTORY / (seconds(theirs) / ANSWERS),
        len(titles) / mine,
        len(titles) / (seconds(all_of_theirs) / SEARCHED),
    )


def seconds(job: Callable[[], None]) -> float:
    """Processor seconds of a job, the second time, when all patterns are known."""
    job()
    started = time.process_time()
    job()
    return time.process_time() - started
