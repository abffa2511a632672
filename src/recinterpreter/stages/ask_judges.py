"""Ask judges which title each person would prefer, every case in all rotations of its titles."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.errors import UserError
from recinterpreter.judge.access import Endpoint, given_endpoint
from recinterpreter.judge.cases import picked, rotations
from recinterpreter.judge.client import Question, ask, question
from recinterpreter.judge.endpoint import serving
from recinterpreter.judge.planted import PlantedJudge
from recinterpreter.judge.prompts import question as prompt_of
from recinterpreter.judge.replies import Replies, Reply
from recinterpreter.lock import hold
from recinterpreter.scoring.judge import UNCLEAR
from recinterpreter.settings.evidence import PLANTED_JUDGES, Judging, JudgingPace
from recinterpreter.shards import ALL, Shard

logger = logging.getLogger("recinterpreter")

_TASTES = 2048  # of so many users at most the planted judge knows the tastes

Row = dict[str, Any]
Asked = tuple[Row, int, list[int], Question]  # case, rotation, its order, question


def ask_judges(
    *,
    settings: Judging,
    pace: JudgingPace,
    cases: InputPath,
    planted: InputPaths,
    replies: str,
    judgements: OutputPath,
    shard: str = ALL,
) -> None:
    """Put every question to every judge, and read from the replies what was picked.

    planted: items, preferences and successors of the generated data set, for the planted endpoint.
    replies: the file in which replies are kept for ever. It is no --work folder, whose name changes
    with the code: a reply that was paid for stays good. A job that shares the questions with others
    keeps its replies beside it, in a file of its own, and knows those in all of them.
    shard: of the questions that differ, and of the requests that the budget allows.
    """
    share = Shard.parse(shard)
    known = Path(replies)
    kept = known if share.count == 1 else known.with_suffix(f".{shard}.jsonl")
    if not hold(lock := kept.with_suffix(".lock"), wait=False):
        logger.warning("a process of an earlier run is still asking; waiting for it")
        hold(lock, wait=True)
    rows = tables.read(cases, schemas.JUDGE_CASES).to_pylist()
    with _endpoint(settings, planted) as endpoint:
        asked = _shared_out(list(_asked(rows, settings, endpoint)), share)
        if pace.most_requests is not None:
            budget = len(share.of(pace.most_requests))
            pace = pace.model_copy(update={"most_requests": budget})
        others = {*known.parent.glob(f"{known.stem}.*jsonl")} - {kept}
        store = Replies(kept, sorted(others))
        ask([q for _, _, _, q in asked], store, endpoint, settings, pace)
    found = [_judged(case, r, order, q, store[q.key]) for case, r, order, q in asked]
    about = {
        "endpoint": endpoint.origin,
        "judges": settings.models,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
    }
    tables.write_rows(judgements, found, schemas.JUDGEMENTS, about)
    for judge in settings.models:
        own = [row["picked"] for row in found if row["judge"] == judge]
        logger.info("%s: %d questions, %d unclear", judge, len(own), own.count(UNCLEAR))


@contextmanager
def _endpoint(settings: Judging, planted: list[Path]) -> Iterator[Endpoint]:
    if settings.endpoint != "planted":
        yield given_endpoint(settings.endpoint, os.environ)
        return
    if len(planted) != 3:
        raise UserError(
            f"judge.endpoint is planted, and --planted got {len(planted)} files; wanted items, "
            "preferences and successors of the generated data set"
        )
    digest = hashlib.sha256("".join(map(content_digest, planted)).encode()).hexdigest()
    judges = _planted_judges(*planted)
    with serving(lambda model, prompt: judges[model].answer(prompt)) as url:
        yield Endpoint(url, f"planted {digest[:12]}", local=True)


def _planted_judges(items: Path, preferences: Path, successors: Path) -> dict[str, PlantedJudge]:
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in listed}
    n = len(titles)
    tastes: list[np.ndarray] = []
    for batch in tables.read_batches(preferences, n):  # a user's rows stand together
        tastes.append(batch.column("preference").to_numpy().astype(float))
        if len(tastes) == _TASTES:
            break
    follows = np.zeros((n, n))
    for row in tables.read(successors, schemas.SUCCESSORS).to_pylist():
        follows[row["item_id"] - 1, row["successor"] - 1] = row["probability"]
    known = np.concatenate(tastes).reshape(-1, n)
    return {
        name: PlantedJudge(titles, known, follows, bias) for name, bias in PLANTED_JUDGES.items()
    }


def _asked(cases: list[Row], settings: Judging, endpoint: Endpoint) -> Iterator[Asked]:
    """Every case in every rotation for every judge."""
    for model in settings.models:
        for case in cases:
            for rotation, order in enumerate(rotations(len(case["titles"]))):
                shown = [case["titles"][i] for i in order]
                prompt = prompt_of(settings.domain, case["history"], shown)
                yield case, rotation, order, question(endpoint, settings, model, prompt)


def _shared_out(asked: list[Asked], share: Shard) -> list[Asked]:
    """Return what a job asks: of the questions that differ its share, wherever they are asked.

    So no two jobs ask the same question, though two cases may be the same word for word.
    """
    keys = list(dict.fromkeys(question.key for *_, question in asked))
    own = {keys[place] for place in share.of(len(keys))}
    return [each for each in asked if each[-1].key in own]


def _judged(
    case: Mapping[str, Any], rotation: int, order: list[int], asked: Question, reply: Reply
) -> Row:
    titles = [case["titles"][i] for i in order]
    place = None if reply.refused else picked(reply.text, titles, case["history"])
    return {
        **{name: case[name] for name in ("case_id", "seed", "adapter", "user_id", "offered_by")},
        "judge": asked.model,
        "rotation": rotation,
        "options": len(titles),
        "picked": UNCLEAR if place is None else case["offered_by"][order[place]],
        "place": 0 if place is None else place + 1,
        "reply": reply.text,
    }


if __name__ == "__main__":
    command(ask_judges)
