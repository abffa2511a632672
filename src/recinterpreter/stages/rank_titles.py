"""Rank the titles of the catalogue for one recommender and task, by their likelihood as answers."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa

from recinterpreter import tables
from recinterpreter.checkpoint import read_json, read_tensors
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.interpretation import reading
from recinterpreter.interpretation.shown import read_states
from recinterpreter.language_model.adapters import rebuild
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates
from recinterpreter.settings import Running, TitleRanking
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def rank_titles(
    *,
    settings: TitleRanking,
    config: InputPath,
    weights: InputPath,
    selected: InputPath,
    items: InputPath,
    examples: InputPath,
    llm: str,
    running: Running,
    ranking: OutputPath,
) -> None:
    """Rank the title that the residual task asks for, the last of the history, among all titles."""
    noted = tables.metadata(selected)
    states = read_states(selected, settings.task)
    listed = tables.read(items, tables.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in listed}
    asked = _asked(tables.read(examples, tables.EXAMPLES), states.example_ids)
    model = load(llm, settings.loading, running)
    adapter = rebuild(read_json(config), read_tensors(weights)).to(model.device)
    ranks: list[int] = []
    ticker = Ticker(f"{noted['source']}: rank", len(states))
    for found in reading.rank_titles(
        adapter,
        model,
        templates(settings.task, settings.domain)[0],
        states,
        [titles[history[-1]] for history in asked["history"].to_pylist()],
        list(titles.values()),
        settings.batch_size,
    ):
        ranks += found.tolist()
        ticker.tick(len(ranks), first=float(np.mean(np.array(ranks) == 1)))
    facts = {key: noted[key] for key in ("recommender", "seed", "source")}
    rows = {name: asked[name] for name in ("example_id", "user_id", "split", "last")}
    tables.write(
        ranking,
        {**rows, "rank": ranks},
        tables.RANKING,
        {**facts, "task": settings.task, "adapter": settings.adapter},
    )
    logger.info("%d examples, %d titles each", len(ranks), len(set(titles.values())))


def _asked(examples: pa.Table, ids: np.ndarray) -> pa.Table:
    """Return the examples of ascending ids, in that order, with the mark of each user's last."""
    marked = examples.append_column("last", pa.array(last_examples(examples)))
    return marked.filter(pa.array(np.isin(examples["example_id"].to_numpy(), ids))).sort_by(
        "example_id"
    )


if __name__ == "__main__":
    command(rank_titles)
