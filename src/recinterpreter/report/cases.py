"""Cases: a history, and what the LLM said of its state, hits marked (paper, Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recinterpreter import schemas, tables
from recinterpreter.report.scores import RECORDED, Run


@dataclass(frozen=True)
class Piece:
    """A stretch of an answer; kind: plain | hit | again | wrong | outside."""

    text: str
    kind: str


@dataclass(frozen=True)
class Said:
    """What the LLM answered to one recommender's state."""

    label: str
    task: str
    pieces: list[Piece]
    hits: int
    expected: int
    correct: bool


@dataclass(frozen=True)
class Case:
    """One test example: the titles of its history, oldest first, and the answers to it."""

    example_id: int
    user_id: int
    history: list[str]
    answers: list[Said]


def read_cases(
    folder: Path, verdicts: Path, runs: list[Run], count: int, titles: Mapping[int, str]
) -> list[Case]:
    """Return the first `count` test users with their last example: the first, not the best."""
    judged = pl.from_arrow(tables.read(verdicts, schemas.VERDICTS))
    examples = pl.from_arrow(tables.read(folder / "examples.parquet", schemas.EXAMPLES))
    assert isinstance(judged, pl.DataFrame)
    assert isinstance(examples, pl.DataFrame)
    judged = judged.filter(pl.col("last") & (pl.col("source") == RECORDED))
    chosen = judged["example_id"].unique().sort().head(count)
    histories = examples.filter(pl.col("example_id").is_in(chosen.implode())).sort("example_id")
    answers = judged.filter(pl.col("example_id").is_in(chosen.implode())).to_dicts()
    return [
        Case(
            example_id=row["example_id"],
            user_id=row["user_id"],
            history=[titles[item] for item in row["history"]],
            answers=[
                _said(run, answer)
                for run in runs
                for answer in sorted(answers, key=lambda a: str(a["task"]), reverse=True)
                if answer["example_id"] == row["example_id"]
                and (answer["recommender"], answer["seed"], answer["adapter"])
                == (run.recommender, run.seed, run.adapter)
            ],
        )
        for row in histories.to_dicts()
    ]


def _said(run: Run, answer: dict[str, Any]) -> Said:
    return Said(
        label=run.label,
        task=answer["task"],
        pieces=marked(answer["text"], answer["named"], answer["spans"], answer["expected"]),
        hits=answer["hits"],
        expected=len(answer["expected"]),
        correct=answer["correct"],
    )


def marked(text: str, named: list[int], spans: list[int], expected: list[int]) -> list[Piece]:
    """Cut an answer at the titles it names, and say of each what it is."""
    pieces, reached, still_open = [], 0, list(expected)
    for item, start, end in zip(named, spans[::2], spans[1::2], strict=True):
        kind = "outside" if item == 0 else "again" if item in expected else "wrong"
        if item in still_open:
            still_open.remove(item)
            kind = "hit"
        pieces += [Piece(text[reached:start], "plain"), Piece(text[start:end], kind)]
        reached = end
    pieces.append(Piece(text[reached:], "plain"))
    return [piece for piece in pieces if piece.text]
