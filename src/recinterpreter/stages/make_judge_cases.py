"""Make the cases that judges decide: a random title, SASRec's first and DreamRec's oracle item."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_text
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.errors import UserError
from recinterpreter.judge.cases import offer
from recinterpreter.judge.sheet import sheet_and_key
from recinterpreter.scoring.judge import DREAMREC, RANDOM, SASREC, SHARED
from recinterpreter.scoring.matcher import OUTSIDE
from recinterpreter.settings.evidence import JudgeCases

logger = logging.getLogger("recinterpreter")

Row = dict[str, Any]


def make_judge_cases(
    *,
    settings: JudgeCases,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    recommended: InputPaths,
    oracle_verdicts: InputPath,
    cases: OutputPath,
    sheet: OutputPath,
    key: OutputPath,
) -> None:
    """Write a case for the last example of every test user, seed and adapter, and raters' sheet.

    Every title stands as the LLM is to say it; what DreamRec's answer names outside the catalogue,
    in the answer's own words.
    """
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in listed}
    dreamt = [
        row
        for row in tables.read(oracle_verdicts, schemas.VERDICTS).to_pylist()
        if row["last"] and row["recommender"] == DREAMREC
    ]
    asked = _asked(tables.read(examples, schemas.EXAMPLES), {row["example_id"] for row in dreamt})
    met = _met(tables.read(interactions, schemas.INTERACTIONS), asked.values())
    best = dict(_best(recommended, asked))
    rows = []
    for case_id, verdict in enumerate(dreamt, start=1):
        example = asked[verdict["example_id"]]
        first = best.get((verdict["seed"], verdict["example_id"]))
        if first is None:
            raise UserError(
                f"no table of --recommended has example {verdict['example_id']} for seed "
                f"{verdict['seed']}; delete them and {oracle_verdicts} and run again"
            )
        # of the example alone, so that all seeds and adapters show the user the same stranger
        rng = np.random.default_rng([settings.seed, verdict["example_id"]])
        others = {SASREC: titles[first], DREAMREC: words_of(verdict, titles)}
        known = {titles[item] for item in met[example["user_id"]]} | {*others.values()}
        offered = offer({RANDOM: _stranger(titles, known, rng), **others}, rng)
        cell = {name: verdict[name] for name in ("seed", "adapter", "example_id", "user_id")}
        history = [titles[item] for item in example["history"]]
        rows.append({"case_id": case_id, **cell, "history": history, **vars(offered)})
    tables.write_rows(cases, rows, schemas.JUDGE_CASES)
    for path, text in zip((sheet, key), sheet_and_key(rows, settings.seed), strict=True):
        write_text(path, text)
    counted = Counter(name for row in rows for name in row["offered_by"])
    logger.info(
        "%d cases; in %d of them SASRec and DreamRec offer the same title",
        *(len(rows), counted[f"{SASREC}{SHARED}{DREAMREC}"]),
    )


def words_of(verdict: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    """Return the title that an answer names: that of the catalogue, or else the answer's words."""
    if len(verdict["named"]) == 1 and verdict["named"][0] != OUTSIDE:
        return titles[verdict["named"][0]]
    spans = verdict["spans"]
    words: str = verdict["text"][spans[0] : spans[-1]] if spans else ""
    return words


def _stranger(titles: Mapping[int, str], known: set[str], rng: np.random.Generator) -> str:
    """Draw the title of an item, uniformly, of those whose title is not known; "" of none."""
    free = [title for title in titles.values() if title not in known]
    return free[int(rng.integers(len(free)))] if free else ""


def _best(recommended: list[Path], asked: Mapping[int, Row]) -> Iterator[tuple[Any, int]]:
    """(seed, example) of the asked examples, and the item that SASRec puts first."""
    for path in recommended:
        seed = tables.metadata(path)["seed"]
        rows = tables.read(path, schemas.RECOMMENDED)
        chosen = np.isin(rows["example_id"].to_numpy(), list(asked))
        for row in rows.filter(pa.array(chosen)).to_pylist():
            if row["items"]:
                yield (seed, row["example_id"]), row["items"][0]


def _asked(examples: pa.Table, ids: set[int]) -> dict[int, Row]:
    chosen = np.isin(examples["example_id"].to_numpy(), list(ids))
    return {row["example_id"]: row for row in examples.filter(pa.array(chosen)).to_pylist()}


def _met(interactions: pa.Table, asked: Any) -> dict[int, list[int]]:
    """Items that each user has met before the target of his example."""
    until = {example["user_id"]: example["position"] for example in asked}
    met: dict[int, list[int]] = {user: [] for user in until}
    columns = ("user_id", "item_id", "position")
    chosen = np.isin(interactions["user_id"].to_numpy(), list(until))
    for row in interactions.filter(pa.array(chosen)).select(columns).to_pylist():
        if row["position"] < until[row["user_id"]]:
            met[row["user_id"]].append(row["item_id"])
    return met


if __name__ == "__main__":
    command(make_judge_cases)
