"""Answer one task for one recommender: every source of states, by one path."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, read_json, read_tensors
from recinterpreter.command import InputPath, InputPaths, OutputPaths, command
from recinterpreter.errors import UserError
from recinterpreter.interpretation.answering import Interview
from recinterpreter.interpretation.shown import read_states, shared_out
from recinterpreter.language_model.adapters import rebuild
from recinterpreter.language_model.grammar import GRAMMARS
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates
from recinterpreter.settings.adapters import WordedTask
from recinterpreter.settings.answers import Answering
from recinterpreter.settings.language_model import Running
from recinterpreter.shards import ALL, Shard
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def answer(
    *,
    settings: Answering,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    selected: InputPaths,
    items: InputPath,
    llm: str,
    running: Running,
    answers: OutputPaths,
    progress: Progress,
    shard: str = ALL,
) -> None:
    """Ask the first phrasing of the task about every selected state; decoding is greedy."""
    if len(selected) != len(answers):
        raise UserError(f"{len(selected)} tables of states for {len(answers)} of answers")
    share = Shard.parse(shard)
    own = [shared_out(source, share) for source in selected]
    template = templates(settings.task, settings.domain)[0]

    asker = None
    if any(map(len, own)):  # a share of nothing loads no LLM
        model = load(llm, settings.loading, running)
        adapter = rebuild(read_json(config), read_tensors(weights)).to(model.device)
        grammar = None
        if settings.decoding == "catalogue":
            titles = tables.read(items, schemas.ITEMS, ["title"])["title"].to_pylist()
            grammar = GRAMMARS[settings.task](model, template, titles)
        most = settings.max_new_tokens
        asker = Interview(adapter, model, template, batch_size, most, grammar, progress)
    for source, target, ids in zip(selected, answers, own, strict=True):
        noted = tables.metadata(source)
        rows = _told(asker, source, settings.task, ids) if asker and len(ids) else []
        metadata = {
            "recommender": noted["recommender"],
            "seed": noted["seed"],
            "task": settings.task,
            "adapter": settings.adapter,
            "source": noted["source"],
            "decoding": settings.decoding,
            "answer_prefix": template.prefix,
            "answer_suffix": template.suffix,
        }
        tables.write_rows(target, rows, schemas.ANSWERS, metadata)
    progress.clear()


def _told(
    asker: Interview, source: Path, task: WordedTask, ids: np.ndarray
) -> list[dict[str, Any]]:
    """Ask about the states of some examples; rows of ANSWERS."""
    states = read_states(source, task, ids)
    name = tables.metadata(source)["source"]
    ticker = Ticker(f"{name}: answer", len(states))
    for done in asker.ask(states):
        ticker.tick(done)
    rows = asker.rows(states)
    logger.info("%s, for instance: %s", name, rows[0]["text"])
    return rows


if __name__ == "__main__":
    command(answer)
